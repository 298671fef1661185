package e2e

import (
	"context"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/types/known/durationpb"

	"agentconf/emulator"
	agentconfv1 "agentconf/gen/agentconf/v1"
)

// balancer is a load balancer in front of two gateways. Its cookie selects the node. A request
// without one goes to the node whose turn it is, and its response sets the cookie.
type balancer struct {
	nodes map[string]*emulator.Gateway

	mu       sync.Mutex
	turn     int
	received map[string]int // requests by the value of the cookie, which may be empty
}

const balancerCookie = "loadbalance"

func newBalancer() *balancer {
	b := &balancer{nodes: map[string]*emulator.Gateway{}, received: map[string]int{}}
	for _, node := range []string{"0", "1"} {
		b.nodes[node] = emulator.New(emulator.Config{AuthMode: emulator.StaticGUID, SignOutAfter: -1, AnswerDelay: -1})
	}
	return b
}

// ServeHTTP implements http.Handler.
func (b *balancer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	node := ""
	if cookie, err := r.Cookie(balancerCookie); err == nil {
		node = cookie.Value
	}
	b.mu.Lock()
	b.received[node]++
	if node == "" {
		node = []string{"0", "1"}[b.turn%2]
		b.turn++
		http.SetCookie(w, &http.Cookie{Name: balancerCookie, Value: node, Path: "/"})
	}
	b.mu.Unlock()
	b.nodes[node].Handler().ServeHTTP(w, r)
}

// The cookie of a load balancer reaches it with every request of a session, over every front: a
// sign-in, the polls of a watch, a hold that an event confirms, a sign-out.
func TestCookies(t *testing.T) {
	for name, newSession := range map[string]func(*fronts) cookieSession{
		"gRPC":            func(f *fronts) cookieSession { return &grpcCookies{fronts: f} },
		"REST":            func(f *fronts) cookieSession { return &httpCookies{fronts: f, paths: restCookiePaths} },
		"gateway dialect": func(f *fronts) cookieSession { return &httpCookies{fronts: f, paths: dialectCookiePaths} },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBalancer()
				f := newFrontsOf(t, memory, serveHandler(t, b.ServeHTTP))
				t.Cleanup(func() {
					f.stop()
					time.Sleep(time.Minute) // until the last polls have ended
				})
				playCookies(t, b, newSession(f))
				if strings.Contains(f.log.String(), balancerCookie) {
					t.Errorf("got a cookie in the log: %s", f.log)
				}
			})
		})
	}
}

// playCookies plays a session. The conference is made at the node of the cookie.
func playCookies(t *testing.T, b *balancer, s cookieSession) {
	guid, cookie := s.signIn(t)
	node, found := strings.CutPrefix(cookie, balancerCookie+"=")
	if !found || !strings.HasSuffix(node, "; Path=/") {
		t.Fatalf("got the cookie %q, want that of the balancer", cookie)
	}
	gateway := b.nodes[node[:1]]
	do := func(operation, body string) {
		time.Sleep(5 * time.Second) // the polls take the events before
		_, retcode := gateway.Do(emulator.Request{Operation: operation, AgentID: "1287", GUID: guid, Body: []byte(body)})
		if retcode != "0" {
			t.Fatalf("%s: got retcode %s, want 0", operation, retcode)
		}
	}
	leave := s.watch(t)
	do("requestagentconf", `{"memberNum":4}`)
	do("batchaddparticipant", `{"addresses":[{"addressType":"6","address":"88887946"}]}`)
	time.Sleep(5 * time.Second)
	if event := s.hold(t); !strings.Contains(event, "AgentConf_ParticipantChanged") {
		t.Errorf("hold: got %s, want its event", event)
	}
	do("releaseagentconf", "")
	s.signOut(t)
	leave()
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.received[""] != 1 || b.received[node[:1]] < 4 || len(b.received) != 2 {
		t.Errorf("got %v requests by cookie, want one without, and all others with %s", b.received, node[:1])
	}
}

// cookieSession is the session of agent 1287 over one front.
type cookieSession interface {
	signIn(t *testing.T) (guid, setCookie string)
	watch(t *testing.T) (leave func()) // returns when the watch has started
	hold(t *testing.T) (response string)
	signOut(t *testing.T)
}

type grpcCookies struct {
	*fronts
	guid, cookie string
}

func (s *grpcCookies) context(t *testing.T) context.Context {
	return metadata.AppendToOutgoingContext(t.Context(), "guid", s.guid, "cookie", "first=1", "cookie", s.cookie)
}

func (s *grpcCookies) signIn(t *testing.T) (guid, setCookie string) {
	var header metadata.MD
	resp, err := agentconfv1.NewSessionServiceClient(s.conn).Login(t.Context(),
		&agentconfv1.LoginRequest{AgentId: "1287", Phonenum: "4001"}, grpc.Header(&header))
	if err != nil || len(header.Get("set-cookie")) != 1 {
		t.Fatalf("got %v with the metadata %v, want a cookie", err, header)
	}
	setCookie = header.Get("set-cookie")[0]
	s.guid = resp.GetGuid()
	s.cookie, _, _ = strings.Cut(setCookie, ";")
	return s.guid, setCookie
}

func (s *grpcCookies) watch(t *testing.T) func() {
	ctx, cancel := context.WithCancel(s.context(t))
	w, err := agentconfv1.NewEventServiceClient(s.conn).WatchAgentEvents(ctx, &agentconfv1.WatchAgentEventsRequest{AgentId: "1287"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Recv(); err != nil {
		t.Fatal(err)
	}
	return cancel
}

func (s *grpcCookies) hold(t *testing.T) string {
	resp, err := agentconfv1.NewConferenceServiceClient(s.conn).HoldParticipant(s.context(t), &agentconfv1.HoldParticipantRequest{
		AgentId: "1287", AddressType: "6", Address: "88887946", VoicePath: "y:/conf/120/1136287.V3",
		ConfirmWithin: durationpb.New(10 * time.Second),
	})
	if err != nil {
		t.Fatal(err)
	}
	return resp.GetEvent().GetEventType()
}

func (s *grpcCookies) signOut(t *testing.T) {
	_, err := agentconfv1.NewSessionServiceClient(s.conn).Logout(s.context(t), &agentconfv1.LogoutRequest{AgentId: "1287"})
	if err != nil {
		t.Fatal(err)
	}
}

// httpCookies is a session over HTTP. paths are those of sign-in, hold and sign-out.
type httpCookies struct {
	*fronts
	paths        [3]string
	guid, cookie string
}

var (
	restCookiePaths    = [3]string{"POST /v1/agents/1287/session:login", "POST " + holdV1, "POST /v1/agents/1287/session:logout"}
	dialectCookiePaths = [3]string{
		"PUT /agentgateway/resource/onlineagent/1287", "POST " + holdGateway, "DELETE /agentgateway/resource/onlineagent/1287/logout",
	}
)

func (s *httpCookies) call(t *testing.T, line, body string) (http.Header, string) {
	method, path, _ := strings.Cut(line, " ")
	httpStatus, header, response := s.send(t, method, path, func(r *http.Request) {
		setBody(r, body)
		r.Header.Set("Guid", s.guid)
		r.Header.Set("Content-Type", "application/json")
		if s.cookie != "" {
			r.Header["Cookie"] = []string{"first=1", s.cookie}
		}
	})
	if httpStatus != http.StatusOK || retcodeOf(t, response) != "0" {
		t.Fatalf("%s: got HTTP status %d, %s, want retcode 0", line, httpStatus, response)
	}
	return header, string(response)
}

func (s *httpCookies) signIn(t *testing.T) (guid, setCookie string) {
	header, _ := s.call(t, s.paths[0], `{"password":"","phonenum":"4001"}`)
	s.guid = strings.TrimPrefix(header.Get("Set-GUID"), "JSESSIONID=")
	setCookie = header.Get("Set-Cookie")
	s.cookie, _, _ = strings.Cut(setCookie, ";")
	return s.guid, setCookie
}

// watch opens server-sent events, which only REST has.
func (s *httpCookies) watch(t *testing.T) func() {
	r, err := http.NewRequestWithContext(t.Context(), "GET", "http://agentconf.test/v1/agents/1287/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Guid", s.guid)
	r.Header.Set("Cookie", s.cookie)
	resp, err := s.http.Do(r)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("got %v, %v, want a watch", resp, err)
	}
	go io.Copy(io.Discard, resp.Body)
	return func() { resp.Body.Close() }
}

func (s *httpCookies) hold(t *testing.T) string {
	_, response := s.call(t, s.paths[1],
		`{"addressType":"6","address":"88887946","voicePath":"y:/conf/120/1136287.V3","confirmWithin":"10s"}`)
	return response
}

func (s *httpCookies) signOut(t *testing.T) { s.call(t, s.paths[2], "{}") }

// A cookie that the response to a poll sets reaches the caller of the poll over every front,
// with its event and with a refusal.
func TestCookieOfPoll(t *testing.T) {
	for name, body := range map[string]string{
		"event":   `{"message":"","retcode":"0","event":{"eventType":"AgentOther_InService","workNo":"1287","content":null}}`,
		"refusal": `{"message":"","retcode":"100-002"}`,
	} {
		t.Run(name, func(t *testing.T) {
			f := newFrontsOf(t, memory, serveHandler(t, func(w http.ResponseWriter, _ *http.Request) {
				http.SetCookie(w, &http.Cookie{Name: balancerCookie, Value: "1"})
				io.WriteString(w, body)
			}))
			for path, method := range map[string]string{
				"/v1/agents/1287/events:getAgentEvent": "POST", "/agentgateway/resource/agentevent/1287": "GET",
			} {
				_, header, response := f.send(t, method, path, func(r *http.Request) { setBody(r, "{}") })
				if got := header.Get("Set-Cookie"); got != balancerCookie+"=1" {
					t.Errorf("%s: got the cookie %q with %s, want that of the balancer", path, got, response)
				}
			}
			var header, trailer metadata.MD
			_, err := agentconfv1.NewEventServiceClient(f.conn).GetAgentEvent(withGUID(t.Context()),
				&agentconfv1.GetAgentEventRequest{AgentId: "1287"}, grpc.Header(&header), grpc.Trailer(&trailer))
			if got := metadata.Join(header, trailer).Get("set-cookie"); len(got) != 1 || got[0] != balancerCookie+"=1" {
				t.Errorf("gRPC: got the cookies %q with %v, want that of the balancer", got, err)
			}
			if strings.Contains(f.log.String(), balancerCookie) {
				t.Errorf("got a cookie in the log: %s", f.log)
			}
		})
	}
}
