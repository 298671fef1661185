package compare

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"

	"agentconf/server/bench/rig"
)

// variant is one way of a hold to the gateway.
type variant struct {
	name string
	rig.Target
	process *rig.Process

	replySize int     // bytes of the reply's body, once proved
	rate      float64 // holds a second in the last slice
}

// nginx returns the name of nginx with the same protocol in.
func (v *variant) nginx() string {
	if v.Kind == rig.JSONH1 {
		return "nginx h1"
	}
	return "nginx h2"
}

// testbed is a stub gateway and the variants in front of it.
type testbed struct {
	*rig.Workspace
	stub     string // address
	variants []*variant
	seen     func(ctx context.Context) (int, error) // number of holds at the stub
}

// newTestbed starts all programs and proves that every variant is correct. base is another
// build of agentconf, or empty.
func newTestbed(ctx context.Context, s *rig.Workspace, base string) (*testbed, error) {
	b := &testbed{Workspace: s}
	start := []func(context.Context) error{
		b.startStub, b.startNginx, b.startCaddy, b.startFloor, b.startUsualBridge,
		func(ctx context.Context) error { return b.startAgentconf(ctx, "agentconf", s.Binary) },
	}
	if base != "" {
		start = append(start, func(ctx context.Context) error { return b.startAgentconf(ctx, "base", base) })
	}
	err := b.writeBodies()
	for _, each := range start {
		if err == nil {
			err = each(ctx)
		}
	}
	if err != nil {
		return nil, err
	}
	for _, v := range b.variants {
		if v.replySize, err = v.Prove(); err != nil {
			return nil, fmt.Errorf("%s: %w", v.name, err)
		}
	}
	return b, nil
}

// newSlowTestbed starts a slow gateway, and nginx and agentconf in front of it.
func newSlowTestbed(ctx context.Context, s *rig.Workspace) (*testbed, error) {
	gateway, err := s.LaunchGateway(ctx, rig.LoadCore, rig.Schedule{Delay: slowDelay})
	if err != nil {
		return nil, err
	}
	b := &testbed{Workspace: s, stub: gateway.Address}
	b.seen = func(ctx context.Context) (int, error) {
		counted, err := gateway.Count(ctx)
		return int(counted.Holds), err
	}
	b.add("stub alone", gateway.Process, rig.JSONTarget(rig.JSONH1, gateway.Address))
	return b, errors.Join(b.startNginx(ctx), b.startAgentconf(ctx, "agentconf", b.Binary))
}

func (b *testbed) add(name string, p *rig.Process, t rig.Target) {
	b.variants = append(b.variants, &variant{name: name, process: p, Target: t})
}

func (b *testbed) url() string { return "http://" + b.stub }

func (b *testbed) startStub(ctx context.Context) error {
	b.stub = b.Address()
	status := b.Address()
	b.seen = countRequests(status)
	c := rig.Configuration{
		Name: "stub", StubAddr: b.stub, StatusAddr: status, HoldPath: rig.OwnPath, GUID: rig.GUID, Reply: rig.StubReply,
	}
	p, err := b.LaunchConfigured(ctx, "stub.conf", c, rig.LoadCore, []string{"nginx", "-c"}, b.stub, status)
	b.add("stub alone", p, rig.JSONTarget(rig.JSONH1, b.stub))
	return err
}

// startAgentconf starts a build of agentconf without its rate limit, as all holds are of one
// agent, and without probes, which the stub would count.
func (b *testbed) startAgentconf(ctx context.Context, name, binary string) error {
	a, err := b.LaunchAgentconf(ctx, rig.TargetCore, binary, b.url(), "--agent-rate", "0", "--probe-interval", "0")
	b.add(name+" gRPC", a.Process, rig.GRPCTarget(a.GRPC, rig.GUID))
	b.add(name+" JSON", a.Process, rig.JSONTarget(rig.JSONH1, a.HTTP))
	return err
}

// startFloor starts the libraries that agentconf stands on, with its exchange with the
// gateway and without the rest of it.
func (b *testbed) startFloor(ctx context.Context) error {
	grpc, http, gateway := b.Address(), b.Address(), b.Address()
	p, err := b.LaunchSelf(ctx, rig.TargetCore, "floor", []string{grpc, http, gateway}, b.url())
	b.add("bare grpc-go", p, rig.GRPCTarget(grpc, rig.GUID))
	b.add("bare net/http", p, rig.JSONTarget(rig.JSONH1, http))
	b.add("grpc-gateway", p, rig.JSONTarget(rig.JSONH1, gateway))
	return err
}

// startUsualBridge starts the bridge that is usually built.
func (b *testbed) startUsualBridge(ctx context.Context) error {
	grpc, http := b.Address(), b.Address()
	p, err := b.LaunchSelf(ctx, rig.TargetCore, "usual-bridge", []string{grpc, http}, b.url())
	b.add("usual bridge gRPC", p, rig.GRPCTarget(grpc, rig.GUID))
	b.add("usual bridge JSON", p, rig.JSONTarget(rig.JSONH1, http))
	return err
}

func (b *testbed) startNginx(ctx context.Context) error {
	return b.startProxy(ctx, "nginx", "proxy.conf", "nginx", "-c")
}

// startCaddy starts Caddy, which is left out where it is not installed.
func (b *testbed) startCaddy(ctx context.Context) error {
	if _, err := exec.LookPath("caddy"); err != nil {
		fmt.Fprintln(os.Stderr, "Caddy is not installed, and left out")
		return nil
	}
	return b.startProxy(ctx, "Caddy", "caddy.conf", "caddy", "run", "--adapter", "caddyfile", "--config")
}

// startProxy starts a program that only forwards, over HTTP/1.1 and HTTP/2.
func (b *testbed) startProxy(ctx context.Context, name, file string, args ...string) error {
	c := rig.Configuration{Name: name, Upstream: b.stub, H1Addr: b.Address(), H2Addr: b.Address()}
	p, err := b.LaunchConfigured(ctx, file, c, rig.TargetCore, args, c.H1Addr, c.H2Addr)
	b.add(name+" h1", p, rig.JSONTarget(rig.JSONH1, c.H1Addr))
	b.add(name+" h2", p, rig.JSONTarget(rig.JSONH2, c.H2Addr))
	return err
}
