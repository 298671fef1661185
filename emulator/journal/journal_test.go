package journal

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"

	"agentconf/internal/leaktest"
)

// The journal drops its oldest entries at either limit, and counts them.
func TestLimits(t *testing.T) {
	byNumber, byBytes := New(3, 1<<20), New(1000, 3*(entrySize+100))
	for range 10 {
		byNumber.Append(Entry{Kind: Request})
		byBytes.Append(Entry{Kind: Request, Body: json.RawMessage(strings.Repeat(" ", 100))})
	}
	for name, j := range map[string]*Journal{"number": byNumber, "bytes": byBytes} {
		entries, _ := j.After(0)
		if len(entries) != 3 || entries[0].Seq != 8 || j.Dropped() != 7 {
			t.Errorf("by %s: %d entries from %d, %d dropped", name, len(entries), entries[0].Seq, j.Dropped())
		}
	}
	raw := json.RawMessage(strings.Repeat(" ", 1<<20))
	for i, large := range []Entry{
		{Body: raw}, {Result: raw}, {Content: raw}, {Detail: raw}, {Path: string(raw)}, {AgentID: string(raw)},
	} {
		byBytes.Append(Entry{})
		byBytes.Append(large)
		if entries, _ := byBytes.After(0); len(entries) != 1 {
			t.Errorf("large entry %d: %d entries beside it", i, len(entries)-1)
		}
	}
}

// The query selects entries, and its errors list what exists.
func TestFilter(t *testing.T) {
	j := New(100, 1<<20)
	j.Append(Entry{Kind: Request, Operation: "login", AgentID: "1287", Body: json.RawMessage(`{"password":"p","phonenum":"4"}`)})
	j.Append(Entry{Kind: Request, Operation: "holdParticipant", AgentID: "1287", Retcode: "0", Applied: true})
	j.Append(Entry{Kind: Event, EventType: "AgentState_Ready", AgentID: "2002"})
	j.Append(Entry{Kind: Request, Operation: "holdParticipant", AgentID: "2002", Retcode: "101-002", Fault: "f1"})
	for query, want := range map[string]string{
		"": "1234", "kind=event": "3", "operation=holdParticipant": "24", "agentId=1287": "12",
		"eventType=AgentState_Ready": "3", "retcode=0": "2", "fault=f1": "4", "applied=true": "2", "applied=false": "134",
		"after=2": "34", "limit=1": "4", "kind=request&limit=2": "24",
	} {
		var got string
		for line := range strings.Lines(get(j, query).Body.String()) {
			var e Entry
			if err := json.Unmarshal([]byte(line), &e); err != nil {
				t.Fatal(err)
			}
			got += fmt.Sprint(e.Seq)
		}
		if got != want {
			t.Errorf("%q: entries %s, want %s", query, got, want)
		}
	}
	for query, want := range map[string]string{
		"knd=event": "kind", "kind=x": "delivery", "applied=yes": "true or false", "after=-1": "number",
	} {
		if w := get(j, query); w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), want) {
			t.Errorf("%q: HTTP status %d, %s", query, w.Code, w.Body)
		}
	}
}

// mask hides secrets at every depth, and nothing else.
func TestMask(t *testing.T) {
	j := New(100, 1<<20)
	j.Append(Entry{
		Kind:   Request,
		Body:   json.RawMessage(`{"password":"S","n":12345678901234567890,"addresses":[{"address":"S","addressType":"6"}]}`),
		Result: map[string]any{"guid": "S"}, Content: map[string]any{"participant": "S", "changeType": 5}, Address: "S",
	})
	got := get(j, "mask=true").Body.String()
	if strings.Contains(got, `"S"`) || !strings.Contains(got, `12345678901234567890`) || !strings.Contains(got, `"changeType":5`) {
		t.Errorf("masked: %s", got)
	}
	if plain := get(j, "").Body.String(); strings.Count(plain, `"S"`) != 5 {
		t.Errorf("not masked: %s", plain)
	}
}

func get(j *Journal, query string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	j.ServeHTTP(w, httptest.NewRequest("GET", "/emulator/journal?"+query, nil))
	return w
}

// A follower receives the entries that are there and each new one, and continues behind the
// last one that it has.
func TestFollow(t *testing.T) {
	leaktest.Check(t)
	j := New(100, 1<<20)
	server := httptest.NewServer(j)
	t.Cleanup(server.Close) // after the followers have left
	j.Append(Entry{Kind: Control, Action: "first"})
	lines := follow(t, server.URL, "text/event-stream", "0")
	expectLines(t, lines, "id: 1", `data: {"seq":1`, "")
	j.Append(Entry{Kind: Control, Action: "second"})
	expectLines(t, lines, "id: 2", `data: {"seq":2`, "")
	expectLines(t, follow(t, server.URL, "text/event-stream", "1"), "id: 2")
	expectLines(t, follow(t, server.URL+"?follow=true&after=1", "", ""), `{"seq":2`)
	expectLines(t, follow(t, server.URL, "text/event-stream", "3"), "id: 1") // an ID of an earlier process
}

// A follower that comes back receives the number of entries that it has missed.
func TestFollowerReturns(t *testing.T) {
	leaktest.Check(t)
	j := New(1, 1<<20)
	server := httptest.NewServer(j)
	t.Cleanup(server.Close)
	for range 4 {
		j.Append(Entry{Kind: Control})
	}
	expectLines(t, follow(t, server.URL, "text/event-stream", "1"), "event: dropped", "data: 2", "", "id: 4")
	expectLines(t, follow(t, server.URL, "text/event-stream", ""), "id: 4")
}

func follow(t *testing.T, url, accept, lastID string) *bufio.Scanner {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	req, err := http.NewRequestWithContext(ctx, "GET", url, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept", accept)
	req.Header.Set("Last-Event-ID", lastID)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		resp.Body.Close()
	})
	return bufio.NewScanner(resp.Body)
}

func expectLines(t *testing.T, lines *bufio.Scanner, prefixes ...string) {
	t.Helper()
	for _, want := range prefixes {
		if !lines.Scan() || !strings.HasPrefix(lines.Text(), want) {
			t.Fatalf("line %q, want %q", lines.Text(), want)
		}
	}
}

// A follower that reads slowly receives the number of entries that it has missed.
func TestFollowerMissesEntries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := New(2, 1<<20)
		ctx, leave := context.WithCancel(t.Context())
		w := &gatedWriter{ResponseRecorder: httptest.NewRecorder(), gate: make(chan struct{})}
		j.Append(Entry{})
		go j.ServeHTTP(w, httptest.NewRequest("GET", "/?follow=true", nil).WithContext(ctx))
		synctest.Wait() // writes the first entry
		for range 5 {
			j.Append(Entry{})
		}
		close(w.gate)
		synctest.Wait()
		leave()
		synctest.Wait()
		if got := w.Body.String(); !strings.Contains(got, `{"dropped":3}`) || !strings.Contains(got, `{"seq":6`) {
			t.Errorf("the follower received %s", got)
		}
	})
}

// gatedWriter holds all writes until gate is closed.
type gatedWriter struct {
	*httptest.ResponseRecorder
	gate chan struct{}
}

func (w *gatedWriter) Write(b []byte) (int, error) {
	<-w.gate
	return w.ResponseRecorder.Write(b)
}

// The number of followers is limited.
func TestFollowerLimit(t *testing.T) {
	j := New(1, 1)
	for range MaxFollowers {
		if !j.addFollower(1) {
			t.Fatal("too few followers")
		}
	}
	if w := get(j, "follow=true"); w.Code != http.StatusConflict {
		t.Errorf("HTTP status %d", w.Code)
	}
}
