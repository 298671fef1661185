package e2e

import (
	"time"

	"agentconf/emulator"
)

// dropInStep is one request of the scenario, or several polls.
type dropInStep struct {
	by    string // agent, whose newest GUID the client sends
	line  string // method, and path after /agentgateway/resource/
	body  string
	guid  string         // instead of the newest GUID
	until string         // type of the event that ends the polls
	pause time.Duration  // before the request
	fault emulator.Fault // set before the request
}

const (
	noGUID      = "no header Guid"
	unknownGUID = "00000000-0000-4000-8000-000000000000.AgentGateway1"

	signInExample = `{"password":"","phonenum":"40038","status":"4","releasephone":"false","agenttype":"4"}` // page 1202
	agent2002     = `{"addressType":"9","address":"2002"}`
	unknownPhone  = `{"addressType":"6","address":"70005"}`
	inviteBoth    = `{"addresses":[{"addressType":"9","address":"2002","deviceCallType":0,"deviceType":6},{"addressType":"6","address":"88887946"}],"beepTone":false,"caller":"10000"}`
	voiceToPhone  = `{"addressType":"6","address":"88887946","playMode":2,"voicePath":"y:/conf/120/1136287.V3"}`
)

// dropInScenario is the traffic of three agents. 1287 is an inspector and the chairperson
// of a conference, 2002 is a participant, and 3003 is in no conference.
var dropInScenario = []dropInStep{
	// Session.
	{by: "1287", line: "POST agentconf/1287/holdparticipant", body: documentedBody, guid: unknownGUID},
	{by: "1287", line: "PUT onlineagent/1287", body: signInBody},
	{by: "1287", line: "PUT onlineagent/1287", body: signInBody},
	{by: "1287", line: "PUT onlineagent/1287/forcelogin", body: signInBody, fault: emulator.Fault{Operation: "forceLogin", Retcode: "100-015"}},
	{by: "1287", line: "PUT onlineagent/1287/forcelogin", body: signInBody},
	{by: "2002", line: "PUT onlineagent/2002", body: signInExample},
	{by: "3003", line: "PUT onlineagent/3003", body: signInExample},
	{by: "7", line: "PUT onlineagent/7", body: signInBody},
	{by: "4004", line: "PUT onlineagent/4004", body: `{"password":"secret-word"}`},
	{by: "5005", line: "PUT /onlineagent/5005", body: `{"phonenum":"40038","agentid":5005,"agenttype":"4","note":"new"}`}, // no password
	{by: "5005", line: "POST /onlineagent/5005//handshake/"},
	{by: "1287", line: "POST onlineagent/1287/resetskill/true", guid: unknownGUID},
	{by: "1287", line: "POST onlineagent/1287/resetskill/true"},
	{by: "1287", line: "POST onlineagent/1287/resetskill/false?skillid=1;2;3&phonelinkage=1"},
	{by: "1287", line: "PUT onlineagent/1287/updateGuid", guid: unknownGUID},
	{by: "1287", line: "PUT onlineagent/1287/updateGuid"},
	{by: "1287", line: "POST onlineagent/1287/handshake", guid: unknownGUID},
	{by: "1287", line: "POST onlineagent/1287/handshake"},
	{by: "1287", line: "GET agentevent/1287", guid: unknownGUID},
	{by: "1287", line: "GET agentevent/1287?calldata=toolbar"},
	{by: "1287", line: "GET agentevent/1287", until: "AgentState_Ready"},
	{by: "1287", line: "GET agentevent/1287"}, // no event

	// Start of a conference.
	{by: "1287", line: "POST agentconf/1287/requestagentconf", body: `{"memberNum":0}`},
	{by: "1287", line: "POST agentconf/1287/requestagentconf", body: `{"memberNum":4,"confCallerNo":"10000","time":50,"promptTime":5,"beepTone":true,"playMode":2,"voicePath":"y:/conf/120/1136287.V3"}`},
	{by: "1287", line: "POST agentconf/1287/requestagentconf", body: `{"memberNum":4}`},
	{by: "1287", line: "POST agentconf/1287/holdparticipant", body: documentedBody}, // before its event
	{by: "1287", line: "GET agentevent/1287", until: "AgentConf_RequestSuccess"},
	{by: "1287", line: "POST agentconf/1287/batchaddparticipant", body: inviteBoth},
	{by: "1287", line: "POST agentconf/1287/batchaddparticipant", body: inviteBoth}, // a second invitation
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
	{by: "1287", line: "POST agentconf/1287/holdparticipant", body: documentedBody, guid: unknownGUID},
	{by: "1287", line: "POST agentconf/1287/holdparticipant", body: documentedBody, guid: noGUID},
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
	{by: "1287", line: "POST agentconf/1287/playvoicetoconf", body: voiceBody}, // a second announcement
	{by: "1287", line: "POST agentconf/1287/stopvoicetoconf"},
	{by: "1287", line: "POST agentconf/1287/stopvoicetoconf"}, // no announcement
	{by: "1287", line: "POST agentconf/1287/playvoicetoparticipant", body: voiceToPhone},
	{by: "1287", line: "POST agentconf/1287/playvoicetoparticipant", body: voiceToPhone},
	{by: "1287", line: "POST agentconf/1287/queryconfinfos", body: `{"confIds":[1029888,1029889]}`},
	{by: "1287", line: "POST agentconf/1287/stopvoicetoparticipant", body: heldPhone},
	{by: "1287", line: "POST agentconf/1287/stopvoicetoparticipant", body: heldPhone},

	// Queries, resources, chairperson, end of the conference.
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
	{by: "2002", line: "POST agentconf/2002/batchremoveparticipant", body: `{"addresses":[` + heldPhone + `,` + unknownPhone + `]}`},
	{by: "2002", line: "DELETE onlineagent/2002/logout"}, // in a conference
	{by: "1287", line: "POST agentconf/1287/releaseagentconf"},
	{by: "2002", line: "POST agentconf/2002/releaseagentconf"},
	{by: "2002", line: "GET agentevent/2002", until: "AgentConf_SelfLeaveResult"},
	{by: "1287", line: "GET agentevent/1287", until: "AgentConf_SelfLeaveResult"},

	// A poll renews a GUID by its age. The old GUID stays valid for GUIDTimeout.
	{by: "1287", line: "GET agentevent/1287", pause: time.Minute},
	{by: "1287", line: "GET agentevent/1287"},
	{by: "2002", line: "POST onlineagent/2002/handshake"},
	{by: "3003", line: "GET agentevent/3003", pause: 90 * time.Second}, // signed out after a time without polls

	// Sign-outs.
	{by: "1287", line: "DELETE onlineagent/1287/logout"},
	{by: "1287", line: "DELETE onlineagent/1287/logout"},
	{by: "1287", line: "GET agentevent/1287"},
	{by: "2002", line: "DELETE onlineagent/2002/forcelogout", guid: unknownGUID},
	{by: "2002", line: "DELETE onlineagent/2002/forcelogout"},
	{by: "3003", line: "PUT onlineagent/3003", body: signInExample},
	{by: "3003", line: "DELETE onlineagent/3003/forcelogoutwithreason/0"},
	{by: "3003", line: "DELETE onlineagent/3003/forcelogoutwithreason/7", guid: unknownGUID},
	{by: "3003", line: "DELETE onlineagent/3003/forcelogoutwithreason/7"},
}
