//go:build linux

// Command bench compares the CPU that a hold costs in agentconf with what it
// costs in programs that only forward bytes, and shows how agentconf scales. The
// README beside it says how, and how to read the result. It also soaks agentconf, as
// docs/reliability.md says.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

const usage = `usage:
  bench compare [-rounds N]  CPU per hold, side by side with plain proxies
  bench scale                memory and latency from 1 to 10,000 holds in flight
  bench upgrade [-rounds N]  no hold is lost while two agentconfs behind nginx are restarted
  bench soak [-for TIME]     a steady load, while gateway and agentconf are restarted
  bench overload             what healthy callers notice of a stall, too many calls, and slow clients
`

// errUnsound is for a run whose figures would be worth nothing.
var errUnsound = errors.New("run it again on a quiet machine")

var commands = map[string]func(ctx context.Context, args []string) error{
	"compare":  runCompare,
	"scale":    runScale,
	"upgrade":  runUpgrade,
	"soak":     runSoak,
	"overload": runOverload,

	// What those above run as processes of their own, to be measured or pinned.
	"reverse-proxy": runReverseProxy,
	"paced-load":    runPacedLoad,
	"slow-gateway":  runSlowGateway,
}

func main() {
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

func runCompare(ctx context.Context, args []string) error {
	fs := flag.NewFlagSet("compare", flag.ExitOnError)
	rounds := fs.Int("rounds", 20, "slices of every variant; 3 for a quick look, 60 to tell 5 % apart")
	fs.Parse(args)
	return compare(ctx, *rounds)
}
