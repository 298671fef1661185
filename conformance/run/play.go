package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"os/exec"
	"slices"
	"strings"
	"time"

	"agentconf/conformance"
	"agentconf/internal/program"
)

// runClient lets the client of a report play its tests: the calls in front of a scripted gateway,
// the scenarios in front of an emulator.
func (r runner) runClient(ctx context.Context, rep *report) {
	start := time.Now()
	calls := slices.DeleteFunc(slices.Clone(rep.tests), func(t test) bool { return t.Steps != nil })
	scenarios := slices.DeleteFunc(slices.Clone(rep.tests), func(t test) bool { return t.Steps == nil })
	rep.results, rep.err = r.playCalls(ctx, rep.client, calls)
	if rep.err == nil && len(scenarios) > 0 {
		var more map[string]result
		more, rep.err = r.playScenarios(ctx, rep.client, scenarios)
		maps.Copy(rep.results, more)
	}
	rep.took = time.Since(start)
}

func (r runner) playCalls(ctx context.Context, c client, tests []test) (map[string]result, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	scripts := map[string]conformance.Script{}
	for _, t := range tests {
		if t.Gateway != nil {
			scripts[t.AgentID] = *t.Gateway
		}
	}
	gateway := conformance.NewGateway(l)
	defer gateway.Stop()
	gateway.PlayEach(func(r conformance.Request) conformance.Script { return scripts[agentOf(r)] })
	host := l.Addr().String()
	results, records, err := r.playAt(ctx, c, tests, "http://"+host)
	if err != nil {
		return nil, err
	}
	return results, checkGateway(tests, results, gateway.Received(), records, host)
}

func (r runner) playScenarios(ctx context.Context, c client, tests []test) (map[string]result, error) {
	// A GUID changes only in the step that asks for it, however long the machine pauses.
	args := []string{"emulate", "--listen", "127.0.0.1:0", "--answer-delay", "100ms",
		"--guid-interval", "1h", "--guid-timeout", "2h"}
	emulator, err := program.Start(exec.CommandContext(ctx, r.binary, args...))
	if err != nil {
		return nil, err
	}
	defer emulator.Stop()
	if slices.ContainsFunc(tests, func(t test) bool { return t.Unconfirmed }) {
		fault := strings.NewReader(`{"operation":"holdParticipant","retcode":"0"}`)
		resp, err := http.Post(emulator.Emulator+"/emulator/faults", "application/json", fault)
		if err != nil {
			return nil, err
		}
		resp.Body.Close()
	}
	results, _, err := r.playAt(ctx, c, tests, emulator.Emulator)
	return results, err
}

// playAt lets c play tests against an agentconf in front of the gateway at url. It returns the
// service's log, too.
func (r runner) playAt(ctx context.Context, c client, tests []test, url string) (
	map[string]result, []logRecord, error) {
	args := []string{"serve", "--gateway", url, "--gateway-timeout", "2s", "--drain-delay", "0",
		"--probe-interval", "0", // a probe may ask what the gateway did not expect
		"--gateway-node", "Down=http://127.0.0.1:1", // nothing listens there
		"--cors-origin", "http://page.test", // the origin of the client in a browser
		"--agent-rate", "0", // most cases have the same GUID
	}
	service, err := program.Start(exec.CommandContext(ctx, r.binary, append(args, program.LocalPorts...)...))
	if err != nil {
		return nil, nil, err
	}
	results, err := r.play(ctx, c, tests, service)
	err = errors.Join(err, service.Stop())
	var records []logRecord
	for line := range strings.Lines(service.Output()) {
		var record logRecord
		err = errors.Join(err, json.Unmarshal([]byte(line), &record))
		records = append(records, record)
	}
	return results, records, err
}

// logRecord holds the compared fields of a call's log record.
type logRecord struct {
	Msg, Agent, Reason, Outcome string

	Code string `json:"rpc.response.status_code"`
}

// checkGateway checks what the client cannot see of the tests that are ok: the request that the
// gateway got, and agentconf's log record. It fails if a request belongs to no test.
func checkGateway(tests []test, results map[string]result, requests []conformance.Request,
	records []logRecord, host string) error {
	sent := map[string][]conformance.Request{}
	for _, request := range requests {
		sent[agentOf(request)] = append(sent[agentOf(request)], request)
	}
	for _, t := range tests {
		if t.Gateway == nil {
			continue
		}
		err := errors.Join(t.CheckSent(sent[t.AgentID], host), checkLog(t.Case, records))
		if err != nil && results[t.Name].verdict == "ok" {
			results[t.Name] = result{"not ok", err.Error()}
		}
		delete(sent, t.AgentID)
	}
	if len(sent) > 0 {
		return fmt.Errorf("requests that belong to no test: %v", sent)
	}
	return nil
}

// agentOf returns the agent ID in the path of a request.
func agentOf(r conformance.Request) string {
	segments := strings.Split(r.Line, "/")
	if len(segments) < 5 {
		return ""
	}
	agent, _, _ := strings.Cut(segments[4], "?")
	return agent
}

// checkLog compares the log record of a call with the case. For a call that the caller has
// cancelled, the record is the only result.
func checkLog(c conformance.Case, records []logRecord) error {
	want := logRecord{Msg: "call", Agent: c.AgentID, Reason: c.Want.Reason, Outcome: c.Want.Outcome, Code: c.Want.Code}
	if c.Want.Code == "OK" {
		want.Outcome = "applied"
	}
	got := slices.DeleteFunc(slices.Clone(records), func(r logRecord) bool { return r.Agent != c.AgentID })
	if len(got) != 1 || got[0] != want {
		return fmt.Errorf("the log has %+v, want one record %+v", got, want)
	}
	return nil
}
