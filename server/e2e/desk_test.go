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

// desk is the program of one agent, which calls over gRPC and watches a stream.
type desk struct {
	*emulated
	id, guid string
	*watcher
}

func (d *desk) signIn(t *testing.T) {
	t.Helper()
	d.guid = d.invoke(t, "ForceLogin", signInBody).(*agentconfv1.ForceLoginResponse).GetGuid()
	d.watcher, _ = d.mustWatch(t, d.id, d.guid)
	d.invoke(t, "ResetSkill", `{"autoflag":true}`)
}

func (d *desk) signOut(t *testing.T) {
	t.Helper()
	d.invoke(t, "Logout", "{}")
}

func (d *desk) invoke(t *testing.T, rpc, body string) proto.Message {
	t.Helper()
	name := protoreflect.FullName("agentconf.v1." + rpc)
	req, resp := newMessage(t, name+"Request"), newMessage(t, name+"Response")
	if body != "" {
		if err := protojson.Unmarshal([]byte(body), req); err != nil {
			t.Fatal(err)
		}
	}
	fields := req.ProtoReflect().Descriptor().Fields()
	req.ProtoReflect().Set(fields.ByName("agent_id"), protoreflect.ValueOfString(d.id))
	ctx := t.Context()
	if d.guid != "" {
		ctx = metadata.AppendToOutgoingContext(ctx, "guid", d.guid)
	}
	service := conformance.Case{RPC: rpc}.Service().FullName()
	if err := d.conn.Invoke(ctx, "/"+string(service)+"/"+rpc, req, resp); err != nil {
		t.Fatalf("%s by %s: %v", rpc, d.id, err)
	}
	return resp
}

func (d *desk) call(t *testing.T, rpc, body string) (retcode string, result any) {
	t.Helper()
	text, err := protojson.MarshalOptions{EmitDefaultValues: true}.Marshal(d.invoke(t, rpc, body))
	if err != nil {
		t.Fatal(err)
	}
	answer := plain(t, text).(map[string]any)
	return answer["retcode"].(string), answer["result"]
}

func (d *desk) next(t *testing.T) seenEvent {
	t.Helper()
	for {
		m, err := d.Recv()
		if err != nil {
			t.Fatalf("the watch of %s: %v", d.id, err)
		}
		if changed := m.GetGuidChanged(); changed != nil {
			d.guid = changed.GetGuid()
		}
		if event := m.GetEvent(); event != nil {
			return seenEvent{event.GetEventType(), event.GetWorkNo(), contentOf(t, event)}
		}
	}
}

// contentOf is the content of an event as the gateway has it.
func contentOf(t *testing.T, event *agentconfv1.AgentEvent) any {
	t.Helper()
	m := event.ProtoReflect()
	field := m.WhichOneof(m.Descriptor().Oneofs().ByName("content"))
	text, err := protojson.MarshalOptions{EmitDefaultValues: true}.Marshal(m.Get(field).Message().Interface())
	if err != nil {
		t.Fatal(err)
	}
	return plain(t, text)
}
