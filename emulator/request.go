package emulator

import (
	"encoding/json"
	"fmt"
	"net/http"

	"agentconf/emulator/fault"
	"agentconf/emulator/journal"
)

// request is a request to the gateway, over HTTP or by a method of Gateway.
type request struct {
	operation     string // the gateway's method name
	agentID, guid string
	body          []byte
	fault         *fault.Fault // nil if none applies
	node          string       // the node that it reaches; "" without a load balancer
	http          *http.Request

	guidState string // for the journal
	eventType string // of the event that a poll has taken
	refusal   string // violation that was found before the operation
}

// methodRequest returns the request of a method of Gateway. Faults of the HTTP answer do not
// apply to it.
func (g *Gateway) methodRequest(operation, agentID, guid string, body []byte) *request {
	q := &request{operation: operation, agentID: agentID, guid: guid, body: body}
	q.fault = g.faults.Take(func(f *fault.Fault) bool {
		return f.Retcode != "" && f.MatchesRequest(operation, agentID)
	})
	return q
}

// run executes a request with the gateway locked, as far as its fault allows, and journals
// it. The retcode of a fault replaces that of the operation.
func (g *Gateway) run(q *request, execute func() (any, string)) (result any, retcode string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.wrong = q.refusal
	applied := false
	if q.fault.Executes() {
		result, retcode = execute()
		applied = retcode == success
	}
	if f := q.fault; f != nil && (f.Retcode != "" || !f.Executes()) {
		result, retcode = nil, f.Retcode
	}
	g.record(q, result, retcode, applied)
	if applied {
		g.runRules(trigger{on: q.operation, agentID: q.agentID, address: addressIn(q.body)})
	}
	return result, retcode
}

// record journals a request. It needs the lock.
func (g *Gateway) record(q *request, result any, retcode string, applied bool) {
	e := journal.Entry{
		Kind: journal.Request, Operation: q.operation, AgentID: q.agentID, GUID: q.guidState,
		Retcode: retcode, Applied: applied, EventType: q.eventType, Wrong: g.wrong,
	}
	if result != nil {
		if raw, err := json.Marshal(result); err == nil {
			e.Result = json.RawMessage(raw)
		}
	}
	if json.Valid(q.body) {
		e.Body = q.body
	}
	if q.http != nil {
		e.Method, e.Path, e.Status = q.http.Method, q.http.URL.Path, http.StatusOK
	}
	if f := q.fault; f != nil {
		e.Fault, e.Effect = f.ID, f.Effect()
		e.Status = f.StatusOf(e.Status)
	}
	if isConferenceOperation(q.operation) {
		g.logged++
		e.Number = g.logged
	}
	g.journal.Append(e)
	if e.Number > 0 {
		line, err := json.Marshal(logEntry(&e))
		if err == nil {
			g.config.Log.Write(append(line, '\n'))
		}
	}
	if e.Wrong != "" && e.Wrong != g.lastWarning { // a client that repeats itself has one line
		fmt.Fprintf(g.config.Warnings, "wrong request: %s by agent %q: %s (retcode %s)\n",
			q.operation, q.agentID, e.Wrong, retcode)
	}
	g.lastWarning = e.Wrong
}

// refuse notes what is wrong with a field of the request under way, and returns the retcode
// of a wrong argument.
func (g *Gateway) refuse(text string) (any, string) {
	g.wrong = text
	return nil, badArgument
}

// addressIn returns the address in the body of an operation on one participant, or "".
func addressIn(body []byte) string {
	var b struct{ Address string }
	_ = json.Unmarshal(body, &b) // a body of another form has none
	return b.Address
}

// Log returns the entries of the requests of the conference family in the journal, in order.
func (g *Gateway) Log() []LogEntry {
	var log []LogEntry
	entries, _ := g.journal.After(0)
	for i := range entries {
		if entries[i].Kind == journal.Request && entries[i].Number > 0 {
			log = append(log, logEntry(&entries[i]))
		}
	}
	return log
}

// Logged returns the number of requests that Log has had, also of those that a limit of the
// journal has removed since.
func (g *Gateway) Logged() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.logged
}

func logEntry(e *journal.Entry) LogEntry {
	return LogEntry{e.Number, e.Operation, e.AgentID, e.Body, e.Retcode, e.Applied}
}
