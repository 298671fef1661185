package main

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/pem"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"agentconf/internal/testca"
)

// A check reports each step to the gateway and to the nodes, and ends with code 1 if one has
// failed. Nothing is applied at the gateway.
func TestCheck(t *testing.T) {
	page := func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "<html></html>") }
	secured := httptest.NewTLSServer(http.HandlerFunc(page))
	defer secured.Close()
	secured.Config.ErrorLog = log.New(io.Discard, "", 0)
	ca := pemFile(t, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: secured.Certificate().Raw})))
	sum := sha256.Sum256(secured.Certificate().RawSubjectPublicKeyInfo)
	pin := "sha256//" + base64.StdEncoding.EncodeToString(sum[:])
	gateway := emulate(t)

	authority, now := testca.New(t), time.Now()
	expired := authority.IssueFor(t, "x", now.Add(-2*time.Hour), now.Add(-time.Hour))
	soon := authority.IssueFor(t, "x", now.Add(-time.Hour), now.Add(20*24*time.Hour))
	certificate := func(pair testca.Pair) []string {
		return []string{"--gateway", gateway, "--tls-cert", pemFile(t, pair.Certificate), "--tls-key", pemFile(t, pair.Key)}
	}
	for _, test := range []struct {
		name string
		args []string
		code int
		want []string // lines, of which each is a pattern
	}{
		{"a gateway and a node that is down", []string{"--gateway", gateway, "--gateway-node", "A=http://127.0.0.1:1"}, 1, []string{
			`ok    settings: all flags, variables and files are valid`, `ok    gateway DNS: 127\.0\.0\.1 is 127\.0\.0\.1`,
			`ok    gateway TCP: port \d+ is open`, `ok    gateway answer: a CC-Gateway answers`,
			`ok    node A DNS: 127\.0\.0\.1 is 127\.0\.0\.1`, `FAIL  node A TCP: dial tcp 127\.0\.0\.1:1: connect: connection refused`,
		}},
		{"another server", []string{"--gateway", secured.URL, "--gateway-ca", ca}, 1, []string{
			`ok    settings: .*`, `ok    gateway DNS: .*`, `ok    gateway TCP: .*`,
			`ok    gateway certificate: O=Acme Co, for example\.com, .*127\.0\.0\.1.*, valid until \d{4}-\d\d-\d\d`,
			`ok    gateway pin: ` + regexp.QuoteMeta(pin), `ok    gateway TLS: the certificate is accepted`,
			`FAIL  gateway answer: .*looks like an HTML page.*`,
		}},
		{"an unknown CA", []string{"--gateway", secured.URL}, 1, []string{
			`ok    settings: .*`, `ok    gateway DNS: .*`, `ok    gateway TCP: .*`, `ok    gateway certificate: .*`,
			`ok    gateway pin: ` + regexp.QuoteMeta(pin), `FAIL  gateway TLS: .*set --gateway-ca to the PEM file of its CA.*`,
		}},
		{"an expired certificate", certificate(expired), 1, []string{
			`ok    settings: .*`, `FAIL  --tls-cert: CN=x, for agentconf\.test, 127\.0\.0\.1, valid until .*; it has expired, replace it`,
			`ok    gateway DNS: .*`, `ok    gateway TCP: .*`, `ok    gateway answer: .*`,
		}},
		{"a certificate that expires soon", certificate(soon), 0, []string{
			`ok    settings: .*`, `warn  --tls-cert: CN=x, .*; renew it soon`,
			`ok    gateway DNS: .*`, `ok    gateway TCP: .*`, `ok    gateway answer: .*`,
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			code, stdout, stderr := runCommand(t, nil, append([]string{"check"}, test.args...)...)
			if code != test.code || (stderr == "") != (code == 0) {
				t.Errorf("got exit code %d, stderr %q, want %d", code, stderr, test.code)
			}
			if pattern := "^" + strings.Join(test.want, "\n") + "\n$"; !regexp.MustCompile(pattern).MatchString(stdout) {
				t.Errorf("got the report\n%swant\n%s", stdout, strings.Join(test.want, "\n"))
			}
		})
	}
	if applied := appliedOperations(t, gateway); len(applied) > 0 {
		t.Errorf("got applied operations %v, want none", applied)
	}
}

// A check reports wrong settings as serve does.
func TestCheckSettings(t *testing.T) {
	code, stdout, stderr := runCommand(t, []string{"AGENTCONF_GATWAY=x"}, "check")
	if code != 2 || stdout != "" || !strings.Contains(stderr, "agentconf check: AGENTCONF_GATWAY sets no flag (did you mean AGENTCONF_GATEWAY?)") ||
		!strings.Contains(stderr, "agentconf check: no CC-Gateway") {
		t.Errorf("got exit code %d, stdout %q, stderr\n%s", code, stdout, stderr)
	}
}
