package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"runtime/debug"
	"sync"
)

// runReverseProxy runs Go's own reverse proxy, tuned: it keeps every connection, reuses
// its buffers, and collects garbage rarely. Its arguments are its address, the URL of the
// gateway, and "--gateway-ca" with a file if that speaks TLS.
func runReverseProxy(ctx context.Context, args []string) error {
	if len(args) < 2 {
		return errors.New("usage: reverse-proxy ADDRESS GATEWAY [--gateway-ca FILE]")
	}
	debug.SetGCPercent(400)
	gateway, err := url.Parse(args[1])
	if err != nil {
		return err
	}
	transport := &http.Transport{MaxIdleConnsPerHost: 1024, DisableCompression: true}
	if len(args) == 4 {
		pem, err := os.ReadFile(args[3])
		if err != nil {
			return err
		}
		roots := x509.NewCertPool()
		roots.AppendCertsFromPEM(pem)
		transport.TLSClientConfig = &tls.Config{RootCAs: roots}
	}
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true)
	return serveUntil(ctx, &http.Server{
		Addr:      args[0],
		Protocols: &protocols,
		Handler: &httputil.ReverseProxy{
			Rewrite:    func(r *httputil.ProxyRequest) { r.SetURL(gateway) },
			Transport:  transport,
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
