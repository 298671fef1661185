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
	listenTimeout = 10 * time.Second

	// stopTimeout bounds the end of a process. agentconf drains for up to 20 s.
	stopTimeout = 30 * time.Second
)

// process is a server that this program has started.
type process struct {
	*program.Process
	name   string
	pids   []int  // of the process and its children
	output string // file
}

// stop ends the process by SIGTERM and returns its error. After stopTimeout it sends SIGKILL.
func (p *process) stop() error {
	defer time.AfterFunc(stopTimeout, func() { p.Signal(syscall.SIGKILL) }).Stop()
	if err := p.Stop(); err != nil {
		return fmt.Errorf("%s ended with %w", p.name, err)
	}
	return nil
}

// workspace is a temporary directory with the binary of agentconf, and the processes that run
// there.
type workspace struct {
	dir, binary string
	base        string // another build of agentconf, or empty
	processes   []*process
	starts      int
}

// newWorkspace builds agentconf. The caller must close the workspace even after an error.
func newWorkspace(ctx context.Context) (s *workspace, err error) {
	s = &workspace{}
	if s.dir, err = os.MkdirTemp("", "agentconf-bench-"); err != nil {
		return s, err
	}
	s.binary, err = program.Build(ctx, root, s.dir)
	return s, err
}

// stop stops all processes.
func (s *workspace) stop() {
	for _, p := range s.processes {
		p.stop() // no error matters: the processes have done their work, or have ended
	}
	s.processes = nil
}

func (s *workspace) close() {
	s.stop()
	os.RemoveAll(s.dir)
}

// launch starts a command on cores and waits until it accepts connections on all
// addresses. Its environment has no GOGC and no AGENTCONF_ variable of the caller. Its
// output goes to a file, because reading it would cost this program CPU time.
func (s *workspace) launch(
	ctx context.Context, name string, on cores, args []string, addresses ...string,
) (*process, error) {
	s.starts++
	log, err := os.Create(filepath.Join(s.dir, fmt.Sprintf("%s-%d.out", name, s.starts)))
	if err != nil {
		return nil, err
	}
	defer log.Close()
	cmd := command(on, args...)
	cmd.Env = append(cmd.Env, "SSL_CERT_FILE="+filepath.Join(s.dir, certificateFile)) // of the stub, if there is one
	cmd.Stdout, cmd.Stderr = log, log
	launched, err := program.Launch(cmd)
	if err != nil {
		return nil, err
	}
	p := &process{Process: launched, name: name, output: log.Name()}
	s.processes = append(s.processes, p)
	if err := p.awaitPorts(ctx, addresses); err != nil {
		text, _ := os.ReadFile(log.Name())
		return nil, fmt.Errorf("%s: %w\n%s", name, err, text)
	}
	p.pids = append([]int{p.Pid()}, childrenOf(p.Pid())...)
	return p, nil
}

// launchSelf starts this program with another command.
func (s *workspace) launchSelf(ctx context.Context, on cores, args []string, addresses ...string) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	return s.launch(ctx, args[0], on, append([]string{self}, args...), addresses...)
}

// endpoint is where an agentconf listens.
type endpoint struct{ grpc, http, admin string }

// launchAgentconf starts a build of agentconf with its defaults and additional flags. It stops
// without a delay.
func (s *workspace) launchAgentconf(
	ctx context.Context, on cores, binary string, e endpoint, gateway string, flags ...string,
) (*process, error) {
	args := []string{
		binary, "serve", "--gateway", gateway, "--grpc-listen", e.grpc, "--http-listen", e.http,
		"--admin-listen", e.admin, "--drain-delay", "0",
	}
	return s.launch(ctx, "agentconf", on, append(args, flags...), e.grpc, e.http, e.admin)
}

// command returns a pinned command.
func command(on cores, args ...string) *exec.Cmd {
	cmd := exec.Command("taskset", append([]string{"-c", string(on)}, args...)...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH")}
	return cmd
}

func (p *process) awaitPorts(ctx context.Context, addresses []string) error {
	ctx, cancel := context.WithTimeout(ctx, listenTimeout)
	defer cancel()
	go func() {
		p.Wait()
		cancel() // a process that has ended will not listen
	}()
	for _, address := range addresses {
		conn, err := net.Dial("tcp", address)
		for ; err != nil; conn, err = net.Dial("tcp", address) {
			if !sleep(ctx, 20*time.Millisecond) {
				return err
			}
		}
		conn.Close()
	}
	return nil
}

func childrenOf(pid int) (children []int) {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%[1]d/children", pid)) // not in every kernel
	for field := range strings.FieldsSeq(string(text)) {
		if child, err := strconv.Atoi(field); err == nil {
			children = append(children, child)
		}
	}
	return children
}

// freeAddresses returns addresses of this host that stay free while a process is
// restarted: Linux gives ports below 32768 to no outgoing connection.
func freeAddresses(n int) (addresses []string, err error) {
	for port := 20_000 + rand.IntN(10_000); len(addresses) < n; port++ {
		if port >= 32_768 {
			return nil, errors.New("no free port below 32768")
		}
		if l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port)); err == nil {
			addresses = append(addresses, l.Addr().String())
			l.Close()
		}
	}
	return addresses, nil
}
