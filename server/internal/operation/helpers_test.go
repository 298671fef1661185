package operation_test

import (
	"context"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	agentconfv1 "agentconf/gen/agentconf/v1"
	"agentconf/server/internal/operation"
	"agentconf/server/internal/servicetest"
)

// holdOperation returns an operation of the conference family.
func holdOperation() operation.Operation {
	return operation.Operation{
		Name:    "holdParticipant",
		Request: &agentconfv1.HoldParticipantRequest{AgentId: "1287", AddressType: operation.PhoneNumber, Address: "88887946"},
		Body:    map[string]string{"address": "88887946"},
	}
}

// runHold runs op with a response of its own.
func runHold(ctx context.Context, g *servicetest.Gateway, op operation.Operation) (*agentconfv1.HoldParticipantResponse, error) {
	resp := &agentconfv1.HoldParticipantResponse{}
	return operation.Run(ctx, g.Runner, op, operation.Reserved(resp, &resp.Message, &resp.Retcode, &resp.Result))
}

// run runs op at a gateway that replies with a body.
func run[R proto.Message](t *testing.T, g *servicetest.Gateway, reply string, op operation.Operation, resp R) (R, error) {
	t.Helper()
	g.Reply(reply)
	return operation.Run(servicetest.Context(t), g.Runner, op, responseOf(t, resp))
}

// responseOf returns the place of a reply as the service of the message has it.
func responseOf[R proto.Message](t *testing.T, resp R) operation.Response[R] {
	t.Helper()
	switch r := any(resp).(type) {
	case *agentconfv1.HoldParticipantResponse:
		return operation.Reserved(resp, &r.Message, &r.Retcode, &r.Result)
	case *agentconfv1.QueryConfInfosResponse:
		r.Result = &agentconfv1.QueryConfInfosResult{}
		return operation.Documented(resp, &r.Message, &r.Retcode, r.Result)
	case *agentconfv1.ForceLogoutWithReasonResponse:
		return operation.NoResult(resp, &r.Message, &r.Retcode)
	case *agentconfv1.HandshakeResponse:
		return operation.NoResult(resp, &r.Message, &r.Retcode).WithGUID(&r.Guid)
	case *agentconfv1.GetAgentEventResponse:
		return operation.NoResult(resp, &r.Message, &r.Retcode).WithGUID(&r.Guid)
	}
	t.Fatalf("no place for %T", resp)
	return operation.Response[R]{}
}

// checkMessage compares a message with its JSON.
func checkMessage(t *testing.T, got proto.Message, want string) {
	t.Helper()
	message := got.ProtoReflect().New().Interface()
	if err := protojson.Unmarshal([]byte(want), message); err != nil {
		t.Fatal(err)
	}
	if !proto.Equal(got, message) {
		t.Errorf("%v, want %v", got, message)
	}
}
