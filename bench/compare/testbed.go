package compare

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"

	"agentconf/server/bench/rig"
)

// variant is one way of a hold to the gateway.
type variant struct {
	name string // ends in tlsSuffix if the gateway is reached over TLS
	rig.Target
	process *rig.Process

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

// nginx returns the name of nginx with the same protocol in.
func (v *variant) nginx() string {
	if v.Kind == rig.JSONH1 {
		return v.peer("nginx h1")
	}
	return v.peer("nginx h2")
}

// testbed is a stub gateway and the variants in front of it.
type testbed struct {
	*rig.Workspace
	on       rig.Cores // of the variants
	base     string    // another build of agentconf, or empty
	variants []*variant
	seen     func(ctx context.Context) (int, error) // number of holds at the stub
}

// upstream is a port of the stub.
type upstream struct{ scheme, address, suffix string } // suffix of the variants in front of it

func (u upstream) url() string { return u.scheme + "://" + u.address }

// newTestbed starts all programs and proves that every variant is correct.
func newTestbed(ctx context.Context, s *rig.Workspace, on rig.Cores, base string, withTLS bool) (*testbed, error) {
	b := &testbed{Workspace: s, on: on, base: base}
	if err := errors.Join(rig.WriteCertificate(ctx, s.Dir), b.writeBodies()); err != nil {
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
		if v.replySize, err = v.Prove(ctx); err != nil {
			return nil, fmt.Errorf("%s: %w", v.name, err)
		}
	}
	return b, nil
}

// startStub starts the stub and returns its ports for plain HTTP and for TLS.
func (b *testbed) startStub(ctx context.Context) (plain, encrypted upstream, err error) {
	plain, encrypted = upstream{"http", b.Address(), ""}, upstream{"https", b.Address(), tlsSuffix}
	status := b.Address()
	b.seen = countRequests(status)
	c := rig.Configuration{
		Name: "stub", StubAddr: plain.address, StubTLSAddr: encrypted.address, StatusAddr: status,
		HoldPath: rig.OwnPath, GUID: rig.GUID, Reply: rig.StubReply,
	}
	p, err := b.LaunchConfigured(ctx, "stub.conf", c, rig.LoadCore, []string{"nginx", "-c"},
		plain.address, encrypted.address, status)
	b.add("stub alone", p, rig.JSONTarget(rig.JSONH1, plain.address))
	return plain, encrypted, err
}

func (b *testbed) add(name string, p *rig.Process, t rig.Target) {
	b.variants = append(b.variants, &variant{name: name, process: p, Target: t})
}

// startVariants starts the measured programs in front of one port of the stub. Those
// other than nginx, the ReverseProxy and agentconf are compared without TLS only.
func (b *testbed) startVariants(ctx context.Context, u upstream) error {
	err := b.startProxy(ctx, u, "nginx", "proxy.conf", "nginx", "-c")
	if u.scheme == "http" {
		err = errors.Join(err, b.startProxy(ctx, u, "haproxy", "haproxy.cfg", "haproxy", "-db", "-f"),
			b.startCaddy(ctx, u), b.startFloor(ctx, u), b.startUsualBridge(ctx, u))
	}
	err = errors.Join(err, b.startReverseProxy(ctx, u), b.startAgentconf(ctx, u, "agentconf", b.Binary))
	if u.scheme == "http" && b.base != "" {
		err = errors.Join(err, b.startAgentconf(ctx, u, "base", b.base))
	}
	return err
}

// startAgentconf starts a build of agentconf without its rate limit, as all holds are of
// one agent.
func (b *testbed) startAgentconf(ctx context.Context, u upstream, name, binary string) error {
	a, err := b.LaunchAgentconf(ctx, b.on, binary, u.url(), "--agent-rate", "0")
	b.add(name+" gRPC"+u.suffix, a.Process, rig.GRPCTarget(a.GRPC, rig.GUID))
	b.add(name+" JSON"+u.suffix, a.Process, rig.JSONTarget(rig.JSONH1, a.HTTP))
	return err
}

func (b *testbed) startReverseProxy(ctx context.Context, u upstream) error {
	address := b.Address()
	p, err := b.LaunchSelf(ctx, b.on, "reverse-proxy", []string{address}, u.url())
	b.addProxy("ReverseProxy", u, p, address, address)
	return err
}

// startFloor starts the libraries that agentconf stands on, with its exchange with the
// gateway and without the rest of it.
func (b *testbed) startFloor(ctx context.Context, u upstream) error {
	grpc, http, gateway := b.Address(), b.Address(), b.Address()
	p, err := b.LaunchSelf(ctx, b.on, "floor", []string{grpc, http, gateway}, u.url())
	b.add("bare grpc-go", p, rig.GRPCTarget(grpc, rig.GUID))
	b.add("bare net/http", p, rig.JSONTarget(rig.JSONH1, http))
	b.add("grpc-gateway", p, rig.JSONTarget(rig.JSONH1, gateway))
	return err
}

// startUsualBridge starts the bridge that is usually built.
func (b *testbed) startUsualBridge(ctx context.Context, u upstream) error {
	grpc, http := b.Address(), b.Address()
	p, err := b.LaunchSelf(ctx, b.on, "usual-bridge", []string{grpc, http}, u.url())
	b.add("usual bridge gRPC", p, rig.GRPCTarget(grpc, rig.GUID))
	b.add("usual bridge JSON", p, rig.JSONTarget(rig.JSONH1, http))
	return err
}

// startCaddy starts Caddy, which is left out where it is not installed.
func (b *testbed) startCaddy(ctx context.Context, u upstream) error {
	if _, err := exec.LookPath("caddy"); err != nil {
		fmt.Fprintln(os.Stderr, "Caddy is not installed, and left out")
		return nil
	}
	return b.startProxy(ctx, u, "Caddy", "caddy.conf", "caddy", "run", "--adapter", "caddyfile", "--config")
}

// startProxy starts a plain proxy with a configuration.
func (b *testbed) startProxy(ctx context.Context, u upstream, name, file string, args ...string) error {
	c := rig.Configuration{Name: name + "-" + u.scheme, Scheme: u.scheme, Upstream: u.address}
	c.H1Addr, c.H2Addr = b.Address(), b.Address()
	p, err := b.LaunchConfigured(ctx, file, c, b.on, args, c.H1Addr, c.H2Addr)
	b.addProxy(name, u, p, c.H1Addr, c.H2Addr)
	return err
}

// addProxy adds the two variants of a program that only forwards.
func (b *testbed) addProxy(name string, u upstream, p *rig.Process, h1, h2 string) {
	b.add(name+" h1"+u.suffix, p, rig.JSONTarget(rig.JSONH1, h1))
	b.add(name+" h2"+u.suffix, p, rig.JSONTarget(rig.JSONH2, h2))
}
