//go:build linux

package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime/debug"
	"strings"
	"text/tabwriter"
)

func printTLS(s *series) {
	fmt.Printf("\nTLS to the gateway over plain, in the same rounds\n\n")
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	defer w.Flush()
	fmt.Fprintln(w, "variant\tplain µs\tTLS µs\tTLS to plain\tp25\t")
	for _, v := range s.variants {
		if !v.tls {
			continue
		}
		plain, tls := s.cost(v.name), s.cost(v.id())
		median, p25 := tls.over(plain)
		fmt.Fprintf(w, "%s\t%.1f\t%.1f\t%.2f\t%.2f\t\n", v.name, plain.median, tls.median, median, p25)
	}
}

// bar is a limit of a ratio.
type bar struct {
	what  string
	of    *series
	a, b  string // the variants whose ratio it is
	limit float64
}

func printBars(saturated, paced *series) {
	bars := []bar{
		{"gRPC to nginx h2", saturated, "agentconf gRPC", "nginx h2", 1.15},
		{"JSON to nginx h1", saturated, "agentconf JSON", "nginx h1", 2.7},
		{"JSON /v1 to nginx h1", saturated, "agentconf JSON /v1", "nginx h1", 2.7},
		{"JSON to ReverseProxy h1", saturated, "agentconf JSON", "ReverseProxy h1", 0.9},
		{"JSON /v1 to ReverseProxy h1", saturated, "agentconf JSON /v1", "ReverseProxy h1", 0.9},
		{"gRPC, TLS to plain", saturated, "agentconf gRPC TLS", "agentconf gRPC", 1.3},
		{"JSON, TLS to plain", saturated, "agentconf JSON TLS", "agentconf JSON", 1.3},
		{"JSON /v1, TLS to plain", saturated, "agentconf JSON /v1 TLS", "agentconf JSON /v1", 1.3},
		{"gRPC paced, to nginx h2", paced, "agentconf gRPC", "nginx h2", 2.0},
	}
	fmt.Printf("\nbars, CPU per hold, by the median\n\n")
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	defer w.Flush()
	fmt.Fprintln(w, "bar\tat most\tmeasured\tp25\t\t")
	for _, b := range bars {
		median, p25 := b.of.cost(b.a).over(b.of.cost(b.b))
		fmt.Fprintf(w, "%s\t%.2f\t%.2f\t%.2f\t%s\t\n", b.what, b.limit, median, p25, verdict(median, b.limit))
	}
}

func verdict(measured, atMost float64) string {
	if measured <= atMost {
		return "PASS"
	}
	return "MISS"
}

func printNotes() {
	fmt.Print(`
To be fair
- nginx and haproxy do less: no translation between JSON and protobuf, no validation, no
  log. They do forward the bytes of the gateway's headers that agentconf drops.
- nginx cannot turn gRPC into JSON. In its place it carries a JSON POST of about the
  same size over HTTP/2.
- nginx is not the cheapest proxy for HTTP/2: look at haproxy before saying "as cheap as
  a proxy".
- A host whose neighbours slow it down moves all times by tens of percent, and ratios
  between runs by about 10 %. Only ratios within one run mean anything.
`)
}

// printVersions says what was measured, and where.
func printVersions(ctx context.Context) {
	fmt.Println("agentconf", firstLine(ctx, "git", "describe", "--always", "--dirty"))
	fmt.Println(firstLine(ctx, "go", "version"))
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, dep := range info.Deps {
			if strings.HasPrefix(dep.Path, "google.golang.org/grpc") || strings.HasSuffix(dep.Path, "/grpc-gateway/v2") {
				fmt.Println(dep.Path, dep.Version)
			}
		}
	}
	fmt.Println(firstLine(ctx, "nginx", "-v"))
	fmt.Println(firstLine(ctx, "haproxy", "-v"))
	fmt.Println(firstLine(ctx, "h2load", "--version"))
	fmt.Println(firstLine(ctx, "uname", "-sr"), cpuModel())
}

func firstLine(ctx context.Context, command ...string) string {
	text, err := exec.CommandContext(ctx, command[0], command[1:]...).CombinedOutput()
	if err != nil {
		return fmt.Sprintf("%s: version unknown", command[0])
	}
	line, _, _ := strings.Cut(string(text), "\n")
	return line
}

func cpuModel() string {
	text, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(text)) {
		if name, ok := strings.CutPrefix(line, "model name"); ok {
			return strings.TrimSpace(strings.TrimLeft(name, "\t :"))
		}
	}
	return ""
}
