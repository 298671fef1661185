package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"google.golang.org/grpc/codes"

	"agentconf/conformance"
)

// cases runs c through all tests, those of one call before a scripted gateway and the
// scenarios before an emulated one.
func (r runner) cases(ctx context.Context, c client, tests []test) report {
	start := time.Now()
	calls, scenarios := split(tests)
	results, err := r.playCalls(ctx, c, calls)
	if err == nil && len(scenarios) > 0 {
		var more map[string]result
		more, err = r.playScenarios(ctx, c, scenarios)
		for name, result := range more {
			results[name] = result
		}
	}
	return report{client: c, tests: tests, results: results, err: err, took: time.Since(start)}
}

func split(tests []test) (calls, scenarios []test) {
	for i, t := range tests {
		if t.Steps != nil {
			return tests[:i], tests[i:]
		}
	}
	return tests, nil
}

func (r runner) playScenarios(ctx context.Context, c client, tests []test) (map[string]result, error) {
	address, stop, err := emulatedGateway(tests)
	if err != nil {
		return nil, err
	}
	defer stop()
	s, err := startService(ctx, r.server, address)
	if err != nil {
		return nil, err
	}
	results, err := r.play(ctx, c, tests, s)
	_, stopErr := s.stop()
	return results, errors.Join(err, stopErr)
}

func (r runner) playCalls(ctx context.Context, c client, tests []test) (map[string]result, error) {
	gateway, address, err := scriptedGateway(tests)
	if err != nil {
		return nil, err
	}
	defer gateway.Stop()
	s, err := startService(ctx, r.server, address)
	if err != nil {
		return nil, err
	}
	results, err := r.play(ctx, c, tests, s)
	log, stopErr := s.stop()
	if err := errors.Join(err, stopErr); err != nil {
		return nil, err
	}
	sent, strays := byAgent(tests, gateway.Received())
	for _, t := range tests {
		if results[t.Name].verdict != "ok" {
			continue
		}
		if err := errors.Join(t.CheckSent(sent[t.AgentID], address), checkLog(t, log)); err != nil {
			results[t.Name] = result{"not ok", err.Error()}
		}
	}
	if len(strays) > 0 {
		return nil, fmt.Errorf("requests that belong to no test: %v", strays)
	}
	return results, nil
}

// byAgent tells to whose test each request belongs.
func byAgent(tests []test, requests []conformance.Request) (sent map[string][]conformance.Request, strays []conformance.Request) {
	sent = map[string][]conformance.Request{}
	for _, t := range tests {
		if t.Gateway != nil {
			sent[t.AgentID] = nil
		}
	}
	for _, request := range requests {
		agent := agentOf(request)
		if _, known := sent[agent]; !known {
			strays = append(strays, request)
		}
		sent[agent] = append(sent[agent], request)
	}
	return sent, strays
}

// agentOf is the agent in the path of a request.
func agentOf(r conformance.Request) string {
	part := strings.Split(strings.TrimPrefix(r.Line, "/"), "/")
	if len(part) < 5 {
		return ""
	}
	agent, _, _ := strings.Cut(part[4], "?")
	return agent
}

// checkLog holds the line about a call in agentconf's log against the case: it is all
// there is of a call whose caller has gone.
func checkLog(t test, log []logLine) error {
	if t.Gateway == nil {
		return nil
	}
	want := logLine{"call", t.AgentID, codes.Code(number(t.Want.Code)).String(), t.Want.Reason, t.Want.Outcome}
	if t.Want.Code == "OK" {
		want.Outcome = "applied"
	}
	var lines []logLine
	for _, line := range log {
		if line.Agent == t.AgentID {
			lines = append(lines, line)
		}
	}
	if len(lines) != 1 || lines[0] != want {
		return fmt.Errorf("the log has %+v, want one line %+v", lines, want)
	}
	return nil
}
