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

// pemFile writes a file of the test.
func pemFile(t *testing.T, text string) (name string) {
	t.Helper()
	name = filepath.Join(t.TempDir(), "x.pem")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// exactingGateway accepts every call of a client that shows a certificate of ca.
func exactingGateway(t *testing.T, ca *testca.CA) (url string) {
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

// unholdJSON returns the HTTP status of an unhold.
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

// All flags of TLS at once: both ports take clients of the CA and no others, and the
// gateway is shown a certificate.
func TestServeTLS(t *testing.T) {
	ca := testca.New(t)
	pair := ca.Issue(t, "agentconf")
	env := []string{"AGENTCONF_TLS_CERT=" + pemFile(t, pair.Certificate), "AGENTCONF_TLS_KEY=" + pemFile(t, pair.Key),
		"AGENTCONF_TLS_CLIENT_CA=" + pemFile(t, ca.PEM)}
	ours := ca.IssueFor(t, "an old one", time.Now().Add(-time.Hour), time.Now().Add(time.Hour))
	service, grpcAddress, httpURL := serve(t, env, "--gateway", exactingGateway(t, ca), "--gateway-ca", pemFile(t, ca.PEM),
		"--gateway-cert", pemFile(t, ours.Certificate), "--gateway-key", pemFile(t, ours.Key))
	httpURL = strings.Replace(httpURL, "http://", "https://", 1)
	stranger := &tls.Config{RootCAs: ca.Pool}
	if _, err := unholdJSON(t, httpURL, stranger); err == nil {
		t.Error("a client without a certificate is served over JSON")
	}
	if err := unholdGRPC(t.Context(), t, grpcAddress, stranger); err == nil {
		t.Error("a client without a certificate is served over gRPC")
	}
	known := &tls.Config{RootCAs: ca.Pool, Certificates: []tls.Certificate{ca.Issue(t, "client").TLS(t)}}
	if httpStatus, err := unholdJSON(t, httpURL, known); err != nil || httpStatus != http.StatusOK {
		t.Errorf("over JSON: HTTP status %d, %v", httpStatus, err)
	}
	if err := unholdGRPC(t.Context(), t, grpcAddress, known); err != nil {
		t.Errorf("over gRPC: %v", err)
	}
	if code, _, stderr := runCommand(t, env, "healthcheck", "--grpc-listen", grpcAddress); code != 0 {
		t.Errorf("healthcheck: exit code %d, %s", code, stderr)
	}
	if strings.Contains(service.printed, `"level":"WARN"`) {
		t.Errorf("a warning: %s", service.printed)
	}
}

// Without the flags that name them, the gateway gets no certificate.
func TestServeWithoutGatewayCertificate(t *testing.T) {
	ca := testca.New(t)
	_, _, httpURL := serve(t, nil, "--gateway", exactingGateway(t, ca), "--gateway-ca", pemFile(t, ca.PEM))
	if httpStatus, err := unholdJSON(t, httpURL, nil); err != nil || httpStatus == http.StatusOK {
		t.Errorf("HTTP status %d, %v", httpStatus, err)
	}
}

// The checks of a container know of TLS what serve is told, and no more.
func TestHealthcheckTLS(t *testing.T) {
	pair := testca.New(t).Issue(t, "agentconf")
	env := []string{"AGENTCONF_TLS_CERT=" + pemFile(t, pair.Certificate), "AGENTCONF_TLS_KEY=" + pemFile(t, pair.Key)}
	_, grpcAddress, _ := serve(t, env, "--gateway", "https://gateway.test")
	for code, env := range map[int][]string{0: env, 1: nil} {
		if got, _, stderr := runCommand(t, env, "healthcheck", "--grpc-listen", grpcAddress); got != code {
			t.Errorf("with %q: exit code %d, want %d, %s", env, got, code, stderr)
		}
	}
}

// A certificate that has expired is told of at the start.
func TestServeExpired(t *testing.T) {
	pair := testca.New(t).IssueFor(t, "an old one", time.Unix(1, 0), time.Unix(2, 0))
	for _, flags := range [][2]string{{"--tls-cert", "--tls-key"}, {"--gateway-cert", "--gateway-key"}} {
		service, _, _ := serve(t, nil, "--gateway", "https://gateway.test",
			flags[0], pemFile(t, pair.Certificate), flags[1], pemFile(t, pair.Key))
		if !strings.Contains(service.printed, `"msg":"the certificate has expired`) {
			t.Errorf("%s: no warning in %s", flags[0], service.printed)
		}
	}
}

// All that is wrong with the files is told at once, each with its flag.
func TestCertificateFlags(t *testing.T) {
	first, second := testca.New(t).Issue(t, "first"), testca.New(t).Issue(t, "second")
	for _, test := range []struct {
		args []string
		want []string
	}{
		{[]string{"--tls-cert", "/does/not/exist", "--gateway-key", pemFile(t, first.Key), "--gateway-ca", "/nor/this"},
			[]string{"--tls-cert: is of no use alone; set --tls-key, too", "--tls-cert: open /does/not/exist",
				"--gateway-key: is of no use alone; set --gateway-cert, too", "--gateway-ca: open /nor/this"}},
		{[]string{"--tls-cert", pemFile(t, first.Certificate), "--tls-key", pemFile(t, second.Key),
			"--gateway-cert", pemFile(t, second.Certificate), "--gateway-key", pemFile(t, first.Key)},
			[]string{"\n--tls-cert ", "--tls-key ", "--gateway-cert ", "--gateway-key ", "private key does not match"}},
		{[]string{"--tls-client-ca", pemFile(t, first.Certificate)}, []string{"--tls-client-ca: only TLS", "set --tls-cert and --tls-key, too"}},
	} {
		code, _, stderr := runCommand(t, nil, append([]string{"serve", "--gateway", "https://gateway.test"}, test.args...)...)
		if code != 2 {
			t.Errorf("%v: exit code %d", test.args, code)
		}
		for _, part := range test.want {
			if !strings.Contains(stderr, part) {
				t.Errorf("%q is missing in:\n%s", part, stderr)
			}
		}
	}
}
