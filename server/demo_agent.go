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

// demoAgent is a signed-in agent of the demo.
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
	d.printf("   the gateway issues agent %s the GUID %s", id, a.guid)
	a.watch, err = d.events.WatchAgentEvents(a.withGUID(ctx), &agentconfv1.WatchAgentEventsRequest{AgentId: id})
	return a, err
}

// withGUID returns ctx with the GUID of a as outgoing metadata.
func (a *demoAgent) withGUID(ctx context.Context) context.Context {
	return metadata.AppendToOutgoingContext(ctx, "guid", a.guid)
}

// number returns the agent ID as the gateway has it in bodies.
func (a *demoAgent) number() int32 {
	n, _ := strconv.Atoi(a.id)
	return int32(n)
}

// await waits for the next event of a type and prints it.
func (a *demoAgent) await(d *demo, eventType string) error {
	event, err := a.next(eventType)
	if err == nil {
		d.printf("   event of agent %s: %s", a.id, compact(event))
	}
	return err
}

// skip waits for the next event of a type without printing it.
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

// post sends an HTTP request of a, and prints the request and the response. It fails
// unless the response has retcode 0.
func (a *demoAgent) post(ctx context.Context, d *demo, url, body string) error {
	d.printf("   POST %s %s", url, body)
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
	response, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	var envelope struct{ Retcode string }
	if json.Unmarshal(response, &envelope) != nil || envelope.Retcode != "0" {
		return fmt.Errorf("got %s, want retcode 0", response)
	}
	d.printf("   response: %s", response)
	return nil
}

// compact returns m as JSON, without the blanks that protojson inserts at random.
func compact(m proto.Message) string {
	text, err := protojson.MarshalOptions{EmitDefaultValues: true}.Marshal(m)
	if err != nil {
		return err.Error()
	}
	var out bytes.Buffer
	_ = json.Compact(&out, text) // text is valid
	return out.String()
}
