// Package leaktest fails a test that leaves goroutines behind.
package leaktest

import (
	"sync"
	"testing"

	"go.uber.org/goleak"
)

var checked sync.Map // the tests (testing.TB) that have a check

// Check fails t if goroutines started after this call still run when t ends. Only the first
// call of a test has an effect. A helper that starts goroutines calls Check before it
// registers its cleanup, which then ends them in time. Tests with Check must not run in
// parallel.
func Check(t testing.TB) {
	t.Helper()
	if _, again := checked.LoadOrStore(t, true); again {
		return
	}
	before := goleak.IgnoreCurrent()
	t.Cleanup(func() {
		checked.Delete(t)
		goleak.VerifyNone(t, before)
	})
}
