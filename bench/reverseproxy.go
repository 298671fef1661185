//go:build linux

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

// runReverseProxy is Go's own proxy, tuned: it never opens a connection that it
// could have kept, reuses its buffers, and collects garbage as seldom as is sound.
// Its arguments are where to listen, the gateway, and what verifies that.
func runReverseProxy(ctx context.Context, args []string) error {
	if len(args) < 2 {
		return errors.New("usage: reverse-proxy ADDRESS GATEWAY [CA]")
	}
	debug.SetGCPercent(400)
	gateway, err := url.Parse(args[1])
	if err != nil {
		return err
	}
	transport := &http.Transport{
		MaxIdleConnsPerHost: 1024,
		DisableCompression:  true,
	}
	if len(args) > 2 {
		pem, err := os.ReadFile(args[2])
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
	server := &http.Server{
		Addr:      args[0],
		Protocols: &protocols,
		Handler: &httputil.ReverseProxy{
			Rewrite:    func(r *httputil.ProxyRequest) { r.SetURL(gateway) },
			Transport:  transport,
			BufferPool: &buffers{},
		},
	}
	defer context.AfterFunc(ctx, func() { server.Close() })()
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// buffers is a pool of the buffers that replies are copied with.
type buffers struct{ pool sync.Pool }

func (b *buffers) Get() []byte {
	if buffer, ok := b.pool.Get().(*[]byte); ok {
		return *buffer
	}
	return make([]byte, 4<<10)
}

func (b *buffers) Put(buffer []byte) { b.pool.Put(&buffer) }
