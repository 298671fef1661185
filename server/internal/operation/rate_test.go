package operation_test

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc/metadata"

	agentconfv1 "agentconf/gen/agentconf/v1"
	"agentconf/server/internal/operation"
	"agentconf/server/internal/outcome"
	"agentconf/server/internal/servicetest"
)

// withGUID returns the context of a call with a GUID.
func withGUID(t *testing.T, guid string) context.Context {
	return metadata.NewIncomingContext(t.Context(), metadata.Pairs("guid", guid))
}

// inRateBubble runs test at the start of a second with a limit of two requests in a second.
func inRateBubble(t *testing.T, test func(t *testing.T, g *servicetest.Gateway)) {
	synctest.Test(t, func(t *testing.T) { test(t, servicetest.NewGateway(t, operation.Options{AgentRate: 2})) })
}

// Requests with one GUID beyond the limit are rejected until the next second. Another GUID of
// the same agent has a count of its own.
func TestRateLimit(t *testing.T) {
	inRateBubble(t, func(t *testing.T, g *servicetest.Gateway) {
		for range 3 {
			for range 2 {
				if _, err := runHold(withGUID(t, "stray"), g, holdOperation()); err != nil {
					t.Error(err)
				}
			}
			time.Sleep(999 * time.Millisecond)
			_, err := runHold(withGUID(t, "stray"), g, holdOperation())
			if e := servicetest.CheckError(t, err, outcome.AgentRateExceeded); e.RetryAfter == 0 {
				t.Error("the error has no RetryAfter")
			}
			if _, err := runHold(withGUID(t, "lawful"), g, holdOperation()); err != nil {
				t.Errorf("another GUID: %v", err)
			}
			time.Sleep(time.Millisecond)
		}
		if got := len(g.Received()); got != 9 {
			t.Errorf("the gateway received %d requests, want 9", got)
		}
	})
}

// A request that is not sent does not count: one without a usable GUID, or with a violation.
// So nobody without the GUID can take requests from its session.
func TestRateLimitCountsRequestsThatAreSent(t *testing.T) {
	inRateBubble(t, func(t *testing.T, g *servicetest.Gateway) {
		wrong := holdOperation()
		wrong.Violations.Add("address", "is wrong")
		for range 10 {
			for _, guid := range []string{"", "one;two", "two words"} {
				_, err := runHold(withGUID(t, guid), g, holdOperation())
				if e, ok := err.(*outcome.Error); !ok || e.Reason == outcome.AgentRateExceeded.Reason {
					t.Errorf("GUID %q: %v", guid, err)
				}
			}
			_, err := runHold(withGUID(t, "lawful"), g, wrong)
			servicetest.CheckError(t, err, outcome.InvalidArgument)
		}
		for range 2 {
			if _, err := runHold(withGUID(t, "lawful"), g, holdOperation()); err != nil {
				t.Error(err)
			}
		}
	})
}

// Sign-ins count by agent ID, apart from the calls of the agent's session.
func TestRateLimitOfSignIns(t *testing.T) {
	inRateBubble(t, func(t *testing.T, g *servicetest.Gateway) {
		signIn := holdOperation()
		signIn.NoGUID = true
		for n := range 10 {
			_, err := runHold(withGUID(t, fmt.Sprint("invented-", n)), g, signIn)
			if n < 2 && err != nil {
				t.Error(err)
			} else if n >= 2 {
				servicetest.CheckError(t, err, outcome.AgentRateExceeded)
			}
		}
		if _, err := runHold(withGUID(t, "1287"), g, holdOperation()); err != nil {
			t.Errorf("a call of the session: %v", err)
		}
		signIn.Request = &agentconfv1.HoldParticipantRequest{AgentId: "1288"}
		if _, err := runHold(t.Context(), g, signIn); err != nil {
			t.Errorf("a sign-in of another agent: %v", err)
		}
	})
}

// Without a limit every request is sent.
func TestNoRateLimit(t *testing.T) {
	g := servicetest.NewGateway(t, operation.Options{})
	for range 1000 {
		if _, err := runHold(servicetest.Context(t), g, holdOperation()); err != nil {
			t.Fatal(err)
		}
	}
	if h := g.Received()[0].Header; h.Get("Guid") != servicetest.GUID {
		t.Errorf("header %v", http.Header(h))
	}
}
