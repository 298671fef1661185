package passthrough

import (
	"io"
	"net/http"
	"sync/atomic"
	"time"
)

// minBodyRate is the rate in bytes a second at which a client has to send a body.
const minBodyRate = 8 << 10

// pacedBody is a body with a deadline that moves on with the bytes that have arrived. The
// deadline of net/http is for a whole request, and would cut off a large one.
type pacedBody struct {
	io.ReadCloser
	control   *http.ResponseController
	oneStream bool // the connection carries one request at a time
	start     time.Time
	least     time.Duration
	arrived   int64
	ended     atomic.Bool
}

// Read implements io.Reader. At the end of the body it removes the deadline, which would
// otherwise end the request while the gateway answers. After the end it leaves the body alone:
// net/http's transport reads once more after the announced length, and by then its server may
// have closed the body for the response. That error would break off the response.
func (b *pacedBody) Read(p []byte) (int, error) {
	if b.ended.Load() {
		return 0, io.EOF
	}
	earned := time.Duration(b.arrived/minBodyRate) * time.Second
	_ = b.control.SetReadDeadline(b.start.Add(b.least + earned)) // fails for a writer of a test only
	n, err := b.ReadCloser.Read(p)
	b.arrived += int64(n)
	if err == io.EOF {
		b.ended.Store(true)
		_ = b.control.SetReadDeadline(time.Time{})
	}
	return n, err
}

// answered prepares for a response that comes before the end of the body. net/http would read
// the rest of the body before it writes the response. In full duplex it does so afterwards,
// and cannot use the connection again.
func (b *pacedBody) answered(response http.Header) {
	if b == nil || b.ended.Load() || !b.oneStream {
		return
	}
	_ = b.control.EnableFullDuplex() // fails for a writer of a test only
	response.Set("Connection", "close")
}
