package snippets

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
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
output
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
		{line: 6, script: "one \\\n  line\n", output: "output\n"},
		{line: 14, script: "make faults\ngo test\n"},
		{line: 17, script: "go run ./server demo\n", keeps: true, output: "ready\n"},
	}
	if got := snippets(document); !slices.Equal(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
}

func TestPattern(t *testing.T) {
	const whole, begin = `\s*\z`, `\n`
	for _, test := range []struct {
		text, output, end string
		match             bool
	}{
		{"", "\n", whole, true},
		{"", "something\n", whole, false},
		{"a…c\n", "abc", whole, true},
		{"a…c\n", "a\nc\n", whole, false},
		{"a\n…\nc\n", "a\nb\nb\nc\n", whole, true},
		{"a\n…\n", "a\nb\n", whole, true},
		{"a\n", "a\nb\n", whole, false},
		{"a\n", "a\nb\n", begin, true},
		{"a\n", "aa\n", begin, false},
		{"(a)\n", "(a)\n", whole, true},
	} {
		quoted := pattern(test.text, test.end)
		if got := regexp.MustCompile(quoted[1 : len(quoted)-1]).MatchString(test.output); got != test.match {
			t.Errorf("%q matches %q: %v", test.text, test.output, got)
		}
	}
}

// A document passes only if its commands succeed and print what it shows.
func TestDocumentFails(t *testing.T) {
	for name, test := range map[string]struct{ document, failure string }{
		"exports and exceptions": {"```sh keeps\necho 'export A=b'; sleep 60\n```\n```text\nexport A=…\n```\n" +
			"```sh\necho \"it's $A\"\n```\n```text\nit's b\n```\n    docker build .\n", ""},
		"another output":        {"```sh\necho a\n```\n```text\nb\n```\n", "no match"},
		"an output not shown":   {"```sh\necho a\n```\n", "no match"},
		"a failure":             {"```sh\nfalse\n```\n", "unexpected command failure"},
		"an early end":          {"```sh keeps\necho a\n```\n```text\nb\n```\n", "the script has ended"},
		"no output to wait for": {"```sh keeps\nsleep 60\n```\n", "does not have the first output"},
		"an unused exception":   {"```sh\ntrue\n```\n", `no document has "docker "`},
		"no reason":             {"", `no reason why "docker" is not run`},
	} {
		t.Run(name, func(t *testing.T) {
			list, document := filepath.Join(t.TempDir(), "list"), filepath.Join(t.TempDir(), "page.md")
			files := map[string]string{list: "# why\ndocker \tno Docker\n", document: test.document}
			if name == "no reason" {
				files[list] = "docker\n"
			}
			for file, text := range files {
				if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			out, err := exec.Command(os.Args[0], "-test.run=^TestDocuments$", list, document).CombinedOutput()
			if (err == nil) != (test.failure == "") || !strings.Contains(string(out), test.failure) {
				t.Errorf("%v, want %q\n%s", err, test.failure, out)
			}
		})
	}
}
