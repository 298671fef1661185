package transport

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"agentconf/server/internal/conference"
	"agentconf/server/internal/gateway"
)

// fuzzedGateway accepts everything, and remembers the requests. Of polls it does not,
// as those of a watch go on behind its end.
type fuzzedGateway struct {
	mu   sync.Mutex
	seen []*http.Request
}

func (g *fuzzedGateway) dial(context.Context, string, string) (net.Conn, error) {
	client, server := net.Pipe()
	go func() {
		defer server.Close()
		r := bufio.NewReader(server)
		for {
			req, err := http.ReadRequest(r)
			if err != nil {
				return
			}
			io.Copy(io.Discard, req.Body)
			if !strings.Contains(req.URL.Path, "/agentevent/") {
				g.mu.Lock()
				g.seen = append(g.seen, req)
				g.mu.Unlock()
			}
			io.WriteString(server, "HTTP/1.1 200 OK\r\nSet-GUID: JSESSIONID=new.AgentGateway0\r\nContent-Length: 28\r\n\r\n"+
				`{"message":"","retcode":"0"}`)
		}
	}()
	return client, nil
}

// firstWrite is a response that ends its request once something is written, as
// streams would go on.
type firstWrite struct {
	*httptest.ResponseRecorder
	end context.CancelFunc
}

func (w firstWrite) Write(p []byte) (int, error) {
	defer w.end()
	return w.ResponseRecorder.Write(p)
}

func (firstWrite) SetReadDeadline(time.Time) error { return nil }

// Whatever the request, the JSON front makes the call that its path names, once and
// with the GUID of its header, or answers why not. It never fails.
func FuzzJSONFront(f *testing.F) {
	const own, guid = "/agentgateway/resource/", "279fe21d.AgentGateway0"
	const hold = `{"address":"88887946","addressType":"6","playMode":2,"voicePath":"y:/conf/120/1136287.V3"}`
	f.Add("POST", own+"agentconf/1287/holdparticipant", "", "Guid", guid, hold)
	f.Add("POST", "/v1/agents/1287/conference:holdParticipant", "", "Guid", guid, hold)
	f.Add("GET", "/v1/agents/1287/conference:holdParticipant", "a=b;c", "Grpc-Timeout", "1n", "")
	f.Add("POST", own+"onlineagent/1287/resetskill/true", "skillid=1;2", "Guid", guid, "{}")
	f.Add("PUT", own+"onlineagent/1287", "", "Content-Type", "application/x-www-form-urlencoded", `{"password":"a","phonenum":"1"}`)
	f.Add("GET", own+"agentevent/1287", "calldata=%ff", "Guid", guid, "")
	f.Add("GET", "/v1/agents/1287/events", "", "Guid", guid, "")
	f.Add("GET", "/v1/agents/1287/events", "after_sequence=x", "Last-Event-ID", "-1", "")
	f.Add("POST", "//v1/agents/../conference:holdParticipant", "", "X-HTTP-Method-Override", "GET", "[")
	fuzzed := &fuzzedGateway{}
	client, err := gateway.New(gateway.Options{URL: "http://gateway.test", Timeout: time.Second, Dial: fuzzed.dial})
	if err != nil {
		f.Fatal(err)
	}
	metrics := prometheus.NewRegistry()
	service := conference.New(client, conference.Config{AgentIDMax: 59999, Metrics: metrics})
	s := New(service, Config{
		Log: slog.New(slog.DiscardHandler), Metrics: metrics, MaxInFlight: 100,
	})
	f.Cleanup(func() {
		s.grpc.Stop()
		client.Close()
	})
	f.Fuzz(func(t *testing.T, method, path, query, header, value, body string) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		r := httptest.NewRequestWithContext(ctx, "POST", "/", strings.NewReader(body))
		r.Method, r.URL = method, &url.URL{Path: "/" + strings.TrimPrefix(path, "/"), RawQuery: query}
		r.Header[http.CanonicalHeaderKey(header)] = []string{value}
		if strings.HasPrefix(r.URL.Path, docsRoot) {
			t.Skip("documentation, no call")
		}
		w := firstWrite{httptest.NewRecorder(), cancel}
		s.http.Handler.ServeHTTP(w, r)

		fuzzed.mu.Lock()
		seen := fuzzed.seen
		fuzzed.seen = nil
		fuzzed.mu.Unlock()
		if w.Code == http.StatusInternalServerError || w.Code == http.StatusBadGateway {
			t.Errorf("%s %q: HTTP status %d, %s", method, path, w.Code, w.Body)
		}
		if stream := w.Header().Get("Content-Type") == eventStream; !stream && !json.Valid(w.Body.Bytes()) {
			t.Errorf("%s %q: no JSON: %s", method, path, w.Body)
		} else if !stream && len(seen) > 1 {
			t.Errorf("%s %q: the gateway was asked %d times", method, path, len(seen))
		}
		for _, asked := range seen {
			checkAsked(t, asked, r, header, value)
		}
	})
}

// checkAsked compares what the gateway was asked with the request that led to it.
func checkAsked(t *testing.T, asked, r *http.Request, header, value string) {
	t.Helper()
	signIn := asked.Method == "PUT" && strings.Contains(asked.URL.Path, "/onlineagent/") && !strings.HasSuffix(asked.URL.Path, "/updateGuid")
	if got := asked.Header.Get("Guid"); !signIn && (!strings.EqualFold(header, "Guid") || got != value) || signIn && got != "" {
		t.Errorf("%s %q with %s %q asked the gateway with the GUID %q", r.Method, r.URL.Path, header, value, got)
	}
	if own := strings.HasPrefix(r.URL.Path, gatewayRoot); own && (asked.URL.Path != r.URL.Path || asked.Method != r.Method) {
		t.Errorf("%s %q became %s %q", r.Method, r.URL.Path, asked.Method, asked.URL.Path)
	}
	for name := range asked.Header {
		switch name {
		case "Content-Type", "Content-Length", "Guid", "Service_token":
		default:
			t.Errorf("the gateway got the header %s", name)
		}
	}
}
