// Package certificates loads a certificate with its key, and CAs, from PEM files, and
// reloads the files when their contents change.
//
// A handshake starts a check of the files if the last one is a second old. Only the contents
// count: the files may be replaced by mv, by the symlinks of a Kubernetes secret, or by
// writing over them. New contents are used once they have stopped changing.
//
// No handshake depends on a file: if a check takes long, because a file is on a mount that
// hangs, the handshake uses what is loaded.
package certificates

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

const (
	// checkInterval is the shortest time between two checks of the files.
	checkInterval = time.Second

	// settleTime is the time in which changed files have to stay the same before they are
	// used: another program may still be writing them.
	settleTime = 100 * time.Millisecond

	// settleReads bounds the reads of a check whose files change all the time.
	settleReads = 100

	// patience is the longest time that a handshake waits for the check that it has started.
	// The others do not wait.
	patience = time.Second

	// startPatience is the longest time that the first read of the files may take.
	startPatience = 5 * time.Second
)

// Reloader holds the certificates of files. It is safe for concurrent use.
//
//	state     input                                     next state
//	idle      handshake within checkInterval            idle; uses the loaded pair
//	idle      handshake later, or Reload                checking; waits for at most patience
//	checking  handshake                                 checking; uses the loaded pair
//	checking  Reload                                    checking; waits for it, then checks
//	checking  the contents are the same, or are faulty  idle; the loaded pair stays
//	checking  the contents are new and valid            idle; the contents are loaded
type Reloader struct {
	files Files
	read  func() contents // reads the files; a test may block it
	log   *slog.Logger

	mu       sync.Mutex    // guards the fields below; never held while a file is read
	checked  time.Time     // when the last check began
	checking chan struct{} // closed at the end of the check; nil if there is none
	seen     contents      // at the last check, valid or not
	fault    string        // the last one that was logged; empty after valid contents
	loaded   loaded        // from the last valid contents
}

// loaded holds what the files contain, nil for what they do not.
type loaded struct {
	pair *tls.Certificate
	cas  *x509.CertPool
}

// Load reads files and returns every fault in them.
func Load(files Files) (*Reloader, []error) {
	r := &Reloader{files: files, read: files.read, log: slog.New(slog.DiscardHandler)}
	return r, r.load()
}

// load reads the files for the first time.
func (r *Reloader) load() []error {
	read := make(chan contents, 1)
	go func() { read <- r.read() }() // ends when the files have been read
	select {
	case r.seen = <-read:
	case <-time.After(startPatience):
		return []error{fmt.Errorf("%s: no answer of the file system in %v", r.files.names(), startPatience)}
	}
	r.checked = time.Now()
	var faults []error
	r.loaded, faults = r.files.parse(r.seen)
	return faults
}

// LogTo sets the log for reloads, and logs a warning at once if the certificate is not
// valid now. Call it before the first handshake.
func (r *Reloader) LogTo(log *slog.Logger) {
	r.log = log
	r.warn(r.loaded)
}

// Certificate returns the certificate that is in use, or nil if there is none.
func (r *Reloader) Certificate() *x509.Certificate {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.loaded.pair == nil {
		return nil
	}
	return r.loaded.pair.Leaf
}

// Reload reads the files, however recent the last check is, and reports whether their
// contents are new and in use. A check that is under way may have read them too early, so
// that Reload waits for its end first. It waits for at most two seconds.
func (r *Reloader) Reload() bool {
	r.mu.Lock()
	before, underWay := r.loaded, r.checking
	r.mu.Unlock()
	if underWay != nil {
		r.wait(underWay)
	}
	r.mu.Lock()
	done := r.begin()
	r.mu.Unlock()
	r.wait(done)
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.loaded != before
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

// current returns what is loaded, after a check if one is due. It reads the files instead of
// watching them, because not every file system has notifications.
func (r *Reloader) current() loaded {
	r.mu.Lock()
	if r.checking == nil && time.Since(r.checked) >= checkInterval {
		done := r.begin()
		r.mu.Unlock()
		r.wait(done)
		r.mu.Lock()
	}
	defer r.mu.Unlock()
	return r.loaded
}

// begin starts a check unless one is under way, and returns the channel that its end
// closes. The caller holds r.mu. The goroutine of the check ends with the last read; if a
// mount hangs for ever, there is one such goroutine.
func (r *Reloader) begin() (done chan struct{}) {
	if r.checking != nil {
		return r.checking
	}
	done = make(chan struct{})
	r.checking, r.checked = done, time.Now()
	go func() {
		defer r.end(done)
		r.check()
	}()
	return done
}

// end ends a check, also one that has panicked.
func (r *Reloader) end(done chan struct{}) {
	if p := recover(); p != nil {
		r.log.Error("the check of the certificate files has failed; the old contents stay in use",
			"files", r.files.names(), "cause", fmt.Sprintf("%T", p))
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.checking = nil
	close(done)
}

// wait waits for the end of a check, or logs that the check takes too long.
func (r *Reloader) wait(done chan struct{}) {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-done:
	case <-timer.C:
		r.log.Warn("the certificate files change, or cannot be read, for a second; "+
			"the old contents stay in use", "files", r.files.names())
	}
}

// check loads the files if they have changed and are valid. They are not while only one of
// a certificate and its key has been replaced. A fault that stays is logged once.
func (r *Reloader) check() {
	seen, settled := r.settled()
	if !settled || seen == r.seen {
		return
	}
	r.seen = seen // only checks use it
	changed, faults := r.files.parse(seen)
	if len(faults) > 0 {
		if text := errors.Join(faults...).Error(); text != r.fault {
			r.fault = text
			r.log.Error("certificate files have changed and are invalid; the old contents stay in use",
				"error", text)
		}
		return
	}
	r.fault = ""
	r.mu.Lock()
	r.loaded = changed
	r.mu.Unlock()
	r.log.Info("certificate files have changed and are in use", r.files.attributes(changed)...)
	r.warn(changed)
}

// settled reads the files. If they have changed, it reads them until two reads are the same,
// and reports whether there were two.
func (r *Reloader) settled() (contents, bool) {
	last := r.read()
	if last == r.seen {
		return last, true
	}
	for range settleReads {
		time.Sleep(settleTime)
		next := r.read()
		if next == last {
			return next, true
		}
		last = next
	}
	return last, false
}

// warn logs if the certificate of l is not valid now.
func (r *Reloader) warn(l loaded) {
	if l.pair == nil {
		return
	}
	now, leaf := time.Now(), l.pair.Leaf
	switch attributes := r.files.attributes(l); {
	case now.After(leaf.NotAfter):
		r.log.Warn("the certificate has expired and peers will reject it; replace the files", attributes...)
	case now.Before(leaf.NotBefore):
		r.log.Warn("the certificate is not valid yet and peers will reject it; check the clock",
			attributes...)
	}
}
