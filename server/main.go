// agentconf is a gRPC service in front of a Huawei CC-Gateway. It offers the same
// contract as JSON over HTTP. The README shows how to use it.
//
// This package reads the command line, the environment and signals, and no other package
// does. It holds the commands and their flags; the service itself is in internal/app.
//
// The exit code is 0, or 1 if a command failed, or 2 if its settings are wrong. After a
// signal it is 0, or 1 if the drain of serve has aborted calls.
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

// usage lists the commands in the order in which a reader needs them.
const usage = `agentconf controls agent conferences of a Huawei CC-Gateway over gRPC and JSON.

  agentconf demo         play a conference with an emulated gateway; start here
  agentconf serve        run the service; needs --gateway https://HOST:8043
  agentconf emulate      run an emulated gateway
  agentconf healthcheck  check that a running service accepts calls

"agentconf COMMAND --help" lists the flags of a command.
`

// cli runs commands with an environment and two outputs. The tests run commands in their
// own process with another environment.
type cli struct {
	lookupEnv      func(string) (string, bool)
	stdout, stderr io.Writer
}

// commands has the commands by name. Each runs until it has finished, or until ctx is
// done. It returns a usageError for a wrong command line.
var commands = map[string]func(c cli, ctx context.Context, args []string) error{
	"demo":        cli.demo,
	"serve":       cli.serve,
	"emulate":     cli.emulate,
	"healthcheck": cli.healthcheck,
}

// main stops the command at the first SIGINT or SIGTERM. signal.NotifyContext would keep
// swallowing signals, so that a second Ctrl-C could not end a drain.
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
// the command line is wrong. Help that was asked for is output, and any other is an error.
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
