package main

import (
	"encoding/json"
	"encoding/pem"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"
)

// A real service in front of an emulated gateway plays the story of the demo, and
// the gateway's own log says the same.
func TestServe(t *testing.T) {
	gateway := emulate(t)
	service, grpcAddress, httpURL := serve(t, []string{"AGENTCONF_GATEWAY=" + gateway, "AGENTCONF_GRPC_LISTEN=nonsense"})
	if !strings.Contains(service.printed, `"level":"WARN"`) {
		t.Errorf("no warning that the gateway is asked over http: %s", service.printed)
	}
	if code, _, stderr := runCommand(t, nil, "healthcheck", "--grpc-listen", grpcAddress); code != 0 {
		t.Errorf("healthcheck: exit code %d, %s", code, stderr)
	}
	d := &demo{out: io.Discard, gateway: gateway, grpc: grpcAddress, http: httpURL}
	hangUp, err := d.connect()
	if err != nil {
		t.Fatal(err)
	}
	if err := d.play(t.Context()); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"requestAgentConf", "batchAddParticipant", "answerAgentConf", "holdParticipant", "unholdParticipant",
		"holdParticipant", "unholdParticipant", "applyToShiftPresident", "applyToShiftPresident",
	}
	if got := applied(t, gateway); !slices.Equal(got, want) {
		t.Errorf("applied %v, want %v", got, want)
	}
	admin := adminOf(t, service)
	if _, metrics := ask(t, "GET", admin+"/metrics", "", ""); !strings.Contains(metrics, `grpc_method="HoldParticipant"`) ||
		!strings.Contains(metrics, "go_goroutines") {
		t.Errorf("metrics:\n%s", metrics)
	}
	ask(t, "GET", admin+"/debug/pprof/goroutine", "", "")
	hangUp() // or the service waits for the poll that its watchers wait for
	code, log := service.stop()
	if code != 0 || strings.Count(log, `"operation":"holdParticipant"`) != 3 || !strings.HasSuffix(log, `"msg":"stopped"}`+"\n") {
		t.Errorf("exit code %d, log\n%s", code, log)
	}
}

// adminOf is the URL of a service's port for operators.
func adminOf(t *testing.T, service running) string {
	t.Helper()
	var at struct{ Admin string }
	lines := strings.Split(strings.TrimSpace(service.printed), "\n")
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &at); err != nil {
		t.Fatal(err)
	}
	return "http://" + at.Admin
}

// The service is ready while its gateway listens, and lives on when it does not.
func TestServeReady(t *testing.T) {
	gateway, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	service, grpcAddress, _ := serve(t, nil, "--gateway", "http://"+gateway.Addr().String(), "--probe-interval", "10ms")
	conn, err := grpc.NewClient("passthrough:///"+grpcAddress, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	watch, err := grpc_health_v1.NewHealthClient(conn).Watch(t.Context(), &grpc_health_v1.HealthCheckRequest{Service: "agentconf.v1.ConferenceService"})
	if err != nil {
		t.Fatal(err)
	}
	await := func(want grpc_health_v1.HealthCheckResponse_ServingStatus) {
		for {
			got, err := watch.Recv()
			if err != nil {
				t.Fatal(err)
			}
			if got.GetStatus() == want {
				return
			}
		}
	}
	await(grpc_health_v1.HealthCheckResponse_SERVING)
	ask(t, "GET", adminOf(t, service)+"/readyz", "", "")
	gateway.Close()
	await(grpc_health_v1.HealthCheckResponse_NOT_SERVING)
	ask(t, "GET", adminOf(t, service)+"/healthz", "", "")
	resp, err := http.Get(adminOf(t, service) + "/readyz")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if text, err := io.ReadAll(resp.Body); resp.StatusCode != http.StatusServiceUnavailable || !strings.Contains(string(text), "CC-Gateway") || err != nil {
		t.Errorf("/readyz: HTTP status %d, %s, %v", resp.StatusCode, text, err)
	}
	if code, _, stderr := runCommand(t, nil, "healthcheck", "--grpc-listen", grpcAddress); code != 0 {
		t.Errorf("healthcheck: exit code %d, %s", code, stderr)
	}
}

// The log is text if that is wanted, from a level on that can be changed meanwhile.
func TestServeLog(t *testing.T) {
	service := start(t, "msg=serving", nil, "serve", "--gateway", "https://gateway.test", "--log-format", "text",
		"--grpc-listen", "127.0.0.1:0", "--http-listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--drain-delay", "0")
	at := regexp.MustCompile(`http=(\S+) admin=(\S+)`).FindStringSubmatch(service.printed)
	for _, level := range []string{"info", "error", "info"} {
		req, err := http.NewRequestWithContext(t.Context(), "PUT", "http://"+at[2]+"/log-level", strings.NewReader(level))
		if err != nil {
			t.Fatal(err)
		}
		for _, req := range []*http.Request{req, httptest.NewRequestWithContext(t.Context(), "GET", "http://"+at[1]+"/"+level, nil)} {
			req.RequestURI = ""
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
		}
	}
	if _, log := service.stop(); strings.Count(log, "msg=call") != 2 {
		t.Errorf("log\n%s", log)
	}
}

// applied are the operations that the gateway has carried out, by its own log.
func applied(t *testing.T, gateway string) (operations []string) {
	t.Helper()
	_, log := ask(t, "GET", gateway+"/emulator/log", "", "")
	for line := range strings.Lines(log) {
		var entry struct {
			Operation string
			Applied   bool
		}
		if err := json.Unmarshal([]byte(line), &entry); err != nil {
			t.Fatal(err)
		}
		if entry.Applied {
			operations = append(operations, entry.Operation)
		}
	}
	return operations
}

// ask makes an HTTP request, which must be answered with status 200.
func ask(t *testing.T, method, url, guid, body string) (http.Header, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Guid", guid)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%s %s: HTTP status %d, %v: %s", method, url, resp.StatusCode, err, answer)
	}
	return resp.Header, string(answer)
}

// Agents of three nodes are served at the node where they signed in, each alone.
func TestServeNodes(t *testing.T) {
	gateway := emulate(t)
	nodes := map[string]string{"Node1": emulate(t, "--node", "Node1"), "Node2": emulate(t, "--node", "Node2")}
	env := []string{"AGENTCONF_GATEWAY_NODE=Node1=" + nodes["Node1"] + ",Node2=" + nodes["Node2"]}
	_, _, httpURL := serve(t, env, "--gateway", gateway)
	const request = "/agentgateway/resource/agentconf/1287/requestagentconf"
	for _, url := range []string{gateway, nodes["Node1"], nodes["Node2"]} {
		header, _ := ask(t, "PUT", url+"/agentgateway/resource/onlineagent/1287", "", `{"password":"","phonenum":"40038"}`)
		guid := strings.TrimPrefix(header.Get("Set-GUID"), "JSESSIONID=")
		if _, answer := ask(t, "POST", httpURL+request, guid, `{"memberNum":4}`); !strings.Contains(answer, `"retcode":"0"`) {
			t.Errorf("an agent of %s: %s", guid, answer)
		}
		if got := applied(t, url); !slices.Equal(got, []string{"requestAgentConf"}) {
			t.Errorf("the node of %s has carried out %v", guid, got)
		}
	}
}

// unhold makes a good call, whatever it is answered with.
func unhold(t *testing.T, httpURL string) (httpStatus int, body string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), "POST", httpURL+"/v1/agents/1287/conference:unholdParticipant", strings.NewReader(demoUnholdJSON))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Guid", "some")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

// A gateway that cannot be reached: the caller learns that nothing happened, and the
// operator finds the cause, and what to do, in one line of the log.
func TestServeUnreachable(t *testing.T) {
	secured := httptest.NewTLSServer(http.NotFoundHandler())
	defer secured.Close()
	secured.Config.ErrorLog = log.New(io.Discard, "", 0)
	plain := httptest.NewServer(http.NotFoundHandler())
	defer plain.Close()
	ca := pemFile(t, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: secured.Certificate().Raw})))
	byOtherName := strings.Replace(secured.URL, "127.0.0.1", "localhost", 1)
	for cause, args := range map[string][]string{
		"connection refused": {"--gateway", "https://127.0.0.1:1"},
		"certificate signed by unknown authority; if this is the CC-Gateway, name the PEM file of its CA in --gateway-ca": {"--gateway", secured.URL},
		"not localhost; call it by a name that is in its certificate":                                                     {"--gateway", byOtherName, "--gateway-ca", ca},
		"nobody speaks TLS there, is it another port, or http://?":                                                        {"--gateway", "https" + strings.TrimPrefix(plain.URL, "http")},
	} {
		service, _, httpURL := serve(t, nil, args...)
		httpStatus, body := unhold(t, httpURL)
		const said = "was not applied: the CC-Gateway could not be reached and nothing was sent. Try again; if that does " +
			"not help, the operator should check the gateway's address and certificate."
		if httpStatus != http.StatusServiceUnavailable || !strings.Contains(body, said) {
			t.Errorf("%s: HTTP status %d, %s", cause, httpStatus, body)
		}
		_, log := service.stop()
		calls := regexp.MustCompile(`.*"msg":"call".*`).FindAllString(log, -1)
		if len(calls) != 1 || !strings.Contains(calls[0], cause) {
			t.Errorf("%s is missing in the line of the call:\n%s", cause, log)
		}
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
		_, _, httpURL := serve(t, nil, append(test.args, "--gateway", gateway.URL)...)
		if httpStatus, _ := unhold(t, httpURL); httpStatus != test.httpStatus {
			t.Errorf("with %v: HTTP status %d, want %d", test.args, httpStatus, test.httpStatus)
		}
	}
}
