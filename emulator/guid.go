package emulator

import (
	"crypto/rand"
	"fmt"
	"time"
)

// issuedGUID is a GUID with the time of its issue.
type issuedGUID struct {
	guid string
	at   time.Time
}

// authenticate returns the agent with this ID if guid is one of its valid GUIDs. A real
// gateway may answer either retcode to a wrong GUID (page 0005); the emulator answers
// 100-006 only if the agent is not signed in.
func (g *Gateway) authenticate(agentID, guid string) (*agent, string) {
	a := g.agents[agentID]
	if a == nil {
		return nil, notSignedIn
	}
	for _, issued := range a.guids {
		expired := g.config.AuthMode == DynamicGUID && time.Since(issued.at) >= g.config.GUIDTimeout
		if issued.guid == guid && !expired {
			return a, success
		}
	}
	return nil, noRight
}

// issueGUID gives a another valid GUID: a UUID, a dot and the name of the node.
func (g *Gateway) issueGUID(a *agent) string {
	var b [16]byte
	rand.Read(b[:])
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80 // version 4, variant 1
	guid := fmt.Sprintf("%x-%x-%x-%x-%x.%s", b[:4], b[4:6], b[6:8], b[8:10], b[10:], g.config.Node)
	a.guids = append(a.guids, issuedGUID{guid, time.Now()})
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
