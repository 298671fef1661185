package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"
)

// The page of a demo reaches agentconf by the emulator's address, and has the outcomes of
// the calls before it was opened.
func TestDemoPage(t *testing.T) {
	d := start(t, "/emulator/log", nil, "demo", "--stay")
	page := regexp.MustCompile(`(?m)^  page  (\S+)/$`).FindStringSubmatch(d.printed)
	if page == nil {
		t.Fatalf("got no page in:\n%s", d.printed)
	}
	get := func(path string) *http.Response {
		reply, err := http.Get(page[1] + path)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { reply.Body.Close() })
		return reply
	}
	text, err := io.ReadAll(get("/").Body)
	if err != nil || !strings.Contains(string(text), "<h1>Emulated CC-Gateway</h1>") {
		t.Errorf("got the page %s, %v", text, err)
	}
	text, err = io.ReadAll(get("/front/v1/agents/1287/events").Body)
	if err != nil || !strings.Contains(string(text), `"reason":"GUID_MISSING"`) {
		t.Errorf("got %s, %v, want an error of agentconf", text, err)
	}

	held := map[string]int{}
	lines := bufio.NewScanner(get("/front/outcomes").Body)
	for held["not_applied"] == 0 && lines.Scan() {
		var o callOutcome
		data, found := strings.CutPrefix(lines.Text(), "data: ")
		if found && json.Unmarshal([]byte(data), &o) == nil && o.Operation == "holdParticipant" {
			held[o.Outcome]++
			if o.AgentID == "" || o.Code == "" || o.Took <= 0 || !o.Start.Before(o.End) {
				t.Errorf("got an incomplete outcome %s", data)
			}
		}
	}
	if held["applied"] != 2 || held["not_applied"] != 1 {
		t.Errorf("got %v, want the outcomes of the holds of the demo", held)
	}
}

// The feed keeps the newest outcomes for a page that is opened later, and takes only records
// of calls.
func TestOutcomeFeed(t *testing.T) {
	feed := newOutcomeFeed()
	log := slog.New(outcomeHandler{feed: feed}).With("agent", "1287")
	for i := range maxOutcomes + 10 {
		log.Info("call", "operation", fmt.Sprint("o", i), "outcome", "applied", "duration_ms", 1000.0)
		log.Info("started", "outcome", "applied")
		log.Info("call", "operation", "watch without an outcome")
	}
	list, next, changed := feed.after(0)
	if len(list) != maxOutcomes || list[0].Operation != "o10" || next != maxOutcomes+10 {
		t.Fatalf("got %d outcomes from %s on, then number %d", len(list), list[0].Operation, next)
	}
	if o := list[0]; o.AgentID != "1287" || o.Took != 1000 || o.End.Sub(o.Start) != time.Second {
		t.Errorf("got %+v", o)
	}
	select {
	case <-changed:
		t.Error("got a change before the next outcome")
	default:
	}
	log.Info("call", "operation", "hold", "outcome", "unknown")
	<-changed
	if list, _, _ := feed.after(next); len(list) != 1 || list[0].Outcome != "unknown" {
		t.Errorf("got %v, want the new outcome only", list)
	}
}
