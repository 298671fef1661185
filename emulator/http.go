package emulator

import (
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
)

const (
	resourceRoot = "/agentgateway/resource/" // page 0467
	maxBody      = 64 << 10                  // bytes; the largest documented body has about 10 KiB
)

// route is an operation of the gateway over HTTP.
type route struct {
	method string
	path   string // below resourceRoot
	name   string // the gateway's method name
	serve  serveFunc
}

type serveFunc func(*Gateway, http.ResponseWriter, *http.Request)

// routes returns the operations of all families: sessions, events and conferences.
func routes() []route {
	all := slices.Clone(sessionRoutes)
	all = append(all, route{"GET", "agentevent/{agentid}", "getAgentEvent", (*Gateway).servePoll})
	for _, op := range conferenceOperations {
		all = append(all, route{op.method, "agentconf/{agentid}/" + op.segment, op.name, serveConference(op)})
	}
	return all
}

// Operations returns the names of the operations that the emulator handles, by the
// gateway's method names such as login, getAgentEvent and holdParticipant.
func Operations() (names []string) {
	for _, r := range routes() {
		names = append(names, r.name)
	}
	return names
}

// Handler returns the HTTP interface of the gateway. In addition, it has these paths
// for tests:
//
//	GET /emulator/log         Log, one line of JSON for each entry
//	GET /emulator/events      Events, one line of JSON for each event
//	POST /emulator/faults     SetFault; the body is a Fault whose delay is text such as "2s"
//	DELETE /emulator/faults   ClearFaults
func (g *Gateway) Handler() http.Handler {
	mux := http.NewServeMux()
	for _, route := range routes() {
		pattern := route.method + " " + resourceRoot + route.path
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) { route.serve(g, w, r) })
	}
	mux.HandleFunc("GET /emulator/log", serveLines(g.Log))
	mux.HandleFunc("GET /emulator/events", serveLines(g.Events))
	mux.HandleFunc("POST /emulator/faults", g.serveSetFault)
	mux.HandleFunc("DELETE /emulator/faults", func(http.ResponseWriter, *http.Request) { g.ClearFaults() })
	return withoutExtraSlashes(mux)
}

// withoutExtraSlashes removes doubled slashes from a path, and slashes at its end. Clients
// join a base URL that ends in a slash with a path that begins with one. The mux would
// redirect them.
func withoutExtraSlashes(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		segments := strings.FieldsFunc(r.URL.Path, func(c rune) bool { return c == '/' })
		if tidy := "/" + strings.Join(segments, "/"); tidy != r.URL.Path {
			u := *r.URL
			u.Path, u.RawPath = tidy, ""
			r = r.Clone(r.Context())
			r.URL = &u
		}
		h.ServeHTTP(w, r)
	})
}

func serveConference(op operation) serveFunc {
	return func(g *Gateway, w http.ResponseWriter, r *http.Request) {
		body, err := readBody(w, r)
		if err != nil {
			return // the connection is broken, or the body too long
		}
		agentID, guid := credentials(r)
		result, retcode := g.Do(Request{op.segment, agentID, guid, body})
		if result == nil {
			result = struct{}{}
		}
		writeEnvelope(w, envelope{Message: textOf(retcode), Retcode: retcode, Result: result})
	}
}

// credentials returns the two values by which the gateway authenticates an agent.
func credentials(r *http.Request) (agentID, guid string) {
	return r.PathValue("agentid"), r.Header.Get("Guid")
}

// servePoll answers with an empty message, as on page 1274, unless the poll fails.
func (g *Gateway) servePoll(w http.ResponseWriter, r *http.Request) {
	agentID, guid := credentials(r)
	event, newGUID, retcode := g.Poll(r.Context(), agentID, guid)
	setGUID(w, newGUID)
	reply := envelope{Retcode: retcode, Event: event}
	if retcode != success {
		reply.Message = textOf(retcode)
	}
	writeEnvelope(w, reply)
}

// envelope is the body of every answer of a gateway. A poll without an event has
// neither result nor event.
type envelope struct {
	Message string `json:"message"`
	Retcode string `json:"retcode"`
	Result  any    `json:"result,omitempty"`
	Event   *Event `json:"event,omitempty"`
}

// writeRetcode writes an envelope with the reserved, empty result.
func writeRetcode(w http.ResponseWriter, retcode string) {
	writeEnvelope(w, envelope{Message: textOf(retcode), Retcode: retcode, Result: struct{}{}})
}

func writeEnvelope(w http.ResponseWriter, e envelope) {
	body, err := json.Marshal(e)
	if err != nil { // an operation returned a result that JSON does not have
		panic(err)
	}
	w.Header().Set("Content-Type", "application/json;charset=UTF-8")
	w.Write(body)
}

// setGUID sets the header Set-GUID (page 05_4015), unless guid is empty. Some clients
// compare its name byte by byte, so it has the gateway's spelling and not Go's canonical
// one.
func setGUID(w http.ResponseWriter, guid string) {
	if guid != "" {
		w.Header()["Set-GUID"] = []string{"JSESSIONID=" + guid}
	}
}

func readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	return io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
}
