// Package soak runs agents while agentconf and the gateway restart: the soak test and the
// upgrade test.
package soak

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"

	"agentconf/server/bench/rig"
)

const (
	busyAgents = 100
	soakAgents = 2000 // with the quiet ones, whose rounds are rare; all of them watch
	firstAgent = 1001 // ID

	// guidGrace is the time between the age at which a GUID is replaced and its expiry. A new
	// GUID comes with the answer to the next poll that begins at that age. The poll of a quiet
	// agent lasts 10 s, and the one before it, too.
	guidGrace = 25 * time.Second

	downtime  = time.Second     // of a process that is restarted
	aftermath = 5 * time.Second // for which a restart explains errors once the process is back
)

// rhythm is the schedule of a run.
type rhythm struct {
	length time.Duration
	turn   time.Duration // between restarts of the gateway, and half of that between restarts of agentconf
	guid   time.Duration // age at which a GUID is replaced
	sample time.Duration // between samples of memory
	quiet  time.Duration // after the load; agentconf keeps the events of unwatched agents for two minutes
}

// rhythmOf returns the rhythm of a run. A run below two minutes has a faster one.
func rhythmOf(length time.Duration) rhythm {
	turn := min(30*time.Second, length/4)
	return rhythm{length: length, turn: turn, guid: turn / 3, sample: turn / 6, quiet: min(130*time.Second, length/4)}
}

// soak is a run: agents at two agentconfs in front of one emulated gateway.
type soak struct {
	rhythm
	replicas
	loaded []rig.Vitals  // of the first agentconf, which is not restarted
	idle   [2]rig.Vitals // before and after the load
}

func Run(ctx context.Context, args []string) error {
	fs := flag.NewFlagSet("soak", flag.ExitOnError)
	length := fs.Duration("for", 10*time.Minute, "length of the run; 30s for a quick look")
	fs.Parse(args) // exits on an error
	if *length < 10*time.Second {
		return errors.New("-for must be 10s or more")
	}
	// Each watched agent has a connection to agentconf, one to the gateway, and one for a call.
	if err := rig.CheckLimits(3 * soakAgents); err != nil {
		return err
	}
	s := &soak{rhythm: rhythmOf(*length)}
	err := s.withReplicas(ctx, func() error { return s.run(ctx) },
		"--guid-interval", s.guid.String(), "--guid-timeout", (s.guid + guidGrace).String(), "--answer-delay", "10ms")
	if err != nil {
		return err
	}
	return s.report()
}

// run lets the agents work while processes are restarted.
func (s *soak) run(ctx context.Context) (err error) {
	if s.idle[0], err = s.sampleVitals(ctx); err != nil {
		return err
	}
	work, stop := context.WithTimeout(ctx, s.length)
	defer stop()
	group, work := errgroup.WithContext(work)
	for i := range soakAgents {
		a := &agent{
			records: &s.records, endpoints: s.endpoints(),
			id: strconv.Itoa(firstAgent + i), json: i%2 == 1, home: i / 2 % 2, every: roundTime,
		}
		if i >= busyAgents {
			a.every = quietRoundTime
		}
		group.Go(func() error {
			rig.Sleep(work, startTime*time.Duration(i)/soakAgents)
			a.work(work)
			return nil
		})
	}
	group.Go(func() error { return s.watchVitals(work) })
	group.Go(func() error { return s.disturb(work) })
	if err := errors.Join(group.Wait(), ctx.Err()); err != nil {
		return err
	}
	rig.Sleep(ctx, s.quiet)
	s.idle[1], err = s.sampleVitals(ctx)
	return err
}

// sampleVitals reads the vitals of the first agentconf.
func (s *soak) sampleVitals(ctx context.Context) (rig.Vitals, error) {
	return rig.ReadVitalsAfterGC(ctx, s.agentconfs[0].Admin)
}

// watchVitals samples the vitals until ctx is done, and reports progress after every 12th.
func (s *soak) watchVitals(ctx context.Context) error {
	for n := 1; rig.Sleep(ctx, s.sample); n++ {
		v, err := s.sampleVitals(ctx)
		if ctx.Err() != nil {
			break
		}
		if err != nil {
			return err
		}
		s.loaded = append(s.loaded, v)
		if n%12 == 0 {
			s.tally.add(func() {
				fmt.Fprintf(os.Stderr, "%s  %d calls, %d errors; %.0f KiB, %.0f goroutines\n",
					v.At.Format(time.TimeOnly), s.tally.calls, len(s.tally.incidents), v.Values[0], v.Values[2])
			})
		}
	}
	return nil
}

// disturb restarts the gateway in its rhythm, and in between the second agentconf. It ends
// early enough for the run to end undisturbed.
func (s *soak) disturb(ctx context.Context) error {
	begin, half := time.Now(), s.turn/2
	for n := 1; half*time.Duration(n+1) <= s.length && rig.Sleep(ctx, time.Until(begin.Add(half*time.Duration(n)))); n++ {
		var err error
		switch {
		case n%2 == 0:
			err = s.restart(gatewayRestart, s.stopGateway, func() error { return s.Start(ctx, s.gateway) })
		case n%4 == 1:
			err = s.restart(agentconfRestart,
				func() error { return s.stopReplica(1) }, func() error { return s.startReplica(ctx, 1) })
		}
		if ctx.Err() == nil && err != nil {
			return err
		}
	}
	return nil
}

// restart stops and starts a process, and records the time in which that explains errors.
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

// report prints the result, and returns an error if the run had a fault.
func (s *soak) report() error {
	t := &s.tally
	fmt.Printf("%v with %d agents, %d of them busy, every second over JSON, at two agentconfs in front of one emulated gateway.\n",
		s.length, soakAgents, busyAgents)
	fmt.Printf("The gateway was restarted %d times, one agentconf %d times.\n\n",
		t.times(gatewayRestart), t.times(agentconfRestart))
	fmt.Printf("%d calls, %.0f a second. %d watches with %d events, %d new GUIDs and %d failures of polls.\n",
		t.calls, float64(t.calls)/s.length.Seconds(), t.watches, t.events, t.guids, t.failedPolls)
	fmt.Printf("Longest time of an agent without a watch: %v; %d of %d watched at the end.\n\n",
		t.longestGap.Round(time.Millisecond), t.watching, soakAgents)
	t.printErrors(os.Stdout)
	compared, mismatches := s.ledger.mismatches()
	fmt.Printf("\n%d calls compared with the logs of the gateway. mismatches: %d\n", compared, len(mismatches))
	printVitals(os.Stdout, "The agentconf that was not restarted, after a fifth of the run:",
		s.loaded[len(s.loaded)/5:])
	title := fmt.Sprintf("Before the load, and %v after it:", s.quiet)
	rig.PrintTable(os.Stdout, title, "\tbefore\tafter\t", []int{0, 1, 2, 3}, func(i int) string {
		return fmt.Sprintf("%s\t%.0f\t%.0f\t", rig.VitalNames[i], s.idle[0].Values[i], s.idle[1].Values[i])
	})
	return s.judge(s.unwatched()...)
}

// unwatched returns a fault unless every agent watched at the end.
func (s *soak) unwatched() []string {
	if s.tally.watching == soakAgents {
		return nil
	}
	return []string{fmt.Sprintf("%d of %d agents watched at the end", s.tally.watching, soakAgents)}
}
