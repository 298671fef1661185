//go:build linux

package main

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"text/template"
)

// kind is how a variant is spoken to.
type kind string

const (
	jsonH1 kind = "h1"   // JSON over HTTP/1.1
	jsonH2 kind = "h2"   // JSON over HTTP/2
	grpcH2 kind = "gRPC" // gRPC, which is HTTP/2, too
)

// variant is one way of a hold to the gateway.
type variant struct {
	name    string
	kind    kind
	tls     bool // to the gateway
	address string
	path    string
	process *process

	reply int     // size of the reply's body in bytes, once proved
	rate  float64 // holds a second, as last seen
}

func (v *variant) id() string {
	if v.tls {
		return v.name + " TLS"
	}
	return v.name
}

// rig is a stub gateway and all that stands in front of it.
type rig struct {
	dir       string
	processes []*process
	variants  []*variant
	status    string // address of the stub's counter
}

//go:embed conf
var configs embed.FS

// proxyConfig is what the templates of the configurations are filled with.
type proxyConfig struct {
	Dir, Name      string
	TLS            bool
	Upstream       string
	H1Addr, H2Addr string
}

type stubConfig struct {
	Dir, StubAddr, StubTLSAddr, StatusAddr, HoldPath, GUID, Reply string
}

// newRig starts everything, with what is measured on the given cores, and proves
// that it is correct. The rig has to be stopped even if there is an error.
func newRig(ctx context.Context, dir, server string, on cores, withTLS bool) (*rig, error) {
	r := &rig{dir: dir}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return r, err
	}
	if err := errors.Join(writeCertificate(dir), r.writeBodies()); err != nil {
		return r, err
	}
	plain, encrypted, err := r.startStub(ctx)
	if err != nil {
		return r, err
	}
	if err := r.startAll(ctx, server, plain, on, false); err != nil {
		return r, err
	}
	if withTLS {
		if err := r.startAll(ctx, server, encrypted, on, true); err != nil {
			return r, err
		}
	}
	for _, v := range r.variants {
		if err := prove(ctx, v); err != nil {
			return r, err
		}
	}
	return r, nil
}

// startStub starts the stub and returns its addresses for plain HTTP and for TLS.
func (r *rig) startStub(ctx context.Context) (plain, encrypted string, err error) {
	a, err := freeAddresses(3)
	if err != nil {
		return "", "", err
	}
	r.status = a[2]
	c := stubConfig{r.dir, a[0], a[1], a[2], ownPath, guid, stubReply}
	p, err := r.startConfigured(ctx, "stub.conf", "stub", loadCore, c, []string{"nginx", "-c"}, a...)
	r.add(&variant{name: "stub alone", kind: jsonH1, address: a[0], path: ownPath, process: p})
	return a[0], a[1], err
}

func (r *rig) add(v ...*variant) { r.variants = append(r.variants, v...) }

func (r *rig) stop() {
	for _, p := range r.processes {
		p.stop()
	}
}

// startAll starts the variants in front of one port of the stub.
func (r *rig) startAll(ctx context.Context, server, upstream string, on cores, tls bool) error {
	if err := r.startNginx(ctx, upstream, on, tls); err != nil {
		return err
	}
	if !tls {
		if err := r.startHAProxy(ctx, upstream, on); err != nil {
			return err
		}
	}
	if err := r.startReverseProxy(ctx, upstream, on, tls); err != nil {
		return err
	}
	return r.startAgentconf(ctx, server, upstream, on, tls)
}

func (r *rig) startNginx(ctx context.Context, upstream string, on cores, tls bool) error {
	a, err := freeAddresses(2)
	if err != nil {
		return err
	}
	name := nameOf("nginx", tls)
	c := proxyConfig{r.dir, name, tls, upstream, a[0], a[1]}
	p, err := r.startConfigured(ctx, "proxy.conf", name, on, c, []string{"nginx", "-c"}, a...)
	r.addProxy("nginx", p, tls, a)
	return err
}

func (r *rig) startHAProxy(ctx context.Context, upstream string, on cores) error {
	a, err := freeAddresses(2)
	if err != nil {
		return err
	}
	c := proxyConfig{r.dir, "haproxy", false, upstream, a[0], a[1]}
	p, err := r.startConfigured(ctx, "haproxy.cfg", "haproxy", on, c, []string{"haproxy", "-db", "-f"}, a...)
	r.addProxy("haproxy", p, false, a)
	return err
}

func (r *rig) startReverseProxy(ctx context.Context, upstream string, on cores, tls bool) error {
	a, err := freeAddresses(1)
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	command := append([]string{self, "reverse-proxy", a[0]}, r.gateway(upstream, tls, "")...)
	p, err := r.start(ctx, nameOf("reverse-proxy", tls), on, command, a...)
	r.addProxy("ReverseProxy", p, tls, []string{a[0], a[0]})
	return err
}

// addProxy adds the two variants of a program that only forwards.
func (r *rig) addProxy(name string, p *process, tls bool, a []string) {
	r.add(&variant{name: name + " h1", kind: jsonH1, tls: tls, address: a[0], path: ownPath, process: p},
		&variant{name: name + " h2", kind: jsonH2, tls: tls, address: a[1], path: ownPath, process: p})
}

// startAgentconf starts the binary as it runs by default; its log goes to a file.
func (r *rig) startAgentconf(ctx context.Context, server, upstream string, on cores, tls bool) error {
	a, err := freeAddresses(3)
	if err != nil {
		return err
	}
	command := append([]string{server, "serve", "--grpc-listen", a[0], "--http-listen", a[1], "--admin-listen", a[2], "--agent-rate", "0", "--drain-delay", "0", "--gateway"},
		r.gateway(upstream, tls, "--gateway-ca")...)
	p, err := r.start(ctx, nameOf("agentconf", tls), on, command, a...)
	r.add(&variant{name: "agentconf gRPC", kind: grpcH2, tls: tls, address: a[0], path: grpcPath, process: p},
		&variant{name: "agentconf JSON", kind: jsonH1, tls: tls, address: a[1], path: ownPath, process: p},
		&variant{name: "agentconf JSON /v1", kind: jsonH1, tls: tls, address: a[1], path: v1Path, process: p})
	return err
}

// gateway is the arguments that name the stub and, if it speaks TLS, what
// verifies it, behind flag if there is one.
func (r *rig) gateway(upstream string, tls bool, flag string) []string {
	switch {
	case !tls:
		return []string{"http://" + upstream}
	case flag == "":
		return []string{"https://" + upstream, r.certificate()}
	}
	return []string{"https://" + upstream, flag, r.certificate()}
}

func (r *rig) certificate() string { return filepath.Join(r.dir, certificateFile) }

func nameOf(name string, tls bool) string {
	if tls {
		return name + "-tls"
	}
	return name
}

// startConfigured starts a command with a configuration, made from its template.
func (r *rig) startConfigured(
	ctx context.Context, file, name string, on cores, data any, command []string, addresses ...string,
) (*process, error) {
	t, err := template.ParseFS(configs, "conf/"+file)
	if err != nil {
		return nil, err
	}
	var text strings.Builder
	if err := t.Execute(&text, data); err != nil {
		return nil, err
	}
	config := filepath.Join(r.dir, name+".conf")
	if err := os.WriteFile(config, []byte(text.String()), 0o644); err != nil {
		return nil, err
	}
	return r.start(ctx, name, on, append(command, config), addresses...)
}

func (r *rig) start(ctx context.Context, name string, on cores, command []string, addresses ...string) (*process, error) {
	p, err := start(ctx, r.dir, name, on, command, addresses...)
	if err == nil {
		r.processes = append(r.processes, p)
	}
	return p, err
}

// find returns variants by name, with TLS to the gateway or without.
func (r *rig) find(tls bool, names ...string) []*variant {
	var found []*variant
	for _, name := range names {
		for _, v := range r.variants {
			if v.name == name && v.tls == tls {
				found = append(found, v)
			}
		}
	}
	return found
}

// freeAddresses are addresses of this host that nobody listens on.
func freeAddresses(n int) ([]string, error) {
	var addresses []string
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, fmt.Errorf("no free port: %w", err)
		}
		defer l.Close() // all at the end, so that none is given twice
		addresses = append(addresses, l.Addr().String())
	}
	return addresses, nil
}
