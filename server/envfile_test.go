package main

import (
	"flag"
	"os"
	"strings"
	"testing"
)

// The environment file of the unit has every setting of serve. "make generate" writes it.
func TestGeneratedEnvironmentFile(t *testing.T) {
	const name = "../deploy/systemd/agentconf.env"
	want := environmentFile()
	if *update {
		if err := os.WriteFile(name, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile(name); err != nil || string(got) != want {
		t.Errorf("%s is stale (%v); run make generate", name, err)
	}
}

// environmentFile returns a file for EnvironmentFile= in which every setting is a comment
// with its default. The gateway comes first, because nothing works without it.
func environmentFile() string {
	fs := newFlags("serve", "")
	new(settings).define(fs)
	b := &strings.Builder{}
	b.WriteString(environmentHeader)
	writeVariable(b, fs.Lookup("gateway"))
	fs.VisitAll(func(f *flag.Flag) {
		if f.Name != "gateway" && f.Name != "print-config" {
			writeVariable(b, f)
		}
	})
	b.WriteString(environmentFooter)
	return b.String()
}

const environmentHeader = `# Settings of agentconf.service. Each is a variable with its default. To change one, remove the # before
# it, and run "systemctl restart agentconf". Write values without quotes. AGENTCONF_GATEWAY is required.
`

// environmentFooter has the variables that are not flags. telemetry.TuneCollector has the
// same defaults.
const environmentFooter = `
# OpenTelemetry: address of a collector, which turns traces on; http/protobuf or grpc; otlp, console or none
#OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318
#OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf
#OTEL_TRACES_EXPORTER=otlp

# Go: memory from which the garbage collector works harder; heap growth in percent between collections
#GOMEMLIMIT=1GiB
#GOGC=400
`

// writeVariable writes one setting with its meaning, in lines of up to 104 columns.
func writeVariable(b *strings.Builder, f *flag.Flag) {
	_, usage := flag.UnquoteUsage(f)
	line := "\n#"
	for word := range strings.FieldsSeq(usage) {
		if len(line)+len(word) > 104 {
			b.WriteString(line)
			line = "\n#"
		}
		line += " " + word
	}
	b.WriteString(line + "\n#" + envName(f.Name) + "=" + f.DefValue + "\n")
}
