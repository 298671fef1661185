package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"agentconf/internal/leaktest"
	"agentconf/server/internal/lifecycle"
)

// runCommand runs a command until it ends, with an environment of NAME=VALUE pairs.
func runCommand(t *testing.T, env []string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	c := cli{lookup(env), environ(env), &out, &errs}
	code = c.run(t.Context(), args)
	return code, out.String(), errs.String()
}

// lookup returns an os.LookupEnv for env.
func lookup(env []string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		for _, pair := range env {
			if value, ok := strings.CutPrefix(pair, name+"="); ok {
				return value, true
			}
		}
		return "", false
	}
}

// environ returns an os.Environ for env.
func environ(env []string) func() []string { return func() []string { return env } }

// running is a command that runs until stop, which returns the exit code and the output
// after printed.
type running struct {
	printed string // both outputs, up to the line that start waits for
	stop    func() (code int, rest string)
}

// start runs a command and returns when the command has printed a line that contains ready.
func start(t *testing.T, ready string, env []string, args ...string) running {
	t.Helper()
	leaktest.Check(t)
	ctx, cancel := context.WithCancel(context.Background())
	r, w := io.Pipe()
	var code int
	var rest bytes.Buffer
	ended, read := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		code = cli{lookup(env), environ(env), w, w}.run(ctx, args)
		w.Close()
	}()
	stop := func() (int, string) {
		http.DefaultClient.CloseIdleConnections() // or the drain waits for them
		cancel()
		<-ended
		<-read
		return code, rest.String()
	}
	t.Cleanup(func() { stop() })
	lines := bufio.NewReader(r)
	var printed strings.Builder
	for !strings.Contains(printed.String(), ready) {
		line, err := lines.ReadString('\n')
		if err != nil {
			close(read)
			t.Fatalf("%v ended before it printed %s: %s", args, ready, printed.String())
		}
		printed.WriteString(line)
	}
	go func() {
		defer close(read)
		io.Copy(&rest, lines)
	}()
	return running{printed.String(), stop}
}

// emulate starts an emulated gateway and returns its URL.
func emulate(t *testing.T, args ...string) (url string) {
	t.Helper()
	args = append([]string{"emulate", "--listen", "127.0.0.1:0", "--answer-delay", "1ms"}, args...)
	e := start(t, "http://", nil, args...)
	return regexp.MustCompile(`http://127\.0\.0\.1:\d+`).FindString(e.printed)
}

// serve starts the service on free ports and returns their addresses.
func serve(t *testing.T, env []string, args ...string) (service running, grpcAddress, httpURL string) {
	t.Helper()
	args = append([]string{"serve", "--grpc-listen", "127.0.0.1:0", "--http-listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--drain-delay", "0"}, args...)
	service = start(t, `"msg":"serving"`, env, args...)
	lines := strings.Split(strings.TrimSpace(service.printed), "\n")
	var addresses struct{ GRPC, HTTP string }
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &addresses); err != nil {
		t.Fatal(err)
	}
	return service, addresses.GRPC, "http://" + addresses.HTTP
}

// --print-config prints every value with its origin: command line, variable or default.
// The command line takes precedence over the environment.
func TestPrintConfig(t *testing.T) {
	env := []string{"AGENTCONF_GATEWAY=https://gw:8043", "AGENTCONF_HTTP_LISTEN=:80", "AGENTCONF_GRPC_LISTEN=:90"}
	code, stdout, stderr := runCommand(t, env, "serve", "--print-config", "--grpc-listen", ":91",
		"--gateway-node", "B=https://b:1", "--gateway-node", "A=https://a:1",
		"--gateway-pin", somePin, "--gateway-pin", somePin, "--gateway-server-name", "::1", "--cors-origin", "https://desk.example,http://[::1]:3000", "--cors-origin", "*")
	if code != 0 || stderr != "" {
		t.Fatalf("got exit code %d, stderr %q, want 0 and none", code, stderr)
	}
	for _, want := range []string{
		"--gateway=https://gw:8043 # AGENTCONF_GATEWAY", "--http-listen=:80 # AGENTCONF_HTTP_LISTEN",
		"--grpc-listen=:91 # command line", "--gateway-timeout=5s # default",
		"--gateway-node=A=https://a:1,B=https://b:1 # command line",
		"--gateway-pin=" + somePin + "," + somePin + " # command line", "--gateway-server-name=::1 # command line",
		"--cors-origin=https://desk.example,http://[::1]:3000,* # command line",
	} {
		if !slices.ContainsFunc(strings.Split(stdout, "\n"), func(line string) bool {
			return strings.Join(strings.Fields(line), " ") == want
		}) {
			t.Errorf("got no line %q, want it in:\n%s", want, stdout)
		}
	}
}

// Every limit flag sets its limit.
func TestLimitFlags(t *testing.T) {
	var s settings
	fs := newFlags("serve", "")
	s.define(fs)
	err := cli{lookupEnv: lookup(nil), environ: environ(nil)}.parse(fs, strings.Fields(`--gateway https://gw --max-in-flight 1 --agent-rate 2 --max-streams 3
		--max-connection-age 4s --max-request 5000 --max-headers 6000 --request-timeout 7s --idle-timeout 8s --agent-id-max 999999`))
	want := lifecycle.Limits{
		Streams: 3, ConnectionAge: 4 * time.Second, Request: 5000, Headers: 6000, RequestTime: 7 * time.Second, IdleTime: 8 * time.Second,
	}
	if err != nil || fs.faults != nil || s.Calls.MaxInFlight != 1 || s.Operation.AgentRate != 2 || s.Lifecycle.Limits != want || s.Operation.AgentIDMax != 999999 {
		t.Errorf("got %+v, %v, %v, want the limits 1, 2, %+v and 999999", s.Options, err, fs.faults, want)
	}
}

// A command line is rejected with exit code 2 and a message that names every fault.
func TestCommandLine(t *testing.T) {
	tests := []struct {
		name string
		env  []string
		args []string
		code int
		want []string // parts of the output
	}{
		{"no command", nil, nil, 2, []string{"agentconf demo", "agentconf serve"}},
		{"an unknown command", nil, []string{"sevre"}, 2, []string{`no command "sevre"`}},
		{"help", nil, []string{"--help"}, 0, []string{"agentconf emulate"}},
		{"help of a command", nil, []string{"serve", "--help"}, 0, []string{"--gateway URL", "AGENTCONF_GATEWAY_TIMEOUT", "default 5s"}},
		{"several invalid flags", []string{"AGENTCONF_MAX_IN_FLIGHT=0"},
			[]string{"serve", "--gateway", "gw:8043", "--gateway-timeout", "0s", "--agent-id-max", "7", "--gateway-ca", "/does/not/exist"}, 2,
			[]string{`--gateway="gw:8043": must begin with https://`, `--gateway-timeout="0s": must be a time such as 5s, from 1ms`, `--agent-id-max="7": must be a whole number from 101 to 999999`,
				"AGENTCONF_MAX_IN_FLIGHT=", "--gateway-ca: "}},
		{"an invalid log level and format", []string{"AGENTCONF_LOG_LEVEL=loud"}, []string{"serve", "--log-format", "xml"}, 2, []string{"must be json or text", "must be debug, info, warn or error"}},
		{"an unknown trace protocol", []string{"OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:1", "OTEL_EXPORTER_OTLP_PROTOCOL=pigeon"}, []string{"serve", "--gateway", "https://gw", "--grpc-listen", "127.0.0.1:0", "--http-listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"}, 2, []string{"invalid OTLP protocol", "check the variables OTEL_"}},
		{"a short drain timeout", nil, []string{"serve", "--gateway", "https://gw", "--gateway-timeout", "9s", "--drain-timeout", "20s"}, 2, []string{"--drain-timeout must be at least 21s"}},
		{"an invalid variable of the demo", []string{"AGENTCONF_STAY=perhaps"}, []string{"demo"}, 2,
			[]string{`AGENTCONF_STAY="perhaps": must be true or false`}},
		{"an invalid node", nil, []string{"serve", "--gateway", "https://gw", "--gateway-node", "https://node1:8043"}, 2, []string{"NAME=URL"}},
		{"an invalid pin and server name", nil, []string{"serve", "--gateway", "https://gw", "--gateway-pin", somePin[:40], "--gateway-server-name", "https://gw"}, 2,
			[]string{"must be sha256// and the base64 of 32 bytes", "must be a host name without scheme and port"}},
		{"a pin for a gateway without TLS", nil, []string{"serve", "--gateway", "http://gw", "--gateway-pin", somePin}, 2, []string{"only TLS has certificates"}},
		{"a server name for a node without TLS", nil, []string{"serve", "--gateway", "https://gw", "--gateway-node", "A=http://a", "--gateway-server-name", "gw"}, 2, []string{"only TLS has certificates"}},
		{"an invalid origin", nil, []string{"serve", "--cors-origin", "https://desk.example/"}, 2, []string{"--cors-origin=", ": must be an origin"}},
		{"an invalid origin in the environment", []string{"AGENTCONF_CORS_ORIGIN=https://*.example"}, []string{"serve"}, 2, []string{"AGENTCONF_CORS_ORIGIN=", ": must be an origin"}},
		{"invalid variables", []string{"AGENTCONF_AGENT_ID_MAX=many", "AGENTCONF_GATEWAY_TIMEOUT=long"}, []string{"serve"}, 2, []string{"AGENTCONF_AGENT_ID_MAX", "AGENTCONF_GATEWAY_TIMEOUT"}},
		{"invalid emulator flags", nil, []string{"emulate", "--auth-mode", "3", "--guid-timeout", "1s", "--answer-delay", "-1s"}, 2, []string{`--auth-mode="3": must be`, "--guid-timeout", `--answer-delay="-1s": must be`}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			for _, pair := range test.env { // OpenTelemetry reads its variables from the process
				if name, value, _ := strings.Cut(pair, "="); strings.HasPrefix(name, "OTEL_") {
					t.Setenv(name, value)
				}
			}
			code, stdout, stderr := runCommand(t, test.env, test.args...)
			if code != test.code {
				t.Errorf("got exit code %d, want %d", code, test.code)
			}
			for _, part := range test.want {
				if !strings.Contains(stdout+stderr, part) {
					t.Errorf("got no %q, want it in:\n%s%s", part, stdout, stderr)
				}
			}
		})
	}
}

// An error of a new user is one line that names the remedy.
func TestErrorLines(t *testing.T) {
	inUse, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer inUse.Close()
	notACertificate := pemFile(t, "no")
	serve := []string{"serve", "--gateway", "https://gw"}
	for _, test := range []struct {
		args []string
		code int
		want string // ADDRESS is the address in use, FILE the file without a certificate
	}{
		{[]string{"serve"}, 2, `serve: no CC-Gateway; set --gateway https://HOST:8043, or try "agentconf demo", which emulates one`},
		{[]string{"serve", "--gatway", "https://gw"}, 2, `serve: there is no flag --gatway (did you mean --gateway?); "agentconf serve --help" lists the flags`},
		{append(serve, "--agent-id-max", "101", "---x"), 2, `serve: bad flag syntax: ---x; "agentconf serve --help" lists the flags`},
		{[]string{"serve", "--gateway"}, 2, `serve: flag needs an argument: -gateway; "agentconf serve --help" lists the flags`},
		{[]string{"serve", "--gateway", "gw:8043"}, 2, `serve: --gateway="gw:8043": must begin with https:// (or http://), such as https://gateway.example:8043`},
		{append(serve, "--print-config=maybe"), 2, `serve: invalid boolean value "maybe" for -print-config: parse error; "agentconf serve --help" lists the flags`},
		{[]string{"demo", "x"}, 2, `demo: unexpected argument "x"; "agentconf demo --help" lists the flags`},
		{append(serve, "--gateway-ca", notACertificate), 2,
			"serve: --gateway-ca: FILE has no certificate in PEM; it must be a file of blocks that begin with -----BEGIN CERTIFICATE-----"},
		{append(serve, "--grpc-listen", "192.0.2.1:9090", "--http-listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"), 1,
			"serve: --grpc-listen: listen tcp 192.0.2.1:9090: bind: cannot assign requested address; " +
				"set an address of this machine and a port, such as 127.0.0.1:9090"},
		{append(serve, "--grpc-listen", "127.0.0.1:0", "--http-listen", inUse.Addr().String()), 1,
			"serve: --http-listen: ADDRESS is in use; stop the program that listens there, or change the flag"},
		{[]string{"emulate", "--listen", inUse.Addr().String()}, 1,
			"emulate: --listen: ADDRESS is in use; stop the program that listens there, or change the flag"},
		{[]string{"healthcheck", "--grpc-listen", "127.0.0.1:1"}, 1,
			`healthcheck: 127.0.0.1:1 does not respond: connection error: desc = "transport: Error while dialing: dial tcp 127.0.0.1:1: connect: connection refused"; ` +
				`start "agentconf serve", or set --grpc-listen and --tls-cert to its values`},
	} {
		code, stdout, stderr := runCommand(t, nil, test.args...)
		want := strings.NewReplacer("ADDRESS", inUse.Addr().String(), "FILE", notACertificate).Replace("agentconf " + test.want + "\n")
		if code != test.code || stdout != "" || stderr != want {
			t.Errorf("%v: got exit code %d, stdout %q, stderr\n%s\nwant %d, none,\n%s", test.args, code, stdout, stderr, test.code, want)
		}
	}
}
