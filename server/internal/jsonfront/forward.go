package jsonfront

import (
	"net/http"
	"strings"
)

// resourceRoot begins the paths of the gateway's operations (page 0467).
const resourceRoot = gatewayRoot + "resource/"

// forwards reports whether a request with this path goes to the gateway if no operation of
// the contract has it.
func (f *front) forwards(path string) bool {
	return f.passThrough != nil && strings.HasPrefix(path, resourceRoot)
}

// forward passes r through to the gateway, as its client sent it.
func (f *front) forward(w http.ResponseWriter, r *http.Request) {
	in := inboundOf(r.Context())
	if e := f.passThrough(w, in.original.WithContext(r.Context())); e != nil {
		in.dialect.writeError(w, e, 0)
	}
}

// namesNoAgent reports whether a path below resourceRoot has a word where the paths of the
// contract have an agent ID. It belongs to another operation of the gateway, such as
// onlineagent/loginbyaccount or agentevent/allagentevent.
func namesNoAgent(path string) bool {
	_, path, _ = strings.Cut(strings.TrimLeft(path[len(resourceRoot):], "/"), "/")
	word, _, _ := strings.Cut(path, "/")
	notLetter := func(c rune) bool { return (c|0x20) < 'a' || (c|0x20) > 'z' }
	return word != "" && !strings.ContainsFunc(word, notLetter)
}
