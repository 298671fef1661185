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
)

// client is one column of the table.
type client struct {
	name  string
	dir   string // in conformance/clients
	front string
	args  []string // of its script "run"
}

// clients are in the order of the table. The README says how to write one.
var clients = []client{
	{"node", "node", overGRPC, nil},
	{"python", "python", overGRPC, nil},
	{"ruby", "ruby", overGRPC, nil},
	{"cpp", "cpp", overGRPC, nil},
	{"java", "java", overGRPC, nil},
	{"grpcurl", "shell", overGRPC, []string{"grpcurl", "reflection"}},
	{"grpcurl-protoset", "shell", overGRPC, []string{"grpcurl", "protoset"}},
	{"node-v1", "node", overV1, nil},
	{"python-v1", "python", overV1, nil},
	{"ruby-v1", "ruby", overV1, nil},
	{"curl-v1", "shell", overV1, []string{"curl"}},
	{"browser-v1", "browser", overV1, nil},
	{"typescript", "typescript", overV1, nil},
	{"node-gateway", "node", overDialect, nil},
	{"python-gateway", "python", overDialect, nil},
	{"ruby-gateway", "ruby", overDialect, nil},
	{"curl-gateway", "shell", overDialect, []string{"curl"}},
	{"browser-gateway", "browser", overDialect, nil},
}

// notHere is the exit code of an "install" that finds that this machine cannot have
// what the client needs. Its last line says why.
const notHere = 77

// clientTime is more than any client takes.
const clientTime = 5 * time.Minute

type runner struct {
	work     string // a directory for what is written
	server   string // the binary
	protoset string // descriptors of google.rpc, for languages whose packages lack them
}

// report is what came of a client.
type report struct {
	client
	tests   []test
	results map[string]result // by the name of the test
	absent  string            // why the client could not be had
	err     error             // why there are no results
	took    time.Duration
}

// result is the client's line about a test, and what was found on the other side.
type result struct {
	verdict string // ok, not ok or cannot
	text    string
}

// install brings what the client needs.
func (r runner) install(ctx context.Context, c client) report {
	ctx, cancel := context.WithTimeout(ctx, clientTime)
	defer cancel()
	out, err := r.command(ctx, c, "./install").CombinedOutput()
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	if exit, ok := errors.AsType[*exec.ExitError](err); ok && exit.ExitCode() == notHere {
		return report{client: c, absent: lines[len(lines)-1]}
	}
	if err != nil {
		err = fmt.Errorf("install: %w\n%s", err, out)
	}
	return report{client: c, err: err}
}

// command is a script of c, in the directory of c. What it starts ends with it.
func (r runner) command(ctx context.Context, c client, script string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, script, args...)
	cmd.Dir = filepath.Join("conformance", "clients", c.dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second
	return cmd
}

// play lets c run tests against s.
func (r runner) play(ctx context.Context, c client, tests []test, s *service) (map[string]result, error) {
	file, err := r.writeTests(tests)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, clientTime)
	defer cancel()
	cmd := r.command(ctx, c, "./run", c.args...)
	cmd.Env = append(os.Environ(), "AGENTCONF_CASES="+file, "AGENTCONF_FRONT="+c.front,
		"AGENTCONF_GRPC="+s.grpc, "AGENTCONF_HTTP="+s.http, "AGENTCONF_RPC_PROTOSET="+r.protoset)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("run: %w\n%s%s", err, out, stderr.Bytes())
	}
	return verdicts(tests, string(out))
}

// writeTests writes what a client is told.
func (r runner) writeTests(tests []test) (string, error) {
	told := []object{}
	for _, t := range tests {
		told = append(told, t.told)
	}
	text, err := json.MarshalIndent(told, "", " ")
	if err != nil {
		return "", err
	}
	file, err := os.CreateTemp(r.work, "cases-*.json")
	if err != nil {
		return "", err
	}
	_, err = file.Write(text)
	return file.Name(), errors.Join(err, file.Close())
}

// verdicts reads the lines of a client: one for each test, and no other.
func verdicts(tests []test, out string) (map[string]result, error) {
	said := map[string]result{}
	for line := range strings.Lines(out) {
		line = strings.TrimSuffix(line, "\n")
		name, r, ok := verdict(tests, line)
		if _, twice := said[name]; !ok || twice {
			return nil, fmt.Errorf("run: a line about no test, or a second one: %s", line)
		}
		said[name] = r
	}
	for _, t := range tests {
		if _, ok := said[t.Name]; !ok {
			said[t.Name] = result{"not ok", "the client does not say"}
		}
	}
	return said, nil
}

// verdict reads one line. Of names that begin alike the longest is meant.
func verdict(tests []test, line string) (name string, r result, ok bool) {
	for _, v := range []string{"ok", "not ok", "cannot"} {
		rest, of := strings.CutPrefix(line, v+" ")
		if !of {
			continue
		}
		for _, t := range tests {
			text, found := strings.CutPrefix(rest+": ", t.Name+": ")
			if found && len(t.Name) >= len(name) {
				name, r, ok = t.Name, result{v, strings.TrimSuffix(text, ": ")}, true
			}
		}
	}
	return name, r, ok
}
