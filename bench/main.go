// Command bench measures agentconf on Linux: the CPU time of a hold next to plain
// programs, and memory and latency under many calls. It also runs the soak, overload and
// upgrade tests of docs/proof.md. The README describes the methods and results.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"agentconf/server/bench/compare"
	"agentconf/server/bench/overload"
	"agentconf/server/bench/peers"
	"agentconf/server/bench/rig"
	"agentconf/server/bench/soak"
	"agentconf/server/bench/watches"
)

const usage = `usage, in the directory bench:
  bench compare [-rounds N] [-base FILE] [-svg FILE]
                             CPU time of a hold, next to other programs
  bench watches [-agents LIST] [-for TIME] [-svg FILE]
                             memory, CPU time and delay of events with many watched agents
  bench upgrade [-rounds N]  restarts of two agentconfs behind nginx, without a lost hold
  bench soak [-for TIME]     steady load while the gateway and agentconf are restarted
  bench overload             latency of healthy callers during stalls and overload
`

var commands = map[string]func(ctx context.Context, args []string) error{
	"compare":  compare.Run,
	"upgrade":  soak.RunUpgrade,
	"watches":  watches.Run,
	"soak":     soak.Run,
	"overload": overload.Run,

	// The commands above start these as processes of their own.
	"gateway":      rig.RunGateway,
	"floor":        peers.RunFloor,
	"usual-bridge": peers.RunUsualBridge,
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
