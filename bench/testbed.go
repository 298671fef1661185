package main

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"strings"
	"sync"
	"text/template"
)

// variant is one way of a hold to the gateway.
type variant struct {
	name string // ends in tlsSuffix if the gateway is reached over TLS
	target
	process *process

	replySize int     // bytes of the reply's body, once proved
	rate      float64 // holds a second in the last slice
}

const tlsSuffix = " TLS"

// peer returns the name of the variant of another program that reaches the gateway as v does.
func (v *variant) peer(name string) string {
	if strings.HasSuffix(v.name, tlsSuffix) {
		return name + tlsSuffix
	}
	return name
}

// testbed is a stub gateway and the variants in front of it.
type testbed struct {
	*workspace
	on       cores  // of the variants
	base     string // another build of agentconf, or empty
	variants []*variant
	status   string // address of the stub's request counter
}

// upstream is a port of the stub.
type upstream struct{ scheme, address, suffix string } // suffix of the variants in front of it

func (u upstream) url() string { return u.scheme + "://" + u.address }

//go:embed conf
var configs embed.FS

// configuration fills the templates in conf/.
type configuration struct {
	Dir, Name        string // of the workspace, of the process
	H1Addr, H2Addr   string // of a proxy, for its clients
	Scheme, Upstream string // of a proxy

	StubAddr, StubTLSAddr, StatusAddr, HoldPath, GUID, Reply string // of the stub
}

// newTestbed starts all programs and proves that every variant is correct.
func (s *workspace) newTestbed(ctx context.Context, on cores, base string, withTLS bool) (*testbed, error) {
	b := &testbed{workspace: s, on: on, base: base}
	if err := errors.Join(writeCertificate(ctx, s.dir), b.writeBodies()); err != nil {
		return nil, err
	}
	plain, encrypted, err := b.startStub(ctx)
	if err == nil {
		err = b.startVariants(ctx, plain)
	}
	if err == nil && withTLS {
		err = b.startVariants(ctx, encrypted)
	}
	if err != nil {
		return nil, err
	}
	for _, v := range b.variants {
		if err := prove(ctx, v); err != nil {
			return nil, err
		}
	}
	return b, nil
}

// startStub starts the stub and returns its ports for plain HTTP and for TLS.
func (b *testbed) startStub(ctx context.Context) (plain, encrypted upstream, err error) {
	plain, encrypted = upstream{"http", b.address(), ""}, upstream{"https", b.address(), tlsSuffix}
	b.status = b.address()
	c := configuration{
		Name: "stub", StubAddr: plain.address, StubTLSAddr: encrypted.address, StatusAddr: b.status,
		HoldPath: ownPath, GUID: guid, Reply: stubReply,
	}
	p, err := b.launchConfigured(ctx, "stub.conf", c, loadCore, []string{"nginx", "-c"},
		plain.address, encrypted.address, b.status)
	b.add("stub alone", p, target{jsonH1, plain.address, ownPath, guid})
	return plain, encrypted, err
}

func (b *testbed) add(name string, p *process, t target) {
	b.variants = append(b.variants, &variant{name: name, process: p, target: t})
}

// startVariants starts the measured programs in front of one port of the stub. haproxy and
// the other build of agentconf are compared without TLS only.
func (b *testbed) startVariants(ctx context.Context, u upstream) error {
	err := b.startProxy(ctx, u, "nginx", "proxy.conf", "nginx", "-c")
	if u.scheme == "http" {
		err = errors.Join(err, b.startProxy(ctx, u, "haproxy", "haproxy.cfg", "haproxy", "-db", "-f"))
	}
	err = errors.Join(err, b.startReverseProxy(ctx, u), b.startAgentconf(ctx, u, "agentconf", b.binary))
	if u.scheme == "http" && b.base != "" {
		err = errors.Join(err, b.startAgentconf(ctx, u, "base", b.base))
	}
	return err
}

// startAgentconf starts a build of agentconf without its rate limit, as all holds are of
// one agent.
func (b *testbed) startAgentconf(ctx context.Context, u upstream, name, binary string) error {
	a, err := b.launchAgentconf(ctx, b.on, binary, u.url(), "--agent-rate", "0")
	b.add(name+" gRPC"+u.suffix, a.process, grpcTarget(a.grpc, guid))
	b.add(name+" JSON"+u.suffix, a.process, target{jsonH1, a.http, ownPath, guid})
	b.add(name+" JSON /v1"+u.suffix, a.process, target{jsonH1, a.http, v1Path, guid})
	return err
}

func (b *testbed) startReverseProxy(ctx context.Context, u upstream) error {
	address := b.address()
	p, err := b.launchSelf(ctx, b.on, "reverse-proxy", address, u.url())
	b.addProxy("ReverseProxy", u, p, address, address)
	return err
}

// startProxy starts a plain proxy with a configuration.
func (b *testbed) startProxy(ctx context.Context, u upstream, name, file string, args ...string) error {
	c := configuration{Name: name + "-" + u.scheme, Scheme: u.scheme, Upstream: u.address}
	c.H1Addr, c.H2Addr = b.address(), b.address()
	p, err := b.launchConfigured(ctx, file, c, b.on, args, c.H1Addr, c.H2Addr)
	b.addProxy(name, u, p, c.H1Addr, c.H2Addr)
	return err
}

// addProxy adds the two variants of a program that only forwards.
func (b *testbed) addProxy(name string, u upstream, p *process, h1, h2 string) {
	b.add(name+" h1"+u.suffix, p, target{jsonH1, h1, ownPath, guid})
	b.add(name+" h2"+u.suffix, p, target{jsonH2, h2, ownPath, guid})
}

// launchConfigured starts a program whose last argument is a configuration, made from a
// template in conf/.
func (s *workspace) launchConfigured(
	ctx context.Context, file string, c configuration, on cores, args []string, addresses ...string,
) (*process, error) {
	c.Dir = s.dir
	var text strings.Builder
	if err := template.Must(template.ParseFS(configs, "conf/"+file)).Execute(&text, c); err != nil {
		return nil, err
	}
	config := filepath.Join(s.dir, c.Name+".conf")
	if err := os.WriteFile(config, []byte(text.String()), 0o644); err != nil {
		return nil, err
	}
	return s.launch(ctx, c.Name, on, append(args, config), addresses...)
}

const certificateFile = "gateway.pem" // with its key

// writeCertificate writes a self-signed certificate for the stub, and its key, by the
// generator in the standard library. nginx verifies the name, Go the address.
func writeCertificate(ctx context.Context, dir string) error {
	const script = `go run "$(go env GOROOT)/src/crypto/tls/generate_cert.go" \
		-ca -ecdsa-curve P256 -host gateway.example,127.0.0.1 -duration 24h && cat cert.pem key.pem >` + certificateFile
	cmd := exec.CommandContext(ctx, "sh", "-c", script)
	cmd.Dir = dir
	if text, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("generate_cert.go: %w\n%s", err, text)
	}
	return nil
}

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
	return serveUntil(ctx, &http.Server{
		Addr:      args[0],
		Protocols: protocols,
		Handler: &httputil.ReverseProxy{
			Rewrite:    func(r *httputil.ProxyRequest) { r.SetURL(gateway) },
			Transport:  &http.Transport{MaxIdleConnsPerHost: 1024, DisableCompression: true},
			BufferPool: &bufferPool{sync.Pool{New: func() any { return new(make([]byte, 4<<10)) }}},
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

// bufferPool keeps the buffers of 4 KiB that replies are copied with.
type bufferPool struct{ sync.Pool }

func (b *bufferPool) Get() []byte       { return *b.Pool.Get().(*[]byte) }
func (b *bufferPool) Put(buffer []byte) { b.Pool.Put(&buffer) }
