package operation_test

import (
	"fmt"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"

	"agentconf/conformance"
	agentconfv1 "agentconf/gen/agentconf/v1"
	"agentconf/server/internal/gateway"
	"agentconf/server/internal/operation"
	"agentconf/server/internal/outcome"
	"agentconf/server/internal/servicetest"
)

const issued = "issued.AgentGateway1"

// A GUID is one value of the metadata, and one that a gateway may issue.
func TestGUID(t *testing.T) {
	for name, test := range map[string]struct {
		values []string
		want   outcome.Kind // empty for a usable GUID
	}{
		"none":           {nil, outcome.GUIDMissing},
		"empty":          {[]string{""}, outcome.GUIDMissing},
		"two":            {[]string{"a", "b"}, outcome.GUIDMalformed},
		"with a cookie":  {[]string{"JSESSIONID=a"}, outcome.GUIDMalformed},
		"with a blank":   {[]string{"a b"}, outcome.GUIDMalformed},
		"with an end":    {[]string{"a;Path=/"}, outcome.GUIDMalformed},
		"too many bytes": {[]string{strings.Repeat("a", 257)}, outcome.GUIDMalformed},
		"not ASCII":      {[]string{"é"}, outcome.GUIDMalformed},
		"a UUID":         {[]string{servicetest.GUID}, outcome.Kind{}},
		"hexadecimal":    {[]string{strings.Repeat("0aF", 16) + ".AgentGateway1"}, outcome.Kind{}},
		"base64":         {[]string{"bm90IGEgR1VJRA+/==.AgentGateway1"}, outcome.Kind{}},
	} {
		ctx := metadata.NewIncomingContext(t.Context(), metadata.MD{"guid": test.values})
		guid, err := operation.GUID(ctx, "holdParticipant")
		if test.want == (outcome.Kind{}) {
			if err != nil || guid != test.values[0] {
				t.Errorf("%s: %q, %v", name, guid, err)
			}
			continue
		}
		if e := servicetest.CheckError(t, err, test.want); e.Operation != "holdParticipant" {
			t.Errorf("%s: operation %q", name, e.Operation)
		}
	}
}

// callerStream is the caller of an RPC. It keeps the response metadata.
type callerStream struct {
	grpc.ServerTransportStream
	header, trailer metadata.MD
}

func (s *callerStream) SetTrailer(md metadata.MD) error {
	s.trailer = metadata.Join(s.trailer, md)
	return nil
}

func (s *callerStream) SetHeader(md metadata.MD) error {
	s.header = metadata.Join(s.header, md)
	return nil
}

// A GUID that comes with an answer to any operation reaches the caller, and the hook if the
// gateway knows the session of the caller.
func TestIssuedGUID(t *testing.T) {
	var reported []string
	g := servicetest.NewGateway(t, operation.Options{})
	g.Runner.OnGUID(func(agentID, shown, issued string) { reported = append(reported, agentID+" "+shown+" "+issued) })
	hooked := fmt.Sprintf("[1287 %s %s]", servicetest.GUID, issued)
	const accepted = `{"retcode":"0"}`
	for name, test := range map[string]struct {
		change   func(*operation.Operation)
		status   int
		reply    string
		reported string
	}{
		"a hold":                    {nil, 200, accepted, hooked},
		"not the chairperson":       {nil, 200, `{"retcode":"101-002"}`, hooked},
		"no conference, status 500": {nil, 500, `{"retcode":"101-001"}`, hooked},
		"not signed in":             {nil, 200, `{"retcode":"100-006"}`, "[]"},
		"a wrong argument":          {nil, 200, `{"retcode":"000-002"}`, "[]"},
		"an unknown retcode":        {nil, 200, `{"retcode":"999-999"}`, "[]"},
		"a sign-in":                 {func(op *operation.Operation) { op.NoGUID = true }, 200, accepted, "[]"},
		"a poll":                    {func(op *operation.Operation) { op.LongPoll = 1 }, 200, accepted, "[]"},
	} {
		g.Play(conformance.Script{Status: test.status, Reply: &test.reply, SetGUID: issued + "; Path=/"})
		op := holdOperation()
		if test.change != nil {
			test.change(&op)
		}
		reported = nil
		caller := &callerStream{}
		_, err := runHold(grpc.NewContextWithServerTransportStream(servicetest.Context(t), caller), g, op)
		if (err == nil) != (test.reply == accepted) {
			t.Errorf("%s: %v", name, err)
		}
		header, trailer := "["+issued+"]", "[]"
		if err != nil {
			header, trailer = trailer, header
		}
		if fmt.Sprint(caller.header.Get(operation.IssuedGUIDKey)) != header || fmt.Sprint(caller.trailer.Get(operation.IssuedGUIDKey)) != trailer {
			t.Errorf("%s: the caller got %v and %v", name, caller.header, caller.trailer)
		}
		if got := fmt.Sprint(reported); got != test.reported {
			t.Errorf("%s: the hook got %s, want %s", name, got, test.reported)
		}
	}
}

// A new GUID that is lost or unusable makes the outcome unknown, for every operation that
// documents one. The outcome of any other operation is that of its retcode.
func TestLostGUID(t *testing.T) {
	g := servicetest.NewGateway(t, operation.Options{})
	g.Runner.OnGUID(func(_, _, issued string) { t.Errorf("the hook got %q", issued) })
	must := func(t *testing.T, setGUID, reply string) error {
		resp := &agentconfv1.LoginResponse{}
		response := operation.Reserved(resp, &resp.Message, &resp.Retcode, &resp.Result).WithNewGUID(&resp.Guid)
		return runLost(t, g, setGUID, reply, response)
	}
	may := func(t *testing.T, setGUID, reply string) error {
		return runLost(t, g, setGUID, reply, responseOf(t, &agentconfv1.HandshakeResponse{}))
	}
	inResult := func(t *testing.T, setGUID, reply string) error {
		resp := &agentconfv1.UpdateGuidResponse{Result: &agentconfv1.UpdateGuidResult{}}
		response := operation.Documented(resp, &resp.Message, &resp.Retcode, resp.Result)
		return runLost(t, g, setGUID, reply, response.WithResultGUID(&resp.Result.Guid))
	}
	never := func(t *testing.T, setGUID, reply string) error {
		return runLost(t, g, setGUID, reply, responseOf(t, &agentconfv1.HoldParticipantResponse{}))
	}
	const accepted, unusable = `{"retcode":"0"}`, "a b"
	for name, test := range map[string]struct {
		run            func(t *testing.T, setGUID, reply string) error
		setGUID, reply string
		lost           bool
	}{
		"missing at a sign-in":     {must, "", accepted, true},
		"unusable at a sign-in":    {must, unusable, accepted, true},
		"missing at a handshake":   {may, "", accepted, false},
		"unusable at a handshake":  {may, unusable, accepted, true},
		"no result at an update":   {inResult, "", accepted, true},
		"empty at an update":       {inResult, "", `{"retcode":"0","result":{"guid":""}}`, true},
		"unusable at an update":    {inResult, "", `{"retcode":"0","result":{"guid":"a b"}}`, true},
		"with a name at an update": {inResult, "", `{"retcode":"0","result":{"guid":"JSESSIONID=a"}}`, true},
		"too long at an update":    {inResult, "", `{"retcode":"0","result":{"guid":"` + strings.Repeat("a", 257) + `"}}`, true},
		"unusable beside a hold":   {never, unusable, accepted, false},
	} {
		err := test.run(t, test.setGUID, test.reply)
		switch {
		case !test.lost && err != nil:
			t.Errorf("%s: %v", name, err)
		case test.lost:
			servicetest.CheckError(t, err, outcome.AnswerLost)
		}
	}
}

func runLost[R proto.Message](t *testing.T, g *servicetest.Gateway, setGUID, reply string, response operation.Response[R]) error {
	g.Play(conformance.Script{Reply: &reply, SetGUID: setGUID})
	caller := &callerStream{}
	_, err := operation.Run(grpc.NewContextWithServerTransportStream(servicetest.Context(t), caller), g.Runner, holdOperation(), response)
	if len(caller.header)+len(caller.trailer) > 0 {
		t.Errorf("the caller got %v and %v", caller.header, caller.trailer)
	}
	return err
}

// The GUID of a result, and a GUID beside a result that cannot be read, reach the hook.
func TestGUIDWithResult(t *testing.T) {
	var reported string
	g := servicetest.NewGateway(t, operation.Options{})
	g.Runner.OnGUID(func(_, _, issued string) { reported = issued })
	for name, test := range map[string]struct {
		setGUID, reply string
		valid          bool
	}{
		"in the result":               {"", `{"retcode":"0","result":{"guid":"` + issued + `"}}`, true},
		"in the result and beside it": {"other", `{"retcode":"0","result":{"guid":"` + issued + `"}}`, true},
		"beside an unusable one":      {issued, `{"retcode":"0","result":{"guid":"a b"}}`, false},
		"beside a wrong result":       {issued, `{"retcode":"0","result":7}`, false},
	} {
		reported = ""
		g.Play(conformance.Script{Reply: &test.reply, SetGUID: test.setGUID})
		resp := &agentconfv1.UpdateGuidResponse{Result: &agentconfv1.UpdateGuidResult{}}
		response := operation.Documented(resp, &resp.Message, &resp.Retcode, resp.Result).WithResultGUID(&resp.Result.Guid)
		_, err := operation.Run(servicetest.Context(t), g.Runner, holdOperation(), response)
		if reported != issued || (err == nil) != test.valid {
			t.Errorf("%s: the hook got %q, error %v", name, reported, err)
		}
	}
}

// The function of WithRead sees the reply even if its GUID is unusable: an event cannot be
// polled again.
func TestReadBeforeLostGUID(t *testing.T) {
	g := servicetest.NewGateway(t, operation.Options{})
	reply, event := `{"retcode":"0","event":1}`, ""
	g.Play(conformance.Script{Reply: &reply, SetGUID: "a b"})
	response := responseOf(t, &agentconfv1.GetAgentEventResponse{}).WithRead(func(reply gateway.Reply) error {
		event = string(reply.Event)
		return nil
	})
	_, err := operation.Run(servicetest.Context(t), g.Runner, holdOperation(), response)
	servicetest.CheckError(t, err, outcome.AnswerLost)
	if event != "1" {
		t.Errorf("event %q", event)
	}
}
