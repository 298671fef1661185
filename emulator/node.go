package emulator

import (
	"net/http"
	"slices"
)

// nodeNames returns the names of the nodes.
func (c *Config) nodeNames() []string {
	if len(c.Nodes) > 0 {
		return c.Nodes
	}
	return []string{c.Node}
}

// nextNode returns the nodes in turn. It needs the lock.
func (g *Gateway) nextNode() string {
	names := g.config.nodeNames()
	g.signIns++
	return names[(g.signIns-1)%len(names)]
}

// chooseNode sets the node of a request as a load balancer does: by the cookie, or in turn. In
// the latter case it returns the cookie to set. Without Config.BalancerCookie it does nothing.
func (g *Gateway) chooseNode(q *request) (setCookie string) {
	name := g.config.BalancerCookie
	if name == "" {
		return ""
	}
	if cookie, err := q.http.Cookie(name); err == nil && slices.Contains(g.config.nodeNames(), cookie.Value) {
		q.node = cookie.Value
		return ""
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	q.node = g.nextNode()
	return (&http.Cookie{Name: name, Value: q.node, Path: "/"}).String()
}
