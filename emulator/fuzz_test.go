package emulator

import (
	"bufio"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"
)

// For any request, the emulator answers with an envelope or rejects the path, and logs
// no failed operation as applied.
func FuzzHTTP(f *testing.F) {
	for _, seed := range [][3]string{
		{"PUT", sessionPath + "/forcelogin", `{"password":"","phonenum":"4001","status":"4"}`},
		{"POST", conferencePath + "holdparticipant", holdPhone},
		{"POST", conferencePath + "requestagentconf", `{"memberNum":4,"time":4}`},
		{"POST", conferencePath + "batchaddparticipant", addresses(phone, chairAddress)},
		{"POST", conferencePath + "batchremoveparticipant", addresses(`{}`)},
		{"POST", conferencePath + "applytoshiftpresident", `{"destAgentNo":1287}`},
		{"POST", conferencePath + "queryconfinfos", `{"confIds":[1029888]}`},
		{"GET", conferencePath + "queryvdnconfid", ""},
		{"DELETE", sessionPath + "/forcelogoutwithreason/256", ""},
		{"POST", "/emulator/faults", `{"events":"delay","delay":"1s","count":-1}`},
		{"POST", conferencePath + "prolongtime", `{"prolongTime":null}`},
	} {
		f.Add(seed[0], seed[1], seed[2])
	}
	f.Fuzz(func(t *testing.T, method, path, body string) {
		line := method + " " + path + " HTTP/1.1\r\n\r\n"
		if _, err := http.ReadRequest(bufio.NewReader(strings.NewReader(line))); err != nil {
			return // net/http rejects it
		}
		g := New(Config{AuthMode: StaticGUID, AnswerDelay: time.Hour, SignOutAfter: -1, Inspectors: []string{"1287"}})
		guid, _ := g.SignIn("1287", SignIn{Phonenum: "4001"}, true)
		g.Do(Request{"requestagentconf", "1287", guid, []byte(`{"memberNum":4}`)})
		g.beginConference()
		w := exchange(t, g.Handler(), method, path, guid, body)
		var e struct{ Message, Retcode *string }
		isEnvelope := w.Code == http.StatusOK && w.Header().Get("Content-Type") == "application/json;charset=UTF-8"
		if isEnvelope && (json.Unmarshal(w.Body.Bytes(), &e) != nil || e.Message == nil || e.Retcode == nil) {
			t.Errorf("%s %q: %s", method, path, w.Body)
		}
		if w.Code >= 500 {
			t.Errorf("%s %q: HTTP status %d", method, path, w.Code)
		}
		for _, entry := range g.Log() {
			if entry.Applied != (entry.Retcode == success) {
				t.Errorf("logged %+v", entry)
			}
		}
	})
}

// beginConference begins the conference of agent 1287 without AnswerDelay.
func (g *Gateway) beginConference() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.agents["1287"].conference.begin()
}
