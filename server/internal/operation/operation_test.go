package operation_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"agentconf/conformance"
	agentconfv1 "agentconf/gen/agentconf/v1"
	"agentconf/server/internal/operation"
	"agentconf/server/internal/outcome"
	"agentconf/server/internal/servicetest"
)

// An operation of the conference family is posted to its own name in lower case. Any
// other names its method and path.
func TestRequest(t *testing.T) {
	g := servicetest.NewGateway(t, operation.Options{})
	for name, test := range map[string]struct {
		change             func(*operation.Operation)
		line, body         string
		guid, serviceToken string
	}{
		"conference family": {
			func(*operation.Operation) {},
			"POST /agentgateway/resource/agentconf/1287/holdparticipant", `{"address":"88887946"}`, servicetest.GUID, "",
		},
		"no body": {
			func(op *operation.Operation) { op.Body = nil },
			"POST /agentgateway/resource/agentconf/1287/holdparticipant", "", servicetest.GUID, "",
		},
		"method and path": {
			func(op *operation.Operation) { op.Method, op.Path, op.Body = "GET", "agentevent/1287", nil },
			"GET /agentgateway/resource/agentevent/1287", "", servicetest.GUID, "",
		},
		"sign-in": {
			func(op *operation.Operation) { op.NoGUID = true },
			"POST /agentgateway/resource/agentconf/1287/holdparticipant", `{"address":"88887946"}`, "", "",
		},
		"service token": {
			func(op *operation.Operation) { op.ServiceToken = "crm-1" },
			"POST /agentgateway/resource/agentconf/1287/holdparticipant", `{"address":"88887946"}`, servicetest.GUID, "crm-1",
		},
	} {
		op := holdOperation()
		test.change(&op)
		if _, err := run(t, g, conformance.DocumentedReply, op, &agentconfv1.HoldParticipantResponse{}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		r := g.Only(t)
		guid, token := r.Header.Get("Guid"), r.Header.Get("Service_token")
		if r.Line != test.line || r.Body != test.body || guid != test.guid || token != test.serviceToken {
			t.Errorf("%s: the gateway received %+v", name, r)
		}
	}
}

func TestConferencePath(t *testing.T) {
	if got, want := operation.ConferencePath("../7", "queryVDNConfId"), "agentconf/..%2F7/queryvdnconfid"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// Check reports a missing GUID first, and then every wrong field at once, the agent ID
// first. Nothing is sent.
func TestCheck(t *testing.T) {
	g := servicetest.NewGateway(t, operation.Options{})
	op := holdOperation()
	op.Request = &agentconfv1.HoldParticipantRequest{AgentId: "88887946"}
	op.Violations.Add("address", "must be short")
	op.Violations.Add("voice_path", "must be a path")
	resp, err := runHold(t.Context(), g, op)
	servicetest.CheckError(t, err, outcome.GUIDMissing)
	if resp != nil {
		t.Errorf("response %v with an error", resp)
	}
	resp, err = runHold(servicetest.Context(t), g, op)
	e := servicetest.CheckError(t, err, outcome.InvalidArgument)
	var fields []string
	for _, v := range e.Violations {
		fields = append(fields, v.Field)
	}
	if got := fmt.Sprint(fields); got != "[agent_id address voice_path]" || resp != nil {
		t.Errorf("violations %s, response %v", got, resp)
	}
	op.NoGUID = true
	_, err = g.Runner.Check(t.Context(), op)
	servicetest.CheckError(t, err, outcome.InvalidArgument)
	if sent := g.Received(); len(sent) > 0 {
		t.Errorf("the gateway received %v", sent)
	}
}

// A call ends with its caller. Nothing is sent if the caller has left before.
func TestCallerLeaves(t *testing.T) {
	g := servicetest.NewGateway(t, operation.Options{})
	ctx, cancel := context.WithCancel(servicetest.Context(t))
	cancel()
	_, err := runHold(ctx, g, holdOperation())
	servicetest.CheckError(t, err, outcome.CallCancelled)
	if sent := g.Received(); len(sent) > 0 {
		t.Errorf("the gateway received %v", sent)
	}
}

// The timeout of the gateway's client begins after the long poll.
func TestTimeout(t *testing.T) {
	for _, longPoll := range []time.Duration{0, 10 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			g := servicetest.NewGateway(t, operation.Options{})
			g.Play(conformance.Script{Fault: "stall"})
			op := holdOperation()
			op.LongPoll = longPoll
			start := time.Now()
			_, err := runHold(servicetest.Context(t), g, op)
			servicetest.CheckError(t, err, outcome.AnswerTimedOut)
			if took := time.Since(start); took != longPoll+servicetest.Timeout {
				t.Errorf("the call took %v with a long poll of %v", took, longPoll)
			}
		})
	}
}

// The retcodes of the documentation are in order. The last row is for any other.
func TestRetcodes(t *testing.T) {
	all := operation.Retcodes()
	for i, r := range all[1:] {
		if r.Retcode <= all[i].Retcode {
			t.Errorf("%s follows %s", r.Retcode, all[i].Retcode)
		}
	}
	last := all[len(all)-1]
	if last.Retcode != "any other" || last.Reason != "UNMAPPED_RETCODE" || last.Outcome != outcome.Unknown {
		t.Errorf("the last row is %+v", last)
	}
}
