package faults

import "agentconf/emulator/journal"

// records returns the requests that the gateway has received over HTTP, from its journal. The
// preparation of an agent is not among them.
func (g *gatewayServer) records() []journal.Entry {
	entries, _ := g.Journal().After(0)
	var records []journal.Entry
	for _, e := range entries {
		if e.Kind == journal.Request && e.Method != "" {
			records = append(records, e)
		}
	}
	return records
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
