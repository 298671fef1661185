package e2e

import (
	"bufio"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"agentconf/emulator"
)

// sse requests a stream of server-sent events.
func (f *fronts) sse(t *testing.T, path, guid string, change func(*http.Request)) *http.Response {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), "GET", "http://agentconf.test"+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Guid", guid)
	if change != nil {
		change(req)
	}
	resp, err := f.http.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	return resp
}

// sseReader reads server-sent events.
type sseReader struct{ *bufio.Reader }

// next returns the lines of the next event, and its data.
func (r sseReader) next(t *testing.T) (head, data string) {
	t.Helper()
	for {
		line, err := r.ReadString('\n')
		if err == io.EOF {
			return head, data
		}
		if err != nil {
			t.Fatal(err)
		}
		if line == "\n" {
			return head, data
		}
		if text, ok := strings.CutPrefix(line, "data: "); ok {
			data += text
		} else {
			head += line
		}
	}
}

// A stream starts with an event "started", sends comments while it is idle, resumes after
// Last-Event-ID, and ends with an event "ended".
func TestServerSentEvents(t *testing.T) {
	for version, n := range map[string]network{"HTTP/1.1": memory, "HTTP/2.0": securedMemory} {
		t.Run(version, func(t *testing.T) { testServerSentEvents(t, n, version) })
	}
}

func testServerSentEvents(t *testing.T, n network, version string) {
	inBubbleOn(t, n, emulator.Config{}, func(t *testing.T, e *emulated) {
		guid := e.signIn(t, "1287")
		resp := e.sse(t, "/v1/agents/1287/events", guid, nil)
		if resp.Proto != version {
			t.Errorf("got %s, want %s", resp.Proto, version)
		}
		for name, want := range map[string]string{
			"Content-Type": "text/event-stream", "Cache-Control": "no-store, no-transform", "X-Accel-Buffering": "no",
		} {
			if got := resp.Header.Get(name); got != want {
				t.Errorf("%s: got %q, want %q", name, got, want)
			}
		}
		stream := sseReader{bufio.NewReader(resp.Body)}
		started, _ := stream.next(t)
		id, ok := strings.CutSuffix(started, "\nevent: started\n")
		if !ok || !strings.HasPrefix(id, "id: ") {
			t.Fatalf("got the first event %q, want started with an ID", started)
		}
		first, data := stream.next(t)
		if strings.Contains(first, "event:") || !strings.HasPrefix(first, "id: ") || !jsonEqual(t, []byte(data), []byte(
			`{"sequence":"`+strings.TrimSpace(first[4:])+`","eventType":"AgentOther_InService","workNo":"1287","inService":{},`+
				`"rawJson":"{\"eventType\":\"AgentOther_InService\",\"workNo\":\"1287\",\"content\":null}"}`)) {
			t.Errorf("got the event %q %s, want inService with an ID", first, data)
		}
		stream.next(t)
		start := time.Now()
		for range 3 { // comments keep proxies from closing an idle stream
			if comment, data := stream.next(t); comment != ":\n" || data != "" {
				t.Errorf("got %q %q, want a comment", comment, data)
			}
		}
		if got := time.Since(start); got > time.Minute {
			t.Errorf("got 3 comments in %v, want at most 1m", got)
		}

		// A browser reconnects with the ID of the last event.
		resumed := sseReader{bufio.NewReader(e.sse(t, "/v1/agents/1287/events", guid, func(r *http.Request) {
			r.Header.Set("Last-Event-ID", id[4:])
		}).Body)}
		resumed.next(t)
		if head, _ := resumed.next(t); head != first {
			t.Errorf("after reconnecting: got %q, want %q", head, first)
		}

		time.Sleep(time.Second)
		e.emulator.SignOut("1287", guid, false)
		stream.next(t)
		end, data := stream.next(t)
		if end != "event: ended\n" || reasonOf(t, []byte(data)) != "SIGN_IN_REQUIRED" {
			t.Errorf("got the last event %q %s, want ended with SIGN_IN_REQUIRED", end, data)
		}
		if _, err := stream.ReadByte(); err != io.EOF {
			t.Errorf("after the last event: got %v, want EOF", err)
		}
	})
}

// A stream that is rejected before its first event is a JSON error.
func TestServerSentEventsRejected(t *testing.T) {
	inBubble(t, emulator.Config{}, func(t *testing.T, e *emulated) {
		for _, c := range []struct {
			path, guid, lastID string
			httpStatus         int
			reason             string
		}{
			{"/v1/agents/1287/events", "", "", 401, "GUID_MISSING"},
			{"/v1/agents/12870/events", someGUID, "x", 400, "INVALID_ARGUMENT"},
			{"/v1/agents/1/events", someGUID, "", 400, "INVALID_ARGUMENT"},
		} {
			resp := e.sse(t, c.path, c.guid, func(r *http.Request) {
				if c.lastID != "" {
					r.Header.Set("Last-Event-ID", c.lastID)
				}
			})
			body, err := io.ReadAll(resp.Body)
			if err != nil || resp.StatusCode != c.httpStatus || resp.Header.Get("Content-Type") != "application/json" || reasonOf(t, body) != c.reason {
				t.Errorf("%s: got HTTP status %d, %s, want %d, %s", c.path, resp.StatusCode, body, c.httpStatus, c.reason)
			}
		}
	})
}

// A stream whose Last-Event-ID is no longer kept begins, as a browser gives up after any other
// HTTP status than 200, and says that events are missing. It goes on with those that are kept.
func TestServerSentEventsAreMissing(t *testing.T) {
	inBubble(t, emulator.Config{}, func(t *testing.T, e *emulated) {
		guid := e.signIn(t, "1287")
		w, _ := e.mustWatch(t, "1287", guid)
		w.Recv() // the agent's first two events
		w.Recv()
		for path, change := range map[string]func(*http.Request){
			"/v1/agents/1287/events?after_sequence=5": nil,
			"/v1/agents/1287/events":                  func(r *http.Request) { r.Header.Set("Last-Event-ID", "5") },
		} {
			resp := e.sse(t, path, guid, change)
			stream := sseReader{bufio.NewReader(resp.Body)}
			head, data := stream.next(t)
			if resp.StatusCode != http.StatusOK || !strings.HasSuffix(head, "event: started\n") || !strings.Contains(data, `"eventsMissing":true`) {
				t.Errorf("got HTTP status %d, %q %s, want 200, missing events", resp.StatusCode, head, data)
			}
			if _, data := stream.next(t); !strings.Contains(data, "AgentOther_InService") {
				t.Errorf("got %s, want the oldest event", data)
			}
		}
	})
}

// Every stream ends with an event "ended", however many end at the same time and whatever is
// written at that moment. The agents sign out while events arrive.
func TestServerSentEventsEnd(t *testing.T) {
	for version, n := range map[string]network{"HTTP/1.1": memory, "HTTP/2.0": securedMemory} {
		t.Run(version, func(t *testing.T) {
			inBubbleOn(t, n, emulator.Config{}, func(t *testing.T, e *emulated) {
				const agents = 100
				ends := make(chan string, agents)
				for id := 1001; id < 1001+agents; id++ {
					agent := strconv.Itoa(id)
					guid := e.signIn(t, agent)
					resp := e.sse(t, "/v1/agents/"+agent+"/events", guid, nil)
					go func() {
						all, err := io.ReadAll(resp.Body)
						if err != nil {
							ends <- err.Error()
							return
						}
						stream := strings.Split(strings.TrimSuffix(string(all), "\n\n"), "\n\n")
						ends <- stream[len(stream)-1]
					}()
					time.AfterFunc(time.Second, func() {
						e.emulator.Do(emulator.Request{Operation: "requestagentconf", AgentID: agent, GUID: guid, Body: []byte(`{"memberNum":4}`)})
						e.emulator.SignOut(agent, guid, true)
					})
				}
				for range agents {
					if end := <-ends; !strings.HasPrefix(end, "event: ended\n") {
						t.Errorf("got the end %q, want an event ended", end)
					}
				}
			})
		})
	}
}
