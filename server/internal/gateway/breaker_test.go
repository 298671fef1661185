package gateway

import (
	"context"
	"errors"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"agentconf/server/internal/gateway/http1"
)

// TestBreakerTransitions has a test for each row of the table at the type breaker.
func TestBreakerTransitions(t *testing.T) {
	const (
		limit = 3
		pause = 2 * time.Second
	)
	fail := func(b *breaker) { era, _ := b.admit(); b.record(era, failed) }
	open := func(b *breaker) {
		for range limit {
			fail(b)
		}
	}
	// trial lets an attempt begin after the pause. It is still under way.
	trial := func(b *breaker) { open(b); time.Sleep(pause + 1); b.admit() }
	isAdmitted := func(b *breaker) bool { _, admitted := b.admit(); return admitted }
	failuresAre := func(n int) func(b *breaker) bool { return func(b *breaker) bool { return b.failures == n } }
	// retriesIn reports whether an attempt is admitted after d and not before.
	retriesIn := func(d time.Duration) func(b *breaker) bool {
		return func(b *breaker) bool {
			time.Sleep(d)
			early := isAdmitted(b)
			time.Sleep(time.Nanosecond)
			return !early && isAdmitted(b)
		}
	}
	tests := []struct {
		name   string
		setUp  func(b *breaker)
		input  func(b *breaker) bool // reports whether the breaker did what the row says
		next   breakerState
		effect func(b *breaker) bool
	}{
		{"closed: attempt", func(*breaker) {}, isAdmitted, stateClosed, failuresAre(0)},
		{"closed: success", fail, verdictIs(succeeded), stateClosed, failuresAre(0)},
		{"closed: failure below the limit", fail, verdictIs(failed), stateClosed, failuresAre(2)},
		{"closed: failure at the limit", func(b *breaker) { fail(b); fail(b) }, verdictIs(failed), stateOpen, retriesIn(pause)},
		{"closed: unproven attempt", fail, verdictIs(unproven), stateClosed, failuresAre(1)},
		{"open: attempt at retryAt", func(b *breaker) { open(b); time.Sleep(pause) },
			func(b *breaker) bool { return !isAdmitted(b) }, stateOpen, retriesIn(0)},
		{"open: attempt after retryAt", func(b *breaker) { open(b); time.Sleep(pause + 1) }, isAdmitted, stateTrial, nil},
		{"trial: attempt", trial, func(b *breaker) bool { return !isAdmitted(b) }, stateTrial, nil},
		{"trial: success", trial, verdictOnTrialIs(succeeded), stateClosed, failuresAre(0)},
		{"trial: failure", trial, verdictOnTrialIs(failed), stateOpen, retriesIn(pause)},
		{"trial: unproven", trial, verdictOnTrialIs(unproven), stateOpen, isAdmitted},
		{"earlier era: success while open", open, earlierVerdictIs(succeeded), stateOpen, retriesIn(pause)},
		{"earlier era: success during the trial", trial, earlierVerdictIs(succeeded), stateTrial, func(b *breaker) bool { return !isAdmitted(b) }},
		{"earlier era: failure during the trial", trial, earlierVerdictIs(failed), stateTrial, func(b *breaker) bool { return !isAdmitted(b) }},
		{"earlier era: failure while closed", func(b *breaker) { trial(b); b.record(b.era, succeeded) }, earlierVerdictIs(failed), stateClosed, failuresAre(0)},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := &breaker{limits: Breaker{Failures: limit, Open: pause}}
				test.setUp(b)
				if !test.input(b) {
					t.Error("the attempt was treated otherwise")
				}
				if b.state != test.next {
					t.Errorf("state %v, want %v", b.state, test.next)
				}
				if test.effect != nil && !test.effect(b) {
					t.Errorf("another effect: %d failures, retry at %v", b.failures, b.retryAt)
				}
			})
		})
	}
}

// verdictIs makes an attempt with the verdict v.
func verdictIs(v verdict) func(b *breaker) bool {
	return func(b *breaker) bool {
		era, admitted := b.admit()
		b.record(era, v)
		return admitted
	}
}

// verdictOnTrialIs ends the trial that is under way with the verdict v.
func verdictOnTrialIs(v verdict) func(b *breaker) bool {
	return func(b *breaker) bool { b.record(b.era, v); return true }
}

// earlierVerdictIs ends an attempt of the era before with the verdict v.
func earlierVerdictIs(v verdict) func(b *breaker) bool {
	return func(b *breaker) bool { b.record(b.era-1, v); return true }
}

// An attempt that panics is a failed one. It does not hold the trial for ever.
func TestBreakerCountsPanics(t *testing.T) {
	b := &breaker{limits: Breaker{Failures: 1, Open: time.Hour}}
	func() {
		defer func() { recover() }()
		b.run(time.Now().Add(time.Hour), func() (*http1.Conn, error) { panic("dial") })
	}()
	if b.state != stateOpen {
		t.Errorf("state %v, want %v", b.state, stateOpen)
	}
}

// dialer is a network whose connection attempts fail with err. With os.ErrDeadlineExceeded
// they take until their context ends. Without an error they reach a gateway that accepts
// everything.
type dialer struct {
	err      error
	attempts int
}

func (d *dialer) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	d.attempts++
	if d.err == nil {
		client, gateway := net.Pipe()
		go func() {
			gateway.Read(make([]byte, 1000))
			gateway.Write([]byte("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 15\r\n\r\n{\"retcode\":\"0\"}"))
			gateway.Close()
		}()
		return client, nil
	}
	if errors.Is(d.err, os.ErrDeadlineExceeded) {
		<-ctx.Done()
		if errors.Is(ctx.Err(), context.Canceled) {
			return nil, ctx.Err()
		}
	}
	return nil, d.err
}

func call(ctx context.Context, c *Client) error {
	_, err := c.Send(ctx, Request{Method: "POST", Path: "p", GUID: "g"}).Reply()
	return err
}

// After consecutive failures the client makes no attempt for a while, then a single one.
// If it succeeds, calls are sent again.
func TestBreaker(t *testing.T) {
	for name, failure := range map[string]error{
		"refused": errors.New("connection refused"), "timed out": os.ErrDeadlineExceeded,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := &dialer{err: failure}
				c := newClient(t, Options{URL: "http://gateway.test", Dial: d.dial, Breaker: Breaker{Failures: 3, Open: 2 * time.Second}})
				expect := func(when string, open bool, attempts int) {
					t.Helper()
					err := call(t.Context(), c)
					circuit, isOpen := errors.AsType[CircuitOpen](err)
					e, _ := errors.AsType[*Error](err)
					if e == nil || e.Kind != NotSent || isOpen != open || d.attempts != attempts {
						t.Fatalf("%s: %v after %d attempts", when, err, d.attempts)
					}
					if open && circuit.RetryAfter != 2*time.Second {
						t.Errorf("%s: retry after %v", when, circuit.RetryAfter)
					}
				}
				expect("first", false, 1)
				d.err = nil
				if err := call(t.Context(), c); err != nil { // the count starts again
					t.Fatal(err)
				}
				d.err = failure
				for n := range 3 {
					expect("closed", false, 3+n)
				}
				expect("open", true, 5)
				time.Sleep(2 * time.Second)
				expect("still open", true, 5)
				time.Sleep(time.Nanosecond)
				expect("trial", false, 6)
				expect("open again", true, 6)
				time.Sleep(2*time.Second + 1)
				d.err = nil
				for range 2 {
					if err := call(t.Context(), c); err != nil {
						t.Errorf("closed again: %v", err)
					}
				}
			})
		})
	}
}

// An attempt that its caller cancels, or that has less than a second, proves nothing about
// the gateway.
func TestBreakerIgnoresUnprovenAttempts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &dialer{err: os.ErrDeadlineExceeded}
		c := newClient(t, Options{URL: "http://gateway.test", Dial: d.dial, Breaker: Breaker{Failures: 1, Open: time.Second}})
		for n := range 10 {
			ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
			if n%2 == 1 {
				ctx, cancel = context.WithCancel(t.Context())
				time.AfterFunc(time.Millisecond, cancel)
			}
			err := call(ctx, c)
			cancel()
			if _, open := errors.AsType[CircuitOpen](err); open || err == nil {
				t.Fatalf("call %d: %v", n, err)
			}
		}
		call(t.Context(), c)
		if _, open := errors.AsType[CircuitOpen](call(t.Context(), c)); !open {
			t.Error("not open after an attempt that had time")
		}
	})
}

// Without a limit of failures there is no breaker.
func TestNoBreaker(t *testing.T) {
	d := &dialer{err: errors.New("connection refused")}
	c := newClient(t, Options{URL: "http://gateway.test", Dial: d.dial, Breaker: Breaker{Open: time.Hour}})
	for n := range 20 {
		if err := call(t.Context(), c); kind(t, err) != NotSent || d.attempts != n+1 {
			t.Fatalf("%v after %d attempts", err, d.attempts)
		}
	}
}
