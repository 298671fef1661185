//go:build linux

package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"syscall"
	"time"
)

const (
	pacedRate        = 4000 // holds a second
	pacedConnections = 40   // with one hold in flight each
)

// pacedResult is what the paced load prints.
type pacedResult struct {
	Holds    int
	CPU      time.Duration
	Took     time.Duration
	P50, P99 float64 // µs
}

// runPacedLoad makes holds at even distances. Its arguments are the kind, the
// address and the path of a variant, and how many. It begins when its input tells
// it to, so that opening its connections is not part of the slice.
func runPacedLoad(_ context.Context, args []string) error {
	if len(args) != 4 {
		return errors.New("usage: paced-load KIND ADDRESS PATH HOLDS")
	}
	n, err := strconv.Atoi(args[3])
	if err != nil {
		return err
	}
	p, err := newPacer(kind(args[0]), args[1], args[2])
	if err != nil {
		return err
	}
	fmt.Println("ready")
	if _, err := bufio.NewReader(os.Stdin).ReadString('\n'); err != nil {
		return err
	}
	before, err := cpuOf(os.Getpid())
	if err != nil {
		return err
	}
	start := time.Now()
	if err := p.run(n); err != nil {
		return err
	}
	took := time.Since(start)
	after, err := cpuOf(os.Getpid())
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(pacedResult{
		Holds: len(p.latencies), CPU: after - before, Took: took,
		P50: quantile(p.latencies, 0.5), P99: quantile(p.latencies, 0.99),
	})
}

// pacer sends and receives on one thread, which waits in select: the runtime's own
// timers are only good to a millisecond, and threads of its own would have to share
// the core.
type pacer struct {
	clients   []client
	sockets   []int
	busy      []bool
	owed      [][]time.Time // when holds were due that wait for those before them on their connection
	latencies []float64     // µs
}

func newPacer(kind kind, address, path string) (*pacer, error) {
	p := &pacer{busy: make([]bool, pacedConnections), owed: make([][]time.Time, pacedConnections)}
	for i := range pacedConnections {
		c, err := dialHold(kind, address, path)
		if err != nil {
			return nil, err
		}
		socket, err := descriptor(c)
		if err != nil {
			return nil, err
		}
		p.clients, p.sockets = append(p.clients, c), append(p.sockets, socket)
		if err := p.send(i, time.Now()); err != nil {
			return nil, err
		}
		for p.busy[i] {
			if err := p.step(i); err != nil {
				return nil, err
			}
		}
	}
	p.latencies = nil
	return p, nil
}

// descriptor is the number of a connection's socket, which stays open as long as
// the connection.
func descriptor(c client) (int, error) {
	var number int
	raw, err := c.SyscallConn()
	if err != nil {
		return 0, err
	}
	err = raw.Control(func(fd uintptr) { number = int(fd) })
	return number, err
}

func (p *pacer) run(n int) error {
	runtime.LockOSThread()
	start := time.Now()
	sent := 0
	for len(p.latencies) < n {
		next := start.Add(time.Duration(sent) * time.Second / pacedRate)
		if sent < n && !time.Now().Before(next) {
			if err := p.dueNow(sent%len(p.clients), next); err != nil {
				return err
			}
			sent++
			continue
		}
		wait := time.Second // for replies that are still to come
		if sent < n {
			wait = time.Until(next)
		}
		if err := p.receive(wait); err != nil {
			return err
		}
	}
	return nil
}

// dueNow sends a hold, or has it wait for the one before it on its connection.
// Its time is counted from when it is sent, or was due if it had to wait.
func (p *pacer) dueNow(i int, due time.Time) error {
	if !p.busy[i] {
		return p.send(i, time.Now())
	}
	p.owed[i] = append(p.owed[i], due)
	return nil
}

func (p *pacer) send(i int, start time.Time) error {
	p.busy[i] = true
	return p.clients[i].send(start)
}

// receive waits for replies and reads what has come.
func (p *pacer) receive(wait time.Duration) error {
	var readable syscall.FdSet
	highest := 0
	for _, s := range p.sockets {
		readable.Bits[s/64] |= 1 << (s % 64)
		highest = max(highest, s)
	}
	timeout := syscall.NsecToTimeval(max(wait, 0).Nanoseconds())
	n, err := syscall.Select(highest+1, &readable, nil, nil, &timeout)
	if err == syscall.EINTR || err == nil && n == 0 {
		return nil
	}
	if err != nil {
		return err
	}
	for i, s := range p.sockets {
		if readable.Bits[s/64]&(1<<(s%64)) == 0 {
			continue
		}
		if err := p.step(i); err != nil {
			return err
		}
		for p.clients[i].buffered() > 0 {
			if err := p.step(i); err != nil {
				return err
			}
		}
	}
	return nil
}

func (p *pacer) step(i int) error {
	start, ended, err := p.clients[i].step()
	if err != nil || !ended {
		return err
	}
	p.latencies = append(p.latencies, float64(time.Since(start).Nanoseconds())/1000)
	p.busy[i] = false
	if len(p.owed[i]) == 0 {
		return nil
	}
	due := p.owed[i][0]
	p.owed[i] = p.owed[i][1:]
	return p.send(i, due)
}

// pacedLoad starts the paced load of a slice; what it returns lets it run.
func (r *rig) pacedLoad(ctx context.Context, v *variant, n int) (func() (load, error), error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, "taskset", "-c", string(loadCore),
		self, "paced-load", string(v.kind), v.address, v.path, strconv.Itoa(n))
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	reader := bufio.NewReader(out)
	if line, err := reader.ReadString('\n'); err != nil || line != "ready\n" {
		return nil, errors.Join(fmt.Errorf("the paced load of %s: %q, %v", v.id(), line, err), cmd.Wait())
	}
	return func() (load, error) { return runPaced(cmd, in, reader) }, nil
}

func runPaced(cmd *exec.Cmd, in io.Writer, out io.Reader) (load, error) {
	if _, err := io.WriteString(in, "go\n"); err != nil {
		return load{}, err
	}
	var got pacedResult
	decoding := json.NewDecoder(out).Decode(&got)
	if err := errors.Join(decoding, cmd.Wait()); err != nil {
		return load{}, fmt.Errorf("the paced load: %w", err)
	}
	return load{
		holds: got.Holds,
		rate:  float64(got.Holds) / got.Took.Seconds(),
		cpu:   got.CPU,
		p50:   time.Duration(got.P50 * 1000),
		p99:   time.Duration(got.P99 * 1000),
	}, nil
}
