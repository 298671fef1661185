package snippets

import (
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestDocuments runs the documents that its arguments name.
func TestDocuments(t *testing.T) {
	if flag.NArg() == 0 {
		t.Skip("no documents; .ci/first-five-minutes names them")
	}
	skip, err := parseExceptions(read(t, flag.Arg(0)))
	if err != nil {
		t.Fatal(err)
	}
	for _, document := range flag.Args()[1:] {
		// testscript runs the scripts of one t in parallel.
		t.Run(document, func(t *testing.T) { runDocument(t, document, skip) })
	}
	for _, e := range skip {
		if !e.used {
			t.Errorf("%s: no document has %q", flag.Arg(0), e.prefix)
		}
	}
}

func runDocument(t *testing.T, document string, skip exceptions) {
	file := filepath.Join(t.TempDir(), "document.txtar")
	if err := os.WriteFile(file, []byte(newScript(document, read(t, document), skip)), 0o600); err != nil {
		t.Fatal(err)
	}
	root, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Files: []string{file},
		Cmds:  map[string]func(*testscript.TestScript, bool, []string){"await": await, "interrupt": interrupt},
		Setup: func(env *testscript.Env) error {
			env.Vars = append(env.Vars, os.Environ()...)
			env.Setenv("BASH_ENV", filepath.Join(env.WorkDir, "exports")) // bash runs it before a script
			env.Cd = root
			return nil
		},
	})
}

// patience is the time until the first output of a script that goes on running. It may build agentconf.
const patience = 2 * time.Minute

// await returns when an output of the background script args[0] begins with the pattern args[1].
func await(ts *testscript.TestScript, _ bool, args []string) {
	ts.Defer(func() { interrupt(ts, false, nil) }) // after a failure
	file, begin := args[0], regexp.MustCompile(args[1])
	if begin.MatchString("\n") {
		ts.Fatalf("the document does not have the first output of a script that goes on running")
	}
	background := ts.BackgroundCmds()
	script, late := background[len(background)-1].Process, time.Now().Add(patience)
	for {
		ended := script.Signal(syscall.Signal(0)) != nil || time.Now().After(late)
		stdout, _ := os.ReadFile(file + ".out") // absent until the script starts
		stderr, _ := os.ReadFile(file + ".err")
		if begin.Match(stdout) || begin.Match(stderr) {
			return
		}
		if ended {
			ts.Fatalf("the script has ended, or %v have passed. Its output is\n%s%s", patience, stdout, stderr)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// interrupt sends SIGINT to the process group of every background script, as Ctrl-C does.
func interrupt(ts *testscript.TestScript, _ bool, _ []string) {
	for _, cmd := range ts.BackgroundCmds() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGINT) // fails if the script has ended
	}
}

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
