package interceptor

import (
	"net/http"
	"slices"
	"strings"
)

const (
	// maxPath bounds the path of a log record in bytes.
	maxPath = 120

	// maxAgentID is the length of the longest agent ID in digits.
	maxAgentID = 6
)

// PrintablePath returns path for a log record. A segment that is neither a word nor an agent
// ID is "*": a client may have put a GUID, a phone number or a password there.
func PrintablePath(path string) string {
	cut := len(path) > maxPath
	if cut {
		path = path[:maxPath]
	}
	segments := strings.Split(path, "/")
	for i, segment := range segments {
		if !isWord(segment) && !isAgentID(segment) || cut && i == len(segments)-1 {
			segments[i] = "*"
		}
	}
	return strings.Join(segments, "/")
}

// isWord reports whether segment is a name of the kind that paths have, such as agentconf,
// wp-login.php, conference:holdParticipant or v1.
func isWord(segment string) bool {
	if segment == "v1" || segment == "" {
		return true
	}
	return len(segment) <= 40 && !strings.ContainsFunc(segment, func(c rune) bool {
		return !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || strings.ContainsRune("-_.:", c))
	})
}

// isAgentID reports whether id has the form of an agent ID. Anything else in its place is a
// typing error, and may be confidential.
func isAgentID(id string) bool {
	return len(id) <= maxAgentID && !strings.ContainsFunc(id, func(c rune) bool { return c < '0' || c > '9' })
}

// agentOfPath returns the agent ID in a path of the JSON port, or an empty text. It follows
// /v1/agents/, or the family of operations in a path of the gateway.
func agentOfPath(path string) string {
	rest, found := strings.CutPrefix(path, "/v1/agents/")
	if !found {
		rest, found = strings.CutPrefix(path, "/agentgateway/resource/")
		_, rest, _ = strings.Cut(rest, "/")
	}
	id, _, _ := strings.Cut(rest, "/")
	if !found || !isAgentID(id) {
		return ""
	}
	return id
}

// agentOf returns the agent ID of a request if it has the form of one.
func agentOf(req any) string {
	r, ok := req.(interface{ GetAgentId() string })
	if !ok || !isAgentID(r.GetAgentId()) {
		return ""
	}
	return r.GetAgentId()
}

// KnownMethod returns an HTTP method, or "_OTHER": a client may send any word.
func KnownMethod(method string) string {
	known := []string{
		http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch,
		http.MethodDelete, http.MethodOptions, http.MethodTrace, http.MethodConnect,
	}
	if slices.Contains(known, method) {
		return method
	}
	return "_OTHER"
}
