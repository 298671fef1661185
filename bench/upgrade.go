//go:build linux

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

const (
	up   = time.Second            // for which both serve, before a restart and after the last
	down = 500 * time.Millisecond // for which one is away

	// restartTime bounds how long an agentconf may take to end, and to be ready.
	restartTime = 30 * time.Second
)

// upgrade is two agentconfs in front of one emulated gateway and behind nginx, as
// deploy/nginx.conf sets it up.
type upgrade struct {
	rig
	server    string // the binary
	gateway   string // its address
	replicas  [2]replica
	grpc, web string // addresses of nginx
}

// replica is one agentconf: three addresses, and the process that has them now.
type replica struct {
	grpc, web, admin string
	starts           int
	process          *process
}

func runUpgrade(ctx context.Context, args []string) error {
	fs := flag.NewFlagSet("upgrade", flag.ExitOnError)
	rounds := fs.Int("rounds", 1, "how often each agentconf is restarted under load")
	fs.Parse(args)
	dir, err := os.MkdirTemp("", "agentconf-upgrade-")
	if err != nil {
		return err
	}
	u := &upgrade{rig: rig{dir: dir}}
	err = u.run(ctx, *rounds)
	u.stop()
	if err != nil {
		return fmt.Errorf("%w\nthe logs are in %s", err, dir)
	}
	return os.RemoveAll(dir)
}

func (u *upgrade) run(ctx context.Context, rounds int) (err error) {
	if u.server, err = build(ctx, u.dir, "./server"); err != nil {
		return err
	}
	if err := u.startGateway(ctx); err != nil {
		return err
	}
	for i := range u.replicas {
		if err := u.startReplica(ctx, i); err != nil {
			return err
		}
	}
	if err := u.startBalancer(ctx); err != nil {
		return err
	}
	for _, front := range []string{frontGRPC, frontJSON} {
		if err := u.underLoad(ctx, front, rounds); err != nil {
			return fmt.Errorf("%s: %w", front, err)
		}
	}
	return nil
}

// underLoad restarts each agentconf in turn while holds are made, and compares what
// the callers were told with the gateway's log.
func (u *upgrade) underLoad(ctx context.Context, front string, rounds int) error {
	lines, err := u.openLines(ctx, front)
	if err != nil {
		return err
	}
	before, err := u.readLog(ctx)
	if err != nil {
		return err
	}
	loading, stop := context.WithCancel(ctx)
	defer stop()
	sent := make(chan *madeHolds, 1)
	go func() { sent <- makeHolds(loading, lines) }()
	restarts := u.restartAll(ctx, rounds)
	stop()
	made := <-sent
	log, err := u.readLog(ctx)
	if err := errors.Join(restarts, err); err != nil {
		return err
	}
	return made.report(front, 2*rounds, log[len(before):])
}

func (u *upgrade) restartAll(ctx context.Context, rounds int) error {
	time.Sleep(up)
	for range rounds {
		for i := range u.replicas {
			if err := u.replicas[i].end(); err != nil {
				return err
			}
			time.Sleep(down)
			if err := u.startReplica(ctx, i); err != nil {
				return err
			}
			time.Sleep(up)
		}
	}
	return nil
}

// end stops a replica as an operator does, who wants the exit code 0.
func (r *replica) end() error {
	if err := r.process.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	select {
	case <-r.process.done:
	case <-time.After(restartTime):
		return fmt.Errorf("%s did not end in %v", r.process.name, restartTime)
	}
	if state := r.process.cmd.ProcessState; !state.Success() {
		return fmt.Errorf("%s ended with %v", r.process.name, state)
	}
	return nil
}

// startReplica starts a replica on its addresses and waits until it is ready.
func (u *upgrade) startReplica(ctx context.Context, i int) error {
	r := &u.replicas[i]
	if r.starts == 0 {
		a, err := keptAddresses(3)
		if err != nil {
			return err
		}
		r.grpc, r.web, r.admin = a[0], a[1], a[2]
	}
	r.starts++
	command := []string{u.server, "serve", "--gateway", "http://" + u.gateway, "--drain-delay", "0",
		"--grpc-listen", r.grpc, "--http-listen", r.web, "--admin-listen", r.admin}
	var err error
	if r.process, err = u.start(ctx, fmt.Sprintf("agentconf-%d-%d", i+1, r.starts), bothCores, command, r.admin); err != nil {
		return err
	}
	return r.awaitReady(ctx)
}

// keptAddresses are addresses that stay free while nobody listens on them: Linux does
// not give these ports to clients.
func keptAddresses(n int) (addresses []string, err error) {
	for port := 20_000 + rand.IntN(10_000); len(addresses) < n; port++ {
		if port >= 32_768 {
			return nil, errors.New("no free port below 32768")
		}
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			continue
		}
		addresses = append(addresses, l.Addr().String())
		l.Close()
	}
	return addresses, nil
}

func (r *replica) awaitReady(ctx context.Context) error {
	for end := time.Now().Add(restartTime); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		req, err := http.NewRequestWithContext(ctx, "GET", "http://"+r.admin+"/readyz", nil)
		if err != nil {
			return err
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return err
		}
		resp.Body.Close()
		if resp.StatusCode == http.StatusOK {
			return nil
		}
	}
	return fmt.Errorf("%s was not ready in %v", r.process.name, restartTime)
}

func (u *upgrade) startGateway(ctx context.Context) error {
	a, err := freeAddresses(1)
	if err != nil {
		return err
	}
	u.gateway = a[0]
	_, err = u.start(ctx, "emulator", bothCores, []string{u.server, "emulate", "--listen", a[0],
		"--auth-mode", "1", "--sign-out-after", "0", "--answer-delay", "0"}, a[0])
	return err
}

// startBalancer starts nginx with the file that operators get, which is changed in
// nothing but the addresses.
func (u *upgrade) startBalancer(ctx context.Context) error {
	a, err := freeAddresses(2)
	if err != nil {
		return err
	}
	u.grpc, u.web = a[0], a[1]
	text, err := os.ReadFile("deploy/nginx.conf")
	if err != nil {
		return err
	}
	config := strings.NewReplacer(
		"agentconf-1.example:9090", u.replicas[0].grpc, "agentconf-1.example:8080", u.replicas[0].web,
		"agentconf-2.example:9090", u.replicas[1].grpc, "agentconf-2.example:8080", u.replicas[1].web,
		"listen 9090", "listen "+u.grpc, "listen 8080", "listen "+u.web,
	).Replace(string(text))
	if err := os.WriteFile(filepath.Join(u.dir, "deploy.conf"), []byte(config), 0o644); err != nil {
		return err
	}
	_, err = u.startConfigured(ctx, "balancer.conf", "balancer", bothCores, struct{ Dir string }{u.dir}, []string{"nginx", "-p", u.dir, "-c"}, a...)
	return err
}
