package main

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
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

	agentconfv1 "agentconf/gen/agentconf/v1"
)

// The service in front of an emulator passes the conference of the demo, and the request
// log of the emulator has its operations.
func TestServe(t *testing.T) {
	gateway := emulate(t)
	service, grpcAddress, httpURL := serve(t, []string{"AGENTCONF_GATEWAY=" + gateway, "AGENTCONF_GRPC_LISTEN=nonsense"})
	if !strings.Contains(service.printed, `"level":"WARN"`) {
		t.Errorf("got no warning of an unencrypted gateway URL, want one in:\n%s", service.printed)
	}
	if code, _, stderr := runCommand(t, nil, "healthcheck", "--grpc-listen", grpcAddress); code != 0 {
		t.Errorf("healthcheck: got exit code %d, want 0: %s", code, stderr)
	}
	d := &demo{printer: &demoPrinter{out: io.Discard}, gateway: gateway, grpc: grpcAddress, http: httpURL}
	conn, err := d.connect()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	if err := d.play(ctx, cancel); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"requestAgentConf", "batchAddParticipant", "answerAgentConf", "holdParticipant", "unholdParticipant",
		"holdParticipant", "unholdParticipant", "applyToShiftPresident", "applyToShiftPresident",
	}
	if got := appliedOperations(t, gateway); !slices.Equal(got, want) {
		t.Errorf("got applied operations %v, want %v", got, want)
	}
	admin := adminURL(t, service)
	if _, metrics := mustRequest(t, "GET", admin+"/metrics", "", ""); !strings.Contains(metrics, `grpc_method="HoldParticipant"`) ||
		!strings.Contains(metrics, "go_goroutines") {
		t.Errorf("got no metrics of HoldParticipant or of Go, want both in:\n%s", metrics)
	}
	mustRequest(t, "GET", admin+"/debug/pprof/goroutine", "", "")
	conn.Close() // or the drain waits for the polls of its watches
	code, log := service.stop()
	if code != 0 || strings.Count(log, `"operation":"holdParticipant"`) != 3 || !strings.HasSuffix(log, `"msg":"stopped"}`+"\n") {
		t.Errorf("got exit code %d, want 0, 3 holds and the stop in the log:\n%s", code, log)
	}
}

// adminURL returns the URL of the admin port.
func adminURL(t *testing.T, service running) string {
	t.Helper()
	var addresses struct{ Admin string }
	lines := strings.Split(strings.TrimSpace(service.printed), "\n")
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &addresses); err != nil {
		t.Fatal(err)
	}
	return "http://" + addresses.Admin
}

// The service is ready while the gateway accepts connections. Otherwise it is unready and
// still healthy.
func TestServeReadiness(t *testing.T) {
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
	mustRequest(t, "GET", adminURL(t, service)+"/readyz", "", "")
	gateway.Close()
	await(grpc_health_v1.HealthCheckResponse_NOT_SERVING)
	mustRequest(t, "GET", adminURL(t, service)+"/healthz", "", "")
	resp, err := http.Get(adminURL(t, service) + "/readyz")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if text, err := io.ReadAll(resp.Body); resp.StatusCode != http.StatusServiceUnavailable || !strings.Contains(string(text), "CC-Gateway") || err != nil {
		t.Errorf("/readyz: got HTTP status %d, %q, %v, want 503 and the CC-Gateway", resp.StatusCode, text, err)
	}
	if code, _, stderr := runCommand(t, nil, "healthcheck", "--grpc-listen", grpcAddress); code != 0 {
		t.Errorf("healthcheck: got exit code %d, want 0: %s", code, stderr)
	}
}

// --log-format text writes log records as text, and PUT /log-level changes their level.
func TestServeLog(t *testing.T) {
	service := start(t, "msg=serving", nil, "serve", "--gateway", "https://gateway.test", "--log-format", "text",
		"--grpc-listen", "127.0.0.1:0", "--http-listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--drain-delay", "0")
	if !strings.Contains(service.printed, `replicas="this process knows no other`) {
		t.Errorf("the start does not say that replicas do not know each other:\n%s", service.printed)
	}
	addresses := regexp.MustCompile(`http=(\S+) admin=(\S+)`).FindStringSubmatch(service.printed)
	for _, level := range []string{"info", "error", "info"} {
		req, err := http.NewRequestWithContext(t.Context(), "PUT", "http://"+addresses[2]+"/log-level", strings.NewReader(level))
		if err != nil {
			t.Fatal(err)
		}
		for _, req := range []*http.Request{req, httptest.NewRequestWithContext(t.Context(), "GET", "http://"+addresses[1]+"/"+level, nil)} {
			req.RequestURI = ""
			req.Header.Set("Guid", "some") // or it is a stranger's, and has no record of its own
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
		}
	}
	if _, log := service.stop(); strings.Count(log, "msg=call") != 2 {
		t.Errorf("got %d call records, want 2, in the log:\n%s", strings.Count(log, "msg=call"), log)
	}
}

// With --log-peers=false no record has the address of a client, on either front.
func TestServeWithoutPeers(t *testing.T) {
	for _, peers := range []string{"true", "false"} {
		service, grpcAddress, httpURL := serve(t, nil, "--gateway", "http://127.0.0.1:1", "--log-peers", peers)
		unhold(t, httpURL)
		conn, err := dial(grpcAddress, insecure.NewCredentials())
		if err != nil {
			t.Fatal(err)
		}
		agentconfv1.NewConferenceServiceClient(conn).HoldParticipant(t.Context(), &agentconfv1.HoldParticipantRequest{})
		conn.Close()
		code, log := service.stop()
		want := map[string]int{"true": 2, "false": 0}[peers]
		if got := strings.Count(log, `"network.peer.address":"127.0.0.1"`); code != 0 || got != want || strings.Count(log, `"msg":"call"`) != 2 {
			t.Errorf("--log-peers %s: got %d addresses in the log, want %d:\n%s", peers, got, want, log)
		}
	}
}

// appliedOperations returns the operations that the emulator has applied, by its log.
func appliedOperations(t *testing.T, gateway string) (operations []string) {
	t.Helper()
	_, log := mustRequest(t, "GET", gateway+"/emulator/log", "", "")
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

// mustRequest sends an HTTP request and returns the response. It fails the test unless
// the status is 200.
func mustRequest(t *testing.T, method, url, guid, body string) (http.Header, string) {
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
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%s %s: got HTTP status %d, %v, want 200: %s", method, url, resp.StatusCode, err, text)
	}
	return resp.Header, string(text)
}

// The service sends the request of an agent to the node that issued the GUID, and to no
// other node.
func TestServeNodes(t *testing.T) {
	gateway := emulate(t)
	nodes := map[string]string{"Node1": emulate(t, "--node", "Node1"), "Node2": emulate(t, "--node", "Node2")}
	env := []string{"AGENTCONF_GATEWAY_NODE=Node1=" + nodes["Node1"] + ",Node2=" + nodes["Node2"]}
	_, _, httpURL := serve(t, env, "--gateway", gateway)
	const request = "/agentgateway/resource/agentconf/1287/requestagentconf"
	for _, url := range []string{gateway, nodes["Node1"], nodes["Node2"]} {
		header, _ := mustRequest(t, "PUT", url+"/agentgateway/resource/onlineagent/1287", "", `{"password":"","phonenum":"40038"}`)
		guid := strings.TrimPrefix(header.Get("Set-GUID"), "JSESSIONID=")
		if _, response := mustRequest(t, "POST", httpURL+request, guid, `{"memberNum":4}`); !strings.Contains(response, `"retcode":"0"`) {
			t.Errorf("GUID %s: got %s, want retcode 0", guid, response)
		}
		if got := appliedOperations(t, url); !slices.Equal(got, []string{"requestAgentConf"}) {
			t.Errorf("node of GUID %s: got applied operations %v, want requestAgentConf", guid, got)
		}
	}
}

// unhold sends a valid unhold over REST and returns the response.
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

// If the gateway is unreachable, the caller gets the outcome not_applied, and one log
// record has the cause and its remedy.
func TestServeUnreachable(t *testing.T) {
	secured := httptest.NewTLSServer(http.NotFoundHandler())
	defer secured.Close()
	secured.Config.ErrorLog = log.New(io.Discard, "", 0)
	plain := httptest.NewServer(http.NotFoundHandler())
	defer plain.Close()
	ca := pemFile(t, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: secured.Certificate().Raw})))
	byLocalhost := strings.Replace(secured.URL, "127.0.0.1", "localhost", 1)
	for cause, args := range map[string][]string{
		"connection refused": {"--gateway", "https://127.0.0.1:1"},
		"certificate signed by unknown authority; if this is the CC-Gateway, set --gateway-ca to the PEM file of its CA":        {"--gateway", secured.URL},
		"and \\\"localhost\\\" was expected; if this is the CC-Gateway, set --gateway-server-name to a name of the certificate": {"--gateway", byLocalhost, "--gateway-ca", ca},
		"was expected; if this is the CC-Gateway, set --gateway-pin sha256//":                                                   {"--gateway", secured.URL, "--gateway-pin", somePin},
		"the server there does not use TLS; set --gateway to another port, or to http://":                                       {"--gateway", "https" + strings.TrimPrefix(plain.URL, "http")},
	} {
		service, _, httpURL := serve(t, nil, args...)
		httpStatus, body := unhold(t, httpURL)
		const want = "was not applied: the CC-Gateway could not be reached and nothing was sent. Try again; if that does " +
			"not help, the operator should check the gateway's address and certificate."
		if httpStatus != http.StatusServiceUnavailable || !strings.Contains(body, want) {
			t.Errorf("%s: got HTTP status %d, %s, want 503, %s", cause, httpStatus, body, want)
		}
		_, log := service.stop()
		calls := regexp.MustCompile(`.*"msg":"call".*`).FindAllString(log, -1)
		if len(calls) != 1 || !strings.Contains(calls[0], cause) {
			t.Errorf("got %d call records, want one with %q in the log:\n%s", len(calls), cause, log)
		}
	}
}

// somePin is the pin of no gateway.
const somePin = "sha256//47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="

// The service verifies the gateway's certificate by --gateway-ca, --gateway-server-name and
// --gateway-pin, if they are set.
func TestServeGatewayCertificate(t *testing.T) {
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
	sum := sha256.Sum256(gateway.Certificate().RawSubjectPublicKeyInfo)
	pin := "sha256//" + base64.StdEncoding.EncodeToString(sum[:])
	for _, test := range []struct {
		args       []string
		httpStatus int
	}{
		{[]string{"--gateway-ca", ca}, http.StatusOK},
		{nil, http.StatusServiceUnavailable},
		{[]string{"--gateway-ca", ca, "--gateway-server-name", "example.com"}, http.StatusOK},
		{[]string{"--gateway-ca", ca, "--gateway-server-name", "other.test"}, http.StatusServiceUnavailable},
		{[]string{"--gateway-pin", somePin + "," + pin}, http.StatusOK},
		{[]string{"--gateway-pin", somePin, "--gateway-pin", pin}, http.StatusOK},
		{[]string{"--gateway-pin", somePin}, http.StatusServiceUnavailable},
		{[]string{"--gateway-pin", somePin, "--gateway-ca", ca}, http.StatusServiceUnavailable},
	} {
		_, _, httpURL := serve(t, nil, append(test.args, "--gateway", gateway.URL)...)
		if httpStatus, _ := unhold(t, httpURL); httpStatus != test.httpStatus {
			t.Errorf("%v: got HTTP status %d, want %d", test.args, httpStatus, test.httpStatus)
		}
	}
}
