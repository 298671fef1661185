package emulator

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"agentconf/emulator/fault"
	"agentconf/emulator/internal/wire"
)

// maxCanned limits the canned replies.
const maxCanned = 1000

// CannedReply answers an operation that the emulator does not model, such as those of the
// families voicecall and queuedevice.
type CannedReply struct {
	// Name is the name of the operation for the journal and for faults. Default: the last
	// segment of Path that is not in braces.
	Name string `json:"name,omitempty"`

	// Method and Path select the requests. Path is below /agentgateway/resource/. A segment in
	// braces, such as {callid}, matches any segment. The GUID of the agent in {agentid} is
	// checked; a path without {agentid} needs no GUID.
	Method string `json:"method"`
	Path   string `json:"path"`

	Status  int               `json:"status,omitempty"`  // of HTTP. Default: 200
	Headers map[string]string `json:"headers,omitempty"` // in addition to Content-Type
	Body    json.RawMessage   `json:"body,omitempty"`    // Default: the envelope of a success
	Text    string            `json:"text,omitempty"`    // a body that is not JSON, instead of Body

	// Events are emitted to the agent in {agentid}, in order.
	Events []CannedEvent `json:"events,omitempty"`
}

// CannedEvent is an event that a canned reply or a rule emits.
type CannedEvent struct {
	EventType string          `json:"eventType"`
	Content   json.RawMessage `json:"content,omitempty"` // any JSON. Default: null
}

func (e CannedEvent) emit(a *agent) {
	if e.Content == nil {
		a.emit(e.EventType, nil)
		return
	}
	a.emit(e.EventType, e.Content)
}

// ParseCanned reads a list of canned replies in JSON. An unknown field is an error.
func ParseCanned(text []byte) ([]CannedReply, error) {
	var list []CannedReply
	if err := wire.Decode(text, &list); err != nil {
		return nil, err
	}
	if len(list) > maxCanned {
		return nil, fmt.Errorf("there may be %d canned replies", maxCanned)
	}
	for i := range list {
		if err := list[i].check(); err != nil {
			return nil, fmt.Errorf("canned reply %d: %w", i+1, err)
		}
	}
	return list, nil
}

func (c *CannedReply) check() error {
	switch {
	case c.Method == "" || c.Path == "":
		return errors.New("method or path is missing")
	case strings.HasPrefix(c.Path, "/"):
		return errors.New("path begins with a slash; it is below " + resourceRoot)
	case c.Body != nil && c.Text != "":
		return errors.New("it has both body and text")
	case len(c.Events) > 0 && !strings.Contains(c.Path, "{agentid}"):
		return errors.New("it has events, and its path has no {agentid}")
	case c.Status != 0 && (c.Status < 200 || c.Status > 599):
		return errors.New("status is not from 200 to 599")
	}
	for _, e := range c.Events {
		if e.EventType == "" {
			return errors.New("an event has no eventType")
		}
	}
	return nil
}

// name returns the name of the operation.
func (c *CannedReply) name() string {
	if c.Name != "" {
		return c.Name
	}
	segments := strings.Split(c.Path, "/")
	for _, segment := range slices.Backward(segments) {
		if !strings.HasPrefix(segment, "{") {
			return segment
		}
	}
	return c.Path
}

// match reports whether c answers a request. agentID is what the path has in place of
// {agentid}.
func (c *CannedReply) match(method, path string) (agentID string, ok bool) {
	want, got := strings.Split(c.Path, "/"), strings.Split(path, "/")
	if c.Method != method || len(want) != len(got) {
		return "", false
	}
	for i, segment := range want {
		switch {
		case segment == "{agentid}":
			agentID = got[i]
		case !strings.HasPrefix(segment, "{") && segment != got[i]:
			return "", false
		}
	}
	return agentID, true
}

// serveOther answers a request that no route has: by a canned reply, or as the gateway answers
// an unknown path.
func (g *Gateway) serveOther(w http.ResponseWriter, r *http.Request) {
	path := strings.TrimPrefix(r.URL.Path, resourceRoot)
	for i := range g.config.Canned {
		canned := &g.config.Canned[i]
		if agentID, ok := canned.match(r.Method, path); ok {
			r.SetPathValue("agentid", agentID)
			g.serveOperation(w, r, canned.name(), canned.serve)
			return
		}
	}
	g.serveOperation(w, r, unknownOperation, (*Gateway).serveUnknown)
}

// unknownOperation is the operation of requests that the emulator does not know.
const unknownOperation = "unknown"

// serveUnknown answers HTTP 200 with 000-002, as programs of the gateway's make do.
func (g *Gateway) serveUnknown(q *request) reply {
	q.refusal = "no operation has this method and path; canned replies can answer it"
	_, retcode := g.run(q, func() (any, string) { return nil, badArgument })
	return replyWith(retcode)
}

func (c *CannedReply) serve(g *Gateway, q *request) reply {
	_, retcode := g.run(q, func() (any, string) {
		if !strings.Contains(c.Path, "{agentid}") {
			return nil, success
		}
		a, retcode := g.authenticate(q)
		if retcode != success {
			return nil, retcode
		}
		for _, e := range c.Events {
			e.emit(a)
		}
		return nil, success
	})
	if retcode != success {
		return replyWith(retcode)
	}
	answer := c.answer()
	return reply{other: &answer}
}

func (c *CannedReply) answer() fault.Answer {
	answer := replyWith(success).answer()
	if c.Body != nil {
		answer.Body = bytes.Clone(c.Body)
	}
	if c.Text != "" {
		answer.Body = []byte(c.Text)
	}
	f := fault.Fault{Status: c.Status, Headers: c.Headers}
	return f.Change(answer)
}
