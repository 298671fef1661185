package gateway

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"net"
	"strings"
	"testing"

	"agentconf/internal/testca"
)

// curlPin returns the pin of a certificate as curl computes it.
func curlPin(t *testing.T, certificate *tls.Certificate) Pin {
	der, err := x509.MarshalPKIXPublicKey(certificate.Leaf.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(der)
	return Pin("sha256//" + base64.StdEncoding.EncodeToString(sum[:]))
}

// A pin verifies the gateway alone, or beside the CAs and the name. A server name replaces
// the host of the URL.
func TestPinsAndServerName(t *testing.T) {
	ca, other := testca.New(t), testca.New(t)
	certificate := certified(t, ca)
	right, wrong := curlPin(t, certificate), curlPin(t, certified(t, ca))
	s := newServer(t, listenTLS(t, &tls.Config{Certificates: []tls.Certificate{*certificate}}), replying(ok))
	_, port, err := net.SplitHostPort(s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name       string
		roots      *x509.CertPool
		pins       []Pin
		serverName string
		want       string // in the error; empty means success
	}{
		{"no CA", nil, nil, testca.Host, "set --gateway-ca to the PEM file of its CA, or --gateway-pin " + string(right) + " without --gateway-ca"},
		{"a pin", nil, []Pin{right}, "", ""},
		{"one of two pins", nil, []Pin{wrong, right}, "", ""},
		{"another pin", nil, []Pin{wrong}, "", "is " + string(right) + ", and " + string(wrong) + " was expected; if this is the CC-Gateway, set --gateway-pin " + string(right)},
		{"another pin and the name", nil, []Pin{wrong}, testca.Host, "set --gateway-pin " + string(right)},
		{"the host of the URL", ca.Pool, nil, "", `is for ["agentconf.test" "127.0.0.1"], and "localhost" was expected; if this is the CC-Gateway, set --gateway-server-name to a name of the certificate, or --gateway-pin ` + string(right)},
		{"the name", ca.Pool, nil, testca.Host, ""},
		{"another name", ca.Pool, nil, "other.test", `and "other.test" was expected`},
		{"a pin, the CA and the name", ca.Pool, []Pin{right}, testca.Host, ""},
		{"a pin, the CA and another name", ca.Pool, []Pin{right}, "other.test", `and "other.test" was expected`},
		{"a pin and another CA", other.Pool, []Pin{right}, testca.Host, "set --gateway-ca"},
		{"another pin, the CA and the name", ca.Pool, []Pin{wrong}, testca.Host, "set --gateway-pin " + string(right)},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, before := s.counts()
			c := newClient(t, Options{
				URL: "https://localhost:" + port, TLS: trusting(test.roots), Pins: test.pins, ServerName: test.serverName,
			})
			_, err := c.Send(t.Context(), hold).Reply()
			_, probeErr := c.Probe(t.Context())
			if test.want == "" {
				if err != nil || probeErr != nil {
					t.Errorf("errors %v and %v, want none", err, probeErr)
				}
				return
			}
			for _, err := range []error{err, probeErr} {
				if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "\n") {
					t.Errorf("error %v, want one line with %s", err, test.want)
				}
			}
			if _, after := s.counts(); kind(t, err) != NotSent || after != before {
				t.Errorf("%d requests were sent, error %v", after-before, err)
			}
		})
	}
}

// A pin applies to a node, too.
func TestPinOfNode(t *testing.T) {
	ca := testca.New(t)
	certificate := certified(t, ca)
	s := newServer(t, listenTLS(t, &tls.Config{Certificates: []tls.Certificate{*certificate}}), replying(ok))
	for pin, want := range map[Pin]Kind{curlPin(t, certificate): 0, curlPin(t, certified(t, ca)): NotSent} {
		c := newClient(t, Options{
			URL: "https://gateway.test", Nodes: map[string]string{"A": "https://" + s.Addr().String()}, Pins: []Pin{pin},
		})
		if _, err := c.Send(t.Context(), Request{Method: "POST", Path: "p", GUID: "g.A"}).Reply(); kind(t, err) != want {
			t.Errorf("error %v, want %v", err, want)
		}
	}
}

// The error for a certificate without names shows its common name.
func TestCommonNameOnly(t *testing.T) {
	certificate := &x509.Certificate{}
	certificate.Subject.CommonName = "gateway\n"
	rejected := &tls.CertificateVerificationError{
		UnverifiedCertificates: []*x509.Certificate{certificate},
		Err:                    x509.HostnameError{Certificate: certificate, Host: "10.0.0.1"},
	}
	const want = `is for no name but the common name "gateway\n", which is not verified, and "10.0.0.1" was expected`
	if err := explainHandshake(rejected); !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "set --gateway-pin sha256//") {
		t.Errorf("error %v, want %s", err, want)
	}
}

func TestParsePin(t *testing.T) {
	const valid = "sha256//47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
	if got, err := ParsePin(valid); string(got) != valid || err != nil {
		t.Errorf("%s, %v", got, err)
	}
	for _, s := range []string{"", "sha256//", valid[8:], valid[:50], "sha256/" + valid[8:], "sha1//" + valid[8:], valid + ";" + valid, "sha256//AAAA"} {
		if got, err := ParsePin(s); err == nil {
			t.Errorf("no error for %q, got %s", s, got)
		}
	}
}
