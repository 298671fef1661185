package rig

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"agentconf/internal/program"
)

// Root is the root of the repository, as seen from the directory in which bench runs.
const Root = ".."

// Cores are the CPUs that a process may use, as taskset expects them.
type Cores string

const (
	TargetCore Cores = "0"
	LoadCore   Cores = "1" // of the load, the stub and this program
	BothCores  Cores = "0,1"
)

const (
	startTimeout = 30 * time.Second

	// stopTimeout bounds the end of a process. agentconf drains for up to 20 s.
	stopTimeout = 30 * time.Second
)

// Workspace is a temporary directory with the binary of agentconf, and the processes that run
// there.
type Workspace struct {
	Dir, Binary string
	processes   []*Process
	starts      int
	port        int // of the last address
}

// WithWorkspace builds agentconf and calls run. Then it stops all processes.
func WithWorkspace(ctx context.Context, run func(s *Workspace) error) error {
	dir, err := os.MkdirTemp("", "agentconf-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	binary, err := program.Build(ctx, Root, dir)
	if err != nil {
		return err
	}
	s := &Workspace{Dir: dir, Binary: binary, port: 20_000 + rand.IntN(10_000)}
	defer s.Stop()
	return run(s)
}

// Stop stops all processes.
func (s *Workspace) Stop() {
	for _, p := range s.processes {
		p.Stop() // no error matters: the processes have done their work, or have ended
	}
	s.processes = nil
}

// Address returns an address of this host that stays free while a process is restarted:
// Linux gives ports below 32768 to no outgoing connection. If no port is free, the process
// that is to listen there fails.
func (s *Workspace) Address() string {
	for s.port++; s.port < 32_768; s.port++ {
		if l, err := net.Listen("tcp", localAddress(s.port)); err == nil {
			l.Close()
			break
		}
	}
	return localAddress(s.port)
}

func localAddress(port int) string { return fmt.Sprintf("127.0.0.1:%d", port) }

// Process is a server that this program starts, once or again with the same arguments.
type Process struct {
	*program.Process // of the last start; nil before the first one
	name             string
	on               Cores
	args             []string
	addresses        []string // where it listens
	Output           string   // file
}

// Launch starts a command on cores, which listens on addresses.
func (s *Workspace) Launch(
	ctx context.Context, name string, on Cores, args []string, addresses ...string,
) (*Process, error) {
	p := &Process{name: name, on: on, args: args, addresses: addresses}
	s.processes = append(s.processes, p)
	return p, s.Start(ctx, p)
}

// Start starts p and waits until it accepts connections on all addresses. Its output goes
// to a file, because reading it would cost this program CPU time.
func (s *Workspace) Start(ctx context.Context, p *Process) error {
	s.starts++
	log, err := os.Create(filepath.Join(s.Dir, fmt.Sprintf("%s-%d.out", p.name, s.starts)))
	if err != nil {
		return err
	}
	defer log.Close()
	p.Output = log.Name()
	cmd := Command(p.on, p.args...)
	cmd.Env = append(cmd.Env, "HOME="+s.Dir) // Caddy writes to it
	cmd.Stdout, cmd.Stderr = log, log
	if p.Process, err = program.Launch(cmd); err != nil {
		return err
	}
	if err := p.awaitPorts(ctx); err != nil {
		text, _ := os.ReadFile(p.Output)
		return fmt.Errorf("%s: %w\n%s", p.name, err, text)
	}
	return nil
}

// Command returns a pinned command. Its environment has no GOGC and no AGENTCONF_ variable
// of the caller.
func Command(on Cores, args ...string) *exec.Cmd {
	cmd := exec.Command("taskset", append([]string{"-c", string(on)}, args...)...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH")}
	return cmd
}

func (p *Process) awaitPorts(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	go func(started *program.Process) {
		started.Wait()
		cancel() // a process that has ended will not listen
	}(p.Process)
	var errs []error
	for _, address := range p.addresses {
		errs = append(errs, retry(ctx, func() error {
			conn, err := net.Dial("tcp", address)
			if err != nil {
				return err
			}
			return conn.Close()
		}))
	}
	return errors.Join(errs...)
}

// retry repeats try every 20 ms until it succeeds. When ctx is done it returns the last
// error.
func retry(ctx context.Context, try func() error) error {
	err := try()
	for err != nil && Sleep(ctx, 20*time.Millisecond) {
		err = try()
	}
	return err
}

// Stop ends the process by SIGTERM and returns its error. After stopTimeout it sends SIGKILL.
func (p *Process) Stop() error {
	if p.Process == nil {
		return nil
	}
	defer time.AfterFunc(stopTimeout, func() { p.Signal(syscall.SIGKILL) }).Stop()
	if err := p.Process.Stop(); err != nil {
		return fmt.Errorf("%s ended with %w", p.name, err)
	}
	return nil
}

// Agentconf is a running agentconf.
type Agentconf struct {
	*Process
	Endpoint
}

// Endpoint is where an agentconf listens.
type Endpoint struct{ GRPC, HTTP, Admin string }

// LaunchAgentconf starts a build of agentconf with its defaults and additional flags. It stops
// without a delay.
func (s *Workspace) LaunchAgentconf(
	ctx context.Context, on Cores, binary, gateway string, flags ...string,
) (Agentconf, error) {
	e := Endpoint{s.Address(), s.Address(), s.Address()}
	args := []string{
		binary, "serve", "--gateway", gateway, "--grpc-listen", e.GRPC, "--http-listen", e.HTTP,
		"--admin-listen", e.Admin, "--drain-delay", "0",
	}
	p, err := s.Launch(ctx, "agentconf", on, append(args, flags...), e.GRPC, e.HTTP, e.Admin)
	return Agentconf{p, e}, err
}

// AwaitReady waits until agentconf reports that it is ready.
func (e Endpoint) AwaitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	return retry(ctx, func() error {
		_, err := Fetch(ctx, e.Admin, "/readyz")
		return err
	})
}

// LaunchSelf starts a command of this program, whose arguments are its addresses and then
// args.
func (s *Workspace) LaunchSelf(
	ctx context.Context, on Cores, name string, addresses []string, args ...string,
) (*Process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	return s.Launch(ctx, name, on, slices.Concat([]string{self, name}, addresses, args), addresses...)
}
