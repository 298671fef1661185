package test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// runPackageScript runs a script of the package on a machine with systemd, whose systemctl is a
// stand-in: the service has the process pid, or does not run if pid is 0. It returns the calls of
// systemctl, and the output.
func runPackageScript(t *testing.T, name string, pid int, args ...string) (calls, output string) {
	t.Helper()
	dir := t.TempDir()
	log, systemctl, script := filepath.Join(dir, "calls"), filepath.Join(dir, "bin", "systemctl"), filepath.Join(dir, "script")
	write(t, log, "")
	write(t, systemctl, fmt.Sprintf(`#!/bin/sh
echo "$*" >>'%s'
case $* in
  *is-active*) [ %d != 0 ] ;;
  *MainPID*) echo %[2]d ;;
esac
`, log, pid))
	if err := os.Chmod(systemctl, 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, script, strings.ReplaceAll(read(t, "deploy/package/"+name), "/run/systemd/system", dir))
	path := "PATH=" + filepath.Dir(systemctl) + ":" + os.Getenv("PATH")
	output = run(t, []string{path}, "sh", append([]string{script}, args...)...)
	return read(t, log), output
}

// The package starts no service. It restarts one that runs if the new program accepts the
// settings of its process.
func TestPackageInstallation(t *testing.T) {
	emulator := start(t, "emulate", "--listen", "127.0.0.1:0")
	service := startService(t, emulator.Emulator)
	for _, test := range []struct {
		name     string
		pid      int
		args     []string
		restarts bool
		output   string
	}{
		{"first installation by dpkg", 0, []string{"configure", ""}, false, "agentconf is not started yet"},
		{"first installation by rpm", 0, []string{"1"}, false, "agentconf is not started yet"},
		{"upgrade of a stopped service", 0, []string{"configure", "1.0.0~rc.1"}, false, ""},
		{"upgrade of a running service", service.Pid(), []string{"configure", "1.0.0~rc.1"}, true, ""},
		{"the same by rpm", service.Pid(), []string{"2"}, true, ""},
		// An emulator is a process whose program rejects --print-config.
		{"settings that are wrong now", emulator.Pid(), []string{"configure", "1.0.0~rc.1"}, false, "was not restarted"},
	} {
		calls, output := runPackageScript(t, "postinstall.sh", test.pid, test.args...)
		if !strings.Contains(calls, "daemon-reload\n") || strings.Contains(calls, "try-restart") != test.restarts {
			t.Errorf("%s: got the calls %q, want a restart: %v", test.name, calls, test.restarts)
		}
		if !strings.Contains(output, test.output) || (test.output == "") != (output == "") {
			t.Errorf("%s: got the output %q, want %q", test.name, output, test.output)
		}
	}
}

// The removal of the package stops the service, and an upgrade does not.
func TestPackageRemoval(t *testing.T) {
	for args, want := range map[string]string{
		"remove": "disable --now agentconf.service\n", "0": "disable --now agentconf.service\n", "upgrade": "", "1": "",
	} {
		log, _ := runPackageScript(t, "preremove.sh", 0, args)
		if log != want {
			t.Errorf("%s: got the calls %q, want %q", args, log, want)
		}
	}
	if calls, _ := runPackageScript(t, "postremove.sh", 0, "remove"); calls != "daemon-reload\n" {
		t.Errorf("got the calls %q after the removal, want daemon-reload", calls)
	}
}
