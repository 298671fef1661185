package gateway

import (
	"crypto/tls"
	"time"
)

// BreakerState is the state of a circuit breaker.
type BreakerState string

// AllBreakerStates are the states of a circuit breaker. It must not be changed.
var AllBreakerStates = [...]BreakerState{stateClosed: "closed", stateOpen: "open", stateTrial: "trial"}

// BreakerStates returns the states of the circuit breakers by the name of the node, which is
// empty for the gateway itself.
func (c *Client) BreakerStates() map[string]BreakerState {
	states := map[string]BreakerState{}
	for name, e := range c.endpoints {
		e.breaker.mu.Lock()
		states[name] = AllBreakerStates[e.breaker.state]
		e.breaker.mu.Unlock()
	}
	return states
}

// CertificateEnds returns the ends of the certificates that were accepted at the last
// handshakes, by the name of the node. An address without TLS, or without a handshake so
// far, is missing.
func (c *Client) CertificateEnds() map[string]time.Time {
	ends := map[string]time.Time{}
	for name, e := range c.endpoints {
		if end := e.certificateEnd.Load(); end != nil {
			ends[name] = *end
		}
	}
	return ends
}

// recordingEnd returns the configurations of next. Each one records the end of the
// certificate that it has accepted.
func (e *endpoint) recordingEnd(next func() *tls.Config) func() *tls.Config {
	return func() *tls.Config {
		config := next()
		if config == nil {
			return nil
		}
		verify := config.VerifyConnection
		config.VerifyConnection = func(state tls.ConnectionState) error {
			if verify != nil {
				if err := verify(state); err != nil {
					return err
				}
			}
			e.certificateEnd.Store(&state.PeerCertificates[0].NotAfter)
			return nil
		}
		return config
	}
}
