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

// h2loadSummary matches the rate, the holds that were done and succeeded, those with HTTP
// status 2xx, and the bytes of all bodies.
var h2loadSummary = regexp.MustCompile(`(?s)finished in [^\n]*, ([0-9.]+) req/s.*?` +
	` (\d+) done, (\d+) succeeded.*?status codes: (\d+) 2xx.*?\((\d+)\) data`)

// parseH2load reads the summary of h2load.
func parseH2load(text string) (l load, err error) {
	m := h2loadSummary.FindStringSubmatch(text)
	if m == nil {
		return load{}, fmt.Errorf("h2load printed an unknown summary:\n%s", text)
	}
	if m[2] != m[3] || m[2] != m[4] {
		return load{}, fmt.Errorf("holds failed under load:\n%s", text)
	}
	l.rate, _ = strconv.ParseFloat(m[1], 64) // the pattern matches digits only
	l.holds, _ = strconv.Atoi(m[2])
	l.data, _ = strconv.Atoi(m[5])
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
