// Package certificates keeps what PEM files hold, a certificate with its key and CAs,
// and reads the files again when they change.
//
// Nothing watches the files. A handshake has them read, though not within a second
// after the last time, and what counts is whether they have other bytes in them: so it
// does not matter how they are replaced, by mv, by the symlinks of a Kubernetes secret
// or by writing over them, and what nobody asks for costs nothing.
package certificates

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"log/slog"
	"sync"
	"time"
)

// interval is how old may be what is known of the files.
const interval = time.Second

// Kept is what files hold. It is safe for concurrent use.
type Kept struct {
	files Files
	log   *slog.Logger

	mu     sync.Mutex
	looked time.Time
	seen   contents // when it was looked, usable or not
	held   held     // the last that was usable
}

// Load reads files and returns all that is wrong with them.
func Load(files Files) (*Kept, []error) {
	k := &Kept{files: files, log: slog.New(slog.DiscardHandler), looked: time.Now(), seen: files.read()}
	var faults []error
	k.held, faults = files.parse(k.seen)
	return k, faults
}

// LogTo has what happens to the files logged, and at once what is allowed and unwise.
// It is called before the first handshake.
func (k *Kept) LogTo(log *slog.Logger) {
	k.log = log
	k.warn()
}

// Server is what a handshake with a client needs. The caller may change it.
func (k *Kept) Server() *tls.Config {
	h := k.current()
	config := &tls.Config{GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return h.pair, nil }}
	if h.cas != nil {
		config.ClientAuth, config.ClientCAs = tls.RequireAndVerifyClientCert, h.cas
	}
	return config
}

// Client is what a handshake with a server needs. The caller may change it.
func (k *Kept) Client() *tls.Config {
	h := k.current()
	config := &tls.Config{RootCAs: h.cas}
	if h.pair != nil { // shown whatever CAs the server says it knows, which tells more than silence
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return h.pair, nil }
	}
	return config
}

func (k *Kept) current() held {
	k.mu.Lock()
	defer k.mu.Unlock()
	if time.Since(k.looked) >= interval {
		k.look()
		k.looked = time.Now()
	}
	return k.held
}

// look takes over what has changed, if it can be used. While a certificate and its key
// are replaced one after the other, it cannot.
func (k *Kept) look() {
	seen := k.files.read()
	if seen == k.seen {
		return
	}
	k.seen = seen
	changed, faults := k.files.parse(seen)
	if len(faults) > 0 {
		k.log.Error("certificate files have changed and cannot be used, the old ones stay in force",
			"error", errors.Join(faults...).Error())
		return
	}
	k.held = changed
	k.log.Info("certificate files have changed and are in force", k.files.attributes(changed)...)
	k.warn()
}

// warn logs that a certificate is of no use at this time.
func (k *Kept) warn() {
	if k.held.pair == nil {
		return
	}
	now, leaf := time.Now(), k.held.pair.Leaf
	attributes := k.files.attributes(k.held)
	if now.After(leaf.NotAfter) {
		k.log.Warn("the certificate has expired, others will refuse it; replace the files", attributes...)
	}
	if now.Before(leaf.NotBefore) {
		k.log.Warn("the certificate is not valid yet, others will refuse it; check the clock", attributes...)
	}
}

// held is what files hold, as far as there are any.
type held struct {
	pair *tls.Certificate
	cas  *x509.CertPool
}
