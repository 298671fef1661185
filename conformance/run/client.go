package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"agentconf/internal/program"
)

// client is one row of the table.
type client struct {
	name  string
	dir   string // in conformance/clients
	front string
	args  []string // of its script "run"
}

// clients lists the clients in the order of the table. The README describes how to write one.
var clients = []client{
	{"node", "node", frontGRPC, nil},
	{"python", "python", frontGRPC, nil},
	{"ruby", "ruby", frontGRPC, nil},
	{"cpp", "cpp", frontGRPC, nil},
	{"java", "java", frontGRPC, nil},
	{"grpcurl", "shell", frontGRPC, []string{"grpcurl", "reflection"}},
	{"grpcurl-protoset", "shell", frontGRPC, []string{"grpcurl", "protoset"}},
	{"node-v1", "node", frontREST, nil},
	{"python-v1", "python", frontREST, nil},
	{"ruby-v1", "ruby", frontREST, nil},
	{"curl-v1", "shell", frontREST, []string{"curl"}},
	{"browser-v1", "browser", frontREST, nil},
	{"typescript", "typescript", frontREST, nil},
	{"node-gateway", "node", frontDialect, nil},
	{"python-gateway", "python", frontDialect, nil},
	{"ruby-gateway", "ruby", frontDialect, nil},
	{"curl-gateway", "shell", frontDialect, []string{"curl"}},
	{"browser-gateway", "browser", frontDialect, nil},
}

const (
	exitNotAvailable = 77              // of "install"; the last line of its output is the reason
	clientTimeout    = 5 * time.Minute // more than any client takes
)

// errNotAvailable reports that this machine cannot have what a client needs.
var errNotAvailable = errors.New("not available on this machine")

// runner starts agentconf and the clients.
type runner struct {
	work     string // a directory for temporary files
	binary   string // agentconf
	protoset string // descriptors of google.rpc, for languages without a package of them
}

// install installs what the client needs.
func (r runner) install(ctx context.Context, c client) error {
	ctx, cancel := context.WithTimeout(ctx, clientTimeout)
	defer cancel()
	out, err := clientCommand(ctx, c, "./install").CombinedOutput()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok && exit.ExitCode() == exitNotAvailable {
		lines := strings.Split(strings.TrimSpace(string(out)), "\n")
		return fmt.Errorf("%w: %s", errNotAvailable, lines[len(lines)-1])
	}
	if err != nil {
		return fmt.Errorf("install: %w\n%s", err, out)
	}
	return nil
}

// clientCommand returns the command of a script of c. Its process group ends with it.
func clientCommand(ctx context.Context, c client, script string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, script, args...)
	cmd.Dir = filepath.Join("conformance", "clients", c.dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second
	return cmd
}

// play lets c play tests against a service and returns the results by name of the test.
func (r runner) play(ctx context.Context, c client, tests []test, service *program.Process) (map[string]result, error) {
	specs := []object{}
	for _, t := range tests {
		specs = append(specs, t.spec)
	}
	text, err := json.MarshalIndent(specs, "", " ")
	if err != nil {
		return nil, err
	}
	file := filepath.Join(r.work, c.name+".json")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, clientTimeout)
	defer cancel()
	cmd := clientCommand(ctx, c, "./run", c.args...)
	cmd.Env = append(os.Environ(), "AGENTCONF_CASES="+file, "AGENTCONF_FRONT="+c.front,
		"AGENTCONF_GRPC="+service.GRPC, "AGENTCONF_HTTP=http://"+service.HTTP, "AGENTCONF_RPC_PROTOSET="+r.protoset)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("run: %w\n%s%s", err, out, stderr.Bytes())
	}
	return parseResults(tests, string(out))
}

// result is a client's verdict on a test: "ok", "not ok" or "cannot".
type result struct {
	verdict string
	text    string
}

// parseResults reads the output of a client: "VERDICT NAME" or "VERDICT NAME: TEXT", one line for
// each test. A test without a line is not ok.
func parseResults(tests []test, out string) (map[string]result, error) {
	results, missing := map[string]result{}, map[string]test{}
	for _, t := range tests {
		results[t.Name], missing[t.Name] = result{"not ok", "the client has printed no result"}, t
	}
	for line := range strings.Lines(out) {
		name, r := parseResult(strings.TrimSuffix(line, "\n"))
		t, found := missing[name]
		if !found {
			return nil, fmt.Errorf("run: a line about no test, or a second one: %s", line)
		}
		delete(missing, name)
		switch {
		case t.wrong && r.verdict == "ok":
			r = result{"not ok", "the client does not compare this"}
		case t.wrong && r.verdict == "not ok":
			r = result{verdict: "ok"}
		}
		results[name] = r
	}
	return results, nil
}

func parseResult(line string) (name string, r result) {
	for _, verdict := range []string{"ok", "not ok", "cannot"} {
		if rest, found := strings.CutPrefix(line, verdict+" "); found {
			name, text, _ := strings.Cut(rest, ": ")
			return name, result{verdict, text}
		}
	}
	return "", result{}
}
