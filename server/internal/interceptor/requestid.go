package interceptor

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"strconv"
	"strings"
	"sync/atomic"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
)

// RequestIDKey is the metadata key of a request ID.
const RequestIDKey = "x-request-id"

// maxRequestID bounds a caller's request ID in bytes. A UUID has 36.
const maxRequestID = 128

// A new request ID is the ID of the process and a number. The random ID of the process keeps
// the request IDs of several processes apart.
var (
	processID = newProcessID()
	requests  atomic.Uint64
)

func newProcessID() string {
	var id [8]byte
	rand.Read(id[:])
	return hex.EncodeToString(id[:]) + "-"
}

// RequestID returns the request ID that the caller has given, if it is a single one
// of at most 128 visible ASCII characters. Otherwise it returns a new one, and own is true.
func RequestID(given []string) (id string, own bool) {
	if len(given) == 1 && isRequestID(given[0]) {
		return given[0], false
	}
	var b [40]byte // enough for both parts, so that append does not allocate
	return string(strconv.AppendUint(append(b[:0], processID...), requests.Add(1), 10)), true
}

// isRequestID reports whether a caller's ID can go into a header and a log record.
func isRequestID(id string) bool {
	return id != "" && len(id) <= maxRequestID && !strings.ContainsFunc(id, isInvisible)
}

func isInvisible(c rune) bool { return c <= ' ' || c > '~' }

// requestIDSender is a stream of a front that has sent the request ID already, as the JSON
// front has.
type requestIDSender interface{ SentRequestID() }

// returnRequestID sends the request ID to a caller who does not have it yet: the caller's own
// ID always, and one that agentconf has made only with an error, as it costs 4 % of a hold.
// With an error it is a trailer: a gRPC client that retries takes a header for the beginning
// of the answer, and would not retry.
func (r Request) returnRequestID(ctx context.Context, err error) {
	if err == nil && r.ownID {
		return
	}
	stream := grpc.ServerTransportStreamFromContext(ctx)
	if _, sent := stream.(requestIDSender); sent || stream == nil {
		return
	}
	md := metadata.MD{RequestIDKey: []string{r.RequestID}}
	if err == nil {
		_ = stream.SetHeader(md) // fails only after the headers were sent
	} else {
		_ = stream.SetTrailer(md)
	}
}
