package e2e

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"agentconf/internal/testca"
)

// serverTLS returns the configuration of a server with a certificate. If clientCAs is not
// nil, the server requires a client certificate.
func serverTLS(certificate tls.Certificate, clientCAs *x509.CertPool) func() *tls.Config {
	return func() *tls.Config {
		c := &tls.Config{Certificates: []tls.Certificate{certificate}, ClientCAs: clientCAs}
		if clientCAs != nil {
			c.ClientAuth = tls.RequireAndVerifyClientCert
		}
		return c
	}
}

// clientTLS returns the configuration of a client that trusts ca.
func clientTLS(ca *testca.CA, protocols ...string) *tls.Config {
	return &tls.Config{ServerName: testca.Host, RootCAs: ca.Pool, NextProtos: protocols}
}

// dialTLS returns a dialer that also makes the TLS handshake. The clients of the tests use
// the connection as if it were not encrypted.
func dialTLS(dial dialer, config *tls.Config) dialer {
	return func(ctx context.Context) (net.Conn, error) {
		conn, err := dial(ctx)
		if err != nil {
			return nil, err
		}
		encrypted := tls.Client(conn, config)
		if err := encrypted.HandshakeContext(ctx); err != nil {
			conn.Close()
			return nil, err
		}
		return encrypted, nil
	}
}

// onlyHTTP2 returns the protocols of an HTTP/2 client whose dialer encrypts.
func onlyHTTP2() *http.Protocols {
	p := &http.Protocols{}
	p.SetUnencryptedHTTP2(true)
	return p
}

// withTLS returns the same service with new clients that use config. If protocols is nil,
// the HTTP client uses HTTP/1.1.
func (f *fronts) withTLS(t *testing.T, config *tls.Config, protocols *http.Protocols) *fronts {
	t.Helper()
	configGRPC, configHTTP := config.Clone(), config.Clone()
	configGRPC.NextProtos, configHTTP.NextProtos = []string{"h2"}, []string{"http/1.1"}
	if protocols != nil {
		configHTTP.NextProtos = configGRPC.NextProtos
	}
	other := *f
	other.dialGRPC, other.dialHTTP = dialTLS(f.dialGRPC, configGRPC), dialTLS(f.dialHTTP, configHTTP)
	other.connect(t, &http.Transport{
		DialContext:       func(ctx context.Context, _, _ string) (net.Conn, error) { return other.dialHTTP(ctx) },
		DisableKeepAlives: true, Protocols: protocols,
	})
	return &other
}

// closeConnections closes the connections of the clients.
func (f *fronts) closeConnections() {
	f.conn.Close()
	f.http.CloseIdleConnections()
}

// holdBoth sends a hold over REST and then one over gRPC.
func (f *fronts) holdBoth(ctx context.Context) (overGRPC, overJSON error) {
	overJSON = f.holdOverJSON(ctx)
	return f.holdGRPC(ctx), overJSON
}

// expectServed sends a hold over both fronts and checks whether they succeed.
func (f *fronts) expectServed(t *testing.T, what string, served bool) {
	t.Helper()
	overGRPC, overJSON := f.holdBoth(t.Context())
	if (overGRPC == nil) != served || (overJSON == nil) != served {
		t.Errorf("%s: over gRPC %v, over JSON %v, want OK: %v", what, overGRPC, overJSON, served)
	}
}

// Both fronts accept TLS 1.2 and TLS 1.3, and nothing older.
func TestTLSVersions(t *testing.T) {
	ca := testca.New(t)
	calls := 0
	f := serveTLS(t, sockets, stub{hold: func(context.Context) error { calls++; return nil }},
		serverTLS(ca.Issue(t, "agentconf").TLS(t), nil))
	for version, served := range map[uint16]bool{
		tls.VersionTLS11: false, tls.VersionTLS12: true, tls.VersionTLS13: true,
	} {
		config := clientTLS(ca)
		config.MinVersion, config.MaxVersion = version, version
		f.withTLS(t, config, nil).expectServed(t, tls.VersionName(version), served)
	}
	f.expectServed(t, "without TLS", false)
	if calls != 4 {
		t.Errorf("got %d calls, want 4", calls)
	}
}

// If client certificates are required, only a valid certificate of the CA is accepted.
func TestClientCertificates(t *testing.T) {
	ca, otherCA := testca.New(t), testca.New(t)
	calls := 0
	f := serveTLS(t, sockets, stub{hold: func(context.Context) error { calls++; return nil }},
		serverTLS(ca.Issue(t, "agentconf").TLS(t), ca.Pool))
	for name, test := range map[string]struct {
		certificate tls.Certificate
		served      bool
	}{
		"no certificate": {tls.Certificate{}, false},
		"other CA":       {otherCA.Issue(t, "client").TLS(t), false},
		"expired":        {ca.IssueFor(t, "client", time.Unix(1, 0), time.Unix(2, 0)).TLS(t), false},
		"valid":          {ca.Issue(t, "client").TLS(t), true},
	} {
		for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
			config := clientTLS(ca)
			config.MaxVersion = version
			config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
				return &test.certificate, nil
			}
			f.withTLS(t, config, nil).expectServed(t, name+", "+tls.VersionName(version), test.served)
		}
	}
	if calls != 4 {
		t.Errorf("got %d calls, want 4", calls)
	}
}

// A client resumes its session although the server's certificate has been replaced. If the
// CA of the client's certificate has been removed, it does not.
func TestResumedSessions(t *testing.T) {
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		t.Run(tls.VersionName(version), func(t *testing.T) { testResumedSessions(t, version) })
	}
}

func testResumedSessions(t *testing.T, version uint16) {
	first, second := testca.New(t), testca.New(t)
	var current atomic.Pointer[tls.Config]
	use := func(name string, clientCA *testca.CA) {
		current.Store(serverTLS(first.Issue(t, name).TLS(t), clientCA.Pool)())
	}
	use("old", first)
	f := serveTLS(t, sockets, stub{hold: holdOK}, func() *tls.Config { return current.Load().Clone() })
	var resumed bool
	config := clientTLS(first)
	config.MaxVersion, config.ClientSessionCache = version, tls.NewLRUClientSessionCache(10)
	config.Certificates = []tls.Certificate{first.Issue(t, "client").TLS(t)}
	config.VerifyConnection = func(state tls.ConnectionState) error { resumed = state.DidResume; return nil }
	client := f.withTLS(t, config, nil)
	call := func() error {
		resumed = false
		_, err := client.holdJSON(t.Context())
		return err
	}
	if err := call(); err != nil || resumed {
		t.Fatalf("first call: resumed %v, %v, want a full handshake", resumed, err)
	}
	use("new", first)
	if err := call(); err != nil || !resumed {
		t.Errorf("new certificate: resumed %v, %v, want a resumed session", resumed, err)
	}
	use("new", second)
	if err := call(); err == nil {
		t.Errorf("removed CA: got OK, resumed %v, want an error", resumed)
	}
}
