package interceptor_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"google.golang.org/grpc"

	agentconfv1 "agentconf/gen/agentconf/v1"
	"agentconf/server/internal/interceptor"
)

// A request ID is accepted if it is a single one of 1 to 128 visible ASCII characters.
func TestRequestIDOfCaller(t *testing.T) {
	for _, id := range []string{"4bf92f35-77b3", "!", "~", strings.Repeat("x", 128)} {
		if got, own := interceptor.RequestID([]string{id}); got != id || own {
			t.Errorf("%q becomes %q, made by agentconf: %v", id, got, own)
		}
	}
}

// Any other call has a new one, which is of the accepted form.
func TestNewRequestID(t *testing.T) {
	seen := map[string]bool{}
	for _, given := range [][]string{
		nil, {}, {""}, {"one", "two"}, {"two words"}, {"é"}, {"\x7f"}, {"a\n"}, {strings.Repeat("x", 129)},
	} {
		got, own := interceptor.RequestID(given)
		if same, _ := interceptor.RequestID([]string{got}); !own || seen[got] || same != got {
			t.Errorf("%q becomes %q, made by agentconf: %v", given, got, own)
		}
		seen[got] = true
	}
}

// checkReturned checks that the record and either header or trailer have the ID.
func checkReturned(t *testing.T, f *fixture, s *stream, inHeader bool) {
	t.Helper()
	checkFields(t, f.log.only(t), map[string]any{"request_id": "their-1"})
	header, trailer := s.header.Get("x-request-id"), s.trailer.Get("x-request-id")
	want := "[their-1] []"
	if !inHeader {
		want = "[] [their-1]"
	}
	if got := fmt.Sprint(header, " ", trailer); got != want {
		t.Errorf("header and trailer %s, want %s", got, want)
	}
}

// The ID is returned as a header. With an error it is a trailer, so that a client may
// retry.
func TestRequestIDIsReturned(t *testing.T) {
	f := newFixture(interceptor.Options{})
	for _, err := range []error{nil, errors.New("an error")} {
		s := newStream(t, "x-request-id", "their-1")
		f.hold(s.ctx, returns(err))
		checkReturned(t, f, s, err == nil)

		s = newStream(t, "x-request-id", "their-1")
		f.watch(s, receives(err))
		checkReturned(t, f, s, err == nil)
	}
}

// An ID that agentconf has made is returned with an error only.
func TestOwnRequestIDIsReturned(t *testing.T) {
	f := newFixture(interceptor.Options{})
	for _, err := range []error{nil, errors.New("an error")} {
		call, watch := newStream(t), newStream(t)
		f.hold(call.ctx, returns(err))
		f.watch(watch, receives(err))
		for _, s := range []*stream{call, watch} {
			if len(s.header) != 0 || len(s.trailer.Get("x-request-id")) == 1 != (err != nil) {
				t.Errorf("%v: header %v, trailer %v", err, s.header, s.trailer)
			}
		}
	}
}

// A stream returns the ID once, before its first message, even if it ends with an error.
func TestRequestIDOfStream(t *testing.T) {
	f := newFixture(interceptor.Options{})
	s := newStream(t, "x-request-id", "their-1")
	f.watch(s, func(_ any, observed grpc.ServerStream) error {
		for range 2 {
			if err := observed.SendMsg(&agentconfv1.WatchAgentEventsResponse{}); err != nil {
				t.Error(err)
			}
		}
		return errors.New("an error")
	})
	checkReturned(t, f, s, true)
	if len(s.sent) != 2 || len(s.atFirst.Get("x-request-id")) != 1 {
		t.Errorf("%d messages, header before the first: %v", len(s.sent), s.atFirst)
	}
}

// A call without a gRPC connection, as of the JSON front, has its ID in the record only.
func TestRequestIDWithoutConnection(t *testing.T) {
	f := newFixture(interceptor.Options{})
	if _, err := f.hold(t.Context(), returns(nil)); err != nil {
		t.Error(err)
	}
	if id, _ := f.log.only(t)["request_id"].(string); id == "" {
		t.Error("the record has no request ID")
	}
}
