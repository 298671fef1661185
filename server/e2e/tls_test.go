package e2e

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"agentconf/internal/testca"
	"agentconf/server/internal/certificates"
)

// showing is the configuration of a server with a certificate, which asks for one of
// clients if there are CAs to verify that.
func showing(certificate tls.Certificate, clientCAs *x509.CertPool) func() *tls.Config {
	return func() *tls.Config {
		c := &tls.Config{Certificates: []tls.Certificate{certificate}, ClientCAs: clientCAs}
		if clientCAs != nil {
			c.ClientAuth = tls.RequireAndVerifyClientCert
		}
		return c
	}
}

// trusting is the configuration of a client.
func trusting(ca *testca.CA, protocols ...string) *tls.Config {
	return &tls.Config{ServerName: testca.Host, RootCAs: ca.Pool, NextProtos: protocols}
}

// securely makes a handshake on every connection that it dials. The clients of tests
// are told nothing of it.
func securely(dial dialer, config *tls.Config) dialer {
	return func(ctx context.Context) (net.Conn, error) {
		conn, err := dial(ctx)
		if err != nil {
			return nil, err
		}
		secured := tls.Client(conn, config)
		if err := secured.HandshakeContext(ctx); err != nil {
			conn.Close()
			return nil, err
		}
		return secured, nil
	}
}

// onlyHTTP2 is for clients whose dialer encrypts.
func onlyHTTP2() *http.Protocols {
	p := &http.Protocols{}
	p.SetUnencryptedHTTP2(true)
	return p
}

// by returns the same service with clients of their own, which make their handshakes
// by config; over HTTP/2 if that is said.
func (v *fronts) by(t *testing.T, config *tls.Config, protocols *http.Protocols) *fronts {
	t.Helper()
	forGRPC, forHTTP := config.Clone(), config.Clone()
	forGRPC.NextProtos, forHTTP.NextProtos = []string{"h2"}, []string{"http/1.1"}
	if protocols != nil {
		forHTTP.NextProtos = forGRPC.NextProtos
	}
	other := *v
	other.dialGRPC, other.dialHTTP = securely(v.dialGRPC, forGRPC), securely(v.dialHTTP, forHTTP)
	other.connect(t, &http.Transport{
		DialContext:       func(ctx context.Context, _, _ string) (net.Conn, error) { return other.dialHTTP(ctx) },
		DisableKeepAlives: true, Protocols: protocols,
	})
	return &other
}

// hold calls over both fronts.
func (v *fronts) holdBoth(ctx context.Context) (overGRPC, overJSON error) {
	httpStatus, err := v.holdJSON(ctx)
	if err == nil && httpStatus != http.StatusOK {
		err = fmt.Errorf("HTTP status %d", httpStatus)
	}
	return v.holdGRPC(ctx), err
}

// Both fronts speak TLS 1.2 and 1.3, and nothing older.
func TestTLSVersions(t *testing.T) {
	ca := testca.New(t)
	calls := 0
	v := serveTLS(t, sockets, stub{hold: func(context.Context) error { calls++; return nil }},
		showing(ca.Issue(t, "agentconf").TLS(t), nil))
	for version, served := range map[uint16]bool{tls.VersionTLS11: false, tls.VersionTLS12: true, tls.VersionTLS13: true} {
		config := trusting(ca)
		config.MinVersion, config.MaxVersion = version, version
		overGRPC, overJSON := v.by(t, config, nil).holdBoth(t.Context())
		if (overGRPC == nil) != served || (overJSON == nil) != served {
			t.Errorf("%s: over gRPC %v, over JSON %v", tls.VersionName(version), overGRPC, overJSON)
		}
	}
	if overGRPC, overJSON := v.holdBoth(t.Context()); overGRPC == nil || overJSON == nil {
		t.Errorf("without TLS: over gRPC %v, over JSON %v", overGRPC, overJSON)
	}
	if calls != 4 {
		t.Errorf("%d calls, want 4", calls)
	}
}

// Who connects and says nothing is not waited for.
func TestSilentHandshake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := serveTLS(t, network{grpc: listenPipe, http: listenPipe}, stub{}, showing(testca.New(t).Issue(t, "agentconf").TLS(t), nil))
		for _, dial := range []dialer{v.dialGRPC, v.dialHTTP} {
			begin := time.Now()
			conn, err := dial(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			io.Copy(io.Discard, conn) // until the server hangs up
			if took := time.Since(begin); took != 5*time.Second {
				t.Errorf("hung up after %v", took)
			}
		}
		v.stop()
		if err := <-v.ended; err != nil {
			t.Error(err)
		}
	})
}

// Where a client has to show a certificate, only one that the CA has signed will do.
func TestClientCertificates(t *testing.T) {
	ca, stranger := testca.New(t), testca.New(t)
	calls := 0
	v := serveTLS(t, sockets, stub{hold: func(context.Context) error { calls++; return nil }},
		showing(ca.Issue(t, "agentconf").TLS(t), ca.Pool))
	for name, test := range map[string]struct {
		shown  []tls.Certificate
		served bool
	}{
		"none":            {nil, false},
		"of another CA":   {[]tls.Certificate{stranger.Issue(t, "client").TLS(t)}, false},
		"that is expired": {[]tls.Certificate{ca.IssueFor(t, "client", time.Unix(1, 0), time.Unix(2, 0)).TLS(t)}, false},
		"of the CA":       {[]tls.Certificate{ca.Issue(t, "client").TLS(t)}, true},
	} {
		for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
			config := trusting(ca)
			config.MaxVersion = version
			config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
				return &append(test.shown, tls.Certificate{})[0], nil
			}
			overGRPC, overJSON := v.by(t, config, nil).holdBoth(t.Context())
			if (overGRPC == nil) != test.served || (overJSON == nil) != test.served {
				t.Errorf("a certificate %s, %s: over gRPC %v, over JSON %v", name, tls.VersionName(version), overGRPC, overJSON)
			}
		}
	}
	if calls != 4 {
		t.Errorf("%d calls, want 4", calls)
	}
}

// A client that comes back resumes its session though the certificate is a new one,
// but not when the CA of its own certificate is no longer taken.
func TestResumedSessions(t *testing.T) {
	first, second := testca.New(t), testca.New(t)
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		var current atomic.Pointer[tls.Config]
		use := func(name string, clientCA *testca.CA) {
			current.Store(showing(first.Issue(t, name).TLS(t), clientCA.Pool)())
		}
		use("old", first)
		v := serveTLS(t, sockets, stub{hold: func(context.Context) error { return nil }},
			func() *tls.Config { return current.Load().Clone() })
		var resumed bool
		config := trusting(first)
		config.MaxVersion, config.ClientSessionCache = version, tls.NewLRUClientSessionCache(10)
		config.Certificates = []tls.Certificate{first.Issue(t, "client").TLS(t)}
		config.VerifyConnection = func(state tls.ConnectionState) error { resumed = state.DidResume; return nil }
		client := v.by(t, config, nil)
		call := func() error {
			resumed = false
			_, err := client.holdJSON(t.Context())
			return err
		}
		if err := call(); err != nil || resumed {
			t.Fatalf("resumed %v, %v", resumed, err)
		}
		use("new", first)
		if err := call(); err != nil || !resumed {
			t.Errorf("%s, a new certificate: resumed %v, %v", tls.VersionName(version), resumed, err)
		}
		use("new", second)
		if err := call(); err == nil {
			t.Errorf("%s: the CA is no longer taken, and the session is resumed: %v", tls.VersionName(version), resumed)
		}
	}
}

// Calls go on while the files are replaced, over connections that are kept and over
// new ones, and those see the new certificate.
func TestCallsDuringReload(t *testing.T) {
	ca := testca.New(t)
	for name, over := range map[string]struct {
		network
		protocols *http.Protocols
	}{
		"HTTP/1.1": {memory, nil},
		"HTTP/2":   {securedMemory, onlyHTTP2()},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			files := certificates.Files{
				Certificate: certificates.File{Name: filepath.Join(dir, "tls.crt")},
				Key:         certificates.File{Name: filepath.Join(dir, "tls.key")},
				CAs:         certificates.File{Name: filepath.Join(dir, "ca.crt")},
			}
			writeFile(t, files.CAs.Name, ca.PEM)
			replace := func(name string) {
				pair := ca.Issue(t, name)
				writeFile(t, files.Certificate.Name, pair.Certificate)
				time.Sleep(2 * time.Second) // with a key that does not fit
				writeFile(t, files.Key.Name, pair.Key)
				time.Sleep(2 * time.Second)
			}
			synctest.Test(t, func(t *testing.T) {
				replace("version 0")
				kept, faults := certificates.Load(files)
				if len(faults) > 0 {
					t.Fatal(faults)
				}
				v := serveTLS(t, over.network, stub{hold: func(context.Context) error { return nil }}, kept.Server)
				var shown atomic.Value
				config := trusting(ca)
				config.Certificates = []tls.Certificate{ca.Issue(t, "client").TLS(t)}
				config.VerifyConnection = func(state tls.ConnectionState) error {
					shown.Store(state.PeerCertificates[0].Subject.CommonName)
					return nil
				}
				stop := v.callAllTheTime(t, config, over.protocols)
				for i := range 3 {
					name := fmt.Sprintf("version %d", i+1)
					replace(name)
					if shown.Load() != name {
						t.Errorf("%s is shown, want %s", shown.Load(), name)
					}
				}
				stop()
				v.stop()
				if err := <-v.ended; err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// callAllTheTime calls over both fronts until stop, ten times a second over kept
// connections and ten times over new ones.
func (v *fronts) callAllTheTime(t *testing.T, config *tls.Config, protocols *http.Protocols) (stop func()) {
	var ended atomic.Bool
	var callers sync.WaitGroup
	var dials atomic.Int32
	kept := v.by(t, config, protocols)
	kept.http.Transport.(*http.Transport).DisableKeepAlives = false
	dialGRPC, dialHTTP := kept.dialGRPC, kept.dialHTTP
	kept.dialGRPC = func(ctx context.Context) (net.Conn, error) { dials.Add(1); return dialGRPC(ctx) }
	kept.dialHTTP = func(ctx context.Context) (net.Conn, error) { dials.Add(1); return dialHTTP(ctx) }
	for _, client := range []func() *fronts{
		func() *fronts { return kept },
		func() *fronts { return v.by(t, config, protocols) },
	} {
		callers.Go(func() {
			for !ended.Load() {
				c := client()
				if err := errors.Join(c.holdBoth(t.Context())); err != nil {
					t.Error(err)
				}
				if c != kept {
					c.close()
				}
				time.Sleep(100 * time.Millisecond)
			}
		})
	}
	return func() {
		ended.Store(true)
		callers.Wait()
		kept.close()
		if got := dials.Load(); got != 2 {
			t.Errorf("%d connections are kept, want one of each front", got)
		}
	}
}

func (v *fronts) close() {
	v.conn.Close()
	v.http.CloseIdleConnections()
}

func writeFile(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// Over HTTP/2, too, a body is not waited for, a call may take longer than that, and
// neither disturbs the other calls of the connection.
func TestSlowSenderOverHTTP2(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ca := testca.New(t)
		v := serveTLS(t, securedMemory, stub{hold: func(context.Context) error {
			time.Sleep(time.Minute)
			return nil
		}}, showing(ca.Issue(t, "agentconf").TLS(t), nil)).by(t, trusting(ca), onlyHTTP2())
		v.http.Transport.(*http.Transport).DisableKeepAlives = false
		long := make(chan error, 1)
		go func() { _, err := v.holdBoth(t.Context()); long <- err }()
		synctest.Wait()
		begin := time.Now()
		body, rest := io.Pipe()
		go io.WriteString(rest, "{")
		resp, err := v.http.Post("http://agentconf.test"+holdV1, "application/json", body)
		if took := time.Since(begin); err != nil || resp.ProtoMajor != 2 || resp.StatusCode == http.StatusOK || took > 6*time.Second {
			t.Errorf("after %v: %v, %v", took, resp, err)
		}
		rest.Close()
		if err := <-long; err != nil {
			t.Errorf("the call beside it: %v", err)
		}
		v.close()
		v.stop()
		if err := <-v.ended; err != nil {
			t.Error(err)
		}
	})
}
