package jsonfront

import (
	"net/http"
	"strings"
)

// checkMedia reports a body on REST that is not declared as plain JSON. A page of any origin
// can send other types without asking. A body without a type is taken for JSON.
func (in *inboundRequest) checkMedia(header http.Header) {
	if in.length == 0 {
		return
	}
	if types := header["Content-Type"]; len(types) > 0 && !isJSON(types) {
		in.addViolation("Content-Type", "must be application/json")
		in.unsupported = true
	}
	if codings := header["Content-Encoding"]; len(codings) > 0 && !isIdentity(codings) {
		in.refuseCoding()
	}
}

// checkCoding is checkMedia of the gateway dialect, where only a body that is read has to be
// readable. Programs of the vendor send a charset as Content-Encoding, which has no effect.
func (in *inboundRequest) checkCoding(header http.Header) {
	codings := header["Content-Encoding"]
	switch {
	case len(codings) == 0 || isIdentity(codings):
	case len(codings) == 1 && strings.EqualFold(codings[0], "UTF-8"):
		in.tolerate(contentEncoding, "Content-Encoding")
	default:
		in.refuseCoding()
	}
}

func (in *inboundRequest) refuseCoding() {
	in.addViolation("Content-Encoding", "must be left out: a body is read only as it is")
	in.unsupported = true
}

// isJSON reports whether the one type is application/json, with any parameters.
func isJSON(types []string) bool {
	name, _, _ := strings.Cut(types[0], ";")
	return len(types) == 1 && strings.EqualFold(strings.TrimSpace(name), "application/json")
}

func isIdentity(codings []string) bool {
	return len(codings) == 1 && (codings[0] == "" || strings.EqualFold(codings[0], "identity"))
}
