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

// echo writes a response that repeats text.
type echo func(w http.ResponseWriter, text string)

// echoes are responses that repeat a text in each of their parts. None is a success.
var echoes = []echo{
	refusal("101-001", func(text string) string { return text }),
	refusal("101-001", url.PathEscape),
	refusal("100-007", url.QueryEscape),
	func(w http.ResponseWriter, text string) {
		w.Write(mustJSON(map[string]any{"message": "", "retcode": text}))
	},
	func(w http.ResponseWriter, text string) {
		w.Write(mustJSON(map[string]any{"message": "", "retcode": url.QueryEscape(text)}))
	},
	func(w http.ResponseWriter, text string) { io.WriteString(w, "<html>"+text) },
	func(w http.ResponseWriter, text string) {
		w.WriteHeader(http.StatusInternalServerError)
		w.Write(mustJSON(map[string]any{"message": text, "retcode": "0"}))
	},
	func(w http.ResponseWriter, text string) {
		w.Header().Set("Location", "http://gateway.test:8043/"+url.PathEscape(text))
		w.WriteHeader(http.StatusFound)
	},
	func(w http.ResponseWriter, text string) {
		w.Write(mustJSON([]any{map[string]any{"retcode": "0", text: text}}))
	},
	raw("HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n%s"),
	raw("HTTP/1.1 200 %[1]s\r\n%[1]s\r\n\r\n"),
	raw("HTTP/1.1 200 OK\r\nContent-Length: %s\r\n\r\n"),
	raw("%s\r\n\r\n"),
	raw("%s"),
}

// refusal is an error of the gateway that repeats a text in its message, encoded, and in
// its result.
func refusal(retcode string, encode func(string) string) echo {
	return func(w http.ResponseWriter, text string) {
		w.Header().Set("Set-GUID", "JSESSIONID="+mark(someGUID))
		w.Write(mustJSON(map[string]any{"message": encode(text), "retcode": retcode, "result": map[string]any{text: text}}))
	}
}

// raw is a response that net/http does not send.
func raw(format string) echo {
	return func(w http.ResponseWriter, text string) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			panic(err)
		}
		defer conn.Close()
		fmt.Fprintf(conn, format, text)
	}
}

func mustJSON(v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return text
}

// echoGateway answers every request by its current response.
type echoGateway struct {
	dial dialer
	stop func()

	current atomic.Pointer[response]
}

// response is an echo of the request and of further texts.
type response struct {
	echo echo
	more string
}

func newEchoGateway(t *testing.T) *echoGateway {
	t.Helper()
	l, dial := listenTCP(t)
	g := &echoGateway{dial: dial}
	server := &http.Server{Handler: g, ErrorLog: log.New(io.Discard, "", 0)}
	go server.Serve(l)
	g.stop = func() { server.Close() }
	t.Cleanup(g.stop)
	return g
}

func (g *echoGateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	current := g.current.Load()
	text := strings.Join([]string{r.Header.Get("Guid"), r.Header.Get("service_token"), string(body), r.RequestURI, current.more}, " ")
	current.echo(w, text)
}

// respond sets the response to every further request. It repeats the request, and more.
func (g *echoGateway) respond(e echo, more string) { g.current.Store(&response{e, more}) }

// makeCalls sends a call with secrets for every RPC, and every case of the table, over every
// front. The gateway answers by the script of the case, and for every shape of a request
// also by each echo.
func (f *fronts) makeCalls(t *testing.T, g *echoGateway, errorTexts *transcript) {
	t.Helper()
	for _, c := range secretCases(t) {
		c.checkAccepted(t, f, g)
		g.respond(scripted(c.Gateway), "")
		c.call(t, f, errorTexts)
		for _, e := range echoes {
			g.respond(e, strings.Join(c.secrets, " "))
			c.call(t, f, errorTexts)
		}
	}
	echoed := map[string]bool{}
	for _, c := range readCases(t) {
		c = c.marked()
		g.respond(scripted(c.Gateway), "")
		c.call(t, f, errorTexts)
		if c.Gateway == nil || echoed[c.shape()] { // the gateway gets no request, or no new shape
			continue
		}
		echoed[c.shape()] = true
		for _, e := range echoes {
			g.respond(e, "")
			c.call(t, f, errorTexts)
		}
	}
}

// shape identifies a request by everything but its values: RPC, fields and query.
func (c contractCase) shape() string {
	var body map[string]any
	_ = json.Unmarshal(c.Body, &body) // or there is none
	_, query, _ := strings.Cut(c.Line, "?")
	return fmt.Sprint(c.RPC, slices.Sorted(maps.Keys(body)), query)
}

// scripted is the response of a script. It closes the connection if there is none.
func scripted(s *conformance.Script) echo {
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

// call sends c over every front of the case, and adds the errors to errorTexts.
func (c contractCase) call(t *testing.T, f *fronts, errorTexts *transcript) {
	t.Helper()
	if c.Over(conformance.FrontGRPC) {
		if _, err := c.invoke(t.Context(), t, f); err != nil {
			errorTexts.add(errorText(err))
		}
	}
	for front, line := range map[string]string{conformance.FrontREST: c.V1(), conformance.FrontDialect: c.RequestLine()} {
		if c.Over(front) {
			method, path, _ := strings.Cut(line, " ")
			errorTexts.addHTTPError(f.do(t, c.request(t, method, path)))
		}
	}
}

// errorText returns everything that a gRPC error contains.
func errorText(err error) string {
	text, marshalErr := protojson.Marshal(status.Convert(err).Proto())
	return fmt.Sprint(err, string(text), marshalErr)
}

// addHTTPError adds a response of the JSON port, unless it is a success. A new GUID, which the
// gateway may issue with an error, belongs to the caller.
func (s *transcript) addHTTPError(httpStatus int, header http.Header, body []byte) {
	var envelope struct{ Retcode string }
	if httpStatus == http.StatusOK && json.Unmarshal(body, &envelope) == nil && envelope.Retcode == "0" {
		return
	}
	header.Del("Set-GUID")
	s.add(fmt.Sprint(httpStatus, header, string(body)))
}

// abandonCalls makes calls, and calls inspect while they are in flight: holds, which the
// caller then cancels, and watches, which end when the gateway refuses a poll.
func (f *fronts) abandonCalls(t *testing.T, g *echoGateway, errorTexts *transcript, inspect func()) {
	t.Helper()
	c := contractCase{conformance.Case{
		RPC: "HoldParticipant", AgentID: "1287", GUID: []string{someGUID}, GUIDHeader: "Guid", Body: json.RawMessage(documentedBody),
	}}.marked()
	arrived, released := make(chan struct{}, 100), make(chan struct{})
	g.respond(func(w http.ResponseWriter, text string) {
		arrived <- struct{}{}
		<-released
		echoes[0](w, text)
	}, "")
	canceled, cancel := context.WithCancel(metadata.AppendToOutgoingContext(t.Context(), "guid", mark(someGUID)))
	var holds, watches sync.WaitGroup
	holds.Go(func() { _, _ = c.invoke(canceled, t, f) })
	for _, path := range []string{holdV1, holdGateway} {
		req := c.request(t, http.MethodPost, path).WithContext(canceled)
		holds.Go(func() {
			if resp, err := f.http.Do(req); err == nil {
				resp.Body.Close()
			}
		})
	}
	watches.Go(func() {
		w, _ := f.mustWatch(t, "1288", mark(someGUID))
		errorTexts.add(errorText(w.end()))
	})
	watches.Go(func() {
		stream := f.sse(t, "/v1/agents/1289/events", mark(someGUID), nil)
		defer stream.Body.Close()
		text, err := io.ReadAll(stream.Body)
		errorTexts.add(fmt.Sprint(string(text), err))
	})
	for range 5 {
		<-arrived
	}
	inspect()
	cancel()
	holds.Wait()
	c.Timeout = "50m"
	c.call(t, f, errorTexts)
	close(released)
	watches.Wait()
}

// servePanics makes calls of a service that panics with secrets, and returns its log.
func servePanics(t *testing.T, errorTexts *transcript) *harness.Log {
	t.Helper()
	values := []any{
		"s3samePa55", errors.New(mark(someGUID)), fmt.Errorf("to %w", errors.New("702653184957246")),
		&agentconfv1.HoldParticipantRequest{VoicePath: "y:/conf/120/promptfoxtrot.V3"},
	}
	var next any
	v := serve(t, stub{hold: func(context.Context) error { panic(next) }})
	for _, next = range values {
		errorTexts.add(errorText(v.holdGRPC(t.Context())))
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
