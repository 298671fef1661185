package jsonfront

import (
	"bytes"
	"context"
	"errors"
	"io"
	"maps"
	"math"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	agentconfv1 "agentconf/gen/agentconf/v1"
)

// The GUID comes from the header Guid only.
func TestHeadersAreNoMetadata(t *testing.T) {
	f := newTestFront(stubService{})
	f.sendHold(holdREST, func(r *http.Request) {
		r.Header.Del("Guid")
		r.Header.Set("Grpc-Metadata-Guid", someGUID)
		r.Header.Set("Cookie", "guid="+someGUID)
		r.Header.Set("Authorization", someGUID)
	})
	if got := f.takeCall(t).metadata.Get("guid"); len(got) > 0 {
		t.Errorf("metadata guid is %q", got)
	}
	w := f.sendHold(holdREST, func(r *http.Request) { r.Header.Set("Grpc-Metadata-Guid", "another") })
	if got := f.takeCall(t).metadata.Get("guid"); w.Code != http.StatusOK || len(got) != 1 || got[0] != someGUID {
		t.Errorf("HTTP status %d, metadata guid %q", w.Code, got)
	}
}

// Of the headers only those of the gateway, the trace context and the request ID become
// metadata.
func TestMetadataOfHTTP(t *testing.T) {
	f := newTestFront(stubService{})
	f.sendHold(holdREST, func(r *http.Request) {
		for _, name := range []string{"Guid", "Cookie", "From", "Grpc-Metadata-X", "Grpcgateway-X", "X-Y"} {
			r.Header.Set(name, someGUID)
		}
	})
	keys := slices.Sorted(maps.Keys(f.takeCall(t).metadata))
	if want := []string{"cookie", "guid", "x-request-id"}; !slices.Equal(keys, want) {
		t.Errorf("metadata %v, want %v", keys, want)
	}
	f.sendHold(holdREST, func(r *http.Request) {
		for _, name := range []string{"service_token", "traceparent", "tracestate"} {
			r.Header.Set(name, "of "+name)
		}
	})
	md := f.takeCall(t).metadata
	for _, key := range []string{"service_token", "traceparent", "tracestate"} {
		if got := md.Get(key); len(got) != 1 || got[0] != "of "+key {
			t.Errorf("metadata %s is %q", key, got)
		}
	}
}

func TestBadTimeout(t *testing.T) {
	f := newTestFront(stubService{})
	for _, timeout := range []string{"5", "5x", "S", "-1S", "+1S", "123456789S", "1 S", ""} {
		w := f.sendHold(holdREST, func(r *http.Request) { r.Header.Set("Grpc-Timeout", timeout) })
		f.checkRejected(t, w,
			"Grpc-Timeout: must be a number of at most 8 digits and one of H M S m u n, such as 500m")
		if !bytes.Contains(w.Body.Bytes(), []byte("holdParticipant was not applied, the request is wrong: Grpc-Timeout")) {
			t.Errorf("Grpc-Timeout %q: %s", timeout, w.Body)
		}
	}
}

// A wrong timeout is reported with the other faults of the request, and of an operation
// without a body.
func TestBadTimeoutBesideFaults(t *testing.T) {
	f := newTestFront(stubService{})
	badTimeout := func(r *http.Request) { r.Header["Grpc-Timeout"] = []string{"1S", "2S"} }
	const fault = "Grpc-Timeout: must be a number of at most 8 digits and one of H M S m u n, such as 500m"
	w := f.send("POST", holdREST+"?nobody=1", `{"nobody":1}`, badTimeout)
	f.checkRejected(t, w, fault, "nobody: is not a field of this request")
	w = f.send("GET", watchPath, "", badTimeout)
	f.checkRejected(t, w, fault)
	w = f.send("GET", "/v1/agents/1287/conference:queryAllConfIds?x=%zz", "", nil)
	f.checkRejected(t, w, "query: is not percent-encoded correctly") // not the timeout
}

// A timeout of zero has passed already, as over gRPC.
func TestZeroTimeout(t *testing.T) {
	var err error
	f := newTestFront(stubService{hold: func(ctx context.Context, _ *agentconfv1.HoldParticipantRequest) error {
		err = ctx.Err()
		return nil
	}})
	for _, timeout := range []string{"0S", "00000000H"} {
		err = nil
		f.sendHold(holdREST, func(r *http.Request) { r.Header.Set("Grpc-Timeout", timeout) })
		if err != context.DeadlineExceeded {
			t.Errorf("%s: the context of the call has %v, want %v", timeout, err, context.DeadlineExceeded)
		}
	}
}

// The longest timeout does not overflow.
func TestParseTimeout(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"99999999H": math.MaxInt64, "1H": time.Hour, "2M": 2 * time.Minute, "3S": 3 * time.Second,
		"4m": 4 * time.Millisecond, "5u": 5 * time.Microsecond, "6n": 6,
	} {
		if got, ok := parseTimeout([]string{text}); got != want || !ok {
			t.Errorf("%s is %v, %v, want %v", text, got, ok, want)
		}
	}
}

// Grpc-Timeout is the deadline of the call.
func TestTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var left time.Duration
		f := newTestFront(stubService{hold: func(ctx context.Context, _ *agentconfv1.HoldParticipantRequest) error {
			deadline, _ := ctx.Deadline()
			left = time.Until(deadline)
			return nil
		}})
		f.sendHold(holdREST, func(r *http.Request) { r.Header.Set("Grpc-Timeout", "500m") })
		if left != 500*time.Millisecond {
			t.Errorf("the call has %v, want 500ms", left)
		}
	})
}

func TestBodySize(t *testing.T) {
	f := newTestFront(stubService{})
	for size, ok := range map[int]bool{maxRequest: true, maxRequest + 1: false, 100 * maxRequest: false} {
		body := holdBody + strings.Repeat(" ", size-len(holdBody))
		w := f.sendHold(holdREST, func(r *http.Request) { // of unknown length
			r.Body, r.ContentLength = io.NopCloser(chunked(body)), -1
		})
		if ok {
			f.takeCall(t)
		} else {
			f.checkRejected(t, w, "body: is larger than 65536 bytes")
		}
	}
}

// A client that announces a long body costs no memory until it sends the body.
func TestAnnouncedBodySize(t *testing.T) {
	f := newTestFront(stubService{})
	f.sendHold(holdREST, func(r *http.Request) { r.ContentLength = 1 << 62 })
	f.takeCall(t)
}

// A body that ends early is rejected, also by an operation that has no body.
func TestBodyCutOff(t *testing.T) {
	f := newTestFront(stubService{})
	for _, path := range []string{holdREST, "/v1/agents/1287/conference:answerAgentConf"} {
		w := f.sendHold(path, func(r *http.Request) {
			r.Body = io.NopCloser(io.MultiReader(strings.NewReader("{"), failingReader{}))
		})
		f.checkRejected(t, w, "body: is incomplete")
		w = f.send("POST", path, strings.Repeat(" ", maxRequest+1), nil)
		f.checkRejected(t, w, "body: is larger than 65536 bytes")
	}
}

type failingReader struct{}

func (failingReader) Read([]byte) (int, error) { return 0, errors.New("connection reset") }

// The server closes a connection after a chunked request: the request behind it, which
// a proxy may take for a part of the body, is not executed.
func TestChunkedRequestIsLast(t *testing.T) {
	f := newTestFront(stubService{})
	head := "POST " + holdREST + " HTTP/1.1\r\nHost: a\r\n"
	first := head + "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"
	reply := exchange(t, f, first+head+"Content-Length: 2\r\n\r\n{}")
	if !strings.Contains(reply, "Connection: close\r\n") {
		t.Errorf("reply %s", reply)
	}
	f.takeCall(t)
}

// The deadline of a request ends with its body, with and without one, so that a call may
// take longer.
func TestReadDeadlineEndsWithTheBody(t *testing.T) {
	f := newTestFront(stubService{})
	for _, c := range []struct{ method, path, body string }{
		{"POST", holdREST, holdBody},
		{"GET", "/agentgateway/resource/agentevent/1287", ""},
		{"POST", "/agentgateway/resource/agentconf/1287/answeragentconf", "{}"}, // has no body
		{"DELETE", "/agentgateway/resource/onlineagent/1287/logout", "null"},
		{"POST", "/v1/agents/1287/conference:answerAgentConf", `""`},
	} {
		w := &deadlines{ResponseRecorder: httptest.NewRecorder()}
		f.ServeHTTP(w, httptest.NewRequest(c.method, c.path, strings.NewReader(c.body)))
		if w.Code != http.StatusOK || len(w.set) != 1 || !w.set[0].IsZero() {
			t.Errorf("%s: HTTP status %d, read deadlines %v", c.path, w.Code, w.set)
		}
	}
}

// deadlines records the read deadlines of a connection.
type deadlines struct {
	*httptest.ResponseRecorder
	set []time.Time
}

func (d *deadlines) SetReadDeadline(deadline time.Time) error {
	d.set = append(d.set, deadline)
	return nil
}
