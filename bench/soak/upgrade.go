package soak

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"agentconf/server/bench/rig"
)

const (
	upTime   = time.Second            // with both replicas, before a restart and after the last one
	awayTime = 500 * time.Millisecond // of a replica that is restarted

	holdsPerSecond = 500
	lineCount      = 64 // agents, each with its own connection and a conference with one phone
)

// upgrade is a run: two agentconfs behind nginx, as deploy/nginx.conf configures it.
type upgrade struct {
	replicas
	proxy rig.Endpoint // nginx
}

func RunUpgrade(ctx context.Context, args []string) error {
	fs := flag.NewFlagSet("upgrade", flag.ExitOnError)
	rounds := fs.Int("rounds", 1, "restarts of each agentconf under load")
	fs.Parse(args) // exits on an error
	u := &upgrade{}
	err := u.withReplicas(ctx, func() error { return u.run(ctx, *rounds) },
		"--auth-mode", "1", "--sign-out-after", "0", "--answer-delay", "0")
	if err != nil {
		return err
	}
	compared, mismatches := u.ledger.mismatches()
	fmt.Printf("%d calls, %d failed; %d compared with the log of the gateway, %d not exactly once in it\n",
		u.tally.calls, len(u.tally.incidents), compared, len(mismatches))
	return u.judge()
}

// run restarts the replicas under a load over gRPC, and then over JSON.
func (u *upgrade) run(ctx context.Context, rounds int) error {
	if err := u.startBalancer(ctx); err != nil {
		return err
	}
	for _, json := range []bool{false, true} {
		lines, err := u.openLines(ctx, json)
		if err != nil {
			return err
		}
		stop := rig.Background(ctx, func(ctx context.Context) error { return u.makeHolds(ctx, lines) })
		err = errors.Join(u.restartAll(ctx, rounds), stop())
		for _, l := range lines {
			l.disconnect()
		}
		if err != nil {
			return err
		}
		fmt.Printf("%s: %d restarts\n", map[bool]string{false: "gRPC", true: "JSON"}[json], 2*rounds)
	}
	return nil
}

// startBalancer starts nginx with deploy/nginx.conf, in which only the addresses change.
func (u *upgrade) startBalancer(ctx context.Context) error {
	u.proxy = rig.Endpoint{GRPC: u.Address(), HTTP: u.Address()}
	text, err := os.ReadFile(filepath.Join(rig.Root, "deploy/nginx.conf"))
	if err != nil {
		return err
	}
	config := strings.NewReplacer(
		"agentconf-1.example:9090", u.agentconfs[0].GRPC, "agentconf-1.example:8080", u.agentconfs[0].HTTP,
		"agentconf-2.example:9090", u.agentconfs[1].GRPC, "agentconf-2.example:8080", u.agentconfs[1].HTTP,
		"listen 9090", "listen "+u.proxy.GRPC, "listen 8080", "listen "+u.proxy.HTTP,
	).Replace(string(text))
	if err := os.WriteFile(filepath.Join(u.Dir, "deploy.conf"), []byte(config), 0o644); err != nil {
		return err
	}
	_, err = u.LaunchConfigured(ctx, "balancer.conf", rig.Configuration{Name: "balancer"}, rig.BothCores,
		[]string{"nginx", "-p", u.Dir, "-c"}, u.proxy.GRPC, u.proxy.HTTP)
	return err
}

// line is a phone in an agent's conference. It takes one call at a time.
type line struct {
	*agent
	phone string
}

// openLines opens a conference with a phone for every agent, by way of nginx.
func (u *upgrade) openLines(ctx context.Context, json bool) (lines []line, err error) {
	var group errgroup.Group
	for n := range lineCount {
		a := &agent{
			records: &u.records, endpoints: [2]rig.Endpoint{u.proxy, u.proxy},
			id: strconv.Itoa(firstAgent + n), json: json,
		}
		l := line{a, phoneNumber(u.phones.Add(1))}
		lines = append(lines, l)
		group.Go(func() error {
			defer l.unfollow()
			if err := l.openConference(ctx); err != nil {
				return err
			}
			return l.invite(ctx, l.phone)
		})
	}
	return lines, group.Wait()
}

// makeHolds makes holds at an even pace until ctx is done, each with its own voice path,
// and takes each back. It returns when the last one is taken back.
func (u *upgrade) makeHolds(ctx context.Context, lines []line) error {
	free := make(chan line, len(lines))
	for _, l := range lines {
		free <- l
	}
	var calls sync.WaitGroup
	holds, late, start := 0, time.Duration(0), time.Now()
	err := rig.Pace(ctx, holdsPerSecond, math.MaxInt, func(n int, due time.Time) error {
		l := <-free
		holds++
		late = max(late, time.Since(due))
		calls.Go(func() {
			// The ledger and the tally record the outcomes. Any failure fails the run.
			l.hold(l.phone, fmt.Sprintf("y:/conf/120/%d.V3", u.phones.Add(1)), nil)
			l.unhold(l.phone, nil)
			free <- l
		})
		return nil
	})
	took := time.Since(start)
	calls.Wait()
	fmt.Printf("%d holds in %v, at most %v late\n", holds, took.Round(time.Millisecond), late.Round(time.Millisecond))
	return errors.Join(err, checkRate(holds, took))
}

// checkRate returns an error if a load fell short of its rate.
func checkRate(holds int, took time.Duration) error {
	if rate := float64(holds) / took.Seconds(); rate < 0.98*holdsPerSecond {
		return fmt.Errorf("%.0f holds a second, %w", rate, rig.ErrUnsound)
	}
	return nil
}

// restartAll restarts the two replicas in turn, so that one of them always runs.
func (u *upgrade) restartAll(ctx context.Context, rounds int) error {
	rig.Sleep(ctx, upTime)
	for n := range 2 * rounds {
		if err := u.stopReplica(n % 2); err != nil {
			return err
		}
		rig.Sleep(ctx, awayTime)
		if err := u.startReplica(ctx, n%2); err != nil {
			return err
		}
		rig.Sleep(ctx, upTime)
	}
	return nil
}
