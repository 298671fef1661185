//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// cores is where a process may run, as taskset wants it.
type cores string

const (
	targetCore cores = "0"
	loadCore   cores = "1" // of the load, the stub and this program
	bothCores  cores = "0,1"
)

// process is a server that this program has started.
type process struct {
	name string
	cmd  *exec.Cmd
	pids []int // its own and those of its children
	done chan struct{}
}

// start starts a server and waits until it accepts connections on all addresses.
// Its output goes to a file in dir.
func start(ctx context.Context, dir, name string, on cores, command []string, addresses ...string) (*process, error) {
	log, err := os.Create(filepath.Join(dir, name+".out"))
	if err != nil {
		return nil, err
	}
	defer log.Close()
	cmd := exec.Command("taskset", append([]string{"-c", string(on)}, command...)...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH")} // no GOGC, no AGENTCONF_ of the caller's
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &process{name: name, cmd: cmd, done: make(chan struct{})}
	go func() {
		cmd.Wait()
		close(p.done)
	}()
	for _, address := range addresses {
		if err := p.await(ctx, address); err != nil {
			p.stop()
			return nil, fmt.Errorf("%s: %w; its output: %s", name, err, log.Name())
		}
	}
	p.pids = append([]int{cmd.Process.Pid}, childrenOf(cmd.Process.Pid)...)
	return p, nil
}

func (p *process) await(ctx context.Context, address string) error {
	for range 500 {
		if conn, err := net.Dial("tcp", address); err == nil {
			return conn.Close()
		}
		select {
		case <-p.done:
			return errors.New("it ended at once")
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
	return fmt.Errorf("it does not listen on %s", address)
}

// stopPatience is how long a process may take to stop. agentconf lets calls end for
// 20 s.
const stopPatience = 25 * time.Second

// stop ends the process, by force if it does not go.
func (p *process) stop() {
	p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(stopPatience):
		p.cmd.Process.Kill()
		<-p.done
	}
}

func childrenOf(pid int) []int {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%[1]d/children", pid))
	if err != nil {
		return nil
	}
	var children []int
	for field := range strings.FieldsSeq(string(text)) {
		if child, err := strconv.Atoi(field); err == nil {
			children = append(children, child)
		}
	}
	return children
}

// output is what a command prints, pinned.
func output(ctx context.Context, on cores, command ...string) (string, *os.ProcessState, error) {
	cmd := exec.CommandContext(ctx, "taskset", append([]string{"-c", string(on)}, command...)...)
	text, err := cmd.CombinedOutput()
	if err != nil {
		return "", nil, fmt.Errorf("%s: %w\n%s", command[0], err, text)
	}
	return string(text), cmd.ProcessState, nil
}

// build compiles a package of this module into dir.
func build(ctx context.Context, dir, pkg string) (string, error) {
	binary := filepath.Join(dir, filepath.Base(pkg))
	cmd := exec.CommandContext(ctx, "go", "build", "-o", binary, pkg)
	if text, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build %s: %w\n%s", pkg, err, text)
	}
	return binary, nil
}
