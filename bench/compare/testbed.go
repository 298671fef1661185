package compare

import (
	"context"
	"errors"
	"fmt"
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

// testbed is a stub gateway and the variants in front of it.
type testbed struct {
	*rig.Workspace
	on       rig.Cores // of the variants
	base     string    // another build of agentconf, or empty
	variants []*variant
	status   string // address of the stub's request counter
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
	b.status = b.Address()
	c := rig.Configuration{
		Name: "stub", StubAddr: plain.address, StubTLSAddr: encrypted.address, StatusAddr: b.status,
		HoldPath: rig.OwnPath, GUID: rig.GUID, Reply: rig.StubReply,
	}
	p, err := b.LaunchConfigured(ctx, "stub.conf", c, rig.LoadCore, []string{"nginx", "-c"},
		plain.address, encrypted.address, b.status)
	b.add("stub alone", p, rig.JSONTarget(rig.JSONH1, plain.address))
	return plain, encrypted, err
}

func (b *testbed) add(name string, p *rig.Process, t rig.Target) {
	b.variants = append(b.variants, &variant{name: name, process: p, Target: t})
}

// startVariants starts the measured programs in front of one port of the stub. haproxy and
// the other build of agentconf are compared without TLS only.
func (b *testbed) startVariants(ctx context.Context, u upstream) error {
	err := b.startProxy(ctx, u, "nginx", "proxy.conf", "nginx", "-c")
	if u.scheme == "http" {
		err = errors.Join(err, b.startProxy(ctx, u, "haproxy", "haproxy.cfg", "haproxy", "-db", "-f"))
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
	p, err := b.LaunchSelf(ctx, b.on, "reverse-proxy", address, u.url())
	b.addProxy("ReverseProxy", u, p, address, address)
	return err
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
