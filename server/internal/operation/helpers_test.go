package operation_test

import (
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

// run runs op at a gateway that replies with a body.
func run[R proto.Message](t *testing.T, g *servicetest.Gateway, reply string, op operation.Operation, resp R) (R, error) {
	t.Helper()
	g.Reply(reply)
	return operation.Run(servicetest.Context(t), g.Runner, op, resp)
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
