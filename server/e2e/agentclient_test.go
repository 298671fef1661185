package e2e

import (
	"testing"

	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"agentconf/conformance"
	agentconfv1 "agentconf/gen/agentconf/v1"
)

const signInBody = `{"password":"secret-word","phonenum":"4001","status":4,"releasephone":false}`

// agentClient is the gRPC client of one agent, with a watch.
type agentClient struct {
	*emulated
	id, guid string
	*watcher
}

// signIn signs the agent in and starts its watch.
func (c *agentClient) signIn(t *testing.T) {
	t.Helper()
	c.guid = c.invoke(t, "ForceLogin", signInBody).(*agentconfv1.ForceLoginResponse).GetGuid()
	c.watcher, _ = c.mustWatch(t, c.id, c.guid)
	c.invoke(t, "ResetSkill", `{"autoflag":true}`)
}

func (c *agentClient) signOut(t *testing.T) {
	t.Helper()
	c.invoke(t, "Logout", "{}")
}

// invoke calls an RPC with the fields of body, and fails the test on an error.
func (c *agentClient) invoke(t *testing.T, rpc, body string) proto.Message {
	t.Helper()
	name := protoreflect.FullName("agentconf.v1." + rpc)
	req, resp := newMessage(t, name+"Request"), newMessage(t, name+"Response")
	if body != "" {
		if err := protojson.Unmarshal([]byte(body), req); err != nil {
			t.Fatal(err)
		}
	}
	fields := req.ProtoReflect().Descriptor().Fields()
	req.ProtoReflect().Set(fields.ByName("agent_id"), protoreflect.ValueOfString(c.id))
	ctx := t.Context()
	if c.guid != "" {
		ctx = metadata.AppendToOutgoingContext(ctx, "guid", c.guid)
	}
	service := conformance.Case{RPC: rpc}.Service().FullName()
	if err := c.conn.Invoke(ctx, "/"+string(service)+"/"+rpc, req, resp); err != nil {
		t.Fatalf("%s by %s: got %v, want no error", rpc, c.id, err)
	}
	return resp
}

// call calls an RPC and returns retcode and result of the response.
func (c *agentClient) call(t *testing.T, rpc, body string) (retcode string, result any) {
	t.Helper()
	text, err := protojson.MarshalOptions{EmitDefaultValues: true}.Marshal(c.invoke(t, rpc, body))
	if err != nil {
		t.Fatal(err)
	}
	response := normalize(t, text).(map[string]any)
	return response["retcode"].(string), response["result"]
}

// next returns the next event of the watch. It follows new GUIDs.
func (c *agentClient) next(t *testing.T) receivedEvent {
	t.Helper()
	for {
		m, err := c.Recv()
		if err != nil {
			t.Fatalf("watch of %s: got %v, want an event", c.id, err)
		}
		if changed := m.GetGuidChanged(); changed != nil {
			c.guid = changed.GetGuid()
		}
		if event := m.GetEvent(); event != nil {
			return receivedEvent{event.GetEventType(), event.GetWorkNo(), contentOf(t, event)}
		}
	}
}

// contentOf returns the content of an event in the JSON of the gateway.
func contentOf(t *testing.T, event *agentconfv1.AgentEvent) any {
	t.Helper()
	m := event.ProtoReflect()
	field := m.WhichOneof(m.Descriptor().Oneofs().ByName("content"))
	text, err := protojson.MarshalOptions{EmitDefaultValues: true}.Marshal(m.Get(field).Message().Interface())
	if err != nil {
		t.Fatal(err)
	}
	content := normalize(t, text)
	if fields, ok := content.(map[string]any); ok {
		delete(fields, "change") // agentconf derives it from changeType
	}
	return content
}
