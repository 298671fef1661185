package main

import (
	"context"
	"embed"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"text/template"
)

// variant is one way of a hold to the gateway.
type variant struct {
	name string
	tls  bool // to the gateway
	target
	process *process

	replySize int     // bytes of the reply's body, once proved
	rate      float64 // holds a second in the last slice
}

func (v *variant) id() string { return suffixed(v.name, " TLS", v.tls) }

func suffixed(name, suffix string, yes bool) string {
	if yes {
		return name + suffix
	}
	return name
}

// testbed is a stub gateway and the variants in front of it.
type testbed struct {
	*workspace
	on       cores // of the variants
	variants []*variant
	status   string // address of the stub's request counter
}

//go:embed conf
var configs embed.FS

// configuration fills the templates in conf/.
type configuration struct {
	Dir, Name, Upstream, H1Addr, H2Addr string
	TLS                                 bool

	StubAddr, StubTLSAddr, StatusAddr, HoldPath, GUID, Reply string // of the stub
}

// newTestbed starts all programs and proves that every variant is correct.
func (s *workspace) newTestbed(ctx context.Context, on cores, withTLS bool) (*testbed, error) {
	b := &testbed{workspace: s, on: on}
	if err := errors.Join(writeCertificate(s.dir), b.writeBodies()); err != nil {
		return nil, err
	}
	plain, encrypted, err := b.startStub(ctx)
	if err != nil {
		return nil, err
	}
	if err := b.startVariants(ctx, plain, false); err != nil {
		return nil, err
	}
	if withTLS {
		if err := b.startVariants(ctx, encrypted, true); err != nil {
			return nil, err
		}
	}
	for _, v := range b.variants {
		if err := prove(ctx, v); err != nil {
			return nil, err
		}
	}
	return b, nil
}

// startStub starts the stub and returns its addresses for plain HTTP and for TLS.
func (b *testbed) startStub(ctx context.Context) (plain, encrypted string, err error) {
	a, err := freeAddresses(3)
	if err != nil {
		return "", "", err
	}
	b.status = a[2]
	c := configuration{
		Name: "stub", StubAddr: a[0], StubTLSAddr: a[1], StatusAddr: a[2],
		HoldPath: ownPath, GUID: guid, Reply: stubReply,
	}
	p, err := b.launchConfigured(ctx, "stub.conf", c, loadCore, []string{"nginx", "-c"}, a...)
	b.add("stub alone", false, p, target{jsonH1, a[0], ownPath, guid})
	return a[0], a[1], err
}

func (b *testbed) add(name string, tls bool, p *process, t target) {
	b.variants = append(b.variants, &variant{name: name, tls: tls, process: p, target: t})
}

// startVariants starts the measured programs in front of one port of the stub.
func (b *testbed) startVariants(ctx context.Context, upstream string, tls bool) error {
	if err := b.startProxy(ctx, "nginx", "proxy.conf", []string{"nginx", "-c"}, upstream, tls); err != nil {
		return err
	}
	url := "https://" + upstream
	if !tls {
		url = "http://" + upstream
		if err := b.startProxy(ctx, "haproxy", "haproxy.cfg", []string{"haproxy", "-db", "-f"}, upstream, tls); err != nil {
			return err
		}
	}
	a, err := freeAddresses(4)
	if err != nil {
		return err
	}
	p, err := b.launchSelf(ctx, b.on, []string{"reverse-proxy", a[3], url}, a[3])
	if err != nil {
		return err
	}
	b.addProxy("ReverseProxy", tls, p, a[3], a[3])
	e := endpoint{a[0], a[1], a[2]}
	if p, err = b.launchAgentconf(ctx, b.on, b.binary, e, url, "--agent-rate", "0"); err != nil {
		return err
	}
	b.add("agentconf gRPC", tls, p, grpcTarget(e.grpc, guid))
	b.add("agentconf JSON", tls, p, target{jsonH1, e.http, ownPath, guid})
	b.add("agentconf JSON /v1", tls, p, target{jsonH1, e.http, v1Path, guid})
	if b.base == "" || tls {
		return nil
	}
	return b.startBase(ctx, url)
}

// startBase starts the other build of agentconf.
func (b *testbed) startBase(ctx context.Context, url string) error {
	a, err := freeAddresses(3)
	if err != nil {
		return err
	}
	e := endpoint{a[0], a[1], a[2]}
	p, err := b.launchAgentconf(ctx, b.on, b.base, e, url, "--agent-rate", "0")
	if err != nil {
		return err
	}
	b.add("base gRPC", false, p, grpcTarget(e.grpc, guid))
	b.add("base JSON", false, p, target{jsonH1, e.http, ownPath, guid})
	return nil
}

// startProxy starts a plain proxy with a configuration.
func (b *testbed) startProxy(ctx context.Context, name, file string, args []string, upstream string, tls bool) error {
	a, err := freeAddresses(2)
	if err != nil {
		return err
	}
	c := configuration{Name: suffixed(name, "-tls", tls), TLS: tls, Upstream: upstream, H1Addr: a[0], H2Addr: a[1]}
	p, err := b.launchConfigured(ctx, file, c, b.on, args, a...)
	b.addProxy(name, tls, p, a[0], a[1])
	return err
}

// addProxy adds the two variants of a program that only forwards.
func (b *testbed) addProxy(name string, tls bool, p *process, h1, h2 string) {
	b.add(name+" h1", tls, p, target{jsonH1, h1, ownPath, guid})
	b.add(name+" h2", tls, p, target{jsonH2, h2, ownPath, guid})
}

// launchConfigured starts a program whose last argument is a configuration, made from a
// template in conf/.
func (s *workspace) launchConfigured(
	ctx context.Context, file string, c configuration, on cores, args []string, addresses ...string,
) (*process, error) {
	c.Dir = s.dir
	t, err := template.ParseFS(configs, "conf/"+file)
	if err != nil {
		return nil, err
	}
	config, err := os.Create(filepath.Join(s.dir, c.Name+".conf"))
	if err != nil {
		return nil, err
	}
	if err := errors.Join(t.Execute(config, c), config.Close()); err != nil {
		return nil, err
	}
	return s.launch(ctx, c.Name, on, append(args, config.Name()), addresses...)
}

// find returns variants without TLS by name.
func (b *testbed) find(names ...string) []*variant {
	return slices.DeleteFunc(slices.Clone(b.variants), func(v *variant) bool {
		return v.tls || !slices.Contains(names, v.name)
	})
}
