package emulator

import (
	"crypto/rand"
	"fmt"
	"slices"
	"time"
)

// maxGUIDs limits the GUIDs of a session that may be valid. The oldest ends first.
const maxGUIDs = 1000

// issuedGUID is a GUID with the time of its issue.
type issuedGUID struct {
	guid string
	at   time.Time
}

// States of a GUID, for the journal.
const (
	guidNone    = "none" // the request has no GUID
	guidCurrent = "current"
	guidOlder   = "older" // replaced, and still valid
	guidStale   = "stale" // expired
	guidUnknown = "unknown"
)

// authenticate returns the agent of a request if its GUID is valid. A real gateway may answer
// either retcode to a wrong GUID (page 0005): Config.StaleGUID. If the agent is not signed in,
// or not at the node that the request has reached, the retcode is 100-006.
func (g *Gateway) authenticate(q *request) (*agent, string) {
	a := g.agents[q.agentID]
	q.guidState = g.guidState(a, q.guid)
	switch {
	case q.guid == "":
		g.wrong = "the header Guid is missing"
	case q.guidState == guidUnknown:
		g.wrong = "the header Guid has no GUID of this agent"
	}
	switch {
	case a == nil, q.node != "" && q.node != a.node:
		return nil, notSignedIn
	case q.guidState == guidCurrent, q.guidState == guidOlder:
		return a, success
	}
	return nil, g.config.StaleGUID
}

func (g *Gateway) guidState(a *agent, guid string) string {
	if guid == "" {
		return guidNone
	}
	if a == nil {
		return guidUnknown
	}
	for i, issued := range a.guids {
		switch expired := g.config.AuthMode == DynamicGUID && time.Since(issued.at) >= g.config.GUIDTimeout; {
		case issued.guid != guid:
		case expired:
			return guidStale
		case i == len(a.guids)-1:
			return guidCurrent
		default:
			return guidOlder
		}
	}
	return guidUnknown
}

// issueGUID gives a another valid GUID: a UUID, a dot and the name of the node.
func (g *Gateway) issueGUID(a *agent) string {
	var b [16]byte
	rand.Read(b[:])
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80 // version 4, variant 1
	guid := fmt.Sprintf("%x-%x-%x-%x-%x.%s", b[:4], b[4:6], b[6:8], b[8:10], b[10:], a.node)
	a.guids = append(a.guids, issuedGUID{guid, time.Now()})
	if len(a.guids) > maxGUIDs {
		a.guids = slices.Delete(a.guids, 0, 1)
	}
	return guid
}

// rotateGUID issues a new GUID if the newest of a has reached GUIDInterval, and drops
// the expired ones. It returns "" if it issues none.
func (g *Gateway) rotateGUID(a *agent) (newGUID string) {
	newest := a.guids[len(a.guids)-1]
	if g.config.AuthMode != DynamicGUID || time.Since(newest.at) < g.config.GUIDInterval {
		return ""
	}
	for time.Since(a.guids[0].at) >= g.config.GUIDTimeout && len(a.guids) > 1 {
		a.guids = a.guids[1:]
	}
	return g.issueGUID(a)
}
