package operation

import (
	"encoding/json"
	"net/url"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	agentconfv1 "agentconf/gen/agentconf/v1"
)

// redacted stands for a confidential value in a text.
const redacted = "…"

// redactor takes confidential values out of texts.
type redactor []replacement

// replacement is a confidential value and the text to put in its place. mark is a part of
// every spelling of the value.
type replacement struct{ value, text, mark string }

// redactor returns a redactor for every confidential value of the request, the GUID and the
// service token. The proto marks the confidential fields, so that a new field needs no
// change here.
func (op Operation) redactor(guid string) redactor {
	r := make(redactor, 0, 8)
	r.add(guid, redacted)
	r.add(op.ServiceToken, redacted)
	r.collect(op.Request.ProtoReflect())
	return r
}

// add adds a value, unless it is empty.
func (r *redactor) add(value, text string) {
	if value != "" {
		*r = append(*r, replacement{value, text, longestPlain(value)})
	}
}

// Replace returns text without the confidential values. Few texts have one, and the replacer
// for those costs more than the rest of an error.
func (r redactor) Replace(text string) string {
	if !slices.ContainsFunc(r, func(each replacement) bool { return strings.Contains(text, each.mark) }) {
		return text
	}
	// At one position of a text the first pair that fits replaces. A longer value comes
	// first, as it may begin with a shorter one.
	sorted := slices.Clone(r)
	slices.SortStableFunc(sorted, func(a, b replacement) int { return len(b.value) - len(a.value) })
	var pairs []string
	for _, each := range sorted {
		for _, form := range spellings(each.value) {
			pairs = append(pairs, form, each.text)
		}
	}
	return strings.NewReplacer(pairs...).Replace(text)
}

// longestPlain returns the longest part of value that has letters and digits of ASCII only,
// which no spelling changes.
func longestPlain(value string) (longest string) {
	for part := range strings.FieldsFuncSeq(value, func(c rune) bool {
		return (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z')
	}) {
		if len(part) > len(longest) {
			longest = part
		}
	}
	return longest
}

// collect adds the value of every field of m that is marked as confidential, with the text
// to put in its place.
func (r *redactor) collect(m protoreflect.Message) {
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		if !f.IsList() {
			r.collectValue(m, f, v)
			return true
		}
		for i := range v.List().Len() {
			r.collectValue(m, f, v.List().Get(i))
		}
		return true
	})
}

// collectValue adds one value of field f of m. The replacement of a participant's address
// is the one that error texts have, so that a reader can tell two participants apart. An
// agent ID is not confidential, and stays.
func (r *redactor) collectValue(m protoreflect.Message, f protoreflect.FieldDescriptor, v protoreflect.Value) {
	switch {
	case f.Message() != nil:
		r.collect(v.Message())
	case isConfidential(f):
		text, replacement := v.String(), redacted
		if p, ok := m.Interface().(Addressed); ok && p.GetAddress() == text {
			replacement = ParticipantOf(p).masked()
		}
		if replacement != text {
			r.add(text, replacement)
		}
	}
}

// isConfidential reports whether f has the option (agentconf.v1.confidential).
func isConfidential(f protoreflect.FieldDescriptor) bool {
	return proto.GetExtension(f.Options(), agentconfv1.E_Confidential).(bool)
}

// spellings returns the forms in which a gateway may repeat value: as it is or as in
// JSON, and each of them as in a URL.
func spellings(value string) []string {
	quoted, err := json.Marshal(value)
	if err != nil { // a string always encodes
		panic(err)
	}
	var forms []string
	for _, text := range []string{value, string(quoted[1 : len(quoted)-1])} {
		forms = append(forms, text, url.QueryEscape(text), url.PathEscape(text))
	}
	return forms
}
