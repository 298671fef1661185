package emulator

import (
	"encoding/json"
	"errors"
	"fmt"
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

// oldRoutes has the operations that clients of 2018 and 2019 use, and that the current pages
// do not have.
var oldRoutes = []route{
	{"PUT", "onlineagent/{agentid}/handshake", "putHandshake", (*Gateway).serveHandshake},
	{"PUT", "onlineagent/{agentid}/heartbeat", "heartbeat", (*Gateway).serveHeartbeat},
	{"PUT", "onlineagent/loginbyaccount", "loginByAccount", (*Gateway).serveLoginByAccount},
}

// signInBody has the fields of a sign-in that the emulator uses (page 1202). The page calls
// the password mandatory; programs that have none leave it out.
type signInBody struct {
	Password     string      `json:"password"`
	Phonenum     string      `json:"phonenum"`
	Status       quotableInt `json:"status"`
	PushURL      string      `json:"pushUrl"`
	CallBackURI  string      `json:"callBackUri"`
	ServiceToken string      `json:"serviceToken"`
	Account      string      `json:"account"` // of loginbyaccount
}

// quotableInt is an integer that JSON may have as a string, as in the example of page
// 1202.
type quotableInt int

// UnmarshalJSON implements json.Unmarshaler.
func (n *quotableInt) UnmarshalJSON(text []byte) error {
	value, err := strconv.Atoi(strings.Trim(string(text), `"`))
	*n = quotableInt(value)
	if err != nil {
		return errors.New("status is not a number")
	}
	return nil
}

// parseSignIn reads the body of a sign-in. It notes what is wrong in q.
func parseSignIn(q *request) (b signInBody, s SignIn) {
	if err := json.Unmarshal(q.body, &b); err != nil {
		q.refusal = decodeFault(err)
		return b, s
	}
	return b, SignIn{b.Password, b.Phonenum, int(b.Status), b.PushURL, b.CallBackURI, b.ServiceToken}
}

// decodeFault says which field of a body is wrong. It never has the value.
func decodeFault(err error) string {
	var wrongType *json.UnmarshalTypeError
	if errors.As(err, &wrongType) && wrongType.Field != "" {
		return fmt.Sprintf("%s is a JSON %s, not %s", wrongType.Field, wrongType.Value, wrongType.Type)
	}
	if errors.As(err, &wrongType) {
		return fmt.Sprintf("the body is a JSON %s, not an object", wrongType.Value)
	}
	return "the body is not JSON: " + err.Error()
}

func serveSignIn(force bool) serveFunc {
	return func(g *Gateway, q *request) reply {
		_, s := parseSignIn(q)
		guid, retcode := g.signIn(q, s, force)
		return signedIn(q.agentID, guid, retcode)
	}
}

// signedIn returns the reply to a sign-in.
func signedIn(agentID, guid, retcode string) reply {
	if retcode != success {
		return replyWith(retcode)
	}
	return reply{envelope: envelope{Retcode: retcode, Result: signInResult(agentID)}, guid: guid}
}

// serveLoginByAccount signs an agent in by the name of its account. Its retcodes are those
// that clients know.
func (g *Gateway) serveLoginByAccount(q *request) reply {
	b, s := parseSignIn(q)
	if s.Phonenum == "" {
		s.Phonenum = b.Account // the agent's own phone, which the emulator does not know
	}
	q.agentID = g.agentOfAccount(b.Account)
	if q.agentID == "" && q.refusal == "" {
		q.refusal = "account is unknown"
	}
	guid, retcode := g.signIn(q, s, false)
	switch retcode {
	case wrongPassword, badArgument:
		retcode = accountWrong
	case accountLocked:
		retcode = accountIsLocked
	case badSignIn:
		retcode = accountFailed
	}
	return signedIn(q.agentID, guid, retcode)
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
	return func(g *Gateway, q *request) reply { return replyWith(g.signOut(q, force)) }
}

// serveSignOutWithReason answers without a result (page 1221).
func (g *Gateway) serveSignOutWithReason(q *request) reply {
	reason, err := strconv.Atoi(q.http.PathValue("reason"))
	if err != nil || !inRange(&reason, 1, 255) {
		q.refusal = "the reason in the path is not a number from 1 to 255"
	}
	return replyWithoutResult(g.signOut(q, true))
}

// serveHandshake answers without a result (page 1204).
func (g *Gateway) serveHandshake(q *request) reply {
	newGUID, _, retcode := g.keepAlive(q)
	rep := replyWithoutResult(retcode)
	rep.guid = newGUID
	return rep
}

// serveHeartbeat answers with the time of the sign-in.
func (g *Gateway) serveHeartbeat(q *request) reply {
	newGUID, loginTime, retcode := g.keepAlive(q)
	rep := replyWith(retcode)
	if rep.guid = newGUID; retcode == success {
		rep.Result = map[string]string{"loginTime": loginTime}
	}
	return rep
}

// serveUpdateGUID answers with the GUID in the result, not in a header (page 1225).
func (g *Gateway) serveUpdateGUID(q *request) reply {
	guid, retcode := g.updateGUID(q)
	if retcode != success {
		return replyWith(retcode)
	}
	return reply{envelope: envelope{Retcode: retcode, Result: map[string]string{"guid": guid}}}
}

func (g *Gateway) serveResetSkill(q *request) reply { return replyWith(g.authenticateOnly(q)) }
