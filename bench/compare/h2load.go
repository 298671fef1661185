package compare

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"

	"agentconf/server/bench/rig"
)

// h2load makes n holds as fast as possible, 64 in flight. A number of holds ends it, and
// not a time, so that no hold is cut off and both sides can be counted.
func (b *testbed) h2load(ctx context.Context, v *variant, n int) (load, error) {
	if err := ctx.Err(); err != nil {
		return load{}, err
	}
	cmd := rig.Command(rig.LoadCore, b.h2loadArgs(v, n)...)
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

// h2loadArgs returns a command with 64 holds in flight: over 64 connections of HTTP/1.1, or
// 4 of HTTP/2 with 16 streams each.
func (b *testbed) h2loadArgs(v *variant, n int) []string {
	args := []string{"h2load", "-t1", "-n" + strconv.Itoa(n), "-H", "guid: " + v.GUID}
	if v.Kind == rig.JSONH1 {
		args = append(args, "--h1", "-c64", "-m1")
	} else {
		args = append(args, "-c4", "-m16")
	}
	if v.Kind == rig.GRPCH2 {
		args = append(args, "-H", "te: trailers")
	}
	contentType, _ := v.Encoded()
	return append(args, "-H", "content-type: "+contentType, "-d", b.bodyFile(v.Kind), "http://"+v.Address+v.Path)
}

// bodyFile returns the file with the body of a hold, which h2load sends.
func (b *testbed) bodyFile(k rig.Kind) string { return filepath.Join(b.Dir, "hold-"+string(k)) }

func (b *testbed) writeBodies() (err error) {
	for _, k := range []rig.Kind{rig.JSONH1, rig.JSONH2, rig.GRPCH2} {
		_, body := rig.Target{Kind: k}.Encoded()
		err = errors.Join(err, os.WriteFile(b.bodyFile(k), body, 0o644))
	}
	return err
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

// stubRequests matches the line of nginx with connections accepted, handled, and requests.
var stubRequests = regexp.MustCompile(`(?m)^ (\d+) (\d+) (\d+) $`)

// countRequests returns a function that returns how many holds the stub nginx has seen. Its
// status counts the requests for the status itself.
func countRequests(status string) func(ctx context.Context) (int, error) {
	asked := 0
	return func(ctx context.Context) (int, error) {
		text, err := rig.Fetch(ctx, status, "/")
		if err != nil {
			return 0, err
		}
		asked++
		n, err := parseStubStatus(text)
		return n - asked, err
	}
}

func parseStubStatus(text string) (int, error) {
	m := stubRequests.FindStringSubmatch(text)
	if m == nil {
		return 0, fmt.Errorf("no request count in the status of nginx: %q", text)
	}
	return strconv.Atoi(m[3])
}
