package emulator

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"agentconf/emulator/fault"
	"agentconf/emulator/page"
)

const (
	gatewayRoot  = "/agentgateway/"
	resourceRoot = gatewayRoot + "resource/" // page 0467
	maxBody      = 64 << 10                  // bytes; the largest documented body has about 10 KiB
)

// route is an operation of the gateway over HTTP.
type route struct {
	method string
	path   string // below resourceRoot
	name   string // the gateway's method name
	serve  serveFunc
}

// serveFunc executes a request and returns the answer.
type serveFunc func(*Gateway, *request) reply

// routes returns the operations of the families that agentconf models: sessions, events and
// conferences.
func routes() []route {
	all := slices.Clone(sessionRoutes)
	all = append(all, route{"GET", "agentevent/{agentid}", pollOperation, (*Gateway).servePoll})
	for _, op := range conferenceOperations {
		all = append(all, route{op.method, "agentconf/{agentid}/" + op.segment, op.name, serveConference(op)})
	}
	return all
}

// Operations returns the names of the operations that the emulator handles, by the
// gateway's method names such as login, getAgentEvent and holdParticipant. A Fault may name
// them, and those of OtherOperations.
func Operations() []string { return namesOf(routes()) }

// OtherOperations returns the names of the operations that only old clients use.
func OtherOperations() []string { return namesOf(oldRoutes) }

func namesOf(routes []route) (names []string) {
	for _, r := range routes {
		names = append(names, r.name)
	}
	return names
}

// Handler returns the HTTP interface of the gateway, the control API below /emulator/, and
// the page at /. docs/emulator.md describes them.
func (g *Gateway) Handler() http.Handler {
	mux := http.NewServeMux()
	for _, route := range append(routes(), oldRoutes...) {
		mux.HandleFunc(route.method+" "+resourceRoot+route.path, func(w http.ResponseWriter, r *http.Request) {
			g.serveOperation(w, r, route.name, route.serve)
		})
	}
	mux.HandleFunc(gatewayRoot, g.serveOther)
	mux.HandleFunc(strings.TrimSuffix(gatewayRoot, "/"), g.serveOther)
	mux.Handle("/emulator/", http.NewCrossOriginProtection().Handler(g.controlHandler()))
	page.Add(mux, g.config.Front)
	for _, pattern := range []string{"/", "/emulator"} { // a mux redirects to a path with a slash by itself
		mux.HandleFunc(pattern, serveNoSuchPath)
	}
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

func serveNoSuchPath(w http.ResponseWriter, _ *http.Request) {
	writeControlError(w, http.StatusNotFound,
		"no such path: the gateway is at "+resourceRoot+", the control API at /emulator/, the page at /")
}

// serveOperation executes a request of an operation, under the fault that matches.
func (g *Gateway) serveOperation(w http.ResponseWriter, r *http.Request, operation string, serve serveFunc) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil { // unless the body is too long, the connection is broken
		http.Error(w, fmt.Sprintf("the body has over %d bytes", maxBody), http.StatusRequestEntityTooLarge)
		return
	}
	q := &request{
		operation: operation, agentID: r.PathValue("agentid"), guid: r.Header.Get("Guid"), body: body, http: r,
	}
	q.fault = g.faults.Take(func(f *fault.Fault) bool { return f.MatchesRequest(operation, q.agentID) })
	setCookie := g.chooseNode(q)
	if q.fault != nil {
		if !g.hold() {
			http.Error(w, "the emulator holds too many requests", http.StatusServiceUnavailable)
			return
		}
		defer g.release()
	}
	answer := g.answer(q, serve)
	if setCookie != "" {
		answer.Header["Set-Cookie"] = []string{setCookie}
	}
	if q.fault == nil { // a poll may have taken one
		answer.Write(w)
		return
	}
	q.fault.Respond(w, answer)
}

// answer executes a request, and waits as long as its fault demands.
func (g *Gateway) answer(q *request, serve serveFunc) fault.Answer {
	f, ctx := q.fault, q.http.Context()
	if f != nil && f.Late {
		g.wait(ctx, f)
	}
	executed := f
	rep := serve(g, q)
	if f = q.fault; f != nil && !f.Late {
		g.wait(ctx, f)
	}
	if executed != nil && !executed.Executes() && executed.Retcode == "" {
		return fault.Answer{Status: http.StatusOK, Header: http.Header{}}
	}
	return rep.answer()
}

// wait waits for the delay of a fault and, if it hangs, until the client has left.
func (g *Gateway) wait(ctx context.Context, f *fault.Fault) {
	timer := time.NewTimer(g.faults.Delay(f))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
	if f.Connection == fault.Hang {
		<-ctx.Done()
	}
}

// hold takes a slot for a request with a fault. It returns false if all are taken.
func (g *Gateway) hold() bool {
	select {
	case g.held <- struct{}{}:
		return true
	default:
		return false
	}
}

func (g *Gateway) release() { <-g.held }

func serveConference(op operation) serveFunc {
	return func(g *Gateway, q *request) reply {
		result, retcode := g.do(q, op)
		if result == nil {
			result = struct{}{}
		}
		return reply{envelope: envelope{Message: textOf(retcode), Retcode: retcode, Result: result}}
	}
}

// servePoll answers with an empty message, as on page 1274, unless the poll fails.
func (g *Gateway) servePoll(q *request) reply {
	event, newGUID, retcode := g.poll(q.http.Context(), q)
	rep := reply{envelope: envelope{Retcode: retcode, Event: event}, guid: newGUID}
	if retcode != success {
		rep.Message = textOf(retcode)
	}
	return rep
}

// reply is the answer to a request.
type reply struct {
	envelope
	guid  string // for the header Set-GUID, or ""
	other *fault.Answer
}

// envelope is the body of every answer of a gateway. A poll without an event has
// neither result nor event.
type envelope struct {
	Message string `json:"message"`
	Retcode string `json:"retcode"`
	Result  any    `json:"result,omitempty"`
	Event   *Event `json:"event,omitempty"`
}

// replyWith returns an envelope with the reserved, empty result.
func replyWith(retcode string) reply {
	return reply{envelope: envelope{Message: textOf(retcode), Retcode: retcode, Result: struct{}{}}}
}

// replyWithoutResult is replyWith for the operations whose pages have no result.
func replyWithoutResult(retcode string) reply {
	return reply{envelope: envelope{Message: textOf(retcode), Retcode: retcode}}
}

// answer encodes a reply. Some clients compare the name of the header Set-GUID (page 05_4015)
// byte by byte, so it has the gateway's spelling and not Go's canonical one.
func (rep reply) answer() fault.Answer {
	if rep.other != nil {
		return *rep.other
	}
	body, err := json.Marshal(rep.envelope)
	if err != nil { // an operation returned a result that JSON does not have
		panic(err)
	}
	header := http.Header{"Content-Type": {"application/json;charset=UTF-8"}}
	if rep.guid != "" {
		header["Set-GUID"] = []string{"JSESSIONID=" + rep.guid}
	}
	return fault.Answer{Status: http.StatusOK, Header: header, Body: body}
}
