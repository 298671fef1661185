package operation

import (
	"encoding/json"
	"maps"
	"net/url"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	agentconfv1 "agentconf/gen/agentconf/v1"
)

// redacted stands for a confidential value in a text.
const redacted = "…"

// redactor returns a replacer that takes every confidential value of the request, the GUID
// and the service token out of a text. The proto marks the confidential fields, so that a
// new field needs no change here.
func (op Operation) redactor(guid string) *strings.Replacer {
	replacements := map[string]string{guid: redacted, op.ServiceToken: redacted}
	collectConfidential(op.Request.ProtoReflect(), replacements)
	delete(replacements, "")
	// At one position of a text the first pair that fits replaces. A longer value comes
	// first, as it may begin with a shorter one.
	longestFirst := func(a, b string) int { return len(b) - len(a) }
	var pairs []string
	for _, value := range slices.SortedFunc(maps.Keys(replacements), longestFirst) {
		for _, form := range spellings(value) {
			pairs = append(pairs, form, replacements[value])
		}
	}
	return strings.NewReplacer(pairs...)
}

// collectConfidential adds the value of every field of m that is marked as
// confidential, with the text to put in its place.
func collectConfidential(m protoreflect.Message, replacements map[string]string) {
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		if !f.IsList() {
			collectValue(m, f, v, replacements)
			return true
		}
		for i := range v.List().Len() {
			collectValue(m, f, v.List().Get(i), replacements)
		}
		return true
	})
}

// collectValue adds one value of field f of m. The replacement of a participant's address
// is the one that error texts have, so that a reader can tell two participants apart. An
// agent ID is not confidential, and stays.
func collectValue(
	m protoreflect.Message, f protoreflect.FieldDescriptor, v protoreflect.Value, replacements map[string]string,
) {
	switch {
	case f.Message() != nil:
		collectConfidential(v.Message(), replacements)
	case isConfidential(f):
		text, replacement := v.String(), redacted
		if p, ok := m.Interface().(Addressed); ok && p.GetAddress() == text {
			replacement = ParticipantOf(p).masked()
		}
		if replacement != text {
			replacements[text] = replacement
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
