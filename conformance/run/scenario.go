package main

import (
	"agentconf/conformance"
	agentconfv1 "agentconf/gen/agentconf/v1"
)

// toldScenario is c as a client is told it. In the text of a step "$GUID" stands for
// the newest GUID that the client has been told, and "$SEQUENCE" for the last sequence.
func toldScenario(c conformance.Case, front string) object {
	var steps []object
	for _, s := range c.Steps {
		steps = append(steps, toldStep(s, front))
	}
	return object{"name": c.Name, "steps": steps}
}

func toldStep(s conformance.Step, front string) object {
	switch {
	case s.Call != nil:
		call := *s.Call
		call.GUID = orNewest(call.GUID)
		told := toldCall(call, front)
		delete(told, "name")
		delete(told["want"].(object), "headers")
		return object{"call": told}
	case s.Watch != nil:
		return object{"watch": toldWatch(*s.Watch, front)}
	case s.Next != nil:
		return object{"next": toldMessage(decoded(s.Next).(object), front)}
	case s.Stop:
		return object{"stop": true}
	}
	return object{"end": object{"code": number(s.End.Code), "has": object{
		"reason": s.End.Reason, "domain": "agentconf",
		"metadata": object{"operation": "watchAgentEvents", "outcome": "not_applied"},
	}}}
}

// orNewest is the GUID of a step that names none.
func orNewest(guid []string) []string {
	if len(guid) == 1 && guid[0] == conformance.SomeGUID {
		return []string{"$GUID"}
	}
	return guid
}

func toldWatch(w conformance.Watch, front string) object {
	c := conformance.Case{RPC: "WatchAgentEvents", GUID: w.GUID}
	if c.GUID == nil {
		c.GUID = []string{"$GUID"}
	}
	request, path := object{"agentId": "1287"}, "/v1/agents/1287/events"
	if w.Resume {
		request["afterSequence"] = "$SEQUENCE"
		path += "?after_sequence=$SEQUENCE"
	}
	told := object{"rpc": "agentconf.v1.EventService/WatchAgentEvents", "request": request}
	if front == overGRPC {
		told["metadata"] = headers(c, "guid")
		return told
	}
	told["method"], told["path"], told["headers"] = "GET", path, headers(c, "Guid")
	return told
}

// toldMessage is a message of the stream, whose one field is the name of a
// server-sent event, but "message" for the events of the agent.
func toldMessage(has object, front string) object {
	if front == overGRPC {
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
