package faults

import (
	"encoding/json"
	"slices"

	"agentconf/emulator"
)

// gatewayRecord is a request that the gateway has executed: an entry of the emulator's log, or the same for
// requests of the sessions and events families, which the emulator does not log.
type gatewayRecord struct {
	emulator.LogEntry
	event string // the type of the event that a poll took
}

// loggedByEmulator reports whether the emulator logs op. op may be the zero value for an unknown operation.
func (op operation) loggedByEmulator() bool { return op.family == conferences || op.name == "" }

// record records a request that the emulator does not log.
func (g *gatewayServer) record(op operation, agent string, body, reply []byte) {
	if op.loggedByEmulator() {
		return
	}
	var envelope struct {
		Retcode string
		Event   struct{ EventType string }
	}
	if err := json.Unmarshal(reply, &envelope); err != nil {
		panic(err)
	}
	event := envelope.Event.EventType
	applied := envelope.Retcode == "0" && (op.family != events || event != "")
	g.mu.Lock()
	defer g.mu.Unlock()
	g.unlogged = append(g.unlogged, gatewayRecord{emulator.LogEntry{
		Operation: op.name, AgentID: agent, Body: body, Retcode: envelope.Retcode, Applied: applied,
	}, event})
}

// records returns all requests that the gateway has executed.
func (g *gatewayServer) records() []gatewayRecord {
	g.mu.Lock()
	all := slices.Clone(g.unlogged)
	g.mu.Unlock()
	for _, e := range g.Log() {
		all = append(all, gatewayRecord{e, ""})
	}
	return all
}

// bodySize returns the size of the body with which the call c reached the gateway.
func (g *gatewayServer) bodySize(c *call) int {
	for _, r := range g.records() {
		if r.Operation == c.op.name && r.AgentID == c.agent {
			return len(r.Body)
		}
	}
	return 0
}
