package http1

import (
	"regexp"
	"testing"
)

// strictness matches replies that Receive may reject although net/http accepts them, for the
// reasons in the table of TestDifferential.
var strictness = regexp.MustCompile(`(?is)` +
	`(^|[^\r])\n|\r([^\n]|$)|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]` + // line ends, control characters
	`|\n[ \t]|\n[^\r\n:]* [^\r\n:]*:` + // a folded first line, spaces in names
	`|HTTP/([^1]|1\.[^01]|1\..  |1\.. [-+0]|1\.. 101)` + // status lines
	`|(HTTP/1\.[01] 1.*){6}` + // interim responses
	`|HTTP/1\.0.*Transfer-Encoding` +
	`|Content-Length.*Transfer-Encoding|Transfer-Encoding.*Content-Length`)

// laxness matches replies that Receive may accept although net/http rejects them.
var laxness = regexp.MustCompile(`(?is)Content-Length.*Content-Length|\nTrailer:`)

// FuzzReceive compares the responses to arbitrary replies with those of net/http, as
// TestDifferential does.
func FuzzReceive(f *testing.F) {
	for _, test := range differential {
		if len(test.raw) < bufferSize {
			f.Add([]byte(test.raw), uint16(len(test.raw)/2))
		}
	}
	f.Fuzz(func(t *testing.T, raw []byte, split uint16) {
		if len(raw) > bufferSize {
			t.Skip("longer than every seed")
		}
		cut := min(int(split), len(raw))
		ours, theirs := readByConn(t, raw[:cut], raw[cut:]), readByNetHTTP(t, raw)
		compare(t, ours, theirs)
		if ours.err != nil && theirs.err == nil && !strictness.Match(raw) {
			t.Errorf("%v, where net/http read %+v", ours.err, theirs)
		}
		if ours.err == nil && theirs.err != nil && !laxness.Match(raw) {
			t.Errorf("%+v, where net/http said %v", ours, theirs.err)
		}
	})
}
