package operation_test

import (
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	"agentconf/conformance"
	"agentconf/server/internal/operation"
	"agentconf/server/internal/outcome"
	"agentconf/server/internal/servicetest"
)

// The cookies of a caller are one header of the request; they are limited, and no error
// repeats them.
func TestCookie(t *testing.T) {
	g := servicetest.NewGateway(t, operation.Options{})
	for name, test := range map[string]struct {
		cookies []string
		sent    []string // nil if the request is rejected
	}{
		"one":               {[]string{"loadbalance=1; b=2"}, []string{"loadbalance=1; b=2"}},
		"two":               {[]string{"loadbalance=1", "b=2"}, []string{"loadbalance=1; b=2"}},
		"as long as can be": {[]string{strings.Repeat("c", 8<<10)}, []string{strings.Repeat("c", 8<<10)}},
		"too long":          {[]string{strings.Repeat("c", 8<<10+1)}, nil},
		"a line break":      {[]string{"secret\r\nX: y"}, nil},
	} {
		ctx := metadata.NewIncomingContext(t.Context(), metadata.MD{"guid": {servicetest.GUID}, "cookie": test.cookies})
		_, err := runHold(ctx, g, holdOperation())
		received := g.Received()
		if test.sent != nil {
			if err != nil || len(received) != 1 || !slices.Equal(received[0].Header["Cookie"], test.sent) {
				t.Errorf("%s: got %v and the requests %v, want one with the cookies", name, err, received)
			}
			continue
		}
		e := servicetest.CheckError(t, err, outcome.InvalidArgument)
		if len(received) > 0 || len(e.Violations) != 1 || e.Violations[0].Field != "cookie" || strings.Contains(e.Error(), "secret") {
			t.Errorf("%s: got %v and %d requests, want the violation of cookie and none", name, e, len(received))
		}
	}
	// A request without a caller has the cookies of an earlier one, or none.
	ctx := metadata.NewIncomingContext(t.Context(), metadata.MD{})
	if got := operation.Cookie(operation.WithCookie(ctx, "a=1")); got != "a=1" {
		t.Errorf("got %q, want a=1", got)
	}
	if got := operation.WithCookie(ctx, ""); got != ctx {
		t.Errorf("got another context without a cookie, want the same")
	}
}

// The cookies of any answer reach the caller: as a header, or as a trailer of an error.
func TestSetCookie(t *testing.T) {
	g := servicetest.NewGateway(t, operation.Options{})
	cookies := []string{"loadbalance=node2; Path=/; HttpOnly", "b=2"}
	for _, reply := range []string{`{"retcode":"0"}`, `{"retcode":"101-002"}`} {
		g.Play(conformance.Script{Reply: &reply, SetCookie: cookies})
		caller := &callerStream{}
		_, err := runHold(grpc.NewContextWithServerTransportStream(servicetest.Context(t), caller), g, holdOperation())
		got := caller.header
		if err != nil {
			got = caller.trailer
		}
		if len(caller.header)+len(caller.trailer) != 1 || !slices.Equal(got[operation.SetCookieKey], cookies) {
			t.Errorf("%s: the caller got %v and %v, want %q", reply, caller.header, caller.trailer, cookies)
		}
	}
}
