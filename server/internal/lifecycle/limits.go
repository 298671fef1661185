package lifecycle

import "time"

// Limits bound the resources that one connection or one request may take.
type Limits struct {
	// Streams is how many calls may be in flight on one gRPC connection. grpc-go has no
	// limit of its own.
	Streams int

	// ConnectionAge is the age, give or take a tenth, at which the server asks a gRPC
	// client to open another connection. Calls and watches on the old one continue. 0 is
	// never.
	ConnectionAge time.Duration

	// Request bounds a gRPC message and a JSON body in bytes. A hold has about 200.
	Request int

	// Headers bounds the headers of a request in bytes.
	Headers int

	// RequestTime limits the time in which an HTTP client sends a request, in which it
	// reads a write, and the handshake of a gRPC connection.
	RequestTime time.Duration

	// IdleTime is how long an idle HTTP connection is kept.
	IdleTime time.Duration
}

// DefaultLimits are the limits of a service that is not configured otherwise.
var DefaultLimits = Limits{
	Streams:       250,
	ConnectionAge: 30 * time.Minute,
	Request:       64 << 10,
	Headers:       16 << 10,
	RequestTime:   5 * time.Second,
	IdleTime:      60 * time.Second,
}
