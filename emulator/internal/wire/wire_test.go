package wire

import (
	"testing"
	"time"
)

// Decode takes one JSON value with known fields, and times as text.
func TestDecode(t *testing.T) {
	for text, want := range map[string]time.Duration{
		`{"after":"1500ms"} `: 1500 * time.Millisecond, `{}`: 0,
		`{"after":"soon"}`: -1, `{"after":2}`: -1, `{"afte":"2s"}`: -1, `{}{}`: -1, `{}]`: -1, `{`: -1, ``: -1,
	} {
		var v struct{ After Duration }
		err := Decode([]byte(text), &v)
		if (err != nil) != (want < 0) || err == nil && time.Duration(v.After) != want {
			t.Errorf("%s: got %v, %v", text, time.Duration(v.After), err)
		}
	}
	if text, err := Duration(2 * time.Second).MarshalText(); err != nil || string(text) != "2s" {
		t.Errorf("got %s, %v", text, err)
	}
}
