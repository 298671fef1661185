package gateway

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"agentconf/internal/testca"
	"agentconf/server/internal/certificates"
)

// certificate is one for 127.0.0.1 and example.com, with the roots to verify it.
func certificate(t testing.TB) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	s := httptest.NewTLSServer(http.NotFoundHandler())
	defer s.Close()
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	return s.TLS.Certificates[0], roots
}

func trusting(roots *x509.CertPool) func() *tls.Config {
	return func() *tls.Config { return &tls.Config{RootCAs: roots} }
}

func listenTLS(t testing.TB, config *tls.Config) net.Listener {
	return tls.NewListener(listen(t), config)
}

func TestTLS(t *testing.T) {
	cert, roots := certificate(t)
	s := newServer(t, listenTLS(t, &tls.Config{Certificates: []tls.Certificate{cert}}), answering(ok))
	old := newServer(t, listenTLS(t, &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}), answering(ok))
	plain := newServer(t, listen(t), answering(ok))
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
			c := newClient(t, Config{URL: test.url, TLS: trusting(test.roots)})
			for range 3 {
				if _, err := c.Call(t.Context(), hold); kind(t, err) != test.kind {
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
			s := newServer(t, listenTLS(t, &tls.Config{Certificates: []tls.Certificate{cert}, MaxVersion: version}), answering(ok))
			c := newClient(t, Config{URL: "https://" + s.Addr().String(), TLS: trusting(roots)})
			for range 3 {
				if _, err := c.Call(t.Context(), hold); err != nil {
					t.Fatal(err)
				}
			}
			if conns, requests := s.counts(); conns != 1 || requests != 3 {
				t.Errorf("%d connections for %d requests, want 1 for 3", conns, requests)
			}
		})
	}
}

// One TCP segment brings the answer and, in a TLS record of its own, bytes that
// nobody asked for, or the farewell: neither is left for the next call to find.
func TestTLSUnaskedBytes(t *testing.T) {
	cert, roots := certificate(t)
	for _, behind := range []string{ok, ""} {
		sent := make(chan struct{})
		s := newServer(t, listen(t), func(s *session) {
			batch := &batchConn{Conn: s.Conn}
			secured := tls.Server(batch, &tls.Config{Certificates: []tls.Certificate{cert}})
			req, err := http.ReadRequest(bufio.NewReader(secured))
			if err != nil {
				return
			}
			io.Copy(io.Discard, req.Body)
			batch.hold = true
			io.WriteString(secured, ok)
			if behind != "" {
				io.WriteString(secured, behind)
			} else {
				secured.CloseWrite()
				s.SetWriteDeadline(time.Time{}) // CloseWrite leaves one that is over
			}
			s.Conn.Write(batch.held)
			sent <- struct{}{}
			s.r.ReadByte() // until the client hangs up
		})
		c := newClient(t, Config{URL: "https://" + s.Addr().String(), TLS: trusting(roots)})
		for range 2 {
			if _, err := c.Call(t.Context(), hold); err != nil {
				t.Errorf("with %q behind the answer: %v", behind, err)
			}
			<-sent
		}
		if conns, _ := s.counts(); conns != 2 {
			t.Errorf("with %q behind the answer: %d connections for two calls, want 2", behind, conns)
		}
	}
}

// batchConn keeps what is written to it while hold is set.
type batchConn struct {
	net.Conn
	hold bool
	held []byte
}

func (b *batchConn) Write(p []byte) (int, error) {
	if !b.hold {
		return b.Conn.Write(p)
	}
	b.held = append(b.held, p...)
	return len(p), nil
}

// A gateway that asks for a certificate gets ours, whatever CAs it says it knows. TLS
// 1.2 tells a client that its certificate is refused before anything is sent, TLS 1.3
// does not: then the outcome is unknown.
func TestClientCertificate(t *testing.T) {
	ca, stranger := testca.New(t), testca.New(t)
	for name, test := range map[string]struct {
		shown *tls.Certificate
		taken bool
	}{
		"none": {nil, false}, "a stranger's": {certified(t, stranger), false}, "ours": {certified(t, ca), true},
	} {
		for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
			s := newServer(t, listenTLS(t, &tls.Config{
				Certificates: []tls.Certificate{*certified(t, ca)}, ClientCAs: ca.Pool,
				ClientAuth: tls.RequireAndVerifyClientCert, MaxVersion: version,
			}), answering(ok))
			c := newClient(t, Config{URL: "https://" + s.Addr().String(), TLS: func() *tls.Config {
				config := &tls.Config{RootCAs: ca.Pool}
				if test.shown != nil {
					config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return test.shown, nil }
				}
				return config
			}})
			_, err := c.Call(t.Context(), hold)
			_, requests := s.counts()
			if taken := err == nil && requests == 1; taken != test.taken {
				t.Errorf("%s, %s: %d requests, %v", name, tls.VersionName(version), requests, err)
			}
			if version == tls.VersionTLS12 && !test.taken && kind(t, err) != NotSent {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

func certified(t *testing.T, ca *testca.CA) *tls.Certificate {
	certificate := ca.Issue(t, "x").TLS(t)
	return &certificate
}

// When the gateway and its clients get new certificates from a new CA, a connection
// that is open stays, and a new one takes what is in the files.
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
		kept, faults := certificates.Load(files)
		if len(faults) > 0 {
			t.Fatal(faults)
		}
		gateway := first
		var shown []string // by the client, in each handshake
		c := newClient(t, Config{URL: "https://" + testca.Host, TLS: kept.Client, Dial: pipes(t, func(c net.Conn) {
			secured := tls.Server(c, &tls.Config{
				Certificates: []tls.Certificate{*certified(t, gateway)}, ClientCAs: gateway.Pool,
				ClientAuth: tls.RequireAndVerifyClientCert,
			})
			if secured.Handshake() != nil {
				c.Close()
				return
			}
			shown = append(shown, secured.ConnectionState().PeerCertificates[0].Subject.CommonName)
			answering(ok)(&session{secured, &server{}, bufio.NewReader(secured)})
		})})
		call := func(want Kind) {
			t.Helper()
			if _, err := c.Call(t.Context(), hold); kind(t, err) != want {
				t.Errorf("error %v, want %v", err, want)
			}
		}
		call(0)
		gateway = second
		time.Sleep(idleTimeout / 2)
		call(0) // over the connection that is open
		time.Sleep(2 * idleTimeout)
		call(NotSent)
		write(second, "new")
		time.Sleep(time.Second)
		call(0)
		if want := []string{"old", "new"}; !slices.Equal(shown, want) {
			t.Errorf("shown %q, want %q", shown, want)
		}
	})
}
