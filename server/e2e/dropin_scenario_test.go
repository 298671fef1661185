package e2e

import (
	"time"

	"agentconf/emulator"
)

// dropInStep is a request of the scenario, or polls for an event.
type dropInStep struct {
	by    string // the agent, whose newest GUID is shown
	line  string // method, and what follows /agentgateway/resource/
	body  string
	shows string         // instead of that GUID
	until string         // the event that ends polls
	pause time.Duration  // before the request
	fault emulator.Fault // what the gateway is in for
}

const (
	nothing = "no header Guid"
	unknown = "00000000-0000-4000-8000-000000000000.AgentGateway1" // GUID that no gateway has issued

	signInExample = `{"password":"","phonenum":"40038","status":"4","releasephone":"false","agenttype":"4"}` // page 1202
	agent2002     = `{"addressType":"9","address":"2002"}`
	somebodyElse  = `{"addressType":"6","address":"70005"}`
	inviteBoth    = `{"addresses":[{"addressType":"9","address":"2002","deviceCallType":0,"deviceType":6},{"addressType":"6","address":"88887946"}],"beepTone":false,"caller":"10000"}`
	voiceToPhone  = `{"addressType":"6","address":"88887946","playMode":2,"voicePath":"y:/conf/120/1136287.V3"}`
)

// dropInScenario is a day of three agents. 1287 is an inspector and holds a
// conference, 2002 is invited, 3003 stays outside.
var dropInScenario = []dropInStep{
	// Session.
	{by: "1287", line: "POST agentconf/1287/holdparticipant", body: documentedBody, shows: unknown},
	{by: "1287", line: "PUT onlineagent/1287", body: signInBody},
	{by: "1287", line: "PUT onlineagent/1287", body: signInBody},
	{by: "1287", line: "PUT onlineagent/1287/forcelogin", body: signInBody, fault: emulator.Fault{Operation: "login", Retcode: "100-015"}},
	{by: "1287", line: "PUT onlineagent/1287/forcelogin", body: signInBody},
	{by: "2002", line: "PUT onlineagent/2002", body: signInExample},
	{by: "3003", line: "PUT onlineagent/3003", body: signInExample},
	{by: "7", line: "PUT onlineagent/7", body: signInBody},
	{by: "4004", line: "PUT onlineagent/4004", body: `{"password":"secret-word"}`},
	{by: "1287", line: "POST onlineagent/1287/resetskill/true", shows: unknown},
	{by: "1287", line: "POST onlineagent/1287/resetskill/true"},
	{by: "1287", line: "POST onlineagent/1287/resetskill/false?skillid=1;2;3&phonelinkage=1"},
	{by: "1287", line: "PUT onlineagent/1287/updateGuid", shows: unknown},
	{by: "1287", line: "PUT onlineagent/1287/updateGuid"},
	{by: "1287", line: "POST onlineagent/1287/handshake", shows: unknown},
	{by: "1287", line: "POST onlineagent/1287/handshake"},
	{by: "1287", line: "GET agentevent/1287", shows: unknown},
	{by: "1287", line: "GET agentevent/1287?calldata=toolbar"},
	{by: "1287", line: "GET agentevent/1287", until: "AgentState_Ready"},
	{by: "1287", line: "GET agentevent/1287"}, // nothing more

	// The way into a conference.
	{by: "1287", line: "POST agentconf/1287/requestagentconf", body: `{"memberNum":0}`},
	{by: "1287", line: "POST agentconf/1287/requestagentconf", body: `{"memberNum":4,"confCallerNo":"10000","time":50,"promptTime":5,"beepTone":true,"playMode":2,"voicePath":"y:/conf/120/1136287.V3"}`},
	{by: "1287", line: "POST agentconf/1287/requestagentconf", body: `{"memberNum":4}`},
	{by: "1287", line: "POST agentconf/1287/holdparticipant", body: documentedBody}, // not yet
	{by: "1287", line: "GET agentevent/1287", until: "AgentConf_RequestSuccess"},
	{by: "1287", line: "POST agentconf/1287/batchaddparticipant", body: inviteBoth},
	{by: "1287", line: "POST agentconf/1287/batchaddparticipant", body: inviteBoth}, // who are invited already
	{by: "2002", line: "GET agentevent/2002", until: "AgentConf_Ringing"},
	{by: "2002", line: "POST agentconf/2002/rejectagentconf"},
	{by: "2002", line: "POST agentconf/2002/rejectagentconf"},
	{by: "1287", line: "POST agentconf/1287/batchaddparticipant", body: `{"addresses":[` + agent2002 + `]}`},
	{by: "2002", line: "POST agentconf/2002/answeragentconf"},
	{by: "2002", line: "POST agentconf/2002/answeragentconf"},
	{by: "1287", line: "GET agentevent/1287", until: "AgentConf_ParticipantChanged"},

	// Hold and unhold.
	{by: "1287", line: "POST agentconf/1287/holdparticipant", body: documentedBody, pause: time.Second},
	{by: "1287", line: "POST agentconf/1287/holdparticipant", body: documentedBody},
	{by: "1287", line: "POST agentconf/1287/holdparticipant", body: documentedBody, shows: unknown},
	{by: "1287", line: "POST agentconf/1287/holdparticipant", body: documentedBody, shows: nothing},
	{by: "2002", line: "POST agentconf/2002/holdparticipant", body: documentedBody},
	{by: "3003", line: "POST agentconf/3003/holdparticipant", body: documentedBody},
	{by: "1287", line: "POST agentconf/1287/holdparticipant", body: `{"addressType":"6","address":"70005","voicePath":"y:/conf/120/1136287.V3"}`},
	{by: "1287", line: "POST agentconf/1287/holdparticipant", body: `{"addressType":"7","address":"88887946","voicePath":"y:/conf/120/1136287.V3"}`},
	{by: "1287", line: "POST agentconf/1287/holdparticipant", body: `{"addressType":"6"`},
	{by: "1287", line: "POST agentconf/1287/holdparticipant", body: documentedBody, fault: emulator.Fault{Operation: "holdParticipant", Retcode: "000-007"}},
	{by: "1287", line: "POST agentconf/1287/holdparticipant", body: documentedBody, fault: emulator.Fault{Operation: "holdParticipant", Retcode: "987-654"}},
	{by: "1287", line: "POST agentconf/1287/unholdparticipant", body: heldPhone},
	{by: "1287", line: "POST agentconf/1287/unholdparticipant", body: heldPhone},

	// Modes and announcements.
	{by: "1287", line: "POST agentconf/1287/changeparticipantmode", body: `{"attribute":1,"addressType":"9","address":"2002"}`},
	{by: "1287", line: "POST agentconf/1287/changeparticipantmode", body: `{"attribute":2,"addressType":"9","address":"2002"}`},
	{by: "1287", line: "POST agentconf/1287/changeparticipantmode", body: `{"attribute":4,"addressType":"9","address":"2002"}`},
	{by: "1287", line: "POST agentconf/1287/changeparticipantmode", body: `{"note":"new","attribute":4,"addressType":"9","address":"2002"}`},
	{by: "1287", line: "POST agentconf/1287/changeparticipantmode", body: `{"attribute":3,"addressType":"9","address":"2002"}`},
	{by: "1287", line: "POST agentconf/1287/changeparticipantmode", body: `{"attribute":3,"addressType":"6","address":"70005"}`},
	{by: "1287", line: "POST agentconf/1287/playvoicetoconf", body: `{"playType":1,"playMode":2,"voicePath":"y:/conf/120/1136287.V3"}`},
	{by: "1287", line: "POST agentconf/1287/playvoicetoconf", body: voiceBody}, // two at once
	{by: "1287", line: "POST agentconf/1287/stopvoicetoconf"},
	{by: "1287", line: "POST agentconf/1287/stopvoicetoconf"}, // nothing to stop
	{by: "1287", line: "POST agentconf/1287/playvoicetoparticipant", body: voiceToPhone},
	{by: "1287", line: "POST agentconf/1287/playvoicetoparticipant", body: voiceToPhone},
	{by: "1287", line: "POST agentconf/1287/queryconfinfos", body: `{"confIds":[1029888,1029889]}`},
	{by: "1287", line: "POST agentconf/1287/stopvoicetoparticipant", body: heldPhone},
	{by: "1287", line: "POST agentconf/1287/stopvoicetoparticipant", body: heldPhone},

	// The conference itself.
	{by: "3003", line: "POST agentconf/3003/queryconfinfos", body: `{"confIds":[1029888]}`},
	{by: "1287", line: "GET agentconf/1287/queryvdnconfid"},
	{by: "2002", line: "GET agentconf/2002/queryvdnconfid"},
	{by: "1287", line: "POST agentconf/1287/modifyconfresource", body: `{"modifyType":0,"modifyNum":3}`},
	{by: "1287", line: "POST agentconf/1287/modifyconfresource", body: `{"modifyType":0,"modifyNum":118}`},
	{by: "1287", line: "POST agentconf/1287/prolongtime", body: `{"prolongTime":100}`},
	{by: "1287", line: "POST agentconf/1287/prolongtime", body: `{"prolongTime":1440}`},
	{by: "2002", line: "POST agentconf/2002/prolongtime", body: `{"prolongTime":100}`},
	{by: "1287", line: "POST agentconf/1287/requestleaveagentconf"},
	{by: "1287", line: "POST agentconf/1287/applytoshiftpresident", body: `{"destAgentNo":1287}`},
	{by: "1287", line: "POST agentconf/1287/applytoshiftpresident", body: `{"destAgentNo":2002}`},
	{by: "1287", line: "POST agentconf/1287/requestleaveagentconf"},
	{by: "2002", line: "POST agentconf/2002/batchremoveparticipant", body: `{"addresses":[` + agent2002 + `]}`},
	{by: "2002", line: "POST agentconf/2002/batchremoveparticipant", body: `{"addresses":[` + heldPhone + `,` + somebodyElse + `]}`},
	{by: "2002", line: "DELETE onlineagent/2002/logout"}, // in a conference
	{by: "1287", line: "POST agentconf/1287/releaseagentconf"},
	{by: "2002", line: "POST agentconf/2002/releaseagentconf"},
	{by: "2002", line: "GET agentevent/2002", until: "AgentConf_SelfLeaveResult"},
	{by: "1287", line: "GET agentevent/1287", until: "AgentConf_SelfLeaveResult"},

	// GUIDs age: a poll brings a new one, the old one lives on for a while.
	{by: "1287", line: "GET agentevent/1287", pause: time.Minute},
	{by: "1287", line: "GET agentevent/1287"},
	{by: "2002", line: "POST onlineagent/2002/handshake"},
	{by: "3003", line: "GET agentevent/3003", pause: 90 * time.Second}, // signed out, as nobody polled

	// The way out.
	{by: "1287", line: "DELETE onlineagent/1287/logout"},
	{by: "1287", line: "DELETE onlineagent/1287/logout"},
	{by: "1287", line: "GET agentevent/1287"},
	{by: "2002", line: "DELETE onlineagent/2002/forcelogout", shows: unknown},
	{by: "2002", line: "DELETE onlineagent/2002/forcelogout"},
	{by: "3003", line: "PUT onlineagent/3003", body: signInExample},
	{by: "3003", line: "DELETE onlineagent/3003/forcelogoutwithreason/0"},
	{by: "3003", line: "DELETE onlineagent/3003/forcelogoutwithreason/7", shows: unknown},
	{by: "3003", line: "DELETE onlineagent/3003/forcelogoutwithreason/7"},
}
