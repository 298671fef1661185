// Command run checks agentconf against conformance/cases.json with clients in several languages,
// which share no code with it, and prints a table of the results.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"

	"agentconf/internal/program"
)

func main() {
	names := flag.String("clients", "", "comma-separated `names` of the clients to run; empty runs all")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *names); err != nil {
		fmt.Fprintln(os.Stderr, "conformance:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, names string) error {
	chosen, err := choose(names)
	if err != nil {
		return err
	}
	tests, err := newSuite()
	if err != nil {
		return err
	}
	work, err := os.MkdirTemp("", "conformance")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	r := runner{work: work, protoset: filepath.Join(work, "google-rpc.binpb")}
	r.binary, err = program.Build(ctx, ".", work)
	if err := errors.Join(err, writeProtoset(r.protoset)); err != nil {
		return err
	}
	return printTable(os.Stdout, r.runClients(ctx, chosen, tests))
}

// choose returns the clients with these comma-separated names, or all.
func choose(names string) ([]client, error) {
	if names == "" {
		return clients, nil
	}
	wanted := strings.Split(names, ",")
	chosen := slices.DeleteFunc(slices.Clone(clients), func(c client) bool { return !slices.Contains(wanted, c.name) })
	if len(chosen) < len(wanted) {
		return nil, fmt.Errorf("an unknown client, or one named twice, in %s", names)
	}
	return chosen, nil
}

// runClients installs the clients one after the other, because package managers lock each other
// out. It runs two clients at a time, because a client waits most of its time.
func (r runner) runClients(ctx context.Context, chosen []client, tests suite) []report {
	reports := make([]report, len(chosen))
	var running sync.WaitGroup
	slots := make(chan struct{}, 2)
	for i, c := range chosen {
		reports[i] = report{client: c, tests: tests[c.front]}
		if reports[i].err = r.install(ctx, c); reports[i].err != nil {
			continue
		}
		slots <- struct{}{}
		running.Go(func() {
			r.runClient(ctx, &reports[i])
			<-slots
		})
	}
	running.Wait()
	return reports
}
