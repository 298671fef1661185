package emulator

import (
	"bufio"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"
)

// Whatever is asked, the emulator answers as a gateway does, or says that it has no
// such path, and logs as applied nothing that it refused.
func FuzzHTTP(f *testing.F) {
	const agent, conference = "/agentgateway/resource/onlineagent/1287", "/agentgateway/resource/agentconf/1287/"
	for _, seed := range [][3]string{
		{"PUT", agent + "/forcelogin", `{"password":"","phonenum":"4001","status":"4"}`},
		{"POST", conference + "holdparticipant", holdPhone},
		{"POST", conference + "requestagentconf", `{"memberNum":4,"time":4}`},
		{"POST", conference + "batchaddparticipant", `{"addresses":[` + phone + `,{"addressType":"9","address":"1287"}]}`},
		{"POST", conference + "batchremoveparticipant", `{"addresses":[{}]}`},
		{"POST", conference + "applytoshiftpresident", `{"destAgentNo":1287}`},
		{"POST", conference + "queryconfinfos", `{"confIds":[1029888]}`},
		{"GET", conference + "queryvdnconfid", ""},
		{"DELETE", agent + "/forcelogoutwithreason/256", ""},
		{"POST", "/emulator/faults", `{"events":"delay","delay":"1s","count":-1}`},
		{"POST", conference + "prolongtime", `{"prolongTime":null}`},
	} {
		f.Add(seed[0], seed[1], seed[2])
	}
	f.Fuzz(func(t *testing.T, method, path, body string) {
		line := method + " " + path + " HTTP/1.1\r\n\r\n"
		if _, err := http.ReadRequest(bufio.NewReader(strings.NewReader(line))); err != nil {
			return // net/http answers that
		}
		g := New(Config{AuthMode: StaticGUID, Node: "AgentGateway1", AnswerDelay: time.Hour, Inspectors: []string{"1287"}})
		guid, _ := g.SignIn("1287", SignIn{Phonenum: "4001"}, true)
		g.Do(Call{"requestagentconf", "1287", guid, []byte(`{"memberNum":4}`)})
		g.start(t)
		w, answer := exchange(t, g.Handler(), method, path, guid, body)
		var e struct{ Message, Retcode *string }
		if w.Code == http.StatusOK && w.Header().Get("Content-Type") == "application/json;charset=UTF-8" &&
			(json.Unmarshal([]byte(answer), &e) != nil || e.Message == nil || e.Retcode == nil) {
			t.Errorf("%s %q: %s", method, path, answer)
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

// start lets the conference of 1287 begin at once.
func (g *Gateway) start(t *testing.T) {
	t.Helper()
	g.mu.Lock()
	defer g.mu.Unlock()
	g.agents["1287"].conf.start()
}
