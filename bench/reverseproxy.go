package main

import (
	"context"
	"errors"
	"net/http"
	"net/http/httputil"
	"net/url"
	"runtime/debug"
	"sync"
)

// runReverseProxy runs Go's own reverse proxy, tuned: it keeps every connection, reuses
// its buffers, and collects garbage rarely. Its arguments are its address and the URL of
// the gateway.
func runReverseProxy(ctx context.Context, args []string) error {
	if len(args) != 2 {
		return errors.New("usage: reverse-proxy ADDRESS GATEWAY")
	}
	debug.SetGCPercent(400)
	gateway, err := url.Parse(args[1])
	if err != nil {
		return err
	}
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true)
	return serveUntil(ctx, &http.Server{
		Addr:      args[0],
		Protocols: &protocols,
		Handler: &httputil.ReverseProxy{
			Rewrite:    func(r *httputil.ProxyRequest) { r.SetURL(gateway) },
			Transport:  &http.Transport{MaxIdleConnsPerHost: 1024, DisableCompression: true},
			BufferPool: &bufferPool{},
		},
	})
}

// serveUntil serves until ctx is done.
func serveUntil(ctx context.Context, server *http.Server) error {
	defer context.AfterFunc(ctx, func() { server.Close() })()
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// bufferPool keeps the buffers that replies are copied with.
type bufferPool struct{ pool sync.Pool }

func (b *bufferPool) Get() []byte {
	if buffer, ok := b.pool.Get().(*[]byte); ok {
		return *buffer
	}
	return make([]byte, 4<<10)
}

func (b *bufferPool) Put(buffer []byte) { b.pool.Put(&buffer) }
