package conference_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"agentconf/conformance"
	"agentconf/server/internal/outcome"
	"agentconf/server/internal/servicetest"
)

const (
	phone     = `"agentId":"1287","addressType":"6","address":"88887946"`
	phoneSent = `"addressType":"6","address":"88887946"`
	voicePath = `"voicePath":"y:/conf/120/1136287.V3"`
	holdSent  = `{` + phoneSent + `,"playMode":2,` + voicePath + `}`
)

// requests holds what the gateway receives for each RPC. conformance/cases.json has the
// values; these rows have what is left out, and what is added.
var requests = []struct{ rpc, request, line, body string }{
	{"HoldParticipant", `{` + phone + `,` + voicePath + `}`, "POST holdparticipant", holdSent},
	{"HoldParticipant", `{` + phone + `,"playMode":2,` + voicePath + `}`, "POST holdparticipant", holdSent},
	{"UnholdParticipant", `{` + phone + `}`, "POST unholdparticipant", `{` + phoneSent + `}`},
	{"ChangeParticipantMode", `{` + phone + `,"attribute":4}`, "POST changeparticipantmode", `{` + phoneSent + `,"attribute":4}`},
	{"PlayVoiceToParticipant", `{` + phone + `,` + voicePath + `}`, "POST playvoicetoparticipant", holdSent},
	{"StopVoiceToParticipant", `{` + phone + `}`, "POST stopvoicetoparticipant", `{` + phoneSent + `}`},
	{"PlayVoiceToConf", `{"agentId":"1287",` + voicePath + `}`, "POST playvoicetoconf", `{"playType":0,"playMode":2,` + voicePath + `}`},
	{"StopVoiceToConf", `{"agentId":"1287"}`, "POST stopvoicetoconf", ""},

	{"RequestAgentConf", `{"agentId":"1287","memberNum":4}`, "POST requestagentconf", `{"memberNum":4,"beepTone":false}`},
	{
		"RequestAgentConf", `{"agentId":"1287","memberNum":4,"beepTone":true,` + voicePath + `}`,
		"POST requestagentconf", `{"memberNum":4,"beepTone":true,"playMode":2,` + voicePath + `}`,
	},
	{
		"RequestAgentConf", `{"agentId":"1287","memberNum":4,"beepTone":false,"playMode":2,"voicePath":"not checked"}`,
		"POST requestagentconf", `{"memberNum":4,"beepTone":false}`,
	},
	{"AnswerAgentConf", `{"agentId":"1287"}`, "POST answeragentconf", ""},
	{"RejectAgentConf", `{"agentId":"1287"}`, "POST rejectagentconf", ""},
	{"RequestLeaveAgentConf", `{"agentId":"1287"}`, "POST requestleaveagentconf", ""},
	{"ReleaseAgentConf", `{"agentId":"1287"}`, "POST releaseagentconf", ""},
	{"ProlongTime", `{"agentId":"1287","prolongTime":1}`, "POST prolongtime", `{"prolongTime":1}`},
	{"ApplyToShiftPresident", `{"agentId":"1287","destAgentNo":2001}`, "POST applytoshiftpresident", `{"destAgentNo":2001}`},
	{"ModifyConfResource", `{"agentId":"1287","modifyType":0,"modifyNum":2}`, "POST modifyconfresource", `{"modifyType":0,"modifyNum":2}`},

	{
		"BatchAddParticipant", `{"agentId":"1287","addresses":[{` + phoneSent + `}]}`,
		"POST batchaddparticipant", `{"addresses":[{` + phoneSent + `,"deviceCallType":0,"deviceType":0}],"beepTone":false}`,
	},
	{
		"BatchAddParticipant",
		`{"agentId":"1287","addresses":[{` + phoneSent + `,"deviceType":6}],"beepTone":true,` + voicePath + `,"caller":"4001"}`,
		"POST batchaddparticipant",
		`{"addresses":[{` + phoneSent + `,"deviceCallType":0,"deviceType":6}],` +
			`"beepTone":true,"playMode":2,` + voicePath + `,"caller":"4001"}`,
	},
	{
		"BatchRemoveParticipant", `{"agentId":"1287","addresses":[{` + phoneSent + `},{"addressType":"9","address":"154"}]}`,
		"POST batchremoveparticipant", `{"addresses":[{` + phoneSent + `},{"addressType":"9","address":"154"}]}`,
	},
	{"QueryConfInfos", `{"agentId":"1287","confIds":["7"]}`, "POST queryconfinfos", `{"confIds":[7]}`},
	{"QueryAllConfIds", `{"agentId":"1287"}`, "GET queryvdnconfid", ""},
}

// An RPC sends one request with the documented path and body.
func TestRequests(t *testing.T) {
	f := newFixture(t)
	for _, test := range requests {
		if _, err := f.call(servicetest.Context(t), test.rpc, test.request); err != nil {
			t.Errorf("%s: %v", test.rpc, err)
		}
		r := f.gateway.Only(t)
		if want := strings.Replace(test.line, " ", " /agentgateway/resource/agentconf/1287/", 1); r.Line != want {
			t.Errorf("the gateway received %s, want %s", r.Line, want)
		}
		if r.Header.Get("Guid") != servicetest.GUID {
			t.Errorf("%s has the headers %v", test.rpc, r.Header)
		}
		if equal, err := conformance.JSONEqual([]byte(r.Body), []byte(test.body)); r.Body != test.body && !equal {
			t.Errorf("%s: the gateway received %s, want %s (%v)", test.rpc, r.Body, test.body, err)
		}
	}
}

// A request is checked as a whole before anything is sent: the error names every wrong
// field.
func TestViolations(t *testing.T) {
	f := newFixture(t)
	for rpc, test := range map[string]struct{ request, fields string }{
		"HoldParticipant": {
			`{"playMode":1,"confirmWithin":"61s"}`,
			"[agent_id address_type address play_mode voice_path confirm_within]",
		},
		"UnholdParticipant":     {`{"confirmWithin":"0s"}`, "[agent_id address_type address confirm_within]"},
		"ChangeParticipantMode": {`{` + phone + `,"attribute":2,"confirmWithin":"1s"}`, "[confirm_within]"},
		"RequestAgentConf": {
			`{"beepTone":true,"playMode":1,"time":3,"promptTime":2}`,
			"[agent_id member_num time prompt_time play_mode voice_path]",
		},
		"ModifyConfResource":    {`{"agentId":"1287","modifyNum":1}`, "[modify_type modify_num]"},
		"ApplyToShiftPresident": {`{"agentId":"1287","destAgentNo":60000}`, "[dest_agent_no]"},
		"BatchAddParticipant": {
			`{"agentId":"1287","addresses":[{` + phoneSent + `},{"deviceType":256}],"caller":"4 1"}`,
			"[addresses[1].address_type addresses[1].address addresses[1].device_type caller]",
		},
		"BatchRemoveParticipant": {`{"agentId":"1287"}`, "[addresses]"},
		"QueryConfInfos":         {`{"agentId":"1287","confIds":["1","-1"]}`, "[conf_ids[1]]"},
		"PlayVoiceToConf":        {`{"agentId":"1287","playType":2}`, "[play_type voice_path]"},
	} {
		_, err := f.call(servicetest.Context(t), rpc, test.request)
		e, ok := errors.AsType[*outcome.Error](err)
		if !ok || e.Reason != "INVALID_ARGUMENT" {
			t.Fatalf("%s: %v", rpc, err)
		}
		var fields []string
		for _, v := range e.Violations {
			fields = append(fields, v.Field)
		}
		if got := fmt.Sprint(fields); got != test.fields {
			t.Errorf("%s: violations %s, want %s", rpc, got, test.fields)
		}
	}
	if sent := f.sent(); len(sent) > 0 {
		t.Errorf("the gateway received %v", sent)
	}
}
