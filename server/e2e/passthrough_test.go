package e2e

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"agentconf/conformance"
	"agentconf/server/internal/app"
)

const alertingPath = "/agentgateway/resource/voicecall/1287/alerting"

// A request below the gateway's resources that no operation has, by path or by method, goes to
// the gateway. A request to a path of agentconf's own never does.
func TestPassThrough(t *testing.T) {
	f := newFronts(t, sockets)
	var passed []string // request IDs
	for _, c := range []struct {
		line   string
		passes bool
	}{
		{"PUT " + alertingPath, true},
		{"GET /agentgateway/resource//voicecall/1287/alerting", true},
		{"POST /agentgateway/resource/voicecall/1287/alerting/", true},
		{"PUT /agentgateway/resource/onlineagent/1287/heartbeat", true},
		{"PUT /agentgateway/resource/onlineagent/1287/handshake", true}, // a POST in the contract
		{"PUT /agentgateway/resource/onlineagent/loginbyaccount", true},
		{"GET /agentgateway/resource/agentevent/allagentevent", true},
		{"PUT " + holdGateway, true},
		{"GET " + holdGateway + "/more", true},
		{"GET /agentgateway/resource/calldata/1287/a%2fb", true},
		{"GET /agentgateway//resource/voicecall/1287/alerting", true},

		{"GET /agentgateway/resource/", false},
		{"GET /agentgateway/resource", false},
		{"GET /agentgateway/other", false},
		{"GET /agentgateway/resource/../other", false},
		{"PUT " + holdV1, false},
		{"GET /v1/agents/1287/conference:unknown", false},
		{"POST /v1/agentgateway/resource/voicecall/1287/alerting", false},
		{"POST /", false},
	} {
		method, path, _ := strings.Cut(c.line, " ")
		httpStatus, header, body := f.send(t, method, path, nil)
		received := f.gateway.Received()
		if !c.passes {
			if len(received) > 0 || httpStatus < 400 && retcodeOf(t, body) == "0" {
				t.Errorf("%s: got HTTP status %d and %d requests at the gateway, want an error and none", c.line, httpStatus, len(received))
			}
			continue
		}
		if len(received) != 1 || received[0].Line != c.line || httpStatus != http.StatusOK || string(body) != conformance.DocumentedReply {
			t.Errorf("%s: got HTTP status %d, %s and the requests %v, want the gateway's answer", c.line, httpStatus, body, received)
		}
		passed = append(passed, header.Get("X-Request-Id"))
	}
	f.end() // a record may be written after the response has reached the client
	for _, id := range passed {
		if record := `"request_id":"` + id + `"`; id == "" || strings.Count(f.log.String(), record) != 1 {
			t.Errorf("got no record with %s, want one", record)
		}
	}
}

// --pass-through=false rejects what no operation has.
func TestNoPassThrough(t *testing.T) {
	f := newChangedFronts(t, sockets, scriptedGateway(t, sockets), func(o *app.Options) { o.Forward = false })
	for _, line := range []string{"PUT " + alertingPath, "GET " + holdGateway, "PUT /agentgateway/resource/onlineagent/loginbyaccount"} {
		method, path, _ := strings.Cut(line, " ")
		if _, _, body := f.send(t, method, path, nil); retcodeOf(t, body) != "000-002" {
			t.Errorf("%s: got %s, want retcode 000-002", line, body)
		}
	}
}

// scriptedGateway starts a scripted gateway on n.
func scriptedGateway(t *testing.T, n network) dialer {
	l, dial := n.http(t)
	t.Cleanup(conformance.NewGateway(l).Stop)
	return dial
}

// 503 says that the gateway got no request, 502 and 504 that it gave no answer.
func TestPassThroughFailures(t *testing.T) {
	receive := func(c net.Conn) { http.ReadRequest(bufio.NewReader(c)) }
	for name, c := range map[string]struct {
		serve   func(net.Conn) // nil refuses
		status  int
		reason  string
		outcome string
	}{
		"refused": {nil, http.StatusServiceUnavailable, "GATEWAY_UNREACHABLE", "not_applied"},
		"closed":  {func(c net.Conn) { receive(c); c.Close() }, http.StatusBadGateway, "OUTCOME_UNKNOWN", "unknown"},
		"stalled": {func(c net.Conn) { receive(c); io.Copy(io.Discard, c) }, http.StatusGatewayTimeout, "OUTCOME_UNKNOWN", "unknown"},
		"no HTTP": {func(c net.Conn) { receive(c); io.WriteString(c, "88887946\r\n"); c.Close() }, http.StatusBadGateway, "OUTCOME_UNKNOWN", "unknown"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFrontsOf(t, memory, func(context.Context) (net.Conn, error) {
					if c.serve == nil {
						return nil, errors.New("refused")
					}
					near, far := net.Pipe()
					t.Cleanup(func() { far.Close() })
					go c.serve(far)
					return near, nil
				})
				start := time.Now()
				httpStatus, _, body := f.send(t, "PUT", alertingPath, nil)
				if httpStatus != c.status || retcodeOf(t, body) != "100-007" {
					t.Errorf("got HTTP status %d, %s, want %d and retcode 100-007", httpStatus, body, c.status)
				}
				if took := time.Since(start); name == "stalled" && took != 15*time.Second {
					t.Errorf("got the answer after %v, want 15 s: a poll of 10 s and --gateway-timeout", took)
				}
				checkRecord(t, f.lastRecord(), map[string]any{"reason": c.reason, "outcome": c.outcome})
				if strings.Contains(f.log.String(), "88887946") {
					t.Errorf("got the response in the log: %s", f.log)
				}
			})
		})
	}
}

// A client may take long for an upload if it sends 8 KiB a second. One that stalls is cut off.
func TestPassThroughSlowUpload(t *testing.T) {
	for name, c := range map[string]struct {
		part, want int // bytes a second, and of the body that the gateway receives
	}{
		"steady":  {16 << 10, 16 << 14},
		"dribble": {1 << 10, -1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				received := make(chan int, 1)
				dial := serveHandler(t, func(w http.ResponseWriter, r *http.Request) {
					n, err := io.Copy(io.Discard, r.Body)
					if err != nil {
						n = -1
					}
					received <- int(n)
				})
				f := newFrontsOf(t, memory, dial)
				conn := f.dial(t, f.dialHTTP)
				go io.Copy(io.Discard, conn)
				io.WriteString(conn, "POST "+alertingPath+" HTTP/1.1\r\nHost: agentconf.test\r\nContent-Length: 262144\r\n\r\n")
				for range 262144 / c.part {
					time.Sleep(time.Second)
					if _, err := conn.Write(make([]byte, c.part)); err != nil {
						break
					}
				}
				if got := <-received; got != c.want {
					t.Errorf("the gateway received %d bytes, want %d", got, c.want)
				}
			})
		})
	}
}

// serveHandler starts an HTTP server in memory, as the gateway.
func serveHandler(t *testing.T, serve http.HandlerFunc) dialer {
	l, dial := listenPipe(t)
	server := &httptest.Server{Listener: l, Config: &http.Server{Handler: serve}}
	server.Start()
	t.Cleanup(server.Close)
	return dial
}

// A new GUID on a response that passed through reaches a watch of the agent.
func TestPassThroughRenewsGUID(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const renewed = "00000000-0000-4000-8000-000000000000.AgentGateway1"
		polled := make(chan string, 100)
		f := newFrontsOf(t, memory, serveHandler(t, func(w http.ResponseWriter, r *http.Request) {
			if strings.Contains(r.URL.Path, "/agentevent/") {
				polled <- r.Header.Get("Guid")
			} else {
				w.Header()["Set-GUID"] = []string{"JSESSIONID=" + renewed}
			}
			w.Header().Set("Content-Type", "application/json;charset=UTF-8")
			io.WriteString(w, `{"message":"","retcode":"0"}`)
		}))
		w, _ := f.mustWatch(t, "1287", conformance.SomeGUID)
		if got := <-polled; got != conformance.SomeGUID {
			t.Fatalf("got a poll with %s, want %s", got, conformance.SomeGUID)
		}
		synctest.Wait() // the gateway's answer has proven the watch
		_, header, _ := f.send(t, "PUT", alertingPath, nil)
		if got := header["Set-Guid"]; len(got) != 1 || got[0] != "JSESSIONID="+renewed {
			t.Errorf("got Set-GUID %q, want one with %s", got, renewed)
		}
		item, err := w.Recv()
		if err != nil || item.GetGuidChanged().GetGuid() != renewed {
			t.Errorf("got %v, %v, want the new GUID", item, err)
		}
		w.leave()
		w.end()
	})
}
