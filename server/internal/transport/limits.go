package transport

import (
	"sync"
	"time"
)

// Limits bound what one connection and one request may take.
type Limits struct {
	// Streams is how many calls may be in flight on one gRPC connection; grpc-go has no
	// limit of its own.
	Streams int

	// ConnectionAge is after what time a gRPC client is told to open another connection,
	// give or take a tenth; calls and watches on the old one go on. 0 is never.
	ConnectionAge time.Duration

	// Request bounds a request in bytes, a gRPC message and a JSON body alike. A hold has
	// about 200.
	Request int

	// Headers bounds the headers of a request in bytes.
	Headers int

	// RequestTime is how long a client may take to send a request over HTTP, to take what
	// is written there, and to finish the handshake of a connection of gRPC.
	RequestTime time.Duration

	// IdleTime is how long an unused HTTP connection is kept.
	IdleTime time.Duration
}

// DefaultLimits are those of a Config that has none.
var DefaultLimits = Limits{
	Streams:       250,
	ConnectionAge: 30 * time.Minute,
	Request:       64 << 10,
	Headers:       16 << 10,
	RequestTime:   5 * time.Second,
	IdleTime:      60 * time.Second,
}

// agentRate counts the calls for each agent in the second that is passing.
type agentRate struct {
	most   int
	mu     sync.Mutex
	second int64
	calls  map[string]int
}

func newAgentRate(most int) *agentRate {
	return &agentRate{most: most, calls: map[string]int{}}
}

// takes reports whether one more call for agent is within the rate.
func (r *agentRate) takes(agent string, now time.Time) bool {
	if r.most == 0 || agent == "" {
		return true
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if second := now.Unix(); second != r.second {
		r.second = second
		clear(r.calls)
	}
	r.calls[agent]++
	return r.calls[agent] <= r.most
}
