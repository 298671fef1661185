// Package certificates loads a certificate with its key, and CAs, from PEM files, and
// reloads the files when their contents change.
//
// A handshake reads the files again if the last check is a second old. Only the contents
// count: the files may be replaced by mv, by the symlinks of a Kubernetes secret, or by
// writing over them.
package certificates

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"log/slog"
	"sync"
	"time"
)

// checkInterval is the shortest time between two checks of the files.
const checkInterval = time.Second

// Reloader holds the certificates of files. It is safe for concurrent use.
type Reloader struct {
	files Files
	log   *slog.Logger

	mu      sync.Mutex // guards the fields below
	checked time.Time
	seen    contents // at the last check, valid or not
	loaded  loaded   // from the last valid contents
}

// loaded holds what the files contain, nil for what they do not.
type loaded struct {
	pair *tls.Certificate
	cas  *x509.CertPool
}

// Load reads files and returns every fault in them.
func Load(files Files) (*Reloader, []error) {
	r := &Reloader{files: files, log: slog.New(slog.DiscardHandler), checked: time.Now(), seen: files.read()}
	var faults []error
	r.loaded, faults = files.parse(r.seen)
	return r, faults
}

// LogTo sets the log for reloads, and logs a warning at once if the certificate is not
// valid now. Call it before the first handshake.
func (r *Reloader) LogTo(log *slog.Logger) {
	r.log = log
	r.warn()
}

// Server returns the configuration of a handshake with a client. The caller may change it.
func (r *Reloader) Server() *tls.Config {
	l := r.current()
	config := &tls.Config{
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return l.pair, nil },
	}
	if l.cas != nil {
		config.ClientAuth, config.ClientCAs = tls.RequireAndVerifyClientCert, l.cas
	}
	return config
}

// Client returns the configuration of a handshake with a server. The caller may change it.
func (r *Reloader) Client() *tls.Config {
	l := r.current()
	config := &tls.Config{RootCAs: l.cas}
	if l.pair != nil { // sent whatever CAs the server lists: its rejection explains more than no certificate
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			return l.pair, nil
		}
	}
	return config
}

// current returns what is loaded, after a check if one is due. Handshakes at the same time
// wait for the check. It reads the files instead of watching them, because not every file
// system has notifications.
func (r *Reloader) current() loaded {
	r.mu.Lock()
	defer r.mu.Unlock()
	if time.Since(r.checked) >= checkInterval {
		r.check()
		r.checked = time.Now()
	}
	return r.loaded
}

// check loads the files if they have changed and are valid. They are not while only one of
// a certificate and its key has been replaced.
func (r *Reloader) check() {
	seen := r.files.read()
	if seen == r.seen {
		return
	}
	r.seen = seen
	changed, faults := r.files.parse(seen)
	if len(faults) > 0 {
		r.log.Error("certificate files have changed and are invalid; the old contents stay in use",
			"error", errors.Join(faults...).Error())
		return
	}
	r.loaded = changed
	r.log.Info("certificate files have changed and are in use", r.files.attributes(changed)...)
	r.warn()
}

// warn logs if the certificate is not valid now.
func (r *Reloader) warn() {
	if r.loaded.pair == nil {
		return
	}
	now, leaf := time.Now(), r.loaded.pair.Leaf
	switch attributes := r.files.attributes(r.loaded); {
	case now.After(leaf.NotAfter):
		r.log.Warn("the certificate has expired and peers will reject it; replace the files", attributes...)
	case now.Before(leaf.NotBefore):
		r.log.Warn("the certificate is not valid yet and peers will reject it; check the clock",
			attributes...)
	}
}
