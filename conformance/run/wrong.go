package main

import (
	"encoding/json"

	"agentconf/conformance"
)

// wrongCase is a case with one changed expectation. The gateway plays the unchanged case, so a
// client that compares the expectation reports "not ok".
type wrongCase struct {
	name   string
	base   string // name of the unchanged case
	change func(*conformance.Case)
}

const (
	success    = "the documented example"
	refusal    = "refused: not the chairperson"
	switchOver = "refused: switching over"
	conference = "a conference, watched"
	stranger   = "watching as a stranger"
)

var wrongCases = []wrongCase{
	{"reply", success, func(c *conformance.Case) {
		c.Want.Reply = json.RawMessage(`{"result":{},"message":"failure","retcode":"0"}`)
	}},
	{"header that must be there", success, func(c *conformance.Case) {
		c.Gateway = &conformance.Script{SetGUID: conformance.SomeGUID}
	}},
	{"code", refusal, func(c *conformance.Case) { c.Want.Code = "ABORTED" }},
	{"reason", refusal, func(c *conformance.Case) { c.Want.Reason = "NO_CONFERENCE" }},
	{"outcome", refusal, func(c *conformance.Case) { c.Want.Outcome = "unknown" }},
	{"retcode", refusal, func(c *conformance.Case) { c.Want.Retcode, c.Want.GatewayRetcode = "101-003", "101-003" }},
	{"HTTP status", refusal, func(c *conformance.Case) { c.Want.V1Status, c.Want.GatewayStatus = 409, 409 }},
	{"violations", "address with a blank", func(c *conformance.Case) { c.Want.Violations = []string{"play_mode"} }},
	{"delay of a retry", switchOver, func(c *conformance.Case) { c.Want.Retry = "3s" }},
	{"header that must be absent", switchOver, func(c *conformance.Case) { c.Want.Retry = "" }},
	{"part of a reply", conference, func(c *conformance.Case) {
		login := *c.Steps[len(c.Steps)-2].Call // ForceLogin, which works at any time
		login.Want.Has = json.RawMessage(`{"retcode":"1"}`)
		c.Steps = []conformance.Step{{Call: &login}}
	}},
	{"message of a watch", stranger, func(c *conformance.Case) {
		c.Steps = []conformance.Step{c.Steps[0], {Next: json.RawMessage(`{"guidChanged":{}}`)}}
	}},
	{"end of a watch", stranger, func(c *conformance.Case) {
		c.Steps = []conformance.Step{c.Steps[0], c.Steps[1], {End: &conformance.Want{Code: "ABORTED", Reason: "SIGN_IN_REQUIRED"}}}
	}},
}
