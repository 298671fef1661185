package gateway

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"net"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"agentconf/internal/testca"
	"agentconf/server/internal/certificates"
)

// A server that the client cannot verify gets no request.
func TestTLS(t *testing.T) {
	cert, roots := certificate(t)
	s := newServer(t, listenTLS(t, &tls.Config{Certificates: []tls.Certificate{cert}}), replying(ok))
	old := newServer(t, listenTLS(t, &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}), replying(ok))
	plain := newServer(t, listen(t), replying(ok))
	_, port, err := net.SplitHostPort(s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name  string
		url   string
		roots *x509.CertPool
		kind  Kind
	}{
		{"verified", "https://" + s.Addr().String(), roots, 0},
		{"unknown CA", "https://" + s.Addr().String(), nil, NotSent},
		{"another host", "https://localhost:" + port, roots, NotSent},
		{"TLS 1.1", "https://" + old.Addr().String(), roots, NotSent},
		{"no TLS", "https://" + plain.Addr().String(), roots, NotSent},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := newClient(t, Options{URL: test.url, TLS: trusting(test.roots)})
			for range 3 {
				if _, err := c.Send(t.Context(), hold).Reply(); kind(t, err) != test.kind {
					t.Errorf("error %v, want %v", err, test.kind)
				}
			}
		})
	}
	if _, requests := s.counts(); requests != 3 {
		t.Errorf("%d requests, want the 3 of the verified client", requests)
	}
	for name, s := range map[string]*server{"an old": old, "a plain": plain} {
		if _, requests := s.counts(); requests != 0 {
			t.Errorf("%s server got %d requests", name, requests)
		}
	}
}

func TestTLSReusesConnection(t *testing.T) {
	cert, roots := certificate(t)
	for version, name := range map[uint16]string{tls.VersionTLS12: "TLS 1.2", tls.VersionTLS13: "TLS 1.3"} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t, listenTLS(t, &tls.Config{Certificates: []tls.Certificate{cert}, MaxVersion: version}), replying(ok))
			c := newClient(t, Options{URL: "https://" + s.Addr().String(), TLS: trusting(roots)})
			for range 3 {
				if _, err := c.Send(t.Context(), hold).Reply(); err != nil {
					t.Fatal(err)
				}
			}
			if conns, requests := s.counts(); conns != 1 || requests != 3 {
				t.Errorf("%d connections for %d requests, want 1 for 3", conns, requests)
			}
		})
	}
}

// The client sends its certificate whatever CAs the gateway lists. With TLS 1.2 a rejected
// certificate fails the handshake, so that nothing is sent. With TLS 1.3 the rejection may
// arrive after the request.
func TestClientCertificate(t *testing.T) {
	ca, other := testca.New(t), testca.New(t)
	for name, test := range map[string]struct {
		sent     *tls.Certificate
		accepted bool
	}{
		"none": {nil, false}, "of another CA": {certified(t, other), false}, "of the gateway's CA": {certified(t, ca), true},
	} {
		for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
			s := newServer(t, listenTLS(t, &tls.Config{
				Certificates: []tls.Certificate{*certified(t, ca)}, ClientCAs: ca.Pool,
				ClientAuth: tls.RequireAndVerifyClientCert, MaxVersion: version,
			}), replying(ok))
			c := newClient(t, Options{URL: "https://" + s.Addr().String(), TLS: func() *tls.Config {
				config := &tls.Config{RootCAs: ca.Pool}
				if test.sent != nil {
					config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return test.sent, nil }
				}
				return config
			}})
			_, err := c.Send(t.Context(), hold).Reply()
			_, requests := s.counts()
			if accepted := err == nil && requests == 1; accepted != test.accepted {
				t.Errorf("%s, %s: %d requests, %v", name, tls.VersionName(version), requests, err)
			}
			if version == tls.VersionTLS12 && !test.accepted && kind(t, err) != NotSent {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

func certified(t *testing.T, ca *testca.CA) *tls.Certificate {
	certificate := ca.Issue(t, "x").TLS(t)
	return &certificate
}

// After the gateway and the client have got certificates from a new CA, an open connection
// stays usable, and a new connection uses the contents of the files.
func TestRotation(t *testing.T) {
	dir := t.TempDir()
	files := certificates.Files{
		Certificate: certificates.File{Name: filepath.Join(dir, "tls.crt")},
		Key:         certificates.File{Name: filepath.Join(dir, "tls.key")},
		CAs:         certificates.File{Name: filepath.Join(dir, "ca.crt")},
	}
	write := func(ca *testca.CA, name string) {
		pair := ca.Issue(t, name)
		for file, text := range map[string]string{files.CAs.Name: ca.PEM, files.Certificate.Name: pair.Certificate, files.Key.Name: pair.Key} {
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	synctest.Test(t, func(t *testing.T) {
		first, second := testca.New(t), testca.New(t)
		write(first, "old")
		reloader, faults := certificates.Load(files)
		if len(faults) > 0 {
			t.Fatal(faults)
		}
		gateway := first
		var sent []string // subject of the client's certificate, by handshake
		c := newClient(t, Options{URL: "https://" + testca.Host, TLS: reloader.Client, Dial: pipes(t, func(c net.Conn) {
			secured := tls.Server(c, &tls.Config{
				Certificates: []tls.Certificate{*certified(t, gateway)}, ClientCAs: gateway.Pool,
				ClientAuth: tls.RequireAndVerifyClientCert,
			})
			if secured.Handshake() != nil {
				c.Close()
				return
			}
			sent = append(sent, secured.ConnectionState().PeerCertificates[0].Subject.CommonName)
			replying(ok)(&session{secured, &server{}, bufio.NewReader(secured)})
		})})
		call := func(want Kind) {
			t.Helper()
			if _, err := c.Send(t.Context(), hold).Reply(); kind(t, err) != want {
				t.Errorf("error %v, want %v", err, want)
			}
		}
		call(0)
		gateway = second
		time.Sleep(idleTimeout / 2)
		call(0) // on the open connection
		time.Sleep(2 * idleTimeout)
		call(NotSent)
		write(second, "new")
		time.Sleep(time.Second)
		call(0)
		if want := []string{"old", "new"}; !slices.Equal(sent, want) {
			t.Errorf("the client sent %q, want %q", sent, want)
		}
	})
}
