// Command run holds agentconf to conformance/cases.json by clients in several
// languages that share no code with it, and prints a table of what they found.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
)

func main() {
	names := flag.String("clients", "", "`names` of the clients to run, with commas between; empty is all")
	mutate := flag.Bool("mutate", false, "change what the cases want, and see that every client notices")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *names, *mutate); err != nil {
		fmt.Fprintln(os.Stderr, "conformance:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, names string, mutate bool) error {
	work, err := os.MkdirTemp("", "conformance")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	chosen, err := choose(names)
	if err != nil {
		return err
	}
	suite, err := newSuite()
	if err != nil {
		return err
	}
	r := runner{work: work, server: filepath.Join(work, "server"), protoset: filepath.Join(work, "google-rpc.binpb")}
	if err := errors.Join(build(ctx, r.server), writeProtoset(r.protoset)); err != nil {
		return err
	}
	test := r.cases
	if mutate {
		test = r.mutations
	}
	reports := r.each(ctx, chosen, func(c client) report { return test(ctx, c, suite[c.front]) })
	if mutate {
		return printMutations(os.Stdout, reports)
	}
	return printTable(os.Stdout, reports)
}

// build makes the real server, as it is deployed.
func build(ctx context.Context, file string) error {
	out, err := exec.CommandContext(ctx, "go", "build", "-o", file, "./server").CombinedOutput()
	if err != nil {
		return fmt.Errorf("go build ./server, which needs the root of the repository: %w\n%s", err, out)
	}
	return nil
}

// choose returns the clients of those names, or all.
func choose(names string) ([]client, error) {
	if names == "" {
		return clients, nil
	}
	var chosen []client
	for name := range strings.SplitSeq(names, ",") {
		i := slices.IndexFunc(clients, func(c client) bool { return c.name == name })
		if i < 0 {
			return nil, fmt.Errorf("no client %q", name)
		}
		chosen = append(chosen, clients[i])
	}
	return chosen, nil
}

// each installs the clients one after the other, since package managers lock each
// other out, and then runs two at a time: they spend most of it waiting.
func (r runner) each(ctx context.Context, chosen []client, test func(client) report) []report {
	reports := make([]report, len(chosen))
	var running sync.WaitGroup
	slots := make(chan struct{}, 2)
	for i, c := range chosen {
		reports[i] = r.install(ctx, c)
		if reports[i].absent != "" || reports[i].err != nil {
			continue
		}
		slots <- struct{}{}
		running.Go(func() {
			reports[i] = test(c)
			<-slots
		})
	}
	running.Wait()
	return reports
}
