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

// quotableInt is an integer that JSON may have as a string, as in the example of page
// 1202.
type quotableInt int

func (n *quotableInt) UnmarshalJSON(text []byte) error {
	value, err := strconv.Atoi(strings.Trim(string(text), `"`))
	*n = quotableInt(value)
	return err
}

func serveSignIn(force bool) func(*Gateway, http.ResponseWriter, *http.Request) {
	return func(g *Gateway, w http.ResponseWriter, r *http.Request) {
		var b struct {
			Password *string     `json:"password"`
			Phonenum string      `json:"phonenum"`
			Status   quotableInt `json:"status"`
		}
		body, err := readBody(w, r)
		if err != nil || json.Unmarshal(body, &b) != nil || b.Password == nil {
			writeRetcode(w, badSignIn)
			return
		}
		agentID := r.PathValue("agentid")
		guid, retcode := g.SignIn(agentID, SignIn{*b.Password, b.Phonenum, int(b.Status)}, force)
		if retcode != success {
			writeRetcode(w, retcode)
			return
		}
		setGUID(w, guid)
		writeEnvelope(w, envelope{Retcode: retcode, Result: map[string]any{
			"vdnid":         1,
			"workno":        agentID,
			"mediatype":     "TTF",
			"loginTime":     strconv.FormatInt(time.Now().UnixMilli(), 10),
			"isForceChange": "false",
			"serverName":    "AgentGateway",
			"timeRemaining": "",
		}})
	}
}

func serveSignOut(force bool) func(*Gateway, http.ResponseWriter, *http.Request) {
	return func(g *Gateway, w http.ResponseWriter, r *http.Request) {
		writeRetcode(w, g.SignOut(r.PathValue("agentid"), r.Header.Get("Guid"), force))
	}
}

// serveSignOutWithReason answers without a result (page 1221).
func (g *Gateway) serveSignOutWithReason(w http.ResponseWriter, r *http.Request) {
	reason, err := strconv.Atoi(r.PathValue("reason"))
	retcode := badSignOut
	if err == nil && inRange(&reason, 1, 255) {
		retcode = g.SignOut(r.PathValue("agentid"), r.Header.Get("Guid"), true)
	}
	writeEnvelope(w, envelope{Message: textOf(retcode), Retcode: retcode})
}

// serveHandshake answers without a result (page 1204).
func (g *Gateway) serveHandshake(w http.ResponseWriter, r *http.Request) {
	newGUID, retcode := g.Handshake(r.PathValue("agentid"), r.Header.Get("Guid"))
	if newGUID != "" {
		setGUID(w, newGUID)
	}
	writeEnvelope(w, envelope{Message: textOf(retcode), Retcode: retcode})
}

func (g *Gateway) serveUpdateGUID(w http.ResponseWriter, r *http.Request) {
	guid, retcode := g.UpdateGUID(r.PathValue("agentid"), r.Header.Get("Guid"))
	if retcode != success {
		writeRetcode(w, retcode)
		return
	}
	writeEnvelope(w, envelope{Retcode: retcode, Result: map[string]string{"guid": guid}})
}

func (g *Gateway) serveResetSkill(w http.ResponseWriter, r *http.Request) {
	writeRetcode(w, g.ResetSkill(r.PathValue("agentid"), r.Header.Get("Guid")))
}
