package operation_test

import (
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	agentconfv1 "agentconf/gen/agentconf/v1"
	"agentconf/server/internal/operation"
	"agentconf/server/internal/servicetest"
)

// holdOperation returns an operation of the conference family, with a response of its own.
func holdOperation() operation.Operation {
	resp := &agentconfv1.HoldParticipantResponse{}
	return operation.Operation{
		Response: operation.Reserved(&resp.Message, &resp.Retcode, &resp.Result),
		Name:     "holdParticipant",
		Request:  &agentconfv1.HoldParticipantRequest{AgentId: "1287", AddressType: operation.PhoneNumber, Address: "88887946"},
		Body:     map[string]string{"address": "88887946"},
	}
}

// run runs op at a gateway that replies with a body.
func run[R proto.Message](t *testing.T, g *servicetest.Gateway, reply string, op operation.Operation, resp R) (R, error) {
	t.Helper()
	g.Reply(reply)
	op.Response = envelopeOf(t, resp)
	return operation.Run(servicetest.Context(t), g.Runner, op, resp)
}

// envelopeOf returns the envelope of a response as its service has it.
func envelopeOf(t *testing.T, resp proto.Message) operation.Envelope {
	t.Helper()
	switch r := resp.(type) {
	case *agentconfv1.HoldParticipantResponse:
		return operation.Reserved(&r.Message, &r.Retcode, &r.Result)
	case *agentconfv1.QueryConfInfosResponse:
		r.Result = &agentconfv1.QueryConfInfosResult{}
		return operation.Documented(&r.Message, &r.Retcode, r.Result)
	case *agentconfv1.ForceLogoutWithReasonResponse:
		return operation.NoResult(&r.Message, &r.Retcode)
	case *agentconfv1.HandshakeResponse:
		return operation.NoResult(&r.Message, &r.Retcode).WithGUID(&r.Guid)
	case *agentconfv1.GetAgentEventResponse:
		return operation.NoResult(&r.Message, &r.Retcode).WithGUID(&r.Guid)
	}
	t.Fatalf("no envelope for %T", resp)
	return operation.Envelope{}
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
