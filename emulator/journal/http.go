package journal

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// MaxFollowers is the largest number of requests that follow a journal at the same time.
const MaxFollowers = 64

// ServeHTTP answers with the entries that the query selects, as lines of JSON. With follow,
// or for a client that accepts text/event-stream, it goes on with new entries.
func (j *Journal) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	filter, err := ParseFilter(r.URL.Query())
	if err != nil {
		writeError(w, http.StatusBadRequest, err.Error())
		return
	}
	stream := strings.Contains(r.Header.Get("Accept"), "text/event-stream")
	if id, err := strconv.ParseInt(r.Header.Get("Last-Event-ID"), 10, 64); err == nil && id <= j.newest() {
		filter.After = max(filter.After, id) // a larger ID is that of an earlier process
	}
	w.Header().Set("Cache-Control", "no-store")
	if !stream && !filter.Follow {
		entries, _ := j.After(filter.After)
		w.Header().Set("Content-Type", "application/x-ndjson")
		_ = writeEntries(w, filter.Select(entries), writeLine) // an error means that the client is gone
		return
	}
	if !j.addFollower(1) {
		writeError(w, http.StatusConflict,
			fmt.Sprintf("%d clients follow the journal already; end one of them", MaxFollowers))
		return
	}
	defer j.addFollower(-1)
	w.Header().Set("Content-Type", "application/x-ndjson")
	form := format{writeLine, "{\"dropped\":%d}\n"}
	if stream {
		w.Header().Set("Content-Type", "text/event-stream")
		form = format{writeSSE, "event: dropped\ndata: %d\n\n"}
	}
	j.follow(w, r, filter, form)
}

// format is the form of a followed journal.
type format struct {
	write   writeFunc
	dropped string // format of the number of entries that the follower has missed
}

// addFollower changes the number of followers. It returns false if there are too many.
func (j *Journal) addFollower(n int) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.followers+n > MaxFollowers {
		return false
	}
	j.followers += n
	return true
}

// follow writes entries until the client leaves. A client that reads slowly misses entries
// that the journal drops in the meantime, and receives their number.
func (j *Journal) follow(w http.ResponseWriter, r *http.Request, filter Filter, form format) {
	flush := http.NewResponseController(w).Flush
	read := filter.After
	for {
		entries, changed := j.After(read)
		if len(entries) > 0 {
			if gap := entries[0].Seq - read - 1; gap > 0 && read > 0 {
				if _, err := fmt.Fprintf(w, form.dropped, gap); err != nil {
					return
				}
			}
			read = entries[len(entries)-1].Seq
		}
		if writeEntries(w, filter.Select(entries), form.write) != nil || flush() != nil {
			return
		}
		filter.Limit = 0 // limits the entries of the start only
		select {
		case <-changed:
		case <-r.Context().Done():
			return
		}
	}
}

type writeFunc func(http.ResponseWriter, int64, []byte) error

func writeEntries(w http.ResponseWriter, entries []Entry, write writeFunc) error {
	for _, e := range entries {
		text, err := json.Marshal(e)
		if err == nil {
			err = write(w, e.Seq, text)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func writeLine(w http.ResponseWriter, _ int64, text []byte) error {
	_, err := w.Write(append(text, '\n'))
	return err
}

func writeSSE(w http.ResponseWriter, seq int64, text []byte) error {
	_, err := fmt.Fprintf(w, "id: %d\ndata: %s\n\n", seq, text)
	return err
}

func writeError(w http.ResponseWriter, status int, text string) {
	body, _ := json.Marshal(map[string]string{"error": text}) // text always encodes
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	w.Write(append(body, '\n'))
}
