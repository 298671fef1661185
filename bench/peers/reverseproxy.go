package peers

import (
	"context"
	"net/http"
	"net/http/httputil"
	"net/url"
	"runtime/debug"
	"sync"

	"agentconf/server/bench/rig"
)

// runReverseProxy runs Go's own reverse proxy, tuned: it keeps every connection, reuses
// its buffers, and collects garbage rarely. Its arguments are its address and the URL of
// the gateway.
func runReverseProxy(ctx context.Context, args []string) error {
	gateway, err := url.Parse(args[1])
	if err != nil {
		return err
	}
	debug.SetGCPercent(400)
	protocols := &http.Protocols{}
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true)
	return rig.ServeUntil(ctx, &http.Server{
		Addr:      args[0],
		Protocols: protocols,
		Handler: &httputil.ReverseProxy{
			Rewrite:    func(r *httputil.ProxyRequest) { r.SetURL(gateway) },
			Transport:  &http.Transport{MaxIdleConnsPerHost: 1024, DisableCompression: true},
			BufferPool: &bufferPool{sync.Pool{New: func() any { return new(make([]byte, 4<<10)) }}},
		},
	})
}

// bufferPool keeps the buffers of 4 KiB that replies are copied with.
type bufferPool struct{ sync.Pool }

func (b *bufferPool) Get() []byte { return *b.Pool.Get().(*[]byte) }

func (b *bufferPool) Put(buffer []byte) { b.Pool.Put(&buffer) }
