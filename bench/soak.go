//go:build linux

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

const (
	desks      = 100
	firstAgent = 1001

	downtime  = time.Second     // of a process that is restarted
	aftermath = 5 * time.Second // for which a restart explains errors once the process is back
)

// rhythm is when what is restarted.
type rhythm struct {
	length time.Duration
	turn   time.Duration // from restart to restart of the gateway, and half of that of agentconf
	guid   time.Duration // age at which a GUID is replaced; at twice that it has expired
	sample time.Duration // from sample to sample of memory
	quiet  time.Duration // after the load; the events of agents that nobody watches are kept for two minutes
}

// rhythmOf is that of a run of ten minutes, faster if the run is shorter than two.
func rhythmOf(length time.Duration) rhythm {
	turn := min(30*time.Second, length/4)
	return rhythm{length: length, turn: turn, guid: turn / 3, sample: turn / 6, quiet: min(130*time.Second, length/4)}
}

// door is where an agentconf listens.
type door struct{ grpc, http, admin string }

// soak is a run: agents at two agentconfs in front of one emulated gateway.
type soak struct {
	rhythm
	dir, server string
	address     string // of the gateway
	doors       [2]door

	gateway    *process
	agentconfs [2]*process
	started    int // processes, each of which has its own files

	phones atomic.Int64
	tally  tally
	ledger ledger
	faults []string  // of processes
	idle   [2]vitals // of the first agentconf, before and after the load
	loaded []vitals  // with it
}

func runSoak(ctx context.Context, args []string) error {
	fs := flag.NewFlagSet("soak", flag.ExitOnError)
	length := fs.Duration("for", 10*time.Minute, "how long; 30s for a quick look")
	fs.Parse(args)
	if *length < 10*time.Second {
		return errors.New("-for must be 10s or more")
	}
	dir, err := os.MkdirTemp("", "agentconf-soak-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	s := &soak{rhythm: rhythmOf(*length), dir: dir}
	if s.server, err = build(ctx, dir, "./server"); err != nil {
		return err
	}
	if err := s.open(ctx); err != nil {
		return errors.Join(err, s.close())
	}
	if err := errors.Join(s.run(ctx), s.close()); err != nil {
		return err
	}
	return s.report()
}

// open starts the processes.
func (s *soak) open(ctx context.Context) error {
	a, err := lastingAddresses(7)
	if err != nil {
		return err
	}
	s.address, s.doors = a[0], [2]door{{a[1], a[2], a[3]}, {a[4], a[5], a[6]}}
	if err := s.startGateway(ctx); err != nil {
		return err
	}
	for i := range s.doors {
		if err := s.startAgentconf(ctx, i); err != nil {
			return err
		}
	}
	return nil
}

// lastingAddresses are addresses that are free and stay so while nobody listens: the
// ports of outgoing connections are higher.
func lastingAddresses(n int) (addresses []string, err error) {
	for port := 20000; len(addresses) < n; port++ {
		address := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
		if l, err := net.Listen("tcp", address); err == nil {
			addresses = append(addresses, address)
			l.Close()
		}
		if port == 30000 {
			return nil, errors.New("no free ports between 20000 and 30000")
		}
	}
	return addresses, nil
}

func (s *soak) startGateway(ctx context.Context) (err error) {
	s.gateway, err = s.start(ctx, "gateway", []string{s.server, "emulate", "--listen", s.address,
		"--guid-interval", s.guid.String(), "--guid-timeout", (2 * s.guid).String(),
		"--answer-delay", "10ms", "--log", filepath.Join(s.dir, "gateway.log")}, s.address)
	return err
}

func (s *soak) startAgentconf(ctx context.Context, i int) (err error) {
	d := s.doors[i]
	s.agentconfs[i], err = s.start(ctx, "agentconf", []string{s.server, "serve", "--gateway", "http://" + s.address,
		"--grpc-listen", d.grpc, "--http-listen", d.http, "--admin-listen", d.admin, "--drain-delay", "0"}, d.grpc, d.http)
	return err
}

// start starts a process whose output is looked through in the end.
func (s *soak) start(ctx context.Context, name string, command []string, addresses ...string) (*process, error) {
	s.started++
	return start(ctx, s.dir, fmt.Sprintf("%s-%d", name, s.started), bothCores, command, addresses...)
}

// stopGateway stops the gateway and reads its log.
func (s *soak) stopGateway() error {
	s.end(s.gateway)
	return s.ledger.read(filepath.Join(s.dir, "gateway.log"))
}

// end stops a process, which has to end well.
func (s *soak) end(p *process) {
	p.stop()
	if code := p.cmd.ProcessState.ExitCode(); code != 0 {
		s.faults = append(s.faults, fmt.Sprintf("%s ended with exit code %d", p.name, code))
	}
}

// close stops what was started.
func (s *soak) close() error {
	for _, p := range s.agentconfs {
		if p != nil {
			s.end(p)
		}
	}
	if s.gateway == nil {
		return nil
	}
	err := s.stopGateway()
	return errors.Join(err, s.readOutput())
}

// run lets the agents work while processes are restarted.
func (s *soak) run(ctx context.Context) (err error) {
	if s.idle[0], err = s.vitals(ctx); err != nil {
		return err
	}
	work, stop := context.WithTimeout(ctx, s.length)
	defer stop()
	var working sync.WaitGroup
	for i := range desks {
		d := &desk{soak: s, agent: strconv.Itoa(firstAgent + i), json: i%2 == 1, home: i / 2 % 2}
		working.Go(func() {
			sleep(work, pace*time.Duration(i)/desks)
			d.work(work)
		})
	}
	failed := make(chan error, 2)
	working.Go(func() { failed <- s.watchVitals(work, stop) })
	working.Go(func() { failed <- s.disturb(work, stop) })
	working.Wait()
	if err := errors.Join(<-failed, <-failed, ctx.Err()); err != nil {
		return err
	}
	sleep(ctx, s.quiet)
	s.idle[1], err = s.vitals(ctx)
	return err
}

func (s *soak) vitals(ctx context.Context) (vitals, error) { return takeVitals(ctx, s.doors[0].admin) }

// watchVitals takes the vitals of the first agentconf, which is not restarted, until
// ctx is done. If it cannot, it stops the run.
func (s *soak) watchVitals(ctx context.Context, stop func()) error {
	for n := 1; sleep(ctx, s.sample); n++ {
		v, err := s.vitals(ctx)
		if ctx.Err() != nil {
			break
		}
		if err != nil {
			stop()
			return err
		}
		s.loaded = append(s.loaded, v)
		if n%12 == 0 {
			s.progress(v)
		}
	}
	return nil
}

func (s *soak) progress(v vitals) {
	s.tally.add(func() {
		fmt.Fprintf(os.Stderr, "%s  %d calls, %d errors; %.0f KiB, %.0f goroutines\n",
			v.at.Format(time.TimeOnly), s.tally.calls, len(s.tally.troubles), v.values[0], v.values[2])
	})
}

// disturb restarts the gateway in its rhythm, and in between the second agentconf.
func (s *soak) disturb(ctx context.Context, stop func()) error {
	begin, half := time.Now(), s.turn/2
	for n := 1; sleep(ctx, time.Until(begin.Add(half*time.Duration(n)))); n++ {
		var err error
		switch {
		case half*time.Duration(n+1) > s.length: // so that it ends in calm
			return nil
		case n%2 == 0:
			err = s.restart(gatewayRestart, s.stopGateway, func() error { return s.startGateway(ctx) })
		case n%4 == 1:
			err = s.restartAgentconf(ctx)
		}
		if ctx.Err() == nil && err != nil {
			stop()
			return err
		}
	}
	return nil
}

// restart stops a process and starts it again, and notes from when to when that
// explains errors.
func (s *soak) restart(c cause, stop, start func() error) error {
	from := time.Now()
	if err := stop(); err != nil {
		return err
	}
	time.Sleep(downtime)
	err := start()
	s.tally.disturbed(disturbance{c, from, time.Now().Add(aftermath)})
	return err
}

// restartAgentconf restarts the second one.
func (s *soak) restartAgentconf(ctx context.Context) error {
	s.tally.disturbed(disturbance{lostGUID, time.Now(), time.Now().Add(2*s.guid + aftermath)})
	return s.restart(agentconfRestart, func() error {
		s.end(s.agentconfs[1])
		return nil
	}, func() error { return s.startAgentconf(ctx, 1) })
}

// sleep reports whether the time passed before ctx was done.
func sleep(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}
