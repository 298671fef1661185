package e2e

import "strings"

// deskStep is a request of a desk.
type deskStep struct {
	line     string // method and target
	header   string // lines, beside those of every request
	body     string
	chunked  bool
	modelled bool // an operation of the contract; all others pass through
}

const (
	resources  = "/agentgateway/resource/"
	deskJSON   = "Content-Type: application/json; charset=UTF-8\r\n"
	deskGuid   = "Guid: " + deskGUID + "\r\n"
	deskCookie = "Cookie: loadbalance=node2\r\n"
	withCookie = deskJSON + deskGuid + deskCookie
)

// deskScenario is the traffic of desks as docs/drop-in.md describes it: the paths, methods,
// headers and bodies of several programs, in the order of one working day.
var deskScenario = []deskStep{
	// Sign-in, with an account or a number.
	{line: "PUT " + resources + "onlineagent/loginbyaccount", header: deskJSON, body: `{"account":"anna","password":"secret-word","phonenum":"40038"}`},
	{line: "PUT " + resources + "onlineagent/1287", header: deskJSON, body: signInExample, modelled: true},
	{line: "PUT " + resources + "/onlineagent/1287/", header: deskJSON, body: `{"phonenum":"40038","pushUrl":"http://desk.test/push","agentid":"1287"}`, modelled: true},

	// Skills and states. A library joins a base with a slash at its end and a path with one.
	{line: "POST " + resources + "onlineagent/1287/resetskill/true?skillid=null&phonelinkage=null", header: withCookie, modelled: true},
	{line: "POST " + resources + "onlineagent/1287/resetskill/no", header: withCookie, body: "null", modelled: true},
	{line: "GET " + resources + "onlineagent/1287/agentskills", header: withCookie},
	{line: "POST " + resources + "onlineagent/1287/sayfree", header: withCookie},
	{line: "POST " + resources + "/onlineagent/1287/saybusy?reason=200&prolong=5", header: withCookie},
	{line: "POST " + resources + "onlineagent/1287/cancelbusy/", header: withCookie, body: "null"},
	{line: "POST " + resources + "onlineagent/1287/work", header: withCookie, body: `""`},
	{line: "POST " + resources + "onlineagent/1287/cancelwork", header: withCookie, body: "{}", chunked: true},
	{line: "GET " + resources + "onlineagent/1287/agentstatus", header: withCookie + "Accept-Encoding: gzip\r\n"},

	// Sessions: pushed events, polls, one poll for all agents.
	{line: "PUT " + resources + "onlineagent/1287/heartbeat", header: withCookie},
	{line: "PUT " + resources + "onlineagent/1287/handshake", header: withCookie + "service_token: token\r\n"},
	{line: "GET " + resources + "agentevent/1287", header: withCookie, modelled: true},
	{line: "GET " + resources + "agentevent/allagentevent", header: withCookie},

	// Calls.
	{line: "PUT " + resources + "voicecall/1287/callout", header: withCookie, body: `{"called":"70005","callcontrolid":1152921504606846977}`},
	{line: "PUT " + resources + "voicecall/1287/answer?callid=1455885056-1030", header: withCookie},
	{line: "POST " + resources + "voicecall/1287/hold?callid=1455885056-1030", header: withCookie},
	{line: "GET " + resources + "voicecall/1287/callinfo", header: withCookie},
	{line: "POST " + resources + "voicecall/1287/secondvoice", header: withCookie, body: `{"x":1}`},
	{line: "DELETE " + resources + "voicecall/1287/release?callid=a;b&c", header: withCookie + "Content-Length: 0\r\n"},

	// The other families.
	{line: "GET " + resources + "queuedevice/1287/querymyskillqueue", header: withCookie},
	{line: "GET " + resources + "agentgroup/1287/grouponvdn", header: withCookie},
	{line: "GET " + resources + "calldata/1287/callinfo?callid=%E4%BD%A0|{}", header: withCookie},
	{line: "POST " + resources + "qualitycontrol/1287/forcelogout/2002", header: withCookie},
	{line: "POST " + resources + "textchat/1287/send", header: deskGuid + deskCookie + "Content-Type: text/plain;charset=GBK\r\n", body: "\xd7\xf9\xcf\xaf"},
	{line: "POST " + resources + "textchat/1287/upload", header: deskGuid + deskCookie + "Content-Type: multipart/form-data; boundary=x\r\n",
		body: "--x\r\nContent-Disposition: form-data; name=file; filename=a\r\n\r\n" + strings.Repeat("\x00\xff", 40<<10) + "\r\n--x--\r\n"},
	{line: "GET " + resources + "recordplay/1287/download?callid=1455885056-1030", header: withCookie},
	{line: "HEAD " + resources + "recordplay/1287/download", header: withCookie},
	{line: "GET " + resources + "recordplay/1287/playpage", header: withCookie},
	{line: "POST " + resources + "multimediaconf/1287/create", header: withCookie, body: `{"n":1}`, chunked: true},
	{line: "OPTIONS " + resources + "voicecall/1287/callout", header: "Origin: https://desk.example\r\n"},

	// The conference: one desk has other methods for it, and some operations are unknown.
	{line: "PUT " + resources + "agentconf/1287/holdparticipant", header: withCookie, body: documentedBody},
	{line: "POST " + resources + "agentconf/1287/holdparticipant", header: withCookie, body: documentedBody, modelled: true},
	{line: "POST " + resources + "/agentconf/1287/unholdparticipant", header: withCookie, body: `{"address":88887946,"addressType":6}`, modelled: true},
	{line: "POST " + resources + "agentconf/1287/muteparticipant", header: withCookie, body: `{"address":"88887946","addressType":"6"}`, modelled: true},
	{line: "POST " + resources + "agentconf/1287/nobodysoperation", header: withCookie, body: documentedBody},

	{line: "DELETE " + resources + "onlineagent/1287/logout", header: withCookie, modelled: true},
}
