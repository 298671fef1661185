package jsonobject

import (
	"bytes"
	"encoding/json"
	"fmt"
	"testing"
)

// FuzzMembers compares the members with those that encoding/json finds.
func FuzzMembers(f *testing.F) {
	for _, seed := range []string{
		`{"a":1,"b":"x","c":{"d":[1,{"}":"]"}]},"e":null}`, ` { "a" : "\"\\" , "a" : [ ] } `, `{}`, `{"":-1.5e3}`,
		`{"a":tru}`, `[1]`, `{"a":1}{}`, "", "{\"\xff\":0}", `{"\u0061":"\ud800"}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if !Valid(text) {
			return
		}
		dec := json.NewDecoder(bytes.NewReader(text))
		dec.Token()
		for name, value := range Members(text) {
			wantName, err := dec.Token()
			if err != nil {
				t.Fatal(err)
			}
			var got string
			if err := json.Unmarshal(name, &got); err != nil || got != wantName {
				t.Errorf("name %s (%v), want %q", name, err, wantName)
			}
			if plain, ok := Plain(name); ok && string(plain) != got {
				t.Errorf("plain name %s, want %s", plain, got)
			}
			var want json.RawMessage
			if err := dec.Decode(&want); err != nil || !bytes.Equal(value, want) {
				t.Errorf("value %s, want %s, %v", value, want, err)
			}
		}
		if fmt.Sprint(collect(string(text))) != fmt.Sprint(collect(text)) {
			t.Error("a string has other members than bytes")
		}
		if dec.More() {
			t.Error("a member is missing")
		}
	})
}

func collect[T jsonText](object T) (members []string) {
	for name, value := range Members(object) {
		members = append(members, string(name), string(value))
	}
	return members
}
