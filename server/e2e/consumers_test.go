package e2e

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"agentconf/emulator"
)

// Three consumers of one agent receive 1,000 events, each of them once, in order, and with the
// bytes of the gateway: a watch over gRPC, server-sent events, and a program that polls the
// gateway's own path.
func TestThreeConsumers(t *testing.T) {
	const events = 1000
	inBubble(t, emulator.Config{}, func(t *testing.T, e *emulated) {
		var sent []string
		e.tampered(func(w http.ResponseWriter, r *http.Request) bool {
			if len(sent) == events {
				time.Sleep(10 * time.Second)
				io.WriteString(w, `{"message":"","retcode":"0"}`)
				return true
			}
			if len(sent) > 0 { // all consumers have come during the first poll
				time.Sleep(time.Millisecond)
			} else {
				time.Sleep(time.Second)
			}
			event := fmt.Sprintf(`{"workNo":"1287","content":{"z":9007199254740993,"a":%d,"e":1.50},"eventType":"AgentEvent_Hold"}`, len(sent))
			sent = append(sent, event)
			io.WriteString(w, `{"message":"","retcode":"0","event":`+event+`}`)
			return true
		})
		w, _ := e.mustWatch(t, "1287", someGUID)
		stream := sseReader{bufio.NewReader(e.sse(t, "/v1/agents/1287/events", someGUID, nil).Body)}
		stream.next(t) // started
		received := make(chan []string, 3)
		go func() { received <- readWatch(t, w, events) }()
		go func() { received <- readStream(t, stream, events) }()
		go func() { received <- pollEvents(t, e, events) }()
		for range 3 {
			got := <-received
			for i := range sent {
				if got[i] != sent[i] {
					t.Fatalf("event %d: got %s, want %s", i, got[i], sent[i])
				}
			}
		}
	})
}

func readWatch(t *testing.T, w *watcher, n int) (got []string) {
	for range n {
		m, err := w.Recv()
		if err != nil {
			t.Error(err)
		}
		got = append(got, m.GetEvent().GetRawJson())
	}
	return got
}

func readStream(t *testing.T, stream sseReader, n int) (got []string) {
	for len(got) < n {
		_, data := stream.next(t)
		var event struct{ RawJson string }
		if data == "" { // a heartbeat
			continue
		}
		if err := json.Unmarshal([]byte(data), &event); err != nil {
			t.Error(err)
		}
		got = append(got, event.RawJson)
	}
	return got
}

// pollEvents polls with a pause, as a program of the gateway does, until it has n events.
func pollEvents(t *testing.T, e *emulated, n int) (got []string) {
	for len(got) < n {
		_, _, body := e.send(t, "GET", "/agentgateway/resource/agentevent/1287", func(r *http.Request) {
			r.Header.Set("Guid", someGUID)
		})
		text, ok := strings.CutPrefix(string(body), `{"message":"","retcode":"0","event":`)
		if !ok {
			t.Errorf("poll %d: got %s, want an event", len(got), body)
			return make([]string, n)
		}
		got = append(got, strings.TrimSuffix(text, "}"))
		time.Sleep(200 * time.Millisecond)
	}
	return got
}
