package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
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
	d.print(demoRecord{Kind: "call", AgentID: id, Method: "Login", Outcome: "applied", GUID: a.guid,
		Text: fmt.Sprintf("Login %s: applied; its GUID is %s", id, a.guid)})
	watch := &agentconfv1.WatchAgentEventsRequest{AgentId: id}
	a.watch, d.err = d.events.WatchAgentEvents(a.withGUID(ctx), watch)
	return a
}

// call makes a gRPC call of an agent and prints it. on names the target of the call, if it
// has one.
func call[Q, R proto.Message](
	ctx context.Context, d *demo, a demoAgent,
	rpc func(context.Context, Q, ...grpc.CallOption) (R, error), request Q, on string,
) {
	if d.err != nil {
		return
	}
	response, err := rpc(a.withGUID(ctx), request)
	if err != nil {
		d.err = err
		return
	}
	r := d.newCall(a, request, on)
	r.Response, r.Outcome = compact(response), "applied"
	r.Text += ": applied"
	d.print(r)
	confirmed, ok := any(response).(interface {
		GetEvent() *agentconfv1.AgentEvent
	})
	if ok && confirmed.GetEvent() != nil {
		d.print(demoRecord{Kind: "event", AgentID: a.id, Event: compact(confirmed.GetEvent()),
			Text: "in the response: " + eventWords(confirmed.GetEvent())})
	}
}

// newCall returns the record of a gRPC call, without its result. By the rule of the
// contract, the request of RPC is named RPCRequest.
func (d *demo) newCall(a demoAgent, request proto.Message, on string) demoRecord {
	name := strings.TrimSuffix(string(request.ProtoReflect().Descriptor().Name()), "Request")
	text := name + " by agent " + a.id
	if on != "" {
		text += " on " + on
	}
	return demoRecord{Kind: "call", AgentID: a.id, Method: name, Request: compact(request), Text: text}
}

// refused makes a gRPC call that must fail with a reason, and prints the reason and the
// outcome: programs decide by them, and not by the text (docs/errors.md).
func (d *demo) refused(
	ctx context.Context, a demoAgent, request *agentconfv1.HoldParticipantRequest, reason string,
) {
	if d.err != nil {
		return
	}
	_, err := d.conferences.HoldParticipant(a.withGUID(ctx), request)
	r := d.newCall(a, request, request.GetAddress())
	for _, detail := range status.Convert(err).Details() {
		if info, ok := detail.(*errdetails.ErrorInfo); ok {
			r.Reason, r.Outcome = info.GetReason(), info.GetMetadata()["outcome"]
		}
	}
	if r.Reason != reason {
		d.err = fmt.Errorf("got %v, want a call that fails with %s", err, reason)
		return
	}
	r.Response = compact(status.Convert(err).Proto())
	r.Text += fmt.Sprintf(": outcome %s, reason %s. The error says: %s",
		r.Outcome, r.Reason, status.Convert(err).Message())
	d.print(r)
}

// post makes a JSON call of the chairperson and prints it. It fails unless the response has
// retcode 0.
func (d *demo) post(ctx context.Context, path, body string) {
	if d.err != nil {
		return
	}
	response, err := postJSON(ctx, d.http+path, d.chair.guid, body)
	var envelope struct{ Retcode string }
	switch {
	case err != nil:
		d.err = err
	case json.Unmarshal(response, &envelope) != nil || envelope.Retcode != "0":
		d.err = fmt.Errorf("got %s, want retcode 0", response)
	default:
		d.print(demoRecord{Kind: "call", AgentID: d.chair.id, Method: "POST", Path: path, Outcome: "applied",
			Request: json.RawMessage(body), Response: response, Text: "POST " + path + ": applied (retcode 0)"})
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
		d.printEvent(a, event)
	}
}

func (d *demo) printEvent(a demoAgent, event *agentconfv1.AgentEvent) {
	d.print(demoRecord{Kind: "event", AgentID: a.id, Event: compact(event),
		Text: "to agent " + a.id + ": " + eventWords(event)})
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

// follow prints the events of an agent until its watch ends. Nobody else reads the watch
// then, and agentconf would end a watch that is not read.
func (d *demo) follow(a demoAgent) {
	for {
		item, err := a.watch.Recv()
		if err != nil {
			return
		}
		if event := item.GetEvent(); event != nil {
			d.printEvent(a, event)
		}
	}
}

// compact returns m as JSON, with its zero fields: a changeType of 0 means something. It is
// without the blanks that protojson inserts at random.
func compact(m proto.Message) json.RawMessage {
	text, err := protojson.MarshalOptions{EmitDefaultValues: true}.Marshal(m)
	var out bytes.Buffer
	if err = errors.Join(err, json.Compact(&out, text)); err != nil {
		panic(err) // a message of the contract has a field that is not UTF-8
	}
	return out.Bytes()
}
