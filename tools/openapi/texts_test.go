package main

import (
	"testing"

	"github.com/tidwall/gjson"
)

// Paragraphs and list items have one line each, and paragraphs stay apart.
func TestUnwrap(t *testing.T) {
	text := "A first\nsentence.\n\n- one\n  item\n- another\n\n  - deep\n    item\nThe\nend."
	want := "A first sentence.\n\n- one item\n- another\n\n  - deep item The end."
	if got := unwrap(text); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// Every text of the document is unwrapped, and a property named like a text is not touched.
func TestUnwrapTexts(t *testing.T) {
	d := &document{[]byte(`{"summary": "a\nb \"c\"", "properties": {"description": {"description": "a\n\nb\\\\\nc"}}}`)}
	d.unwrapTexts()
	for path, want := range map[string]string{
		"summary": `a b "c"`, "properties.description.description": "a\n\nb\\\\ c",
	} {
		if got := gjson.GetBytes(d.text, path).String(); got != want {
			t.Errorf("%s: got %q, want %q in %s", path, got, want, d.text)
		}
	}
}

// The operations of the dialect have a group of their own, behind the others, and a group keeps the
// first paragraph of its description.
func TestGroups(t *testing.T) {
	d := &document{[]byte(`{"info":{"description":"Text."},"tags":[{"name":"S","description":"One.\n\nTwo."}],"paths":{` +
		`"/agentgateway/x":{"put":{"tags":["S"]}},"/v1/x":{"post":{"tags":["S"]}}}}`)}
	d.setGroups()
	d.foldGroups()
	var order []string
	gjson.GetBytes(d.text, "paths").ForEach(func(path, methods gjson.Result) bool {
		order = append(order, path.String(), methods.Get("*.tags.0").String())
		return true
	})
	want := []string{"/v1/x", "S", "/agentgateway/x", "Gateway dialect"}
	for i := range want {
		if len(order) != len(want) || order[i] != want[i] {
			t.Fatalf("got the order %q, want %q", order, want)
		}
	}
	if got := gjson.GetBytes(d.text, "tags.0.description").String(); got != "One." {
		t.Errorf("got the description %q of a group, want its first paragraph", got)
	}
	if got := gjson.GetBytes(d.text, "tags.1.name").String(); got != "Gateway dialect" {
		t.Errorf("got the last group %q, want the dialect", got)
	}
	const folded = "Text.\n\n<details><summary>More about S</summary>\n\nTwo.\n\n</details>"
	if got := gjson.GetBytes(d.text, "info.description").String(); got != folded {
		t.Errorf("got the description %q, want %q", got, folded)
	}
}
