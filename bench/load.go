//go:build linux

package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"time"
)

// load is what a load generator did in a slice.
type load struct {
	holds    int
	data     int           // bytes of the replies' bodies, or 0 if every one was looked at
	rate     float64       // holds a second
	cpu      time.Duration // of the generator
	p50, p99 time.Duration // or 0 if not told
}

// check reports what is wrong with a load of v for which the stub saw so many
// requests. The replies have to be as long as the proved one, since load generators
// do not look at grpc-status.
func (l load) check(v *variant, seen int) error {
	if seen != l.holds {
		return fmt.Errorf("%s: %d holds, but the stub saw %d requests", v.id(), l.holds, seen)
	}
	if l.data > 0 && l.data != l.holds*v.reply {
		return fmt.Errorf("%s: %d holds brought %d bytes, want %d each", v.id(), l.holds, l.data, v.reply)
	}
	return nil
}

// h2load makes n holds as fast as they go, 64 in flight. A number of holds and not
// a time ends it: none is cut off, so that all can be counted on either side.
func (r *rig) h2load(ctx context.Context, v *variant, n int) (load, error) {
	text, state, err := output(ctx, loadCore, r.h2loadCommand(v, n)...)
	if err != nil {
		return load{}, err
	}
	l, err := parseH2load(text)
	if err != nil {
		return load{}, err
	}
	if l.holds != n {
		return load{}, fmt.Errorf("%d of %d holds of %s succeeded:\n%s", l.holds, n, v.id(), text)
	}
	l.cpu = state.UserTime() + state.SystemTime()
	return l, nil
}

func (r *rig) h2loadCommand(v *variant, n int) []string {
	command := []string{"h2load", "-t1", "-n" + strconv.Itoa(n), "-H", "guid: " + guid}
	switch v.kind {
	case jsonH1:
		command = append(command, "--h1", "-c64", "-m1")
	case jsonH2, grpcH2:
		command = append(command, "-c4", "-m16")
	}
	contentType, body := "application/json", "hold.json"
	if v.kind == grpcH2 {
		contentType, body = "application/grpc", "hold.bin"
		command = append(command, "-H", "te: trailers")
	}
	return append(command, "-H", "content-type: "+contentType, "-d", filepath.Join(r.dir, body),
		"http://"+v.address+v.path)
}

// writeBodies writes the files that h2load sends.
func (r *rig) writeBodies() error {
	if err := os.WriteFile(filepath.Join(r.dir, "hold.bin"), grpcFrame(holdRequest()), 0o644); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(r.dir, "hold.json"), []byte(jsonBody), 0o644)
}

var (
	h2loadRate  = regexp.MustCompile(`finished in .*, ([0-9.]+) req/s`)
	h2loadHolds = regexp.MustCompile(`(\d+) done, (\d+) succeeded, (\d+) failed, (\d+) errored, (\d+) timeout`)
	h2loadOK    = regexp.MustCompile(`status codes: (\d+) 2xx`)
	h2loadData  = regexp.MustCompile(`\((\d+)\) data`)
)

// parseH2load reads what h2load prints at its end.
func parseH2load(text string) (load, error) {
	rate, holds := h2loadRate.FindStringSubmatch(text), h2loadHolds.FindStringSubmatch(text)
	ok, data := h2loadOK.FindStringSubmatch(text), h2loadData.FindStringSubmatch(text)
	if rate == nil || holds == nil || ok == nil || data == nil {
		return load{}, fmt.Errorf("h2load printed something else than expected:\n%s", text)
	}
	if holds[1] != holds[2] || holds[1] != ok[1] {
		return load{}, fmt.Errorf("holds failed under load:\n%s", text)
	}
	var l load
	l.rate, _ = strconv.ParseFloat(rate[1], 64) // digits, all of them
	l.holds, _ = strconv.Atoi(holds[2])
	l.data, _ = strconv.Atoi(data[1])
	return l, nil
}

var stubRequests = regexp.MustCompile(`(?m)^ (\d+) (\d+) (\d+) $`)

// upstreamCount is how many requests the stub has seen, this one of ours among
// them.
func (r *rig) upstreamCount(ctx context.Context) (int, error) {
	req, err := http.NewRequestWithContext(ctx, "GET", "http://"+r.status, nil)
	if err != nil {
		return 0, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, err
	}
	return parseStubStatus(string(text))
}

func parseStubStatus(text string) (int, error) {
	m := stubRequests.FindStringSubmatch(text)
	if m == nil {
		return 0, fmt.Errorf("nginx tells no count of requests: %q", text)
	}
	return strconv.Atoi(m[3])
}
