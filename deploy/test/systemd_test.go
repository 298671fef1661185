package test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"agentconf/internal/program"
)

const (
	unitFile        = "deploy/systemd/agentconf.service"
	keysFile        = "deploy/systemd/keys.conf"
	environmentFile = "deploy/systemd/agentconf.env"
)

// unitSetting returns the value of a setting that a unit has once.
func unitSetting(t *testing.T, text, name string) string {
	t.Helper()
	values := regexp.MustCompile(`(?m)^`+name+`=(.*)$`).FindAllStringSubmatch(text, -1)
	if len(values) != 1 {
		t.Fatalf("got %d values of %s, want 1", len(values), name)
	}
	return values[0][1]
}

// systemd accepts the unit, with and without the drop-in for keys, and rates its exposure at
// 1.5 of 10 or less.
func TestUnit(t *testing.T) {
	text := read(t, unitFile)
	program := strings.Fields(unitSetting(t, text, "ExecStart"))[0]
	dir := t.TempDir()
	unit := filepath.Join(dir, "agentconf.service")
	write(t, unit, strings.ReplaceAll(text, program, binary)) // "verify" looks for the program
	for _, dropIn := range []string{"", read(t, keysFile)} {
		if dropIn != "" {
			write(t, filepath.Join(dir, "agentconf.service.d", "keys.conf"), dropIn)
		}
		if warnings := run(t, nil, "systemd-analyze", "verify", "--man=no", unit); warnings != "" {
			t.Errorf("got warnings, want none:\n%s", warnings)
		}
		run(t, nil, "systemd-analyze", "security", "--offline=true", "--threshold=15", unit)
	}
}

// A stop by systemd does not cut off a drain, a wrong setting does not restart, and the watchdog
// is one that the program can serve.
func TestUnitTimes(t *testing.T) {
	text := read(t, unitFile)
	grace, err := time.ParseDuration(unitSetting(t, text, "TimeoutStopSec"))
	if err != nil {
		t.Fatal(err)
	}
	checkGrace(t, grace, printConfig(t, nil, []string{"serve", "--gateway", "https://gateway.test"}))
	for name, want := range map[string]string{
		"Type": "notify", "Restart": "on-failure", "RestartPreventExitStatus": "2", "DynamicUser": "yes",
	} {
		if got := unitSetting(t, text, name); got != want {
			t.Errorf("got %s=%s, want %s", name, got, want)
		}
	}
	if watchdog, err := time.ParseDuration(unitSetting(t, text, "WatchdogSec")); err != nil || watchdog < 10*time.Second {
		t.Errorf("got a watchdog of %v, %v, want at least 10s", watchdog, err)
	}
}

// A fault of Go's runtime, and the signal of the watchdog, end the process by a signal: systemd
// restarts it then, and does not after exit code 2, with which Go ends a process otherwise.
func TestUnitRestartsAfterFault(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), binary, "emulate", "--listen", "127.0.0.1:0")
	cmd.Env = append(os.Environ(), unitSetting(t, read(t, unitFile), "Environment"))
	p, err := program.Start(cmd)
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Process.Signal(syscall.SIGABRT); err != nil { // WatchdogSignal= of systemd
		t.Fatal(err)
	}
	_ = p.Wait() // the signal is the error
	if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || !status.Signaled() {
		t.Errorf("got %v, want the end by a signal", cmd.ProcessState)
	}
}

// The environment file sets nothing until it is edited. Each line with a default is valid
// without its #, and leaves its flag as it is.
func TestEnvironmentFile(t *testing.T) {
	text := read(t, environmentFile)
	if set := regexp.MustCompile(`(?m)^[^#\n].*$`).FindString(text); set != "" {
		t.Errorf("got the setting %s, want comments", set)
	}
	env := map[string]string{"AGENTCONF_GATEWAY": "https://gateway.test"}
	for _, line := range regexp.MustCompile(`(?m)^#(AGENTCONF_[A-Z_]+)=(.+)$`).FindAllStringSubmatch(text, -1) {
		env[line[1]] = line[2]
	}
	want := printConfig(t, map[string]string{}, []string{"serve", "--gateway", "https://gateway.test"})
	for name, got := range printConfig(t, env, []string{"serve"}) {
		if got != want[name] {
			t.Errorf("--%s: got %s from the environment file, want %s", name, got, want[name])
		}
	}
	if variables := strings.Count(text, "\n#AGENTCONF_"); variables != len(want)-1 { // --print-config
		t.Errorf("got %d variables, want %d", variables, len(want)-1)
	}
}

// write writes a file, and creates its directory.
func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
