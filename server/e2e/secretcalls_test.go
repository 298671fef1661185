package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"

	"agentconf/conformance"
	agentconfv1 "agentconf/gen/agentconf/v1"
	"agentconf/server/e2e/harness"
)

// repeat answers a request with what was said in it.
type repeat func(w http.ResponseWriter, said string)

// repeats are the ways in which a gateway can repeat what it was told, none of which
// is a success.
var repeats = []repeat{
	refusal("101-001", func(said string) string { return said }),
	refusal("101-001", url.PathEscape),
	refusal("100-007", url.QueryEscape),
	func(w http.ResponseWriter, said string) {
		w.Write(mustJSON(map[string]any{"message": "", "retcode": said}))
	},
	func(w http.ResponseWriter, said string) {
		w.Write(mustJSON(map[string]any{"message": "", "retcode": url.QueryEscape(said)}))
	},
	func(w http.ResponseWriter, said string) { io.WriteString(w, "<html>"+said) },
	func(w http.ResponseWriter, said string) {
		w.WriteHeader(http.StatusInternalServerError)
		w.Write(mustJSON(map[string]any{"message": said, "retcode": "0"}))
	},
	func(w http.ResponseWriter, said string) {
		w.Header().Set("Location", "http://gateway.test:8043/"+url.PathEscape(said))
		w.WriteHeader(http.StatusFound)
	},
	func(w http.ResponseWriter, said string) {
		w.Write(mustJSON([]any{map[string]any{"retcode": "0", said: said}}))
	},
	raw("HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n%s"),
	raw("HTTP/1.1 200 %[1]s\r\n%[1]s\r\n\r\n"),
	raw("HTTP/1.1 200 OK\r\nContent-Length: %s\r\n\r\n"),
	raw("%s\r\n\r\n"),
	raw("%s"),
}

func refusal(retcode string, written func(string) string) repeat {
	return func(w http.ResponseWriter, said string) {
		w.Header().Set("Set-GUID", "JSESSIONID="+mark(someGUID))
		w.Write(mustJSON(map[string]any{"message": written(said), "retcode": retcode, "result": map[string]any{said: said}}))
	}
}

// raw is an answer that net/http would not send.
func raw(format string) repeat {
	return func(w http.ResponseWriter, said string) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			panic(err)
		}
		defer conn.Close()
		fmt.Fprintf(conn, format, said)
	}
}

func mustJSON(v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return text
}

// repeatingGateway does what was said last, to all requests.
type repeatingGateway struct {
	dial   dialer
	stop   func()
	answer atomic.Pointer[repeat]
}

func newRepeatingGateway(t *testing.T) *repeatingGateway {
	l, dial := listenTCP(t)
	g := &repeatingGateway{dial: dial}
	server := &http.Server{Handler: g, ErrorLog: log.New(io.Discard, "", 0)}
	go server.Serve(l)
	g.stop = func() { server.Close() }
	t.Cleanup(g.stop)
	return g
}

func (g *repeatingGateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	said := strings.Join([]string{r.Header.Get("Guid"), r.Header.Get("service_token"), string(body), r.RequestURI}, " ")
	(*g.answer.Load())(w, said)
}

func (g *repeatingGateway) play(answer repeat) { g.answer.Store(&answer) }

// makeCalls makes the call of every case over every front, with the answer that the
// case has. Those that have something else to say than the cases before are repeated, too.
func (f *fronts) makeCalls(t *testing.T, g *repeatingGateway, told *transcript) {
	t.Helper()
	repeated := map[string]bool{}
	for _, c := range append([]contractCase{confided}, readCases(t)...) {
		c = c.marked()
		g.play(scripted(c.Gateway))
		c.call(t, f, told)
		if c.Gateway == nil || repeated[c.shape()] { // the gateway gets nothing, or nothing new
			continue
		}
		repeated[c.shape()] = true
		for _, answer := range repeats {
			g.play(answer)
			c.call(t, f, told)
		}
	}
}

// shape is what tells c from cases with other arguments.
func (c contractCase) shape() string {
	var body map[string]any
	_ = json.Unmarshal(c.Body, &body) // or there is none
	_, query, _ := strings.Cut(c.Line, "?")
	return fmt.Sprint(c.RPC, slices.Sorted(maps.Keys(body)), query)
}

// confided is a case with a password that every encoding changes.
var confided = contractCase{conformance.Case{
	Name: "a password to escape", RPC: "Login", AgentID: "1287", Line: "PUT /agentgateway/resource/onlineagent/1287",
	Body:    json.RawMessage(`{"password":"s3\"same/+&Pa55","phonenum":"702653184957246","serviceToken":"t0kenfoxtrot"}`),
	Gateway: &conformance.Script{},
}}

// scripted is what a case says of the gateway.
func scripted(s *conformance.Script) repeat {
	return func(w http.ResponseWriter, _ string) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			panic(err)
		}
		defer conn.Close()
		if s != nil && s.Fault == "" {
			_ = s.Answer(conn)
		}
	}
}

// call makes the call of c over every front that it can be made over.
func (c contractCase) call(t *testing.T, f *fronts, told *transcript) {
	t.Helper()
	if c.Only != "json" {
		if _, err := c.invoke(t.Context(), t, f); err != nil {
			told.add(inWords(err))
		}
	}
	if c.Only != "grpc" {
		v1Method, v1Path, _ := strings.Cut(c.V1(), " ")
		method, path, _ := strings.Cut(c.RequestLine(), " ")
		told.http(f.do(t, c.request(t, v1Method, v1Path)))
		told.http(f.do(t, c.request(t, method, path)))
	}
}

// inWords is all that an error of a call over gRPC has.
func inWords(err error) string {
	text, marshalErr := protojson.Marshal(status.Convert(err).Proto())
	return fmt.Sprint(err, string(text), marshalErr)
}

// http adds an answer of the JSON front, unless it is what the caller has asked for.
func (s *transcript) http(httpStatus int, header http.Header, body []byte) {
	var envelope struct{ Retcode string }
	if httpStatus == http.StatusOK && json.Unmarshal(body, &envelope) == nil && envelope.Retcode == "0" {
		return
	}
	s.add(fmt.Sprint(httpStatus, header, string(body)))
}

// leaveCalls makes calls that the gateway has when look is called: holds, which are
// given up then, and watches, which end when the gateway refuses a poll.
func (f *fronts) leaveCalls(t *testing.T, g *repeatingGateway, told *transcript, look func()) {
	t.Helper()
	c := contractCase{conformance.Case{
		RPC: "HoldParticipant", AgentID: "1287", GUID: []string{someGUID}, GUIDHeader: "Guid", Body: json.RawMessage(documentedBody),
	}}.marked()
	arrived, released := make(chan struct{}, 100), make(chan struct{})
	g.play(func(w http.ResponseWriter, said string) {
		arrived <- struct{}{}
		<-released
		repeats[0](w, said)
	})
	held, giveUp := context.WithCancel(metadata.AppendToOutgoingContext(t.Context(), "guid", mark(someGUID)))
	var holds, watches sync.WaitGroup
	holds.Go(func() { _, _ = c.invoke(held, t, f) })
	for _, path := range []string{holdV1, holdGateway} {
		req := c.request(t, http.MethodPost, path).WithContext(held)
		holds.Go(func() {
			if resp, err := f.http.Do(req); err == nil {
				resp.Body.Close()
			}
		})
	}
	watches.Go(func() {
		w, _ := f.mustWatch(t, "1288", mark(someGUID))
		told.add(inWords(w.end()))
	})
	watches.Go(func() {
		stream := f.sse(t, "/v1/agents/1289/events", mark(someGUID), nil)
		defer stream.Body.Close()
		text, err := io.ReadAll(stream.Body)
		told.add(fmt.Sprint(string(text), err))
	})
	for range 5 {
		<-arrived
	}
	look()
	giveUp()
	holds.Wait()
	c.Timeout = "50m"
	c.call(t, f, told)
	close(released)
	watches.Wait()
}

// servePanics makes calls that panic with secrets, and returns the log.
func servePanics(t *testing.T, told *transcript) *harness.Log {
	t.Helper()
	values := []any{
		"s3samePa55", errors.New(mark(someGUID)), fmt.Errorf("to %w", errors.New("702653184957246")),
		&agentconfv1.HoldParticipantRequest{VoicePath: "y:/conf/120/promptfoxtrot.V3"},
	}
	var next any
	v := serve(t, stub{hold: func(context.Context) error { panic(next) }})
	for _, next = range values {
		told.add(inWords(v.holdGRPC(t.Context())))
		if _, err := v.holdJSON(t.Context()); err != nil {
			t.Error(err)
		}
	}
	v.stop()
	if err := <-v.ended; err != nil {
		t.Error(err)
	}
	return v.log
}
