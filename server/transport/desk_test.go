package transport_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"agentconf/conformance"
	agentconfv1 "agentconf/gen/agentconf/v1"
)

const signInBody = `{"password":"secret-word","phonenum":"4001","status":4,"releasephone":false}`

// grpcDesk calls over gRPC and watches a stream.
type grpcDesk struct {
	*emulated
	id, guid string
	*watcher
}

func newGRPCDesk(e *emulated, id string) desk { return &grpcDesk{emulated: e, id: id} }

func (d *grpcDesk) signIn(t *testing.T) {
	t.Helper()
	d.guid = d.invoke(t, "ForceLogin", signInBody).(*agentconfv1.ForceLoginResponse).GetGuid()
	d.watcher, _ = d.mustWatch(t, d.id, d.guid)
	d.invoke(t, "ResetSkill", `{"autoflag":true}`)
}

func (d *grpcDesk) signOut(t *testing.T) {
	t.Helper()
	d.invoke(t, "Logout", "{}")
}

func (d *grpcDesk) invoke(t *testing.T, rpc, body string) proto.Message {
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

func (d *grpcDesk) call(t *testing.T, rpc, body string) (retcode string, result any) {
	t.Helper()
	text, err := protojson.MarshalOptions{EmitDefaultValues: true}.Marshal(d.invoke(t, rpc, body))
	if err != nil {
		t.Fatal(err)
	}
	answer := plain(t, text).(map[string]any)
	return answer["retcode"].(string), answer["result"]
}

func (d *grpcDesk) next(t *testing.T) seenEvent {
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

// vendorDesk is a plain HTTP client that knows the vendor's documentation and
// nothing else: paths, methods, the headers Guid and Set-GUID, one event a poll.
type vendorDesk struct {
	*emulated
	id string

	mu     sync.Mutex
	guid   string
	events chan seenEvent
}

func newVendorDesk(e *emulated, id string) desk {
	return &vendorDesk{emulated: e, id: id, events: make(chan seenEvent, 100)}
}

type vendorAnswer struct {
	Message *string
	Retcode string
	Result  json.RawMessage
	Event   *struct {
		EventType, WorkNo string
		Content           json.RawMessage
	}
}

func (d *vendorDesk) send(ctx context.Context, method, path, body string) (a vendorAnswer, err error) {
	req, err := http.NewRequestWithContext(ctx, method, "http://agentconf.test/agentgateway/resource/"+path, strings.NewReader(body))
	if err != nil {
		return a, err
	}
	req.Header.Set("Content-Type", "application/json; charset=UTF-8")
	d.mu.Lock()
	if d.guid != "" {
		req.Header.Set("Guid", d.guid)
	}
	d.mu.Unlock()
	resp, err := d.http.Do(req)
	if err != nil {
		return a, err
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(&a); err != nil || resp.StatusCode != http.StatusOK || a.Message == nil {
		return a, fmt.Errorf("%s %s: HTTP status %d, %+v, %v", method, path, resp.StatusCode, a, err)
	}
	if guid, ok := strings.CutPrefix(resp.Header.Get("Set-GUID"), "JSESSIONID="); ok {
		d.mu.Lock()
		d.guid = guid
		d.mu.Unlock()
	}
	return a, nil
}

// mustSend is send for what the gateway accepts.
func (d *vendorDesk) mustSend(t *testing.T, method, path, body string) vendorAnswer {
	t.Helper()
	a, err := d.send(t.Context(), method, path, body)
	if err != nil || a.Retcode != "0" {
		t.Fatalf("%s %s: %+v, %v", method, path, a, err)
	}
	return a
}

func (d *vendorDesk) signIn(t *testing.T) {
	t.Helper()
	d.mustSend(t, "PUT", "onlineagent/"+d.id, signInBody)
	go d.poll(t)
	d.mustSend(t, "POST", "onlineagent/"+d.id+"/resetskill/true", "")
}

func (d *vendorDesk) signOut(t *testing.T) {
	t.Helper()
	d.mustSend(t, "DELETE", "onlineagent/"+d.id+"/logout", "")
}

// poll takes events as the documentation asks, until there are no more.
func (d *vendorDesk) poll(t *testing.T) {
	defer close(d.events)
	for {
		a, err := d.send(t.Context(), "GET", "agentevent/"+d.id, "")
		if err != nil || a.Retcode != "0" {
			t.Errorf("a poll of %s: %+v, %v", d.id, a, err)
			return
		}
		if a.Event != nil {
			d.events <- seenEvent{a.Event.EventType, a.Event.WorkNo, plain(t, a.Event.Content)}
			if a.Event.EventType == "AgentOther_ShutdownService" {
				return
			}
		}
		time.Sleep(300 * time.Millisecond)
	}
}

func (d *vendorDesk) next(t *testing.T) seenEvent {
	t.Helper()
	event, open := <-d.events
	if !open {
		t.Fatalf("no more events of %s", d.id)
	}
	return event
}

func (d *vendorDesk) call(t *testing.T, rpc, body string) (retcode string, result any) {
	t.Helper()
	method, operation := "POST", strings.ToLower(rpc)
	if rpc == "QueryAllConfIds" { // its path is not its name in the logs
		method, operation = "GET", "queryvdnconfid"
	}
	a := d.mustSend(t, method, "agentconf/"+d.id+"/"+operation, body)
	if !bytes.HasPrefix(a.Result, []byte("{")) {
		t.Errorf("%s has the result %s, want an object", operation, a.Result)
	}
	return a.Retcode, plain(t, a.Result)
}
