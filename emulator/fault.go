package emulator

import (
	"encoding/json"
	"slices"

	"agentconf/emulator/fault"
)

// Fault is a misbehaviour of the gateway, for tests of its clients. POST /emulator/faults
// takes the same as JSON.
type Fault = fault.Fault

// SetFault adds a fault. A fault that can never match, or that has no effect, is an error that
// lists what exists. The first fault that matches applies, and disappears after Count uses.
func (g *Gateway) SetFault(f Fault) error {
	_, err := g.addFault(f)
	return err
}

func (g *Gateway) addFault(f Fault) (Fault, error) {
	f, err := g.faults.Add(f)
	if err != nil {
		return f, err
	}
	text, err := json.Marshal(f)
	if err == nil {
		g.recordControl("fault set", f.ID, json.RawMessage(text))
	}
	return f, err
}

// Faults returns the faults that are set, with their IDs and the uses that are left.
func (g *Gateway) Faults() []Fault { return g.faults.List() }

// RemoveFault removes a fault. It returns false if there is none with this ID.
func (g *Gateway) RemoveFault(id string) bool {
	removed := g.faults.Remove(id)
	if removed {
		g.recordControl("faults removed", id, nil)
	}
	return removed
}

// ClearFaults removes all faults.
func (g *Gateway) ClearFaults() {
	g.faults.Clear()
	g.recordControl("faults removed", "", nil)
}

// eventTypes are the event types that the emulator emits by itself.
var eventTypes = []string{
	"AgentOther_InService", "AgentOther_ShutdownService", "AgentOther_PhoneAlerting", "AgentOther_PhoneOffhook",
	"AgentOther_PhoneRelease", "AgentState_Ready", "AgentState_Busy", "AgentState_SetNotReady_Success",
	"AgentState_Work", "AgentMediaEvent_StopRecordDone", "AgentConf_RequestSuccess", "AgentConf_SelfJoinResult",
	"AgentConf_SelfLeaveResult", "AgentConf_Timeout", "AgentConf_Ringing", "AgentConf_ParticipantChanged",
	"AgentConf_PresidentChanged", "AgentConf_StopVoice", "AgentConf_StopParticipantVoice",
}

// faultCatalog lists what faults and rules can name: the operations and event types of the
// emulator, and those of its canned replies. It needs no lock.
func (g *Gateway) faultCatalog() fault.Catalog {
	c := fault.Catalog{
		Operations: append(Operations(), OtherOperations()...), EventTypes: slices.Clone(eventTypes),
		IsAgentID: isAgentID,
	}
	for i := range g.config.Canned {
		c.Operations = append(c.Operations, g.config.Canned[i].name())
		for _, e := range g.config.Canned[i].Events {
			c.EventTypes = append(c.EventTypes, e.EventType)
		}
	}
	return c
}
