package deploy

import (
	"net"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// printConfig is what the service would run with in this environment and with these
// arguments, by its own account: its flags. Everything in the environment must be read.
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

// checkGrace complains if a service is killed before it has ended in order.
func checkGrace(t *testing.T, grace time.Duration, flags map[string]string) {
	t.Helper()
	var ending time.Duration
	for _, name := range []string{"drain-delay", "drain-timeout"} {
		d, err := time.ParseDuration(flags[name])
		if err != nil {
			t.Fatal(err)
		}
		ending += d
	}
	if grace <= ending {
		t.Errorf("killed after %v, and the end may take %v", grace, ending)
	}
}

// startEmulator runs the emulator with these arguments, but on a port of its own. They
// must say that it listens on the given one.
func startEmulator(t *testing.T, args []string, port string) {
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
	start(t, "http://", binary, args...)
}
