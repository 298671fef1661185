// agentconf is a gRPC service in front of a Huawei CC-Gateway. It offers the same
// contract as JSON over HTTP. The README shows how to use it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

const usage = `agentconf controls agent conferences of a Huawei CC-Gateway over gRPC and JSON.

  agentconf demo         play a conference with an emulated gateway; start here
  agentconf serve        run the service; needs --gateway https://HOST:8043
  agentconf emulate      run an emulated gateway
  agentconf healthcheck  check that a running service accepts calls

"agentconf COMMAND --help" lists the flags of a command.
`

// cli runs commands with an environment and two outputs.
type cli struct {
	lookupEnv      func(string) (string, bool)
	stdout, stderr io.Writer
}

var commands = map[string]func(c cli, ctx context.Context, args []string) error{
	"demo":        cli.demo,
	"serve":       cli.serve,
	"emulate":     cli.emulate,
	"healthcheck": cli.healthcheck,
}

func main() {
	ctx, stop := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-signals
		signal.Stop(signals) // a second signal ends the process at once
		stop()
	}()
	c := cli{os.LookupEnv, os.Stdout, os.Stderr}
	os.Exit(c.run(ctx, os.Args[1:]))
}

// run runs one command and returns the exit code: 0, 1 if the command failed, or 2 if
// the command line is wrong.
func (c cli) run(ctx context.Context, args []string) int {
	if len(args) == 0 {
		fmt.Fprint(c.stderr, usage)
		return 2
	}
	command, ok := commands[args[0]]
	if !ok {
		if args[0] == "help" || args[0] == "-h" || args[0] == "--help" {
			fmt.Fprint(c.stdout, usage)
			return 0
		}
		fmt.Fprintf(c.stderr, "agentconf: no command %q\n\n%s", args[0], usage)
		return 2
	}
	err := command(c, ctx, args[1:])
	if err == nil || errors.Is(err, flag.ErrHelp) {
		return 0
	}
	fmt.Fprintf(c.stderr, "agentconf %s: %v\n", args[0], err)
	if _, isUsage := errors.AsType[usageError](err); isUsage {
		return 2
	}
	return 1
}
