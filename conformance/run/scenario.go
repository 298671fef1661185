package main

import (
	"agentconf/conformance"
	agentconfv1 "agentconf/gen/agentconf/v1"
)

// scenarioSpec returns the steps of c. Before a step the client replaces "$GUID" by the newest GUID
// that it has received and "$SEQUENCE" by the last sequence.
func scenarioSpec(c conformance.Case, front string) object {
	steps := []object{}
	for _, s := range c.Steps {
		steps = append(steps, stepSpec(s, front))
	}
	return object{"name": c.Name, "steps": steps}
}

func stepSpec(s conformance.Step, front string) object {
	switch {
	case s.Call != nil:
		call := *s.Call
		if len(call.GUID) == 1 && call.GUID[0] == conformance.SomeGUID { // the step names none
			call.GUID = []string{"$GUID"}
		}
		spec := callSpec(call, front)
		delete(spec["want"].(object), "headers")
		return object{"call": spec}
	case s.Watch != nil:
		return object{"watch": watchSpec(*s.Watch, front)}
	case s.Next != nil:
		return object{"next": messageSpec(decode(s.Next).(object), front)}
	case s.Stop:
		return object{"stop": true}
	}
	return object{"end": object{"code": codeNumber(s.End.Code), "has": object{
		"reason": s.End.Reason, "domain": "agentconf",
		"metadata": object{"operation": "watchAgentEvents", "outcome": "not_applied"},
	}}}
}

func watchSpec(w conformance.Watch, front string) object {
	c := conformance.Case{GUID: w.GUID}
	if c.GUID == nil {
		c.GUID = []string{"$GUID"}
	}
	request, path := object{"agentId": "1287"}, "/v1/agents/1287/events"
	if w.Resume {
		request["afterSequence"] = "$SEQUENCE"
		path += "?after_sequence=$SEQUENCE"
	}
	spec := object{"rpc": "agentconf.v1.EventService/WatchAgentEvents", "request": request}
	if front == frontGRPC {
		spec["metadata"] = headers(c, "guid")
		return spec
	}
	spec["method"], spec["path"], spec["headers"] = "GET", path, headers(c, "Guid")
	return spec
}

// messageSpec returns the expected message of a watch. Over REST the name of its field is the name
// of the server-sent event, except that the agent's events have the default name "message".
func messageSpec(has object, front string) object {
	if front == frontGRPC {
		return object{"has": has}
	}
	fields := (&agentconfv1.WatchAgentEventsResponse{}).ProtoReflect().Descriptor().Fields()
	for field, content := range has {
		name := fields.ByJSONName(field).TextName()
		if name == "event" {
			name = "message"
		}
		return object{"event": name, "has": content}
	}
	panic("cases.json: a message without a field")
}
