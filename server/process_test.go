package main

import (
	"errors"
	"os"
	"os/exec"
	"slices"
	"syscall"
	"testing"

	"agentconf/internal/program"
)

// The test binary runs the program if a test starts it as a child process.
func init() {
	if os.Getenv("AGENTCONF_AS_PROCESS") != "" {
		main()
	}
}

// startChild starts the service as a child process.
func startChild(t *testing.T, args ...string) *program.Process {
	t.Helper()
	cmd := exec.Command(os.Args[0], slices.Concat([]string{"serve", "--gateway", "http://127.0.0.1:1"}, program.LocalPorts, args)...)
	cmd.Env = []string{"AGENTCONF_AS_PROCESS=1"}
	child, err := program.Start(cmd)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { child.Signal(syscall.SIGKILL) }) // fails if the process has ended
	return child
}

// terminate sends SIGTERM and waits for the log record of the stop.
func terminate(t *testing.T, child *program.Process) {
	t.Helper()
	if err := child.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if _, err := child.Await(`"msg":"stopping"`); err != nil {
		t.Fatal(err)
	}
}

// The first signal drains the service, and a second signal ends it at once.
func TestSignals(t *testing.T) {
	drained := startChild(t, "--drain-delay", "10ms")
	terminate(t, drained)
	if _, err := drained.Await(`"msg":"stopped"`); err != nil {
		t.Fatal(err)
	}
	if err := drained.Wait(); err != nil {
		t.Errorf("after one signal: got %v, want exit code 0", err)
	}
	killed := startChild(t, "--drain-delay", "1h")
	terminate(t, killed)
	if err := killed.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	exit, isExit := errors.AsType[*exec.ExitError](killed.Wait())
	if !isExit {
		t.Fatal("after two signals: got exit code 0, want an end by SIGTERM")
	}
	if status := exit.Sys().(syscall.WaitStatus); !status.Signaled() || status.Signal() != syscall.SIGTERM {
		t.Errorf("after two signals: got %v, want an end by SIGTERM", exit)
	}
}
