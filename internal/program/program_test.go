package program_test

import (
	"os/exec"
	"syscall"
	"testing"

	"agentconf/internal/program"
)

// A service and an emulator report where they listen, and end on SIGTERM.
func TestStart(t *testing.T) {
	binary, err := program.Build(t.Context(), "../..", t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	emulator := start(t, exec.Command(binary, "emulate", "--listen", "127.0.0.1:0"))
	serve := append([]string{"serve", "--gateway", emulator.Emulator, "--drain-delay", "0"}, program.LocalPorts...)
	service := start(t, exec.Command(binary, serve...))
	if service.GRPC == "" || service.HTTP == "" || service.Admin == "" || emulator.Emulator == "" {
		t.Errorf("addresses %+v of the service, %q of the emulator", service, emulator.Emulator)
	}
	for _, p := range []*program.Process{service, emulator} {
		if err := p.Stop(); err != nil {
			t.Errorf("%v\n%s", err, p.Output())
		}
	}
}

// A program that does not start is reported with what it printed.
func TestStartFails(t *testing.T) {
	if p, err := program.Start(exec.Command("sh", "-c", "echo broken >&2; exit 3")); err == nil {
		p.Signal(syscall.SIGKILL)
		t.Error("it started")
	} else if want := "sh ended before it printed"; err.Error()[:len(want)] != want {
		t.Error(err)
	}
}

func start(t *testing.T, cmd *exec.Cmd) *program.Process {
	t.Helper()
	p, err := program.Start(cmd)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Signal(syscall.SIGKILL) }) // fails if it has ended
	return p
}
