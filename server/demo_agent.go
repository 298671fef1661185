package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	agentconfv1 "agentconf/gen/agentconf/v1"
)

// demoAgent is a signed-in agent of the demo. It watches its events all the time, because
// the gateway signs out an agent that does not poll.
type demoAgent struct {
	id, guid string
	watch    grpc.ServerStreamingClient[agentconfv1.WatchAgentEventsResponse]
}

// withGUID returns ctx with the GUID of a as outgoing metadata.
func (a demoAgent) withGUID(ctx context.Context) context.Context {
	return metadata.AppendToOutgoingContext(ctx, "guid", a.guid)
}

// signInAgent signs an agent in and starts to watch its events. The phone is the agent's
// own, that of the example on page 1202; the emulator accepts any password.
func (d *demo) signInAgent(ctx context.Context, id string) (a demoAgent) {
	if d.err != nil {
		return a
	}
	request := &agentconfv1.LoginRequest{AgentId: id, Password: new("demo"), Phonenum: "40038"}
	signedIn, err := d.sessions.Login(ctx, request)
	if err != nil {
		d.err = err
		return a
	}
	a.id, a.guid = id, signedIn.GetGuid()
	d.printf("   the gateway issues agent %s the GUID %s", id, a.guid)
	watch := &agentconfv1.WatchAgentEventsRequest{AgentId: id}
	a.watch, d.err = d.events.WatchAgentEvents(a.withGUID(ctx), watch)
	return a
}

// call makes a gRPC call of an agent, and prints the request and the response.
func call[Q, R proto.Message](
	ctx context.Context, d *demo, a demoAgent,
	rpc func(context.Context, Q, ...grpc.CallOption) (R, error), request Q,
) {
	if d.err != nil {
		return
	}
	// By the rule of the contract, the request of RPC is named RPCRequest.
	name := strings.TrimSuffix(string(request.ProtoReflect().Descriptor().Name()), "Request")
	d.printf("   %s %s", name, compact(request))
	response, err := rpc(a.withGUID(ctx), request)
	if err != nil {
		d.err = err
		return
	}
	d.printf("   response: OK, %s", compact(response))
}

// post makes a JSON call of the chairperson, and prints the request and the response. It
// fails unless the response has retcode 0.
func (d *demo) post(ctx context.Context, path, body string) {
	if d.err != nil {
		return
	}
	d.printf("   POST %s%s %s", d.http, path, body)
	response, err := postJSON(ctx, d.http+path, d.chair.guid, body)
	var envelope struct{ Retcode string }
	switch {
	case err != nil:
		d.err = err
	case json.Unmarshal(response, &envelope) != nil || envelope.Retcode != "0":
		d.err = fmt.Errorf("got %s, want retcode 0", response)
	default:
		d.printf("   response: %s", response)
	}
}

// postJSON sends a request as the gateway's clients do (page 0473).
func postJSON(ctx context.Context, url, guid, body string) (response []byte, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json; charset=UTF-8")
	req.Header.Set("Guid", guid)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	return io.ReadAll(resp.Body)
}

// await waits for the next event of a type and prints it.
func (d *demo) await(a demoAgent, eventType string) {
	if event := d.next(a, eventType); event != nil {
		d.printf("   event of agent %s: %s", a.id, compact(event))
	}
}

// next returns the next event of a type, and skips the others. A watch also has items that
// are no events, such as the one that says that it has started. It returns nil after an
// error.
func (d *demo) next(a demoAgent, eventType string) *agentconfv1.AgentEvent {
	for d.err == nil {
		item, err := a.watch.Recv()
		if err != nil {
			d.err = fmt.Errorf("waiting for %s of agent %s: %w", eventType, a.id, err)
			return nil
		}
		if event := item.GetEvent(); event.GetEventType() == eventType {
			return event
		}
	}
	return nil
}

func (d *demo) printf(format string, args ...any) { fmt.Fprintf(d.out, format+"\n", args...) }

// compact returns m as JSON, with its zero fields: a changeType of 0 means something. It is
// without the blanks that protojson inserts at random.
func compact(m proto.Message) string {
	text, err := protojson.MarshalOptions{EmitDefaultValues: true}.Marshal(m)
	if err != nil {
		return err.Error()
	}
	var out bytes.Buffer
	_ = json.Compact(&out, text) // text is valid
	return out.String()
}
