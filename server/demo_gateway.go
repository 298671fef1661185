package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// signInAgent signs an agent in at the gateway and returns its GUID.
func (d *demo) signInAgent(ctx context.Context, agentID string) (guid string, err error) {
	answer, header, err := d.send(ctx, http.MethodPut, d.gateway+"/agentgateway/resource/onlineagent/"+agentID,
		`{"password":"demo","phonenum":"40038"}`)
	if err != nil {
		return "", err
	}
	guid, ok := strings.CutPrefix(header.Get("Set-Guid"), "JSESSIONID=")
	if !ok {
		return "", fmt.Errorf("sign-in of agent %s: no GUID in the answer %s", agentID, answer)
	}
	return guid, nil
}

// askGateway calls an operation of the conference family at the gateway itself.
func (d *demo) askGateway(ctx context.Context, operation, body string) error {
	return d.post(ctx, d.gateway+"/agentgateway/resource/agentconf/"+demoAgent+"/"+operation, body)
}

// post shows a request of demoAgent and the answer, which must be a success.
func (d *demo) post(ctx context.Context, url, body string) error {
	d.say("   POST %s %s", url, body)
	answer, _, err := d.send(ctx, http.MethodPost, url, body)
	if err != nil {
		return err
	}
	d.say("   answer: %s", answer)
	_, err = accepted(answer)
	return err
}

// awaitEvent polls the gateway for an event of a type whose text has a part.
func (d *demo) awaitEvent(ctx context.Context, eventType, part string) error {
	for {
		answer, _, err := d.send(ctx, http.MethodGet, d.gateway+"/agentgateway/resource/agentevent/"+demoAgent, "")
		if err != nil {
			return err
		}
		event, err := accepted(answer)
		if err != nil {
			return err
		}
		if strings.Contains(event, `"`+eventType+`"`) && strings.Contains(event, part) {
			d.say("   event:  %s", event)
			return nil
		}
	}
}

// accepted returns the event of an answer, if it has one, or an error if the
// answer is no success.
func accepted(answer []byte) (event string, err error) {
	var envelope struct {
		Retcode string          `json:"retcode"`
		Event   json.RawMessage `json:"event"`
	}
	if json.Unmarshal(answer, &envelope) != nil || envelope.Retcode != "0" {
		return "", fmt.Errorf("want retcode 0, got %s", answer)
	}
	return string(envelope.Event), nil
}

func (d *demo) send(ctx context.Context, method, url, body string) (answer []byte, header http.Header, err error) {
	req, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		return nil, nil, err
	}
	req.Header.Set("Content-Type", "application/json; charset=UTF-8")
	if d.guid != "" {
		req.Header.Set("Guid", d.guid)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, nil, err
	}
	defer resp.Body.Close()
	answer, err = io.ReadAll(resp.Body)
	return answer, resp.Header, err
}
