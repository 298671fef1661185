package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"agentconf/internal/program"
)

// root is the root of the repository, as seen from the directory in which bench runs.
const root = ".."

// cores are the CPUs that a process may use, as taskset expects them.
type cores string

const (
	targetCore cores = "0"
	loadCore   cores = "1" // of the load, the stub and this program
	bothCores  cores = "0,1"
)

const (
	startTimeout = 30 * time.Second

	// stopTimeout bounds the end of a process. agentconf drains for up to 20 s.
	stopTimeout = 30 * time.Second
)

// workspace is a temporary directory with the binary of agentconf, and the processes that run
// there.
type workspace struct {
	dir, binary string
	processes   []*process
	starts      int
	port        int // of the last address
}

// withWorkspace builds agentconf and calls run. Then it stops all processes.
func withWorkspace(ctx context.Context, run func(s *workspace) error) error {
	dir, err := os.MkdirTemp("", "agentconf-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	binary, err := program.Build(ctx, root, dir)
	if err != nil {
		return err
	}
	s := &workspace{dir: dir, binary: binary, port: 20_000 + rand.IntN(10_000)}
	defer s.stop()
	return run(s)
}

// stop stops all processes.
func (s *workspace) stop() {
	for _, p := range s.processes {
		p.stop() // no error matters: the processes have done their work, or have ended
	}
	s.processes = nil
}

// address returns an address of this host that stays free while a process is restarted:
// Linux gives ports below 32768 to no outgoing connection. If no port is free, the process
// that is to listen there fails.
func (s *workspace) address() string {
	for s.port++; s.port < 32_768; s.port++ {
		if l, err := net.Listen("tcp", localAddress(s.port)); err == nil {
			l.Close()
			break
		}
	}
	return localAddress(s.port)
}

func localAddress(port int) string { return fmt.Sprintf("127.0.0.1:%d", port) }

// process is a server that this program starts, once or again with the same arguments.
type process struct {
	*program.Process // of the last start; nil before the first one
	name             string
	on               cores
	args             []string
	addresses        []string // where it listens
	pids             []int    // of the process and its children
	output           string   // file
}

// launch starts a command on cores, which listens on addresses.
func (s *workspace) launch(
	ctx context.Context, name string, on cores, args []string, addresses ...string,
) (*process, error) {
	p := &process{name: name, on: on, args: args, addresses: addresses}
	s.processes = append(s.processes, p)
	return p, s.start(ctx, p)
}

// start starts p and waits until it accepts connections on all addresses. Its output goes
// to a file, because reading it would cost this program CPU time.
func (s *workspace) start(ctx context.Context, p *process) error {
	s.starts++
	log, err := os.Create(filepath.Join(s.dir, fmt.Sprintf("%s-%d.out", p.name, s.starts)))
	if err != nil {
		return err
	}
	defer log.Close()
	p.output = log.Name()
	cmd := command(p.on, p.args...)
	cmd.Env = append(cmd.Env, "SSL_CERT_FILE="+filepath.Join(s.dir, certificateFile)) // of the stub
	cmd.Stdout, cmd.Stderr = log, log
	if p.Process, err = program.Launch(cmd); err != nil {
		return err
	}
	if err := p.awaitPorts(ctx); err != nil {
		text, _ := os.ReadFile(p.output)
		return fmt.Errorf("%s: %w\n%s", p.name, err, text)
	}
	p.pids = append([]int{p.Pid()}, childrenOf(p.Pid())...)
	return nil
}

// command returns a pinned command. Its environment has no GOGC and no AGENTCONF_ variable
// of the caller.
func command(on cores, args ...string) *exec.Cmd {
	cmd := exec.Command("taskset", append([]string{"-c", string(on)}, args...)...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH")}
	return cmd
}

func (p *process) awaitPorts(ctx context.Context) error {
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
	for err != nil && sleep(ctx, 20*time.Millisecond) {
		err = try()
	}
	return err
}

// childrenOf returns the children of a process, such as the worker of nginx.
func childrenOf(pid int) (children []int) {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%[1]d/children", pid)) // not in every kernel
	for field := range strings.FieldsSeq(string(text)) {
		child, _ := strconv.Atoi(field) // the kernel writes numbers
		children = append(children, child)
	}
	return children
}

// stop ends the process by SIGTERM and returns its error. After stopTimeout it sends SIGKILL.
func (p *process) stop() error {
	if p.Process == nil {
		return nil
	}
	defer time.AfterFunc(stopTimeout, func() { p.Signal(syscall.SIGKILL) }).Stop()
	if err := p.Stop(); err != nil {
		return fmt.Errorf("%s ended with %w", p.name, err)
	}
	return nil
}

// agentconf is a running agentconf.
type agentconf struct {
	*process
	endpoint
}

// endpoint is where an agentconf listens.
type endpoint struct{ grpc, http, admin string }

// launchAgentconf starts a build of agentconf with its defaults and additional flags. It stops
// without a delay.
func (s *workspace) launchAgentconf(
	ctx context.Context, on cores, binary, gateway string, flags ...string,
) (agentconf, error) {
	e := endpoint{s.address(), s.address(), s.address()}
	args := []string{
		binary, "serve", "--gateway", gateway, "--grpc-listen", e.grpc, "--http-listen", e.http,
		"--admin-listen", e.admin, "--drain-delay", "0",
	}
	p, err := s.launch(ctx, "agentconf", on, append(args, flags...), e.grpc, e.http, e.admin)
	return agentconf{p, e}, err
}

// awaitReady waits until agentconf reports that it is ready.
func (e endpoint) awaitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	return retry(ctx, func() error {
		_, err := fetch(ctx, e.admin, "/readyz")
		return err
	})
}

// launchSelf starts a command of this program, which takes its address as the first argument.
func (s *workspace) launchSelf(
	ctx context.Context, on cores, name, address string, args ...string,
) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	return s.launch(ctx, name, on, append([]string{self, name, address}, args...), address)
}
