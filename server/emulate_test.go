package main

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"agentconf/internal/testca"
)

var emulatorURL = regexp.MustCompile(`https?://127\.0\.0\.1:\d+`)

// startEmulator starts an emulator with args and returns its URL.
func startEmulator(t *testing.T, scheme string, args ...string) (p running, url string) {
	t.Helper()
	p = start(t, scheme, nil, append([]string{"emulate", "--listen", "127.0.0.1:0"}, args...)...)
	return p, emulatorURL.FindString(p.printed)
}

// runToEnd runs a command that is expected to fail.
func runToEnd(t *testing.T, args ...string) (code int, output string) {
	t.Helper()
	var b strings.Builder
	code = cli{lookup(nil), environ(nil), &b, &b}.run(t.Context(), args)
	return code, b.String()
}

// The emulator opens the file of --log at its start, and writes each request as it comes.
func TestEmulateLog(t *testing.T) {
	file := filepath.Join(t.TempDir(), "log")
	_, url := startEmulator(t, "http://", "--log", file)
	mustRequest(t, "POST", url+"/agentgateway/resource/agentconf/1287/requestagentconf", "some", `{"memberNum":4}`)
	_, served := mustRequest(t, "GET", url+"/emulator/log", "", "")
	written, err := os.ReadFile(file)
	if err != nil || string(written) != served || !strings.Contains(served, `"operation":"requestAgentConf"`) {
		t.Errorf("got the file %q, %v, want %q", written, err, served)
	}
}

// A file that the emulator cannot use stops its start, and the error names the flag.
func TestEmulateReportsFiles(t *testing.T) {
	wrong := pemFile(t, `{"agents":[{"agentId":"1"}]}`)
	for _, args := range [][]string{
		{"--log", t.TempDir()}, {"--seed", wrong}, {"--seed", "/nonexistent"}, {"--canned", wrong},
		{"--tls-cert", wrong, "--tls-key", wrong}, {"--tls-client-ca", wrong}, {"--tls-self-signed", "--tls-cert", wrong},
		{"--stale-guid", "1"},
	} {
		code, output := runToEnd(t, append([]string{"emulate", "--listen", "127.0.0.1:0"}, args...)...)
		if code == 0 || !strings.Contains(output, args[0]) {
			t.Errorf("%q: got exit code %d, output %q", args, code, output)
		}
	}
}

// Without --allow-remote, the emulator listens on this machine only.
func TestEmulateRefusesRemoteAddresses(t *testing.T) {
	for address, local := range map[string]bool{
		"127.0.0.1:0": true, "127.1.2.3:1": true, "[::1]:0": true, "localhost:80": true,
		":8043": false, "0.0.0.0:0": false, "[::]:0": false, "192.0.2.1:1": false, "gateway.test:1": false,
	} {
		s := emulateSettings{listen: port{"--listen", address}}
		s.GUIDTimeout = 1
		if refused := len(s.faults()) > 0; refused == local {
			t.Errorf("%s: refused is %v", address, refused)
		}
		if s.allowRemote = true; len(s.faults()) > 0 {
			t.Errorf("%s with --allow-remote: %v", address, s.faults())
		}
	}
}

// The CA file and the pin that --tls-self-signed prints are those of the port. The file is
// removed at the end.
func TestEmulateSelfSigned(t *testing.T) {
	emulator, url := startEmulator(t, "sha256//", "--tls-self-signed")
	caFile := regexp.MustCompile(`\S+ca\.pem`).FindString(emulator.printed)
	pem, err := os.ReadFile(caFile)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	state := getTLS(t, url, &tls.Config{RootCAs: roots})
	sum := sha256.Sum256(state.PeerCertificates[0].RawSubjectPublicKeyInfo)
	if pin := "sha256//" + base64.StdEncoding.EncodeToString(sum[:]); !strings.Contains(emulator.printed, pin) {
		t.Errorf("got %q, want the pin %s", emulator.printed, pin)
	}
	emulator.stop()
	if _, err := os.Stat(caFile); !os.IsNotExist(err) {
		t.Errorf("after the end: %v", err)
	}
}

// With --tls-client-ca, a client needs a certificate.
func TestEmulateClientCertificates(t *testing.T) {
	ca := testca.New(t)
	pair := ca.Issue(t, "gateway")
	_, url := startEmulator(t, "https://", "--tls-cert", pemFile(t, pair.Certificate), "--tls-key", pemFile(t, pair.Key),
		"--tls-client-ca", pemFile(t, ca.PEM))
	client := &tls.Config{RootCAs: ca.Pool, Certificates: []tls.Certificate{ca.Issue(t, "client").TLS(t)}}
	getTLS(t, url, client)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: ca.Pool}}
	defer transport.CloseIdleConnections()
	if resp, err := (&http.Client{Transport: transport}).Get(url + "/emulator/agents"); err == nil {
		resp.Body.Close()
		t.Error("a client without a certificate got an answer")
	}
}

// getTLS gets the agents of an emulator and returns the state of the connection.
func getTLS(t *testing.T, url string, config *tls.Config) *tls.ConnectionState {
	t.Helper()
	transport := &http.Transport{TLSClientConfig: config}
	defer transport.CloseIdleConnections()
	resp, err := (&http.Client{Transport: transport}).Get(url + "/emulator/agents")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if body, err := io.ReadAll(resp.Body); err != nil || !strings.HasPrefix(string(body), `{"agents":[`) {
		t.Errorf("got %s, %v", body, err)
	}
	return resp.TLS
}

// The emulator starts with the state of --seed and returns to it.
func TestEmulateSeed(t *testing.T) {
	seed := pemFile(t, `{"agents":[{"agentId":"1287","guid":"g.AgentGateway1"}]}`)
	_, url := startEmulator(t, "http://", "--seed", seed)
	mustRequest(t, "DELETE", url+"/agentgateway/resource/onlineagent/1287/logout", "g.AgentGateway1", "")
	if _, agents := mustRequest(t, "GET", url+"/emulator/agents", "", ""); agents != `{"agents":[]}`+"\n" {
		t.Errorf("after the sign-out: %s", agents)
	}
	mustRequest(t, "POST", url+"/emulator/reset", "", "")
	if _, agents := mustRequest(t, "GET", url+"/emulator/agents", "", ""); !strings.Contains(agents, `"guid":"g.AgentGateway1"`) {
		t.Errorf("after the reset: %s", agents)
	}
}

// zeroAsNone converts 0, which means none on the command line, and no other duration.
func TestZeroAsNone(t *testing.T) {
	if got := zeroAsNone(0); got >= 0 {
		t.Errorf("got zeroAsNone(0) = %v, want a negative duration", got)
	}
	if got := zeroAsNone(time.Second); got != time.Second {
		t.Errorf("got zeroAsNone(1s) = %v, want 1s", got)
	}
}
