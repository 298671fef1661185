package telemetry

import (
	"context"
	"net"

	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
)

type peerKey struct{}

// WithPeer returns ctx with the address of the client of an HTTP connection, without port.
func WithPeer(ctx context.Context, host string) context.Context {
	return context.WithValue(ctx, peerKey{}, host)
}

// PeerOf returns the address of the client without its port, on either front. It is empty if
// it is not known, or not to be logged.
func PeerOf(ctx context.Context) string {
	if host, ok := ctx.Value(peerKey{}).(string); ok {
		return host
	}
	if p, ok := peer.FromContext(ctx); ok {
		if address, ok := p.Addr.(interface{ Host() string }); ok {
			return address.Host()
		}
	}
	return ""
}

// HostOf returns the text of an address without its port.
func HostOf(address net.Addr) string {
	host, _, err := net.SplitHostPort(address.String())
	if err != nil {
		return address.String()
	}
	return host
}

// The form of the header traceparent: version, trace ID, parent ID and flags in hexadecimal
// digits, with hyphens between (W3C Trace Context).
const (
	traceParentLength = 55
	traceIDStart      = 3
	traceIDEnd        = 35
)

// TraceID returns the trace ID in the incoming metadata of ctx, or an empty text.
func TraceID(ctx context.Context) string {
	values := metadata.ValueFromIncomingContext(ctx, TraceKeys[0])
	if len(values) == 0 || len(values[0]) != traceParentLength {
		return ""
	}
	id := values[0][traceIDStart:traceIDEnd]
	for _, c := range id {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return ""
		}
	}
	return id
}
