package gateway

import (
	"regexp"
	"testing"
)

// liberties are what an answer has about it that we refuse and net/http takes, as
// the table of TestDifferential explains.
var liberties = regexp.MustCompile(`(?is)` +
	`(^|[^\r])\n|\r([^\n]|$)|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]` + // line ends, control characters
	`|\n[ \t]|\n[^\r\n:]* [^\r\n:]*:` + // folded lines, spaces in names
	`|HTTP/([^1]|1\.[^01]|1\..  |1\.. [-+0]|1\.. 101)` + // status lines
	`|(HTTP/1\.[01] 1.*){6}` + // interim responses
	`|HTTP/1\.0.*Transfer-Encoding` +
	`|Content-Length.*Transfer-Encoding|Transfer-Encoding.*Content-Length`)

// indulgences are what net/http refuses and we take.
var indulgences = regexp.MustCompile(`(?is)Content-Length.*Content-Length|\nTrailer:`)

// Whatever a gateway answers, we and net/http read the same from it, or both
// nothing, but for what the table of TestDifferential explains.
func FuzzExchange(f *testing.F) {
	for _, test := range differential {
		if len(test.raw) < maxLine {
			f.Add([]byte(test.raw), uint16(len(test.raw)/2))
		}
	}
	f.Fuzz(func(t *testing.T, raw []byte, split uint16) {
		if len(raw) > maxLine {
			t.Skip("as large as no seed is")
		}
		cut := min(int(split), len(raw))
		ours, theirs := byUs(t, raw[:cut], raw[cut:]), byNetHTTP(t, raw)
		compare(t, ours, theirs)
		if ours.err != nil && theirs.err == nil && !liberties.Match(raw) {
			t.Errorf("%v, where net/http read %+v", ours.err, theirs)
		}
		if ours.err == nil && theirs.err != nil && !indulgences.Match(raw) {
			t.Errorf("%+v, where net/http said %v", ours, theirs.err)
		}
	})
}
