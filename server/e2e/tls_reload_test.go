package e2e

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
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

// Calls succeed while the certificate files are replaced, over open connections and over
// new ones. New connections get the new certificate.
func TestCallsDuringReload(t *testing.T) {
	for name, over := range map[string]struct {
		network
		protocols *http.Protocols
	}{
		"HTTP/1.1": {memory, nil},
		"HTTP/2":   {securedMemory, onlyHTTP2()},
	} {
		t.Run(name, func(t *testing.T) {
			files := newReplacedFiles(t)
			synctest.Test(t, func(t *testing.T) { files.testCalls(t, over.network, over.protocols) })
		})
	}
}

// replacedFiles are the certificate files of the service, which the test replaces.
type replacedFiles struct {
	ca *testca.CA
	certificates.Files
}

func newReplacedFiles(t *testing.T) *replacedFiles {
	t.Helper()
	dir := t.TempDir()
	r := &replacedFiles{ca: testca.New(t), Files: certificates.Files{
		Certificate: certificates.File{Name: filepath.Join(dir, "tls.crt")},
		Key:         certificates.File{Name: filepath.Join(dir, "tls.key")},
		CAs:         certificates.File{Name: filepath.Join(dir, "ca.crt")},
	}}
	writeFile(t, r.CAs.Name, r.ca.PEM)
	return r
}

// replace writes a new certificate and, two seconds later, its key. The files do not match
// meanwhile.
func (r *replacedFiles) replace(t *testing.T, name string) {
	t.Helper()
	pair := r.ca.Issue(t, name)
	writeFile(t, r.Certificate.Name, pair.Certificate)
	time.Sleep(2 * time.Second) // of the bubble
	writeFile(t, r.Key.Name, pair.Key)
	time.Sleep(2 * time.Second)
}

func (r *replacedFiles) testCalls(t *testing.T, n network, protocols *http.Protocols) {
	r.replace(t, "version 0")
	reloader, faults := certificates.Load(r.Files)
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	f := serveTLS(t, n, stub{hold: holdOK}, reloader.Server)
	var got atomic.Value // the name in the server's certificate
	config := clientTLS(r.ca)
	config.Certificates = []tls.Certificate{r.ca.Issue(t, "client").TLS(t)}
	config.VerifyConnection = func(state tls.ConnectionState) error {
		got.Store(state.PeerCertificates[0].Subject.CommonName)
		return nil
	}
	stop := f.callRepeatedly(t, config, protocols)
	for i := range 3 {
		want := fmt.Sprintf("version %d", i+1)
		r.replace(t, want)
		if got.Load() != want {
			t.Errorf("got certificate %s, want %s", got.Load(), want)
		}
	}
	stop()
	f.stopCleanly(t)
}

// callRepeatedly calls over both fronts until stop is called: ten times a second over open
// connections, and ten times a second over new ones.
func (f *fronts) callRepeatedly(t *testing.T, config *tls.Config, protocols *http.Protocols) (stop func()) {
	var ended atomic.Bool
	var callers sync.WaitGroup
	var dials atomic.Int32
	open := f.withTLS(t, config, protocols)
	open.http.Transport.(*http.Transport).DisableKeepAlives = false
	open.dialGRPC, open.dialHTTP = countDials(open.dialGRPC, &dials), countDials(open.dialHTTP, &dials)
	call := func(client *fronts) {
		if err := errors.Join(client.holdBoth(t.Context())); err != nil {
			t.Error(err)
		}
	}
	for _, round := range []func(){
		func() { call(open) },
		func() {
			client := f.withTLS(t, config, protocols)
			call(client)
			client.closeConnections()
		},
	} {
		callers.Go(func() {
			for !ended.Load() {
				round()
				time.Sleep(100 * time.Millisecond) // of the bubble
			}
		})
	}
	return func() {
		ended.Store(true)
		callers.Wait()
		open.closeConnections()
		if got := dials.Load(); got != 2 {
			t.Errorf("the open connections took %d dials, want one for each front", got)
		}
	}
}

func countDials(dial dialer, dials *atomic.Int32) dialer {
	return func(ctx context.Context) (net.Conn, error) {
		dials.Add(1)
		return dial(ctx)
	}
}

func writeFile(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
