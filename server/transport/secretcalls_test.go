package transport_test

import (
	"bytes"
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

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"

	agentconfv1 "agentconf/gen/agentconf/v1"
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
var confided = contractCase{
	Name: "a password to escape", RPC: "Login", AgentID: "1287", Line: "PUT /agentgateway/resource/onlineagent/1287",
	Body:    json.RawMessage(`{"password":"s3\"same/+&Pa55","phonenum":"702653184957246","serviceToken":"t0kenfoxtrot"}`),
	Gateway: &gatewayScript{},
}

// scripted is what a case says of the gateway.
func scripted(s *gatewayScript) repeat {
	return func(w http.ResponseWriter, _ string) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			panic(err)
		}
		defer conn.Close()
		if s != nil && s.Fault == "" {
			_ = s.answer(conn)
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
		v1Method, v1Path := c.v1(t)
		method, path, _ := strings.Cut(c.line(), " ")
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
	c := contractCase{RPC: "HoldParticipant", AgentID: "1287", GUID: []string{someGUID}, Body: json.RawMessage(documentedBody)}.marked()
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

// noRequests are what stands at the begin of a connection instead of a request, with
// secrets wherever there is a place.
var noRequests = []string{
	"5ec2e7f0",
	"POST 70265318495 HTTP/1.1",
	"POST /promptfoxtrot HTTP/5ec2e7f0",
	"s3samePa55 " + holdV1 + " HTTP/1.1",
	"GET /5ec2e7f0/70265318495 HTTP/1.1",
	"GET /v1/agents/5ec2e7f0/70265318495:s3samePa55 HTTP/1.1",
	"GET http://s3samePa55:5ec2e7f0@agentconf.test/promptfoxtrot HTTP/1.1",
	"GET /%zz5ec2e7f0 HTTP/1.1",
	"POST /v1/agents/70265318495/conference:holdParticipant HTTP/1.1",
	"POST " + holdV1 + "?5ec2e7f0=70265318495&guid=5ec2e7f0&%zz=s3samePa55 HTTP/1.1",
	"GET /v1/agents/1287/events?after_sequence=70265318495x HTTP/1.1",
	"GET /v1/agents/1287/events?after_sequence=1&after_sequence=70265318495 HTTP/1.1",
	"POST /agentgateway/resource/onlineagent/1287/resetskill/s3samePa55?phonelinkage=70265318495 HTTP/1.1",
	"DELETE /agentgateway/resource/onlineagent/1287/forcelogoutwithreason/70265318495 HTTP/1.1",
	"POST " + holdV1 + " HTTP/1.1\r\nGuid: 5ec2e7f0\r\nGrpc-Timeout: 70265318495",
	"POST " + holdV1 + " HTTP/1.1\r\nGuid: 5ec2e7f0\r\nContent-Length: 70265318495x",
	"POST " + holdV1 + " HTTP/1.1\r\nGuid: 5ec2e7f0\r\nTransfer-Encoding: s3samePa55",
	"POST " + holdV1 + " HTTP/1.1\r\nGuid: 5ec2e7f0\r\nExpect: s3samePa55",
	"POST " + holdV1 + " HTTP/1.1\r\nGuid: 5ec2e7f0\r\nGuid: 5ec2e7f0",
	"POST " + holdV1 + " HTTP/1.1\r\n5ec2e7f0",
	"POST " + holdV1 + " HTTP/1.1\r\n5ec2e7f0: 70265318495\r\nX 5ec2e7f0: s3samePa55",
	"GET /v1/agents/1287/events HTTP/1.1\r\nGuid: a\r\nLast-Event-ID: 5ec2e7f0",
	"GET / HTTP/1.1\r\nHost: 5ec2e7f0 s3samePa55",
	"PRI * HTTP/2.0\r\n\r\n5ec2e7f0",
}

// noHeads are a field each that makes the head of a call over gRPC a wrong one, or has
// a secret where nobody looks for one.
var noHeads = []hpack.HeaderField{
	{Name: ":path", Value: "5ec2e7f0"},
	{Name: ":path", Value: "/5ec2e7f0"},
	{Name: ":path", Value: "/5ec2e7f0/70265318495"},
	{Name: ":method", Value: "s3samePa55"},
	{Name: ":authority", Value: "5ec2e7f0"},
	{Name: "content-type", Value: "text/s3samePa55"},
	{Name: "content-type", Value: "application/grpc+s3samePa55"},
	{Name: "grpc-encoding", Value: "s3samePa55"},
	{Name: "grpc-timeout", Value: "70265318495"},
	{Name: "guid-bin", Value: "!5ec2e7f0!"},
	{Name: "5ec2e7f0", Value: "70265318495"},
	{Name: "5EC2E7F0", Value: "70265318495"},
	{Name: "connection", Value: "5ec2e7f0"},
	{Name: "user-agent", Value: "5ec2e7f0"},
}

// sendNonsense sends what is no call.
func (f *fronts) sendNonsense(t *testing.T, told *transcript) {
	t.Helper()
	for _, text := range noRequests {
		conn := f.dial(t, f.dialHTTP)
		io.WriteString(conn, text+"\r\nHost: a\r\nConnection: close\r\n\r\n")
		answer, err := io.ReadAll(conn)
		told.add(fmt.Sprint(string(answer), err))
		conn.Close()
	}
	for _, field := range noHeads {
		f.sendHead(t, field)
	}
}

// sendHead makes a hold over gRPC of which one field is another. The answer is that of
// grpc-go, which may repeat to its sender what it could not read.
func (f *fronts) sendHead(t *testing.T, other hpack.HeaderField) {
	t.Helper()
	fields := []hpack.HeaderField{
		{Name: ":method", Value: "POST"}, {Name: ":scheme", Value: "http"}, {Name: ":authority", Value: "agentconf.test"},
		{Name: ":path", Value: "/agentconf.v1.ConferenceService/HoldParticipant"},
		{Name: "content-type", Value: "application/grpc"}, {Name: "te", Value: "trailers"}, {Name: "guid", Value: mark(someGUID)},
	}
	at := slices.IndexFunc(fields, func(f hpack.HeaderField) bool { return f.Name == other.Name })
	if at >= 0 {
		fields[at] = other
	} else {
		fields = append(fields, other)
	}
	var head bytes.Buffer
	enc := hpack.NewEncoder(&head)
	for _, field := range fields {
		enc.WriteField(field)
	}
	conn := f.dial(t, f.dialGRPC)
	defer conn.Close()
	io.WriteString(conn, http2.ClientPreface)
	framer := http2.NewFramer(conn, conn)
	framer.WriteSettings()
	framer.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: head.Bytes(), EndHeaders: true})
	framer.WriteData(1, true, []byte{1, 0, 0, 0, 0})
	for {
		frame, err := framer.ReadFrame()
		if err != nil || frame.Header().StreamID == 1 || frame.Header().Type == http2.FrameGoAway {
			return
		}
	}
}

// servePanics makes calls that panic with secrets, and returns the log.
func servePanics(t *testing.T, told *transcript) *lockedBuffer {
	t.Helper()
	values := []any{
		"s3samePa55", errors.New(mark(someGUID)), fmt.Errorf("to %w", errors.New("702653184957246")),
		&agentconfv1.HoldParticipantRequest{VoicePath: "y:/conf/120/promptfoxtrot.V3"},
	}
	var next any
	v := serve(t, service{hold: func(context.Context) error { panic(next) }})
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
