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
	"maps"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"google.golang.org/grpc/grpclog"

	"agentconf/server/internal/telemetry"
)

// usage lists the commands in the order in which a reader needs them.
const usage = `agentconf controls agent conferences of a Huawei CC-Gateway over gRPC and JSON.

  agentconf demo         play a conference with an emulated gateway; start here
  agentconf check        check the settings of serve and the way to the gateway
  agentconf serve        run the service; needs --gateway https://HOST:8043
  agentconf emulate      run an emulated gateway
  agentconf healthcheck  check that a running service accepts calls
  agentconf version      print the version and the commit

"agentconf COMMAND --help" lists the flags of a command.
`

// cli runs commands with an environment and two outputs. The tests run commands in their
// own process with another environment.
type cli struct {
	lookupEnv      func(string) (string, bool)
	environ        func() []string
	stdout, stderr io.Writer
}

// commands has the commands by name. Each runs until it has finished, or until ctx is
// done. It returns a usageError for a wrong command line.
var commands = map[string]func(c cli, ctx context.Context, args []string) error{
	"demo":        cli.demo,
	"check":       cli.check,
	"serve":       cli.serve,
	"emulate":     cli.emulate,
	"healthcheck": cli.healthcheck,
	"version":     cli.version,
	"--version":   cli.version,
}

// grpcLog is the log of grpc-go, which is one for the process. It is silent until serve has
// a log.
var grpcLog telemetry.GRPCLog

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
	grpclog.SetLoggerV2(&grpcLog) // must come before any use of grpc-go
	c := cli{os.LookupEnv, os.Environ, os.Stdout, os.Stderr}
	os.Exit(c.run(ctx, os.Args[1:]))
}

// printFaults prints each fault of a command as a line of its own.
func (c cli) printFaults(command string, err error) {
	for line := range strings.Lines(err.Error()) {
		fmt.Fprintf(c.stderr, "agentconf %s: %s\n", command, strings.TrimSuffix(line, "\n"))
	}
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
		known := slices.Sorted(maps.Keys(commands))
		fmt.Fprintf(c.stderr, "agentconf: no command %q%s\n\n%s", args[0], proposal("", args[0], known), usage)
		return 2
	}
	err := command(c, ctx, args[1:])
	if err == nil || errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if _, logged := errors.AsType[loggedError](err); logged {
		return 1
	}
	c.printFaults(args[0], err)
	if _, isUsage := errors.AsType[usageError](err); isUsage {
		return 2
	}
	return 1
}
