package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
)

// h2load makes n holds as fast as possible, 64 in flight. A number of holds ends it, and
// not a time, so that no hold is cut off and both sides can be counted.
func (b *testbed) h2load(ctx context.Context, v *variant, n int) (load, error) {
	if err := ctx.Err(); err != nil {
		return load{}, err
	}
	cmd := command(loadCore, b.h2loadArgs(v, n)...)
	text, err := cmd.CombinedOutput()
	if err != nil {
		return load{}, fmt.Errorf("h2load: %w\n%s", err, text)
	}
	l, err := parseH2load(string(text))
	if err != nil {
		return load{}, err
	}
	if l.holds != n {
		return load{}, fmt.Errorf("%d of %d holds of %s succeeded:\n%s", l.holds, n, v.name, text)
	}
	l.cpu = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	return l, nil
}

func (b *testbed) h2loadArgs(v *variant, n int) []string {
	args := []string{"h2load", "-t1", "-n" + strconv.Itoa(n), "-H", "guid: " + v.guid}
	if v.kind == jsonH1 {
		args = append(args, "--h1", "-c64", "-m1")
	} else {
		args = append(args, "-c4", "-m16")
	}
	contentType, _ := v.encoded()
	file := "hold.json"
	if v.kind == grpcH2 {
		file = "hold.bin"
		args = append(args, "-H", "te: trailers")
	}
	return append(args, "-H", "content-type: "+contentType, "-d", filepath.Join(b.dir, file), "http://"+v.address+v.path)
}

// writeBodies writes the files that h2load sends.
func (b *testbed) writeBodies() error {
	if err := os.WriteFile(filepath.Join(b.dir, "hold.bin"), grpcFrame(holdRequest()), 0o644); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(b.dir, "hold.json"), []byte(jsonBody), 0o644)
}

var (
	h2loadRate  = regexp.MustCompile(`finished in .*, ([0-9.]+) req/s`)
	h2loadHolds = regexp.MustCompile(`(\d+) done, (\d+) succeeded, (\d+) failed, (\d+) errored, (\d+) timeout`)
	h2loadOK    = regexp.MustCompile(`status codes: (\d+) 2xx`)
	h2loadData  = regexp.MustCompile(`\((\d+)\) data`)
)

// parseH2load reads the summary of h2load.
func parseH2load(text string) (l load, err error) {
	rate, holds := h2loadRate.FindStringSubmatch(text), h2loadHolds.FindStringSubmatch(text)
	ok, data := h2loadOK.FindStringSubmatch(text), h2loadData.FindStringSubmatch(text)
	if rate == nil || holds == nil || ok == nil || data == nil {
		return load{}, fmt.Errorf("h2load printed an unknown summary:\n%s", text)
	}
	if holds[1] != holds[2] || holds[1] != ok[1] {
		return load{}, fmt.Errorf("holds failed under load:\n%s", text)
	}
	l.rate, _ = strconv.ParseFloat(rate[1], 64) // the patterns match digits only
	l.holds, _ = strconv.Atoi(holds[2])
	l.data, _ = strconv.Atoi(data[1])
	return l, nil
}

var stubRequests = regexp.MustCompile(`(?m)^ (\d+) (\d+) (\d+) $`)

// requestsSeen returns how many requests the stub has seen, including this one.
func (b *testbed) requestsSeen(ctx context.Context) (int, error) {
	text, err := fetch(ctx, "http://"+b.status)
	if err != nil {
		return 0, err
	}
	return parseStubStatus(text)
}

func parseStubStatus(text string) (int, error) {
	m := stubRequests.FindStringSubmatch(text)
	if m == nil {
		return 0, fmt.Errorf("no request count in the status of nginx: %q", text)
	}
	return strconv.Atoi(m[3])
}
