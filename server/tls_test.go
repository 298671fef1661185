package main

import (
	"context"
	"crypto/tls"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"

	agentconfv1 "agentconf/gen/agentconf/v1"
	"agentconf/internal/testca"
)

// pemFile writes text to a file and returns its name.
func pemFile(t *testing.T, text string) (name string) {
	t.Helper()
	name = filepath.Join(t.TempDir(), "x.pem")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// startMutualTLSGateway starts a gateway that requires a client certificate of ca and
// accepts every call.
func startMutualTLSGateway(t *testing.T, ca *testca.CA) (url string) {
	gateway := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, `{"retcode":"0"}`)
	}))
	gateway.Config.ErrorLog = log.New(io.Discard, "", 0)
	gateway.TLS = &tls.Config{
		Certificates: []tls.Certificate{ca.Issue(t, "gateway").TLS(t)},
		ClientAuth:   tls.RequireAndVerifyClientCert, ClientCAs: ca.Pool,
	}
	gateway.StartTLS()
	t.Cleanup(gateway.Close)
	return gateway.URL
}

// unholdJSON sends an unhold over REST with TLS.
func unholdJSON(t *testing.T, httpURL string, config *tls.Config) (httpStatus int, err error) {
	transport := &http.Transport{TLSClientConfig: config, ForceAttemptHTTP2: true}
	defer transport.CloseIdleConnections()
	req, err := http.NewRequestWithContext(t.Context(), "POST", httpURL+"/v1/agents/1287/conference:unholdParticipant", strings.NewReader(demoUnholdJSON))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Guid", "some")
	resp, err := (&http.Client{Transport: transport}).Do(req)
	if err != nil {
		return 0, err
	}
	return resp.StatusCode, resp.Body.Close()
}

// unholdGRPC sends an unhold over gRPC with TLS.
func unholdGRPC(ctx context.Context, t *testing.T, address string, config *tls.Config) error {
	conn, err := grpc.NewClient("passthrough:///"+address, grpc.WithTransportCredentials(credentials.NewTLS(config)))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_, err = agentconfv1.NewConferenceServiceClient(conn).UnholdParticipant(metadata.AppendToOutgoingContext(ctx, "guid", "some"),
		&agentconfv1.UnholdParticipantRequest{AgentId: "1287", AddressType: "6", Address: demoPhone})
	return err
}

// With all TLS flags, both ports accept only clients with a certificate of the CA, and the
// service presents its own certificate to the gateway.
func TestServeTLS(t *testing.T) {
	ca := testca.New(t)
	pair := ca.Issue(t, "agentconf")
	env := []string{"AGENTCONF_TLS_CERT=" + pemFile(t, pair.Certificate), "AGENTCONF_TLS_KEY=" + pemFile(t, pair.Key),
		"AGENTCONF_TLS_CLIENT_CA=" + pemFile(t, ca.PEM)}
	client := ca.IssueFor(t, "client of the gateway", time.Now().Add(-time.Hour), time.Now().Add(time.Hour))
	service, grpcAddress, httpURL := serve(t, env, "--gateway", startMutualTLSGateway(t, ca), "--gateway-ca", pemFile(t, ca.PEM),
		"--gateway-cert", pemFile(t, client.Certificate), "--gateway-key", pemFile(t, client.Key))
	httpURL = strings.Replace(httpURL, "http://", "https://", 1)
	anonymous := &tls.Config{RootCAs: ca.Pool}
	if _, err := unholdJSON(t, httpURL, anonymous); err == nil {
		t.Error("REST without a client certificate: got a response, want an error")
	}
	if err := unholdGRPC(t.Context(), t, grpcAddress, anonymous); err == nil {
		t.Error("gRPC without a client certificate: got a response, want an error")
	}
	identified := &tls.Config{RootCAs: ca.Pool, Certificates: []tls.Certificate{ca.Issue(t, "client").TLS(t)}}
	if httpStatus, err := unholdJSON(t, httpURL, identified); err != nil || httpStatus != http.StatusOK {
		t.Errorf("REST: got HTTP status %d, %v, want 200", httpStatus, err)
	}
	if err := unholdGRPC(t.Context(), t, grpcAddress, identified); err != nil {
		t.Errorf("gRPC: got %v, want no error", err)
	}
	if code, _, stderr := runCommand(t, env, "healthcheck", "--grpc-listen", grpcAddress); code != 0 {
		t.Errorf("healthcheck: got exit code %d, want 0: %s", code, stderr)
	}
	if strings.Contains(service.printed, `"level":"WARN"`) {
		t.Errorf("got a warning, want none: %s", service.printed)
	}
}

// Without --gateway-cert, the service presents no certificate to the gateway.
func TestServeWithoutGatewayCertificate(t *testing.T) {
	ca := testca.New(t)
	_, _, httpURL := serve(t, nil, "--gateway", startMutualTLSGateway(t, ca), "--gateway-ca", pemFile(t, ca.PEM))
	if httpStatus, err := unholdJSON(t, httpURL, nil); err != nil || httpStatus == http.StatusOK {
		t.Errorf("got HTTP status %d, %v, want an error status", httpStatus, err)
	}
}

// healthcheck uses TLS if it has the variables of serve, and fails without them.
func TestHealthcheckTLS(t *testing.T) {
	pair := testca.New(t).Issue(t, "agentconf")
	env := []string{"AGENTCONF_TLS_CERT=" + pemFile(t, pair.Certificate), "AGENTCONF_TLS_KEY=" + pemFile(t, pair.Key)}
	_, grpcAddress, _ := serve(t, env, "--gateway", "https://gateway.test")
	for code, env := range map[int][]string{0: env, 1: nil} {
		if got, _, stderr := runCommand(t, env, "healthcheck", "--grpc-listen", grpcAddress); got != code {
			t.Errorf("%q: got exit code %d, want %d: %s", env, got, code, stderr)
		}
	}
}

// The service logs an expired certificate at the start.
func TestServeWarnsOfExpiredCertificate(t *testing.T) {
	pair := testca.New(t).IssueFor(t, "agentconf", time.Unix(1, 0), time.Unix(2, 0))
	for _, flags := range [][2]string{{"--tls-cert", "--tls-key"}, {"--gateway-cert", "--gateway-key"}} {
		service, _, _ := serve(t, nil, "--gateway", "https://gateway.test",
			flags[0], pemFile(t, pair.Certificate), flags[1], pemFile(t, pair.Key))
		if !strings.Contains(service.printed, `"msg":"the certificate has expired`) {
			t.Errorf("%s: got no warning, want one in:\n%s", flags[0], service.printed)
		}
	}
}

// One start reports all faults of the PEM files, each with its flag.
func TestCertificateFlags(t *testing.T) {
	first, second := testca.New(t).Issue(t, "first"), testca.New(t).Issue(t, "second")
	for _, test := range []struct {
		args []string
		want []string
	}{
		{[]string{"--tls-cert", "/does/not/exist", "--gateway-key", pemFile(t, first.Key), "--gateway-ca", "/nor/this"},
			[]string{"--tls-cert: requires --tls-key; set both", "--tls-cert: open /does/not/exist",
				"--gateway-key: requires --gateway-cert; set both", "--gateway-ca: open /nor/this"}},
		{[]string{"--tls-cert", pemFile(t, first.Certificate), "--tls-key", pemFile(t, second.Key),
			"--gateway-cert", pemFile(t, second.Certificate), "--gateway-key", pemFile(t, first.Key)},
			[]string{"\nagentconf serve: --tls-cert ", "--tls-key ", "--gateway-cert ", "--gateway-key ", "private key does not match"}},
		{[]string{"--tls-client-ca", pemFile(t, first.Certificate)}, []string{"--tls-client-ca: only TLS has client certificates", "set --tls-cert and --tls-key, too"}},
	} {
		code, _, stderr := runCommand(t, nil, append([]string{"serve", "--gateway", "https://gateway.test"}, test.args...)...)
		if code != 2 {
			t.Errorf("%v: got exit code %d, want 2", test.args, code)
		}
		for _, part := range test.want {
			if !strings.Contains(stderr, part) {
				t.Errorf("got no %q, want it in:\n%s", part, stderr)
			}
		}
	}
}
