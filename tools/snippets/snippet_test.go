package main

import (
	"slices"
	"strings"
	"testing"
)

func TestSnippets(t *testing.T) {
	document := strings.ReplaceAll(`
Text, with a picture:

    client --> server

~~~sh
one \
  line
~~~
~~~text
says
~~~

    make faults
    go test

~~~sh keeps
go run ./server demo
~~~
and

~~~text
ready
~~~
~~~json
{}
~~~
`, "~~~", "```")
	want := []snippet{
		{line: 6, commands: "one \\\n  line\n", prints: "says\n"},
		{line: 14, commands: "make faults\ngo test\n"},
		{line: 17, commands: "go run ./server demo\n", keeps: true, prints: "ready\n"},
	}
	if got := snippets(document); !slices.Equal(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
}

func TestPattern(t *testing.T) {
	for _, test := range []struct {
		text, printed string
		whole, match  bool
	}{
		{"", "\n", true, true},
		{"", "something\n", true, false},
		{"a…c\n", "abc\n", true, true},
		{"a…c\n", "a\nc\n", true, false},
		{"a\n…\nc\n", "a\nb\nb\nc\n", true, true},
		{"a\n…\n", "a\nb\n", true, true},
		{"a\n", "a\nb\n", true, false},
		{"a\n", "a\nb\n", false, true},
		{"a\n", "aa\n", false, false},
		{"(a)\n", "(a)\n", true, true},
	} {
		if got := pattern(test.text, test.whole).MatchString(test.printed); got != test.match {
			t.Errorf("%q is %q: %v", test.printed, test.text, got)
		}
	}
}

// What a document says and what happens are not the same.
func TestFollowFails(t *testing.T) {
	for name, document := range map[string]string{
		"another output":      "```sh\necho a\n```\n```text\nb\n```\n",
		"an output untold":    "```sh\necho a\n```\n",
		"a failure":           "```sh\nfalse\n```\n",
		"an early end":        "```sh keeps\necho a\n```\n```text\nb\n```\n",
		"no text to wait for": "```sh keeps\nsleep 60\n```\n",
	} {
		if follow(name, snippets(document), nil) == nil {
			t.Errorf("%s is not found out", name)
		}
	}
}

func TestFollow(t *testing.T) {
	document := "```sh keeps\necho 'export A=b'; sleep 60\n```\n```text\nexport A=…\n```\n```sh\necho \"$A\"\n```\n```text\nb\n```\n" +
		"    docker build .\n    false docker\n"
	exceptions, err := parseExceptions("# why\ndocker \tno Docker here\nfalse \tfails\nmake x\tslow\n")
	if err != nil {
		t.Fatal(err)
	}
	if err := follow("a document", snippets(document), exceptions); err != nil {
		t.Error(err)
	}
	if err := unused(exceptions); err == nil || !strings.Contains(err.Error(), "make x") || strings.Contains(err.Error(), "docker") {
		t.Errorf("unused: %v", err)
	}
	if _, err := parseExceptions("make x\n"); err == nil {
		t.Error("an exception without a reason is taken")
	}
}
