package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"github.com/prometheus/client_golang/prometheus"

	"agentconf/server/internal/app"
	"agentconf/server/internal/operation"
	"agentconf/server/internal/outcome"
	"agentconf/server/internal/telemetry"
)

var update = flag.Bool("update", false, "write the generated tables into the documentation")

// The tables in the documentation equal the tables of the program. "make generate" writes
// a table between two comments of a page: <!-- generated: NAME --> and <!-- end -->.
func TestGeneratedTables(t *testing.T) {
	tables := map[string]map[string]string{
		"../docs/api.md":           {"operations": operationTable(t)},
		"../docs/errors.md":        {"reasons": reasonTable(), "retcodes": retcodeTable()},
		"../docs/configuration.md": {"serve": flagTable("serve"), "emulate": flagTable("emulate"), "healthcheck": flagTable("healthcheck")},
		"../docs/operations.md":    {"metrics": metricTable(t)},
	}
	for page, generated := range tables {
		before, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		after := string(before)
		for name, table := range generated {
			section := regexp.MustCompile(`(?s)(<!-- generated: ` + name + ` -->\n).*?(<!-- end -->)`)
			if !section.MatchString(after) {
				t.Errorf("%s: got no section <!-- generated: %s -->, want one", page, name)
			}
			after = section.ReplaceAllString(after, "${1}"+strings.ReplaceAll(table, "$", "$$")+"${2}")
		}
		if after == string(before) {
			continue
		}
		if !*update {
			t.Errorf("%s: got stale tables; run make generate", page)
		} else if err := os.WriteFile(page, []byte(after), 0o644); err != nil {
			t.Error(err)
		}
	}
}

// table starts a Markdown table.
func table(header ...string) *strings.Builder {
	b := &strings.Builder{}
	row(b, header...)
	b.WriteString(strings.Repeat("|---", len(header)) + "|\n")
	return b
}

func row(b *strings.Builder, cells ...string) {
	b.WriteString("| " + strings.Join(cells, " | ") + " |\n")
}

func code(s string) string {
	if s == "" {
		return ""
	}
	return "`" + s + "`"
}

// operationTable lists the bindings of http.yaml: the gateway's path first, then the
// REST path.
func operationTable(t *testing.T) string {
	bindings, err := os.ReadFile("../proto/agentconf/v1/http.yaml")
	if err != nil {
		t.Fatal(err)
	}
	b := table("RPC", "path of the gateway", "REST path")
	var rpc string
	paths := map[string]string{}
	flush := func() {
		if rpc != "" {
			row(b, code(rpc), code(paths["gateway"]), code(paths["rest"]))
		}
		clear(paths)
	}
	rule := regexp.MustCompile(`selector: \S+\.(\w+)|(get|put|post|delete): (\S+)`)
	for _, match := range rule.FindAllStringSubmatch(string(bindings), -1) {
		if match[1] != "" {
			flush()
			rpc = match[1]
			continue
		}
		front := "rest"
		if strings.HasPrefix(match[3], "/agentgateway/") {
			front = "gateway"
		}
		paths[front] = strings.ToUpper(match[2]) + " " + match[3]
	}
	flush()
	return b.String()
}

// reasonTable lists the errors of agentconf itself.
func reasonTable() string {
	b := table("meaning", "gRPC code", "HTTP", "reason", "outcome")
	for _, k := range outcome.Kinds() {
		httpStatus := fmt.Sprint(runtime.HTTPStatusFromCode(k.Code))
		switch k.Reason {
		case outcome.NoSuchOperation.Reason:
			httpStatus = "404, 405" // of the path, of the method
		case outcome.UnsupportedMedia.Reason:
			httpStatus = "415"
		}
		row(b, k.Meaning, outcome.CodeName(k.Code), httpStatus, code(string(k.Reason)), code(string(k.Outcome)))
	}
	return b.String()
}

// retcodeTable lists the errors of the gateway by retcode.
func retcodeTable() string {
	b := table("retcode", "meaning", "gRPC code", "HTTP", "reason", "outcome")
	for _, r := range operation.Retcodes() {
		row(b, code(r.Retcode), r.Meaning, outcome.CodeName(r.Code), fmt.Sprint(runtime.HTTPStatusFromCode(r.Code)), code(string(r.Reason)), code(string(r.Outcome)))
	}
	return b.String()
}

// flagTable lists the flags of a command.
func flagTable(command string) string {
	fs := newFlags(command, "")
	map[string]interface{ define(*flags) }{
		"serve": &settings{}, "emulate": &emulateSettings{}, "healthcheck": &healthcheckSettings{},
	}[command].define(fs)
	b := table("flag", "variable", "default", "meaning")
	fs.VisitAll(func(f *flag.Flag) {
		value, usage := flag.UnquoteUsage(f)
		name := "--" + f.Name
		if f.DefValue != "false" {
			name += " " + value
		}
		row(b, code(strings.TrimSpace(name)), code(envName(f.Name)), code(strings.TrimPrefix(f.DefValue, "false")), usage)
	})
	return b.String()
}

// metricTable lists the metrics of a service. The collectors of Go and of the process
// have their own documentation.
func metricTable(t *testing.T) string {
	options := app.Defaults()
	options.Gateway.URL = "http://gateway.test"
	options.Lifecycle.ProbeInterval, options.Lifecycle.DrainDelay = 0, 0
	options.Metrics.MustRegister(thisBuild().metric())
	telemetry.WatchMemory(options.Log, options.Metrics)()
	service, err := app.New(options)
	if err != nil {
		t.Fatal(err)
	}
	ports, err := listenAll([]port{{address: "127.0.0.1:0"}, {address: "127.0.0.1:0"}})
	if err != nil {
		t.Fatal(err)
	}
	stopped, stop := context.WithCancel(t.Context())
	stop()
	if err := service.Serve(stopped, ports[0], ports[1]); err != nil { // which ends its goroutines
		t.Fatal(err)
	}
	descriptions := make(chan *prometheus.Desc)
	go func() {
		options.Metrics.Describe(descriptions)
		close(descriptions)
	}()
	form := regexp.MustCompile(`fqName: "(\w+)", help: "(.*?)", unit: "\w*", constLabels: \{(.*?)\}, variableLabels: \{(.*?)\}`)
	constant := regexp.MustCompile(`="[^"]*"`)
	var rows [][]string
	for d := range descriptions {
		match := form.FindStringSubmatch(d.String())
		if match == nil {
			t.Fatalf("got the description %s, want the form %s", d, form)
		}
		labels := constant.ReplaceAllString(match[3], "") + match[4]
		rows = append(rows, []string{code(match[1]), strings.ReplaceAll(labels, ",", ", "), match[2]})
	}
	slices.SortFunc(rows, func(a, b []string) int { return strings.Compare(a[0], b[0]) })
	rows = slices.CompactFunc(rows, slices.Equal[[]string]) // a metric with a constant label has several
	b := table("metric", "labels", "meaning")
	for _, cells := range rows {
		row(b, cells...)
	}
	return b.String()
}
