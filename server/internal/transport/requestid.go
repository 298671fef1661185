package transport

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
)

const (
	requestIDKey    = "x-request-id" // of metadata
	requestIDHeader = "X-Request-Id"

	// maxRequestID bounds an ID in bytes. A UUID has 36.
	maxRequestID = 128
)

// Request IDs that are made here are one of the process and a number.
var (
	processID = newProcessID()
	requests  atomic.Uint64
)

func newProcessID() string {
	var id [8]byte
	rand.Read(id[:])
	return hex.EncodeToString(id[:]) + "-"
}

// requestID is the caller's ID of a request if it can be one, or else a new one.
func requestID(given []string) string {
	if len(given) == 1 && given[0] != "" && len(given[0]) <= maxRequestID && !strings.ContainsFunc(given[0], notVisible) {
		return given[0]
	}
	var id [40]byte
	return string(strconv.AppendUint(append(id[:0], processID...), requests.Add(1), 10))
}

func notVisible(c rune) bool { return c <= ' ' || c > '~' }

// requestIDOf is the ID of a call.
func requestIDOf(ctx context.Context) string {
	return requestID(metadata.ValueFromIncomingContext(ctx, requestIDKey))
}

// returnRequestID sends the caller of gRPC the ID. One of the JSON front has it
// already. With an error it comes as a trailer: a client whose gRPC retries would
// take a header for the begin of an answer, and not try again.
func returnRequestID(ctx context.Context, id string, err error) {
	stream := grpc.ServerTransportStreamFromContext(ctx)
	if stream == nil {
		return
	}
	h := idHeaders.Get().(*idHeader)
	h.id[0] = id
	if err == nil {
		_ = stream.SetHeader(h.md) // fails only after headers, and there are none yet
	} else {
		_ = stream.SetTrailer(h.md) // the same
	}
	idHeaders.Put(h)
}

// idHeaders keeps what grpc-go copies from and has no use for afterwards.
var idHeaders = sync.Pool{New: func() any {
	id := []string{""}
	return &idHeader{metadata.MD{requestIDKey: id}, id}
}}

type idHeader struct {
	md metadata.MD
	id []string // the value in md
}

// setRequestID finds the ID of a request of HTTP and sends it back.
func setRequestID(w http.ResponseWriter, r *http.Request) (id []string) {
	id = []string{requestID(r.Header[requestIDHeader])}
	w.Header()[requestIDHeader] = id
	return id
}
