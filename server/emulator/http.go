package emulator

import (
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"time"
)

const (
	resource = "/agentgateway/resource/"
	maxBody  = 64 << 10
)

// messages are the texts of the retcodes. Sign-ins and polls that succeed have none.
var messages = map[string]string{
	success:           "success",
	badArgument:       "invalid argument",
	noRight:           "no right",
	badSignIn:         "invalid sign-in argument",
	alreadySignedIn:   "already signed in",
	notSignedIn:       "not signed in",
	exception:         "operation failed",
	wrongState:        "wrong state",
	noConference:      "no conference",
	notChairperson:    "not the chairperson",
	alreadyConference: "already in a conference",
}

// Handler serves g as a CC-Gateway does, and GET /emulator/log beside it: one
// line of JSON for every conference request received.
func (g *Gateway) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("PUT "+resource+"onlineagent/{agentid}", g.signInHTTP(false))
	mux.HandleFunc("PUT "+resource+"onlineagent/{agentid}/forcelogin", g.signInHTTP(true))
	mux.HandleFunc("DELETE "+resource+"onlineagent/{agentid}/logout", g.signOutHTTP(false))
	mux.HandleFunc("DELETE "+resource+"onlineagent/{agentid}/forcelogout", g.signOutHTTP(true))
	mux.HandleFunc("GET "+resource+"agentevent/{agentid}", g.pollHTTP)
	for path := range operations {
		mux.HandleFunc("POST "+resource+"agentconf/{agentid}/"+path, g.callHTTP(path))
	}
	mux.HandleFunc("GET /emulator/log", g.logHTTP)
	return mux
}

func (g *Gateway) signInHTTP(force bool) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var b struct {
			Password string `json:"password"`
		}
		body, err := readBody(w, r)
		if err != nil || json.Unmarshal(body, &b) != nil {
			answer(w, badSignIn)
			return
		}
		agentID := r.PathValue("agentid")
		guid, retcode := g.SignIn(agentID, b.Password, force)
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
		retcode := g.SignOut(r.PathValue("agentid"), r.Header.Get("Guid"), force)
		answer(w, retcode)
	}
}

func (g *Gateway) pollHTTP(w http.ResponseWriter, r *http.Request) {
	event, newGUID, retcode := g.Poll(r.Context(), r.PathValue("agentid"), r.Header.Get("Guid"))
	if newGUID != "" {
		setGUID(w, newGUID)
	}
	polled := envelope{Retcode: retcode, Event: event}
	if retcode != success {
		polled.Message = messages[retcode]
	}
	write(w, polled)
}

func (g *Gateway) callHTTP(path string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, err := readBody(w, r)
		if err != nil {
			return // the client is gone
		}
		retcode := g.Do(Call{path, r.PathValue("agentid"), r.Header.Get("Guid"), body})
		answer(w, retcode)
	}
}

func (g *Gateway) logHTTP(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/x-ndjson")
	enc := json.NewEncoder(w)
	for _, entry := range g.Log() {
		if enc.Encode(entry) != nil {
			return
		}
	}
}

// envelope is every answer of a gateway. A poll without an event has neither
// result nor event.
type envelope struct {
	Message string `json:"message"`
	Retcode string `json:"retcode"`
	Result  any    `json:"result,omitempty"`
	Event   *Event `json:"event,omitempty"`
}

// answer writes what a call has whose result is reserved, or that failed.
func answer(w http.ResponseWriter, retcode string) {
	write(w, envelope{Message: messages[retcode], Retcode: retcode, Result: struct{}{}})
}

func write(w http.ResponseWriter, e envelope) {
	body, err := json.Marshal(e)
	if err != nil {
		panic(err)
	}
	w.Header().Set("Content-Type", "application/json;charset=UTF-8")
	w.Write(body)
}

// setGUID announces a GUID. Some clients compare the header's name byte by byte,
// so it is spelled as gateways spell it and not as Go would.
func setGUID(w http.ResponseWriter, guid string) {
	w.Header()["Set-GUID"] = []string{"JSESSIONID=" + guid}
}

func readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	return io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
}
