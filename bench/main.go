// Command bench measures agentconf on Linux: the CPU time of a hold next to plain
// proxies, and memory and latency under many calls. It also runs the soak, overload and
// upgrade tests of docs/proof.md. The README describes the methods and results.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"
)

const usage = `usage, in the directory bench:
  bench compare [-rounds N] [-base FILE]
                             CPU time of a hold, next to plain proxies
  bench scale                memory and latency from 1 to 10,000 holds in flight
  bench upgrade [-rounds N]  restarts of two agentconfs behind nginx, without a lost hold
  bench soak [-for TIME]     steady load while the gateway and agentconf are restarted
  bench overload             latency of healthy callers during stalls, overload and slow clients
`

// errUnsound marks a run whose figures cannot be trusted.
var errUnsound = errors.New("run it again on a quiet machine")

var commands = map[string]func(ctx context.Context, args []string) error{
	"compare":  runCompare,
	"scale":    runScale,
	"upgrade":  runUpgrade,
	"soak":     runSoak,
	"overload": runOverload,

	// The commands above start these two as separate processes.
	"reverse-proxy": runReverseProxy,
	"slow-gateway":  runSlowGateway,
}

func main() {
	// The load shares cores with what it measures, so that it collects garbage rarely: with
	// 10,000 holds in flight this doubles their rate.
	debug.SetGCPercent(800)
	debug.SetMemoryLimit(1 << 30)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if len(os.Args) < 2 || commands[os.Args[1]] == nil {
		fmt.Fprint(os.Stderr, usage)
		os.Exit(2)
	}
	if err := commands[os.Args[1]](ctx, os.Args[2:]); err != nil {
		fmt.Fprintf(os.Stderr, "bench %s: %v\n", os.Args[1], err)
		os.Exit(1)
	}
}

// sleep waits for d and reports whether d passed before ctx was done.
func sleep(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}

// background calls do in a goroutine. The function that it returns cancels the context of
// do, waits for its end and returns its error.
func background(ctx context.Context, do func(ctx context.Context) error) (stop func() error) {
	ctx, cancel := context.WithCancel(ctx)
	var group errgroup.Group
	group.Go(func() error { return do(ctx) })
	return func() error {
		cancel()
		return group.Wait()
	}
}
