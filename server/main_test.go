package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"encoding/pem"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	agentconfv1 "agentconf/gen/agentconf/v1"
)

// runCommand runs a command to its end, with an environment of pairs NAME=VALUE.
func runCommand(t *testing.T, env []string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	p := program{lookup(env), &out, &errs}
	code = p.run(t.Context(), args)
	return code, out.String(), errs.String()
}

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

// running is a command that serves until stop, which returns its exit code.
type running struct {
	printed string // up to the line that said it was ready, on either output
	stop    func() (code int)
}

// start runs a command and returns when it has printed a line with ready in it.
func start(t *testing.T, ready string, env []string, args ...string) running {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	r, w := io.Pipe()
	var code int
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		code = program{lookup(env), w, w}.run(ctx, args)
		w.Close()
	}()
	stop := func() int {
		cancel()
		<-ended
		return code
	}
	t.Cleanup(func() { stop() })
	lines := bufio.NewReader(r)
	var printed strings.Builder
	for !strings.Contains(printed.String(), ready) {
		line, err := lines.ReadString('\n')
		if err != nil {
			t.Fatalf("%v ended: %s", args, printed.String())
		}
		printed.WriteString(line)
	}
	go io.Copy(io.Discard, lines)
	return running{printed.String(), stop}
}

// emulate starts an emulated gateway and returns its URL.
func emulate(t *testing.T) (url string) {
	t.Helper()
	e := start(t, "http://", nil, "emulate", "--listen", "127.0.0.1:0", "--answer-delay", "1ms")
	return regexp.MustCompile(`http://127\.0\.0\.1:\d+`).FindString(e.printed)
}

func TestDemo(t *testing.T) {
	code, out, errs := runCommand(t, nil, "demo")
	if code != 0 || errs != "" {
		t.Fatalf("exit code %d, %s\n%s", code, errs, out)
	}
	for part, times := range map[string]int{
		`"changeType":5`:               2,
		`"changeType":6`:               2,
		"HoldParticipant {":            1,
		"/holdparticipant {":           1,
		"outcome not_applied":          1,
		"conference:unholdParticipant": 1,
	} {
		if got := strings.Count(out, part); got != times {
			t.Errorf("%q is there %d times, want %d:\n%s", part, got, times, out)
		}
	}
}

// A real service in front of an emulated gateway: the documented request on the
// documented path gets the documented response, gRPC takes the hold back, and the
// gateway's own log says the same.
func TestServe(t *testing.T) {
	gateway := emulate(t)
	service := start(t, `"msg":"serving"`, []string{"AGENTCONF_GATEWAY=" + gateway, "AGENTCONF_GRPC_LISTEN=nonsense"},
		"serve", "--grpc-listen", "127.0.0.1:0", "--http-listen", "127.0.0.1:0")
	if !strings.Contains(service.printed, `"level":"WARN"`) {
		t.Errorf("no warning that the gateway is asked over http: %s", service.printed)
	}
	var at struct{ GRPC, HTTP string }
	lines := strings.Split(strings.TrimSpace(service.printed), "\n")
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &at); err != nil {
		t.Fatal(err)
	}
	if code, _, stderr := runCommand(t, nil, "healthcheck", "--grpc-listen", at.GRPC); code != 0 {
		t.Errorf("healthcheck: exit code %d, %s", code, stderr)
	}

	d := &demo{out: io.Discard, gateway: gateway, http: "http://" + at.HTTP}
	for _, step := range []func(context.Context) error{d.signIn, d.openConference, d.addPhone} {
		if err := step(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	answer, header, err := d.send(t.Context(), http.MethodPost, d.http+"/agentgateway/resource/agentconf/1287/holdparticipant",
		`{"address":"88887946","addressType":"6","playMode":2,"voicePath":"y:/conf/120/1136287.V3"}`)
	var got any
	if err != nil || json.Unmarshal(answer, &got) != nil ||
		!reflect.DeepEqual(got, map[string]any{"message": "success", "retcode": "0", "result": map[string]any{}}) {
		t.Errorf("answer %s (%v), %v", answer, header, err)
	}
	if err := d.awaitEvent(t.Context(), "AgentConf_ParticipantChanged", `"changeType":5`); err != nil {
		t.Error(err)
	}
	conn, err := grpc.NewClient("passthrough:///"+at.GRPC, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	ctx := metadata.AppendToOutgoingContext(t.Context(), "guid", d.guid)
	unhold := &agentconfv1.UnholdParticipantRequest{AgentId: "1287", AddressType: "6", Address: "88887946"}
	client := agentconfv1.NewConferenceServiceClient(conn)
	if _, err := client.UnholdParticipant(ctx, unhold); err != nil {
		t.Error(err)
	}
	if _, err := client.UnholdParticipant(ctx, unhold); status.Code(err) != codes.Unknown {
		t.Errorf("a second unhold: %v", err)
	}

	log, _, err := d.send(t.Context(), http.MethodGet, gateway+"/emulator/log", "")
	if err != nil {
		t.Fatal(err)
	}
	var applied []string
	for line := range strings.Lines(string(log)) {
		var entry struct {
			Operation string
			Applied   bool
		}
		if err := json.Unmarshal([]byte(line), &entry); err != nil {
			t.Fatal(err)
		}
		if entry.Applied {
			applied = append(applied, entry.Operation)
		}
	}
	if want := []string{"requestAgentConf", "batchAddParticipant", "holdParticipant", "unholdParticipant"}; !slices.Equal(applied, want) {
		t.Errorf("applied %v, want %v", applied, want)
	}
	if code := service.stop(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// The gateway's certificate is verified, by --gateway-ca if it is given.
func TestServeGatewayCA(t *testing.T) {
	gateway := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, `{"retcode":"0"}`)
	}))
	defer gateway.Close()
	gateway.Config.ErrorLog = log.New(io.Discard, "", 0)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: gateway.Certificate().Raw})
	if err := os.WriteFile(ca, block, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		args       []string
		httpStatus int
	}{
		{[]string{"--gateway-ca", ca}, http.StatusOK},
		{nil, http.StatusServiceUnavailable},
	} {
		args := append([]string{"serve", "--gateway", gateway.URL, "--grpc-listen", "127.0.0.1:0", "--http-listen", "127.0.0.1:0"}, test.args...)
		service := start(t, `"msg":"serving"`, nil, args...)
		var at struct{ HTTP string }
		if err := json.Unmarshal([]byte(service.printed), &at); err != nil {
			t.Fatal(err)
		}
		req, err := http.NewRequestWithContext(t.Context(), "POST", "http://"+at.HTTP+"/v1/agents/1287/conference:unholdParticipant", strings.NewReader(demoUnholdJSON))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Guid", "some")
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != test.httpStatus {
			t.Errorf("with %v: HTTP status %d, want %d", test.args, resp.StatusCode, test.httpStatus)
		}
	}
}

// The README has every flag with its default.
func TestREADMEFlags(t *testing.T) {
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	row := regexp.MustCompile("(?m)^\\| `--([a-z-]+)[^`]*` \\| ([^|]*) \\|")
	documented := map[string]string{}
	for _, match := range row.FindAllStringSubmatch(string(readme), -1) {
		documented[match[1]] = strings.Trim(match[2], "`")
	}
	for _, command := range []string{"serve", "emulate"} {
		_, help, _ := runCommand(t, nil, command, "--help")
		for _, match := range regexp.MustCompile(`--([a-z-]+) \S+\n[^\n]*?(?:\(default (\S+)\))? \[`).FindAllStringSubmatch(help, -1) {
			value, ok := documented[match[1]]
			if !ok || value != match[2] {
				t.Errorf("--%s of %s has the default %q, the README says %q (%v)", match[1], command, match[2], value, ok)
			}
			delete(documented, match[1])
		}
	}
	if len(documented) > 0 {
		t.Errorf("the README has flags that nobody takes: %v", documented)
	}
}

func TestCommandLine(t *testing.T) {
	notACertificate := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(notACertificate, []byte("no"), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name string
		env  []string
		args []string
		code int
		want []string // parts of what is printed
	}{
		{"no command", nil, nil, 2, []string{"server demo", "server serve"}},
		{"no such command", nil, []string{"sevre"}, 2, []string{`no command "sevre"`}},
		{"help", nil, []string{"--help"}, 0, []string{"server emulate"}},
		{"help of a command", nil, []string{"serve", "--help"}, 0, []string{"--gateway URL", "AGENTCONF_GATEWAY_TIMEOUT", "default 5s"}},
		{"no such flag", nil, []string{"serve", "--gatway", "x"}, 2, []string{"-gatway"}},
		{"an argument too many", nil, []string{"demo", "x"}, 2, []string{`unexpected argument "x"`}},
		{"no gateway", nil, []string{"serve"}, 2, []string{"--gateway https://", "server demo"}},
		{"everything wrong", nil, []string{"serve", "--gateway", "gw:8043", "--gateway-timeout", "0s", "--agent-id-max", "7", "--gateway-ca", "/does/not/exist"}, 2,
			[]string{"--gateway ", "--gateway-timeout", "--agent-id-max", "--gateway-ca"}},
		{"no certificate", nil, []string{"serve", "--gateway", "https://gw", "--gateway-ca", notACertificate}, 2, []string{"no certificate in PEM"}},
		{"a wrong environment", []string{"AGENTCONF_AGENT_ID_MAX=many", "AGENTCONF_GATEWAY_TIMEOUT=long"}, []string{"serve"}, 2, []string{"AGENTCONF_AGENT_ID_MAX", "AGENTCONF_GATEWAY_TIMEOUT"}},
		{"a wrong address", nil, []string{"serve", "--gateway", "https://gw", "--grpc-listen", "256.0.0.1:1"}, 1, []string{"--grpc-listen"}},
		{"a wrong emulator", nil, []string{"emulate", "--auth-mode", "3", "--guid-timeout", "1s", "--answer-delay", "-1s"}, 2, []string{"--auth-mode", "--guid-timeout", "--answer-delay"}},
		{"nobody to check", nil, []string{"healthcheck", "--grpc-listen", "127.0.0.1:1"}, 1, []string{"healthcheck"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			code, stdout, stderr := runCommand(t, test.env, test.args...)
			if code != test.code {
				t.Errorf("exit code %d, want %d", code, test.code)
			}
			for _, part := range test.want {
				if !strings.Contains(stdout+stderr, part) {
					t.Errorf("%q is missing in:\n%s%s", part, stdout, stderr)
				}
			}
		})
	}
}
