package peers

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"agentconf/server/bench/rig"
	"agentconf/server/internal/gateway"
)

// Both exchanges carry a hold and its GUID, and bring the gateway's refusal back. make bench
// proves the same of every front before it measures.
func TestExchanges(t *testing.T) {
	stub := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		reply := `{"message":"not signed in","retcode":"100-006"}`
		if r.URL.Path == rig.OwnPath && r.Header.Get("Guid") == rig.GUID {
			reply = rig.StubReply
		}
		w.Write([]byte(reply))
	}))
	t.Cleanup(stub.Close)
	client, err := gateway.New(gateway.Options{URL: stub.URL, Timeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	for name, exchange := range map[string]exchangeFunc{
		"own": exchangeBy(client), "net/http": exchangeOverHTTP(stub.Client(), stub.URL),
	} {
		server := httptest.NewServer(service{exchange: exchange}.handler())
		t.Cleanup(server.Close)
		front := rig.JSONTarget(rig.JSONH1, strings.TrimPrefix(server.URL, "http://"))
		if _, err := front.Prove(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
