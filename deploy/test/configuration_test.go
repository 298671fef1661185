package test

import (
	"net"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// printConfig returns the flags and values of the service in this environment and with these
// arguments, as --print-config prints them. A variable that no flag reads fails the test.
func printConfig(t *testing.T, env map[string]string, args []string) map[string]string {
	t.Helper()
	var pairs []string
	for name, value := range env {
		pairs = append(pairs, name+"="+value)
	}
	flags := map[string]string{}
	printed := run(t, pairs, binary, append(slices.Clone(args), "--print-config")...)
	for _, line := range regexp.MustCompile(`(?m)^--([a-z-]+)=(.*?) +# (.*)$`).FindAllStringSubmatch(printed, -1) {
		flags[line[1]] = line[2]
		delete(env, line[3])
	}
	for name := range env {
		t.Errorf("no flag reads %s", name)
	}
	return flags
}

// checkGrace fails the test if a container is killed before the service has drained.
func checkGrace(t *testing.T, grace time.Duration, flags map[string]string) {
	t.Helper()
	var drain time.Duration
	for _, name := range []string{"drain-delay", "drain-timeout"} {
		d, err := time.ParseDuration(flags[name])
		if err != nil {
			t.Fatal(err)
		}
		drain += d
	}
	if grace <= drain {
		t.Errorf("the container is killed after %v, the drain takes up to %v", grace, drain)
	}
}

// checkEmulator starts the emulator with the arguments of a container, but on a free port. The
// arguments must name port.
func checkEmulator(t *testing.T, args []string, port string) {
	t.Helper()
	i := slices.IndexFunc(args, func(arg string) bool { return strings.HasPrefix(arg, "--listen=") })
	if i < 0 {
		t.Fatalf("the arguments of the emulator are %v", args)
	}
	if host, at, err := net.SplitHostPort(strings.TrimPrefix(args[i], "--listen=")); host != "" || at != port || err != nil {
		t.Errorf("the emulator listens on %s, its port is %s", args[i], port)
	}
	args = slices.Clone(args)
	args[i] = "--listen=127.0.0.1:0"
	start(t, args...)
}
