package certificates

import (
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"agentconf/internal/testca"
	"agentconf/server/internal/servicetest"
)

// pairFiles are files whose contents a test supplies.
var pairFiles = Files{
	Certificate: File{Flag: "--cert", Name: "tls.crt"}, Key: File{Flag: "--key", Name: "tls.key"},
}

func contentsOf(p testca.Pair) contents {
	return contents{certificate: content{text: p.Certificate}, key: content{text: p.Key}}
}

// newReloader returns a reloader that has loaded the result of read.
func newReloader(t *testing.T, read func() contents) (*Reloader, *servicetest.Buffer) {
	t.Helper()
	r := &Reloader{files: pairFiles, read: read}
	if faults := r.load(); len(faults) > 0 {
		t.Fatal(faults)
	}
	log := &servicetest.Buffer{}
	r.LogTo(slog.New(slog.NewTextHandler(log, nil)))
	return r, log
}

func (r *Reloader) subject() string { return r.current().pair.Leaf.Subject.CommonName }

// A file whose read blocks delays one handshake by a second, and no other. The loaded pair
// stays in use until the read ends.
func TestBlockedRead(t *testing.T) {
	ca := testca.New(t)
	first, second := ca.Issue(t, "first"), ca.Issue(t, "second")
	synctest.Test(t, func(t *testing.T) {
		hung := make(chan struct{})
		var hangs atomic.Bool
		r, log := newReloader(t, func() contents {
			if hangs.Load() {
				<-hung
				return contentsOf(second)
			}
			return contentsOf(first)
		})
		hangs.Store(true)
		time.Sleep(checkInterval)
		for i, want := range []time.Duration{patience, 0, 0} {
			start := time.Now()
			if got := r.subject(); got != "first" || time.Since(start) != want {
				t.Errorf("handshake %d uses %s after %v, want first after %v", i, got, time.Since(start), want)
			}
			time.Sleep(10 * time.Second)
		}
		if text := log.String(); strings.Count(text, "level=WARN") != 1 || !strings.Contains(text, "tls.crt tls.key") {
			t.Errorf("want one warning with the files in\n%s", text)
		}
		if r.Reload() {
			t.Error("Reload reports new contents of a file that cannot be read")
		}
		close(hung)
		time.Sleep(time.Second)
		if got := r.subject(); got != "second" {
			t.Errorf("the handshake after the read uses %s", got)
		}
	})
}

// A file that cannot be read at the start is a fault.
func TestBlockedStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hung := make(chan struct{})
		r := &Reloader{files: pairFiles, read: func() contents { <-hung; return contents{} }}
		if faults := r.load(); len(faults) != 1 || !strings.Contains(faults[0].Error(), "tls.crt tls.key: no answer") {
			t.Errorf("faults %v", faults)
		}
		close(hung)
	})
}

// Files that another program writes byte by byte are used once they are complete, and are
// never used before. A handshake meanwhile waits for at most a second.
func TestSlowWriter(t *testing.T) {
	ca := testca.New(t)
	first, second := ca.Issue(t, "first"), ca.Issue(t, "second")
	synctest.Test(t, func(t *testing.T) {
		r, log := newReloader(t, func() contents { return contentsOf(first) })
		var written atomic.Int64
		r.read = func() contents {
			n := min(int(written.Load()), len(second.Certificate))
			return contentsOf(testca.Pair{Certificate: second.Certificate[:n], Key: second.Key})
		}
		go func() {
			for range second.Certificate {
				time.Sleep(30 * time.Millisecond)
				written.Add(1)
			}
		}()
		for int(written.Load()) < len(second.Certificate) {
			start := time.Now()
			if got := r.subject(); got != "first" && int(written.Load()) < len(second.Certificate) {
				t.Errorf("the handshake uses %s before the file is complete", got)
			}
			if took := time.Since(start); took > patience {
				t.Errorf("the handshake took %v", took)
			}
			time.Sleep(100 * time.Millisecond)
		}
		time.Sleep(2 * time.Second)
		if got := r.subject(); got != "second" {
			t.Errorf("the handshake uses %s after the last byte; log:\n%s", got, log)
		}
		if strings.Contains(log.String(), "level=ERROR") {
			t.Errorf("a file that is being written is logged as an error:\n%s", log)
		}
	})
}

// A check that panics ends, and the next one works.
func TestPanickingCheck(t *testing.T) {
	ca := testca.New(t)
	first, second := ca.Issue(t, "first"), ca.Issue(t, "second")
	synctest.Test(t, func(t *testing.T) {
		r, log := newReloader(t, func() contents { return contentsOf(first) })
		r.read = func() contents { panic("confidential") }
		if r.Reload() || !strings.Contains(log.String(), "level=ERROR") || strings.Contains(log.String(), "confidential") {
			t.Errorf("want an error without the value of the panic in\n%s", log)
		}
		r.read = func() contents { return contentsOf(second) }
		if !r.Reload() || r.subject() != "second" {
			t.Errorf("the handshake uses %s after the reload", r.subject())
		}
	})
}
