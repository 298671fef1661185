package emulator

import (
	"bytes"
	"cmp"
	"encoding/json"
	"io"
	"net/http"
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
	badSignOut:        "invalid sign-out argument",
	notSignedIn:       "not signed in",
	exception:         "operation failed",
	wrongState:        "wrong state",
	noConference:      "no conference",
	notChairperson:    "not the chairperson",
	alreadyConference: "already in a conference",
	notInspector:      "not an inspector",
	alreadyChair:      "already the chairperson",
	removingChair:     "the chairperson cannot be removed",
	leavingChair:      "the chairperson cannot leave",
}

// Handler serves g as a CC-Gateway does, and beside it, under /emulator/, what a
// test wants: GET log has one line of JSON for every conference request received,
// GET events one for every event that happened; POST faults takes a Fault, DELETE
// faults takes all of them back.
func (g *Gateway) Handler() http.Handler {
	mux := http.NewServeMux()
	const agent = resource + "onlineagent/{agentid}"
	mux.HandleFunc("PUT "+agent, g.signInHTTP(false))
	mux.HandleFunc("PUT "+agent+"/forcelogin", g.signInHTTP(true))
	mux.HandleFunc("DELETE "+agent+"/logout", g.signOutHTTP(false))
	mux.HandleFunc("DELETE "+agent+"/forcelogout", g.signOutHTTP(true))
	mux.HandleFunc("DELETE "+agent+"/forcelogoutwithreason/{reason}", g.signOutWithReasonHTTP)
	mux.HandleFunc("POST "+agent+"/handshake", g.handshakeHTTP)
	mux.HandleFunc("PUT "+agent+"/updateGuid", g.updateGUIDHTTP)
	mux.HandleFunc("POST "+agent+"/resetskill/{autoflag}", g.resetSkillHTTP)
	mux.HandleFunc("GET "+resource+"agentevent/{agentid}", g.pollHTTP)
	for path, op := range operations {
		mux.HandleFunc(op.method+" "+resource+"agentconf/{agentid}/"+path, g.callHTTP(path))
	}
	mux.HandleFunc("GET /emulator/log", linesHTTP(g.Log))
	mux.HandleFunc("GET /emulator/events", linesHTTP(g.Events))
	mux.HandleFunc("POST /emulator/faults", g.setFaultHTTP)
	mux.HandleFunc("DELETE /emulator/faults", func(http.ResponseWriter, *http.Request) { g.ClearFaults() })
	return mux
}

func (g *Gateway) pollHTTP(w http.ResponseWriter, r *http.Request) {
	event, newGUID, retcode := g.Poll(r.Context(), r.PathValue("agentid"), r.Header.Get("Guid"))
	if newGUID != "" {
		setGUID(w, newGUID)
	}
	polled := envelope{Retcode: retcode, Event: event}
	if retcode != success {
		polled.Message = message(retcode)
	}
	write(w, polled)
}

func (g *Gateway) callHTTP(path string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, err := readBody(w, r)
		if err != nil {
			return // the client is gone
		}
		result, retcode := g.Do(Call{path, r.PathValue("agentid"), r.Header.Get("Guid"), body})
		if result == nil {
			result = struct{}{}
		}
		write(w, envelope{Message: message(retcode), Retcode: retcode, Result: result})
	}
}

// linesHTTP serves a list as lines of JSON.
func linesHTTP[T any](list func() []T) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/x-ndjson")
		_ = writeLines(w, list()) // there is nobody else to tell
	}
}

// WriteLog writes what GET /emulator/log tells.
func (g *Gateway) WriteLog(w io.Writer) error { return writeLines(w, g.Log()) }

func writeLines[T any](w io.Writer, list []T) error {
	enc := json.NewEncoder(w)
	for _, entry := range list {
		if err := enc.Encode(entry); err != nil {
			return err
		}
	}
	return nil
}

// setFaultHTTP takes a Fault, whose delay is text such as 2s.
func (g *Gateway) setFaultHTTP(w http.ResponseWriter, r *http.Request) {
	var b struct {
		Fault
		Delay string `json:"delay"`
	}
	body, err := readBody(w, r)
	if err == nil {
		dec := json.NewDecoder(bytes.NewReader(body))
		dec.DisallowUnknownFields()
		err = dec.Decode(&b)
	}
	if err == nil && b.Delay != "" {
		b.Fault.Delay, err = time.ParseDuration(b.Delay)
	}
	if err == nil {
		err = g.SetFault(b.Fault)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
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

// message is the text of a retcode, of which a Fault may bring any.
func message(retcode string) string { return cmp.Or(messages[retcode], "retcode "+retcode) }

// answer writes what a call has whose result is reserved, or that failed.
func answer(w http.ResponseWriter, retcode string) {
	write(w, envelope{Message: message(retcode), Retcode: retcode, Result: struct{}{}})
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
