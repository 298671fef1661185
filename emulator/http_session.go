package emulator

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// sessionRoutes has the operations on sessions (pages 1202 to 1225).
var sessionRoutes = []route{
	{"PUT", "onlineagent/{agentid}", "login", serveSignIn(false)},
	{"PUT", "onlineagent/{agentid}/forcelogin", "forceLogin", serveSignIn(true)},
	{"DELETE", "onlineagent/{agentid}/logout", "logout", serveSignOut(false)},
	{"DELETE", "onlineagent/{agentid}/forcelogout", "forceLogout", serveSignOut(true)},
	{"DELETE", "onlineagent/{agentid}/forcelogoutwithreason/{reason}", "forceLogoutWithReason",
		(*Gateway).serveSignOutWithReason},
	{"POST", "onlineagent/{agentid}/handshake", "handshake", (*Gateway).serveHandshake},
	{"PUT", "onlineagent/{agentid}/updateGuid", "updateGuid", (*Gateway).serveUpdateGUID},
	{"POST", "onlineagent/{agentid}/resetskill/{autoflag}", "resetSkill", (*Gateway).serveResetSkill},
}

// signInBody has the fields of a sign-in that the emulator uses (page 1202). The page calls
// the password mandatory; programs that have none leave it out.
type signInBody struct {
	Password string      `json:"password"`
	Phonenum string      `json:"phonenum"`
	Status   quotableInt `json:"status"`
}

// quotableInt is an integer that JSON may have as a string, as in the example of page
// 1202.
type quotableInt int

// UnmarshalJSON implements json.Unmarshaler.
func (n *quotableInt) UnmarshalJSON(text []byte) error {
	value, err := strconv.Atoi(strings.Trim(string(text), `"`))
	*n = quotableInt(value)
	return err
}

func serveSignIn(force bool) serveFunc {
	return func(g *Gateway, w http.ResponseWriter, r *http.Request) {
		var b signInBody
		body, err := readBody(w, r)
		if err != nil || json.Unmarshal(body, &b) != nil {
			writeRetcode(w, badSignIn)
			return
		}
		agentID := r.PathValue("agentid")
		guid, retcode := g.SignIn(agentID, SignIn{b.Password, b.Phonenum, int(b.Status)}, force)
		if retcode != success {
			writeRetcode(w, retcode)
			return
		}
		setGUID(w, guid)
		writeEnvelope(w, envelope{Retcode: retcode, Result: signInResult(agentID)})
	}
}

// signInResult returns the result of a sign-in with the values and types of the example
// on page 1202, where most numbers and truth values are text.
func signInResult(agentID string) map[string]any {
	return map[string]any{
		"vdnid":         1,
		"workno":        agentID,
		"mediatype":     "TTF",
		"loginTime":     strconv.FormatInt(time.Now().UnixMilli(), 10),
		"isForceChange": "false", // whether the password must be changed
		"serverName":    "AgentGateway",
		"timeRemaining": "", // days until the password expires; empty is never
	}
}

func serveSignOut(force bool) serveFunc {
	return func(g *Gateway, w http.ResponseWriter, r *http.Request) {
		agentID, guid := credentials(r)
		writeRetcode(w, g.SignOut(agentID, guid, force))
	}
}

// serveSignOutWithReason answers without a result (page 1221).
func (g *Gateway) serveSignOutWithReason(w http.ResponseWriter, r *http.Request) {
	reason, err := strconv.Atoi(r.PathValue("reason"))
	retcode := badSignOut
	if err == nil && inRange(&reason, 1, 255) {
		agentID, guid := credentials(r)
		retcode = g.SignOut(agentID, guid, true)
	}
	writeEnvelope(w, envelope{Message: textOf(retcode), Retcode: retcode})
}

// serveHandshake answers without a result (page 1204).
func (g *Gateway) serveHandshake(w http.ResponseWriter, r *http.Request) {
	newGUID, retcode := g.Handshake(credentials(r))
	setGUID(w, newGUID)
	writeEnvelope(w, envelope{Message: textOf(retcode), Retcode: retcode})
}

// serveUpdateGUID answers with the GUID in the result, not in a header (page 1225).
func (g *Gateway) serveUpdateGUID(w http.ResponseWriter, r *http.Request) {
	guid, retcode := g.UpdateGUID(credentials(r))
	if retcode != success {
		writeRetcode(w, retcode)
		return
	}
	writeEnvelope(w, envelope{Retcode: retcode, Result: map[string]string{"guid": guid}})
}

func (g *Gateway) serveResetSkill(w http.ResponseWriter, r *http.Request) {
	writeRetcode(w, g.ResetSkill(credentials(r)))
}
