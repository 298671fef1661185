package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httputil"
	"net/url"
	"sync"
	"time"

	"agentconf/emulator/page"
)

// maxOutcomes limits the outcomes that the demo keeps for a page that is opened later.
const maxOutcomes = 100

// callOutcome is the result that agentconf gave a caller, for the page.
type callOutcome struct {
	Operation string    `json:"operation"`
	AgentID   string    `json:"agentId"`
	Code      string    `json:"code"`
	Outcome   string    `json:"outcome"`
	Reason    string    `json:"reason,omitempty"`
	Start     time.Time `json:"start"`
	End       time.Time `json:"end"`
	Took      float64   `json:"ms"`
}

// outcomeFeed is a slog.Handler that keeps the outcomes of the service's calls. It serves them
// as server-sent events, the old ones first.
//
// list has the last maxOutcomes outcomes, and first is the number of list[0]. changed is
// closed and replaced whenever an outcome is added.
type outcomeFeed struct {
	mu      sync.Mutex
	list    []callOutcome
	first   int
	changed chan struct{}
}

func newOutcomeFeed() *outcomeFeed { return &outcomeFeed{changed: make(chan struct{})} }

func (f *outcomeFeed) add(o callOutcome) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.list = append(f.list, o); len(f.list) > maxOutcomes {
		f.list, f.first = f.list[1:], f.first+1
	}
	close(f.changed)
	f.changed = make(chan struct{})
}

// after returns the outcomes from number next on, the number after them, and a channel that
// is closed when there are more.
func (f *outcomeFeed) after(next int) ([]callOutcome, int, <-chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]callOutcome(nil), f.list[max(next-f.first, 0):]...), f.first + len(f.list), f.changed
}

// ServeHTTP implements http.Handler. It ends when the client leaves.
func (f *outcomeFeed) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	for next := 0; ; {
		outcomes, end, changed := f.after(next)
		next = end
		for _, o := range outcomes {
			data, err := json.Marshal(o)
			if err != nil {
				panic(err) // an outcome has only texts and times
			}
			fmt.Fprintf(w, "data: %s\n\n", data)
		}
		if http.NewResponseController(w).Flush() != nil {
			return
		}
		select {
		case <-changed:
		case <-r.Context().Done():
			return
		}
	}
}

// outcomeHandler makes outcomes of the service's log records of calls.
type outcomeHandler struct {
	feed  *outcomeFeed
	attrs []slog.Attr // of WithAttrs
}

// Enabled implements slog.Handler.
func (outcomeHandler) Enabled(context.Context, slog.Level) bool { return true }

// Handle implements slog.Handler. It ignores records of other kinds.
func (h outcomeHandler) Handle(_ context.Context, r slog.Record) error {
	if r.Message != "call" {
		return nil
	}
	o := callOutcome{End: r.Time}
	set := func(a slog.Attr) bool {
		switch a.Key {
		case "operation":
			o.Operation = a.Value.String()
		case "agent":
			o.AgentID = a.Value.String()
		case "rpc.response.status_code":
			o.Code = a.Value.String()
		case "outcome":
			o.Outcome = a.Value.String()
		case "reason":
			o.Reason = a.Value.String()
		case "duration_ms":
			o.Took = a.Value.Float64()
			o.Start = r.Time.Add(-time.Duration(o.Took * float64(time.Millisecond)))
		}
		return true
	}
	for _, a := range h.attrs {
		set(a)
	}
	r.Attrs(set)
	if o.Outcome != "" {
		h.feed.add(o)
	}
	return nil
}

// WithAttrs implements slog.Handler.
func (h outcomeHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return outcomeHandler{h.feed, append(h.attrs[:len(h.attrs):len(h.attrs)], attrs...)}
}

// WithGroup implements slog.Handler. The records of calls have no group.
func (h outcomeHandler) WithGroup(string) slog.Handler { return h }

// newFront returns agentconf as the page of the emulator sees it. The page reaches it by the
// emulator's own origin, so that a forwarded port of the page is enough.
func newFront(httpURL, grpcAddress string, feed *outcomeFeed) page.Front {
	target, err := url.Parse(httpURL)
	if err != nil {
		panic(err) // the URL is that of a listener
	}
	mux := http.NewServeMux()
	mux.Handle("GET /outcomes", feed)
	mux.Handle("/v1/", &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) },
		// Its default would print errors into the story. The page shows them.
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) },
	})
	return page.Front{HTTP: httpURL, GRPC: grpcAddress, Handler: mux}
}
