// Package test checks the files for operators in deploy/: alert rules, dashboard, compose, nginx,
// Envoy and Kubernetes. It also compares docs/operations.md with the metrics and the alerts.
// Paths in this package start at the root of the repository.
package test

import (
	"context"
	"os"
	"os/exec"
	"slices"
	"testing"

	"agentconf/internal/program"
)

// binary is the file of agentconf, built from this tree.
var binary string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "agentconf-deploy")
	if err != nil {
		panic(err)
	}
	if err := os.Chdir("../.."); err != nil {
		panic(err)
	}
	if binary, err = program.Build(context.Background(), ".", dir); err != nil {
		panic(err)
	}
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// run runs a program to its end and returns its output. An exit code other than 0 fails the test.
func run(t *testing.T, env []string, name string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Env = append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %v: %v\n%s", name, args, err, out)
	}
	return string(out)
}

// start starts agentconf with these arguments. The process is killed when the test ends.
func start(t *testing.T, args ...string) *program.Process {
	t.Helper()
	p, err := program.Start(exec.CommandContext(t.Context(), binary, args...))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Wait() }) // the kill is the error
	return p
}

// startEmulator starts an emulated gateway and returns its URL.
func startEmulator(t *testing.T) string {
	t.Helper()
	return start(t, "emulate", "--listen", "127.0.0.1:0", "--answer-delay", "1ms").Emulator
}

// startService starts the service in front of gateway and returns it when it is ready.
func startService(t *testing.T, gateway string, args ...string) *program.Process {
	t.Helper()
	p := start(t, slices.Concat([]string{"serve", "--gateway", gateway, "--drain-delay", "0"}, program.LocalPorts, args)...)
	if _, err := p.Await(`"msg":"ready"`); err != nil {
		t.Fatal(err)
	}
	return p
}

// read returns the text of a file.
func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
