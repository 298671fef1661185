package gateway

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/sony/gobreaker/v2"
)

// Breaker says when a client stops opening connections that will not be opened. Calls
// fail at once then, instead of waiting for their time to run out.
type Breaker struct {
	Failures int           // attempts in a row that have to fail; 0 for no breaker
	Open     time.Duration // how long none is made, until a single one finds out
}

// CircuitOpen is the cause of a call that was not sent because the attempts before it
// failed.
type CircuitOpen struct{ RetryAfter time.Duration }

func (e CircuitOpen) Error() string {
	return fmt.Sprintf("no connection could be opened lately; the next attempt is made in at most %v", e.RetryAfter)
}

// fairTime is what a connection may take. An attempt that had less because its caller
// is in a hurry says nothing of the gateway.
const fairTime = time.Second

// errHurry is the cause of an attempt that says nothing of the gateway.
var errHurry = errors.New("the caller gave too little time")

type breaker struct {
	circuit *gobreaker.CircuitBreaker[*conn] // nil if there is none
	open    time.Duration
}

func newBreaker(config Breaker) breaker {
	if config.Failures == 0 {
		return breaker{}
	}
	return breaker{open: config.Open, circuit: gobreaker.NewCircuitBreaker[*conn](gobreaker.Settings{
		Timeout:     config.Open,
		ReadyToTrip: func(counts gobreaker.Counts) bool { return int(counts.ConsecutiveFailures) >= config.Failures },
		IsExcluded: func(err error) bool {
			return errors.Is(err, errHurry) || errors.Is(err, context.Canceled)
		},
	})}
}

// run makes an attempt unless the circuit is open.
func (b breaker) run(deadline time.Time, attempt func() (*conn, error)) (*conn, error) {
	if b.circuit == nil {
		return attempt()
	}
	hurry := time.Until(deadline) < fairTime
	c, err := b.circuit.Execute(func() (*conn, error) {
		c, err := attempt()
		if timeout, ok := errors.AsType[net.Error](err); ok && hurry && timeout.Timeout() {
			err = fmt.Errorf("%w: %w", errHurry, err)
		}
		return c, err
	})
	if errors.Is(err, gobreaker.ErrOpenState) || errors.Is(err, gobreaker.ErrTooManyRequests) {
		return nil, CircuitOpen{b.open}
	}
	return c, err
}
