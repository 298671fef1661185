// Package program starts agentconf as a child process and reads its addresses,
// for tests and measurements. Every caller in the repository starts it this way.
package program

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
)

// Build compiles agentconf into dir and returns the file. root is the root of the
// repository.
func Build(ctx context.Context, root, dir string) (string, error) {
	binary, err := filepath.Abs(filepath.Join(dir, "agentconf"))
	if err != nil {
		return "", err
	}
	cmd := exec.CommandContext(ctx, "go", "build", "-o", binary, "./server")
	cmd.Dir = root
	if text, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build ./server: %w\n%s", err, text)
	}
	return binary, nil
}

// Process is a running agentconf. Its addresses are those of its start record; they
// are empty for a command that does not listen there.
type Process struct {
	GRPC, HTTP, Admin string // HOST:PORT of serve
	Emulator          string // URL of emulate

	cmd    *exec.Cmd
	output *output
	exited chan struct{}
	err    error // of Wait, once exited is closed
}

// LocalPorts are the flags that let serve listen on free ports of 127.0.0.1.
var LocalPorts = []string{"--grpc-listen", "127.0.0.1:0", "--http-listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"}

// Launch starts cmd and does not wait for it to listen. It collects the output for
// Await and Output, unless the caller has set cmd.Stdout.
func Launch(cmd *exec.Cmd) (*Process, error) {
	p := &Process{cmd: cmd, output: newOutput(), exited: make(chan struct{})}
	if cmd.Stdout == nil {
		cmd.Stdout, cmd.Stderr = p.output, p.output
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		p.err = cmd.Wait()
		p.output.Close()
		close(p.exited)
	}()
	return p, nil
}

// Start starts cmd, which runs "agentconf serve" or "agentconf emulate", and returns
// when it listens. The caller may set everything of cmd but its output.
func Start(cmd *exec.Cmd) (*Process, error) {
	p, err := Launch(cmd)
	if err != nil {
		return nil, err
	}
	line, err := p.Await(`"msg":"serving"|at http://`)
	if err != nil {
		return nil, err
	}
	if !strings.HasPrefix(line, "{") {
		p.Emulator = emulatorURL.FindString(line)
		return p, nil
	}
	return p, json.Unmarshal([]byte(line), p)
}

var emulatorURL = regexp.MustCompile(`http://[^;\s]+`)

// Await waits for an output line that matches pattern and returns it. Lines before
// it are not considered again by the next call.
func (p *Process) Await(pattern string) (string, error) {
	match := regexp.MustCompile(pattern)
	for {
		line, err := p.output.next()
		if err != nil {
			<-p.exited
			return "", fmt.Errorf("%s ended before it printed %s: %v\n%s", filepath.Base(p.cmd.Path), pattern, p.err, p.Output())
		}
		if match.MatchString(line) {
			return line, nil
		}
	}
}

// Output returns what the process has printed so far.
func (p *Process) Output() string { return p.output.all() }

// Pid returns the process ID.
func (p *Process) Pid() int { return p.cmd.Process.Pid }

// Signal sends a signal to the process.
func (p *Process) Signal(s syscall.Signal) error { return p.cmd.Process.Signal(s) }

// Wait waits until the process has ended and returns its error.
func (p *Process) Wait() error {
	<-p.exited
	return p.err
}

// Stop ends the process as an operator does, by SIGTERM, and waits for its end.
func (p *Process) Stop() error {
	if err := p.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	return p.Wait()
}

// output collects what a process prints and hands it out line by line. Reading
// never holds the process up.
type output struct {
	mu      sync.Mutex
	changed *sync.Cond
	text    bytes.Buffer
	read    int // bytes that next has returned
	closed  bool
}

func newOutput() *output {
	o := &output{}
	o.changed = sync.NewCond(&o.mu)
	return o
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.changed.Broadcast()
	return o.text.Write(p)
}

func (o *output) Close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.closed = true
	o.changed.Broadcast()
}

// next returns the next whole line, or io.EOF at the end.
func (o *output) next() (string, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for {
		rest := o.text.Bytes()[o.read:]
		if line, _, found := bytes.Cut(rest, []byte("\n")); found {
			o.read += len(line) + 1
			return string(line), nil
		}
		if o.closed {
			return "", io.EOF
		}
		o.changed.Wait()
	}
}

func (o *output) all() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}
