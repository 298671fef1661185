package emulator

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// loose is a whole number that may come in quotes, as in the example of page 1202.
type loose int

func (n *loose) UnmarshalJSON(text []byte) error {
	value, err := strconv.Atoi(strings.Trim(string(text), `"`))
	*n = loose(value)
	return err
}

func (g *Gateway) signInHTTP(force bool) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var b struct {
			Password *string `json:"password"`
			Phonenum string  `json:"phonenum"`
			Status   loose   `json:"status"`
		}
		body, err := readBody(w, r)
		if err != nil || json.Unmarshal(body, &b) != nil || b.Password == nil {
			answer(w, badSignIn)
			return
		}
		agentID := r.PathValue("agentid")
		guid, retcode := g.SignIn(agentID, SignIn{*b.Password, b.Phonenum, int(b.Status)}, force)
		if retcode != success {
			answer(w, retcode)
			return
		}
		setGUID(w, guid)
		write(w, envelope{Retcode: retcode, Result: map[string]any{
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

func (g *Gateway) signOutHTTP(force bool) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		answer(w, g.SignOut(r.PathValue("agentid"), r.Header.Get("Guid"), force))
	}
}

// signOutWithReasonHTTP answers without a result (page 1221).
func (g *Gateway) signOutWithReasonHTTP(w http.ResponseWriter, r *http.Request) {
	reason, err := strconv.Atoi(r.PathValue("reason"))
	retcode := badSignOut
	if err == nil && between(&reason, 1, 255) {
		retcode = g.SignOut(r.PathValue("agentid"), r.Header.Get("Guid"), true)
	}
	write(w, envelope{Message: message(retcode), Retcode: retcode})
}

// handshakeHTTP answers without a result (page 1204).
func (g *Gateway) handshakeHTTP(w http.ResponseWriter, r *http.Request) {
	newGUID, retcode := g.Handshake(r.PathValue("agentid"), r.Header.Get("Guid"))
	if newGUID != "" {
		setGUID(w, newGUID)
	}
	write(w, envelope{Message: message(retcode), Retcode: retcode})
}

func (g *Gateway) updateGUIDHTTP(w http.ResponseWriter, r *http.Request) {
	guid, retcode := g.UpdateGUID(r.PathValue("agentid"), r.Header.Get("Guid"))
	if retcode != success {
		answer(w, retcode)
		return
	}
	write(w, envelope{Retcode: retcode, Result: map[string]string{"guid": guid}})
}

func (g *Gateway) resetSkillHTTP(w http.ResponseWriter, r *http.Request) {
	answer(w, g.ResetSkill(r.PathValue("agentid"), r.Header.Get("Guid")))
}
