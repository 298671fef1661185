package gateway

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"agentconf/server/internal/gateway/http1"
)

// Breaker limits attempts to open connections. While the breaker is open, calls fail at
// once instead of waiting until their time runs out. Idle connections stay in use, and
// errors on a connection do not count: only a connection attempt proves that the gateway
// is down and that nothing was sent.
type Breaker struct {
	Failures int           // consecutive failed attempts that open the breaker; 0 means no breaker
	Open     time.Duration // how long it stays open before a single trial
}

// CircuitOpen is the cause of a call that was not sent because the breaker is open.
// RetryAfter is the longest time until the next trial.
type CircuitOpen struct{ RetryAfter time.Duration }

// Error implements error.
func (e CircuitOpen) Error() string {
	const text = "the last connection attempts failed; the next one is made in at most %v"
	return fmt.Sprintf(text, e.RetryAfter)
}

// minAttempt is the time that an attempt needs to prove anything about the gateway.
const minAttempt = time.Second

// breaker is the circuit breaker of one address. All calls to the address share it.
//
//	state    input                                    next state  effect
//	closed   attempt                                  closed      admitted
//	closed   success                                  closed      failures = 0
//	closed   failure, fewer than limits.Failures      closed      failures + 1
//	closed   failure number limits.Failures           open        retryAt = now + limits.Open
//	closed   unproven attempt                         closed      none
//	open     attempt, not after retryAt               open        rejected
//	open     attempt, after retryAt                   trial       admitted as the trial
//	trial    attempt                                  trial       rejected
//	trial    success of the trial                     closed      failures = 0
//	trial    failure of the trial                     open        retryAt = now + limits.Open
//	trial    unproven trial                           open        none, so the next attempt is the trial
//	any      verdict on an attempt of an earlier era  same        none
//
// An attempt is unproven if its caller cancelled it, or if it timed out within less than
// minAttempt. Each change of state begins an era.
type breaker struct {
	limits Breaker

	mu       sync.Mutex // guards the fields below
	state    breakerState
	era      int
	failures int       // consecutive ones, while closed
	retryAt  time.Time // set while open
}

type breakerState int

const (
	stateClosed breakerState = iota
	stateOpen
	stateTrial
)

type verdict int

const (
	failed verdict = iota
	succeeded
	unproven
)

// run makes an attempt that ends at deadline, unless the breaker rejects it with
// CircuitOpen.
func (b *breaker) run(deadline time.Time, attempt func() (*http1.Conn, error)) (*http1.Conn, error) {
	if b.limits.Failures == 0 {
		return attempt()
	}
	era, admitted := b.admit()
	if !admitted {
		return nil, CircuitOpen{b.limits.Open}
	}
	v := failed // also if the attempt panics
	defer func() { b.record(era, v) }()
	short := time.Until(deadline) < minAttempt
	c, err := attempt()
	timeout, ok := errors.AsType[net.Error](err)
	switch {
	case err == nil:
		v = succeeded
	case errors.Is(err, context.Canceled):
		v = unproven
	case short && ok && timeout.Timeout():
		v, err = unproven, fmt.Errorf("the call had less than %v to connect: %w", minAttempt, err)
	}
	return c, err
}

// admit reports whether an attempt may be made, and the era in which it begins.
func (b *breaker) admit() (era int, admitted bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.state == stateOpen && time.Now().After(b.retryAt) {
		b.enter(stateTrial)
		return b.era, true
	}
	return b.era, b.state == stateClosed
}

// record applies the verdict on an attempt that began in era.
func (b *breaker) record(era int, v verdict) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case era != b.era:
	case b.state == stateTrial && v == unproven:
		b.enter(stateOpen) // retryAt has passed
	case b.state == stateTrial && v == succeeded:
		b.enter(stateClosed)
	case v == succeeded:
		b.failures = 0
	case v == failed:
		b.failures++
		if b.state == stateTrial || b.failures >= b.limits.Failures {
			b.retryAt = time.Now().Add(b.limits.Open)
			b.enter(stateOpen)
		}
	}
}

func (b *breaker) enter(s breakerState) {
	b.state, b.failures = s, 0
	b.era++
}
