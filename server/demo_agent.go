package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	agentconfv1 "agentconf/gen/agentconf/v1"
)

// demoAgent is a signed-in agent of the story.
type demoAgent struct {
	id, guid string
	watch    grpc.ServerStreamingClient[agentconfv1.WatchAgentEventsResponse]
}

// signInAgent signs an agent in and starts to watch its events.
func (d *demo) signInAgent(ctx context.Context, id string) (demoAgent, error) {
	signedIn, err := d.sessions.Login(ctx, &agentconfv1.LoginRequest{AgentId: id, Password: "demo", Phonenum: "40038"})
	if err != nil {
		return demoAgent{}, err
	}
	a := demoAgent{id: id, guid: signedIn.GetGuid()}
	d.say("   the gateway issues agent %s the GUID %s", id, a.guid)
	a.watch, err = d.events.WatchAgentEvents(a.calls(ctx), &agentconfv1.WatchAgentEventsRequest{AgentId: id})
	return a, err
}

// calls returns ctx for the calls of a.
func (a *demoAgent) calls(ctx context.Context) context.Context {
	return metadata.AppendToOutgoingContext(ctx, "guid", a.guid)
}

func (a *demoAgent) number() int32 {
	n, _ := strconv.Atoi(a.id)
	return int32(n)
}

// await prints the next event of a type.
func (a *demoAgent) await(d *demo, eventType string) error {
	event, err := a.next(eventType)
	if err == nil {
		d.say("   event of agent %s: %s", a.id, compact(event))
	}
	return err
}

// skip is await for an event that was printed before.
func (a *demoAgent) skip(eventType string) error {
	_, err := a.next(eventType)
	return err
}

func (a *demoAgent) next(eventType string) (*agentconfv1.AgentEvent, error) {
	for {
		item, err := a.watch.Recv()
		if err != nil {
			return nil, fmt.Errorf("waiting for %s of agent %s: %w", eventType, a.id, err)
		}
		if event := item.GetEvent(); event.GetEventType() == eventType {
			return event, nil
		}
	}
}

// post sends an HTTP request of a, and prints it and the answer, which must be a success.
func (a *demoAgent) post(ctx context.Context, d *demo, url, body string) error {
	d.say("   POST %s %s", url, body)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json; charset=UTF-8")
	req.Header.Set("Guid", a.guid)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	var envelope struct{ Retcode string }
	if json.Unmarshal(answer, &envelope) != nil || envelope.Retcode != "0" {
		return fmt.Errorf("want retcode 0, got %s", answer)
	}
	d.say("   answer: %s", answer)
	return nil
}

// compact returns m in JSON, without the blanks that protojson inserts at random.
func compact(m proto.Message) string {
	text, err := protojson.MarshalOptions{EmitDefaultValues: true}.Marshal(m)
	if err != nil {
		return err.Error()
	}
	var out bytes.Buffer
	_ = json.Compact(&out, text) // text is valid
	return out.String()
}
