// Package leaktest fails a test that leaves goroutines behind. It is for tests only.
package leaktest

import (
	"sync"
	"testing"

	"go.uber.org/goleak"
)

var watched sync.Map // of the tests that have a check already

// Check fails t if it ends with goroutines that it began with or after this call. The
// helpers that start something call it first, so that all they started has ended by
// then; only the first call of a test counts. Its tests must not run in parallel.
func Check(t testing.TB) {
	t.Helper()
	if _, again := watched.LoadOrStore(t, true); again {
		return
	}
	before := goleak.IgnoreCurrent()
	t.Cleanup(func() {
		watched.Delete(t)
		goleak.VerifyNone(t, before)
	})
}
