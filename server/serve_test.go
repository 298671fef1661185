package main

import (
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

// A real service in front of an emulated gateway: the documented request on the
// documented path gets the documented response, gRPC takes the hold back, and the
// gateway's own log says the same.
func TestServe(t *testing.T) {
	gateway := emulate(t)
	service, grpcAddress, httpURL := serve(t, []string{"AGENTCONF_GATEWAY=" + gateway, "AGENTCONF_GRPC_LISTEN=nonsense"})
	if !strings.Contains(service.printed, `"level":"WARN"`) {
		t.Errorf("no warning that the gateway is asked over http: %s", service.printed)
	}
	if code, _, stderr := runCommand(t, nil, "healthcheck", "--grpc-listen", grpcAddress); code != 0 {
		t.Errorf("healthcheck: exit code %d, %s", code, stderr)
	}

	d := &demo{out: io.Discard, gateway: gateway, http: httpURL}
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
	conn, err := grpc.NewClient("passthrough:///"+grpcAddress, grpc.WithTransportCredentials(insecure.NewCredentials()))
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

// Agents of three nodes are served at the node where they signed in, each alone.
func TestServeNodes(t *testing.T) {
	gateway := emulate(t)
	nodes := map[string]string{"Node1": emulate(t, "--node", "Node1"), "Node2": emulate(t, "--node", "Node2")}
	env := []string{"AGENTCONF_GATEWAY_NODE=Node1=" + nodes["Node1"] + ",Node2=" + nodes["Node2"]}
	_, _, httpURL := serve(t, env, "--gateway", gateway)
	for _, url := range []string{gateway, nodes["Node1"], nodes["Node2"]} {
		d := &demo{out: io.Discard, gateway: url}
		for _, step := range []func(context.Context) error{d.signIn, d.openConference, d.addPhone} {
			if err := step(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if err := d.post(t.Context(), httpURL+"/agentgateway/resource/agentconf/1287/holdparticipant", demoHoldJSON); err != nil {
			t.Errorf("an agent of %s: %v", d.guid, err)
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
		req, err := http.NewRequestWithContext(t.Context(), "POST", httpURL+"/v1/agents/1287/conference:unholdParticipant", strings.NewReader(demoUnholdJSON))
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
