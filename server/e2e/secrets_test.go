package e2e

import (
	"compress/gzip"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"agentconf/server/e2e/harness"
)

// secrets are strings that the calls of TestSecrets contain and that only the gateway, and
// a caller that requested them, may get. Each is a part of every secret of its kind. No
// number or address in a metric or a profile contains one of them.
var secrets = []string{
	"5ec2e7f0",        // GUIDs
	"70265318495",     // phone numbers, and fields without a form of their own
	"promptfoxtrot",   // voice paths
	"s3samePa55",      // passwords
	`s3"same/+&Pa55`,  // passwords with characters that JSON and URLs escape
	"t0kenfoxtrot",    // service tokens
	"calldatafoxtrot", // parameters of a poll
	"203.0.113.",      // IP addresses
}

var (
	literals = strings.NewReplacer(
		"279fe21d", "5ec2e7f0", "8888", "702653184957", "+862887654321", "+702653184951",
		"111111111111", "702653184951", "444444444444", "702653184954", "555555555555", "702653184955",
		"1136287", "promptfoxtrot", "on hold 2", "on hold promptfoxtrot", "a.V3", "promptfoxtrot.V3",
		"opensesame", "s3samePa55", "a-B_3.tttttt", "t0kenfoxtrot",
		`"calldata":"a b"`, `"calldata":"calldatafoxtrot"`, "calldata=a+b", "calldata=calldatafoxtrot",
	)
	shortNumber = regexp.MustCompile(`"(1000\d|40038|70005)"`)
)

// mark replaces literals of the case table by secrets. Unlike the fields of a message, it
// reaches bodies that are invalid, and responses of the gateway.
func mark(text string) string {
	return shortNumber.ReplaceAllString(literals.Replace(text), `"70265318495$1"`)
}

func markOptional(text *string) *string {
	if text == nil {
		return nil
	}
	marked := mark(*text)
	return &marked
}

// marked returns c with secrets in place of literals.
func (c contractCase) marked() contractCase {
	c.GUID = slices.Clone(c.GUID)
	for i, guid := range c.GUID {
		c.GUID[i] = mark(guid)
	}
	c.AgentID, c.Line = mark(c.AgentID), mark(c.Line)
	c.Body, c.RawBody = json.RawMessage(mark(string(c.Body))), markOptional(c.RawBody)
	if c.Gateway != nil {
		script := *c.Gateway
		script.SetGUID, script.Reply = mark(script.SetGUID), markOptional(script.Reply)
		c.Gateway = &script
	}
	return c
}

// encodings returns the forms of a secret in JSON, in URLs, in hexadecimal and in base64.
func encodings(secret string) []string {
	quoted, _ := json.Marshal(secret)
	inJSON := string(quoted[1 : len(quoted)-1])
	all := []string{
		secret, url.QueryEscape(secret), url.PathEscape(secret),
		strings.ReplaceAll(inJSON, `\`, ""), url.QueryEscape(inJSON), url.PathEscape(inJSON),
		hex.EncodeToString([]byte(secret)),
	}
	for shift := range 3 { // bytes before the secret shift its base64 digits
		text := base64.RawURLEncoding.EncodeToString([]byte(strings.Repeat(" ", shift) + secret))
		text = text[(shift*8+5)/6 : len(text)-1] // without digits that depend on the neighbours of secret
		all = append(all, text, strings.NewReplacer("-", "+", "_", "/").Replace(text))
	}
	return all
}

// findSecrets reports every secret in text, in upper or lower case, and with any number of
// backslashes.
func findSecrets(t *testing.T, where, text string) {
	t.Helper()
	text = strings.ReplaceAll(text, `\`, "")
	lower := strings.ToLower(text)
	for _, secret := range secrets {
		for _, encoding := range encodings(secret) {
			at := strings.Index(lower, strings.ToLower(encoding))
			if at < 0 {
				continue
			}
			around := text[max(0, at-300):min(len(text), at+len(encoding)+100)]
			t.Errorf("%s: got the secret %q as %q, want none, in\n%s", where, secret, encoding, around)
			break
		}
	}
}

// The encodings of a secret include its form in every text that contains it.
func TestFindSecrets(t *testing.T) {
	for _, secret := range secrets {
		for _, prefix := range []string{"", "x", "xy", "xyz"} {
			text := prefix + secret + "!?"
			for _, encoded := range []string{
				text, strings.ToUpper(text), url.QueryEscape(text), hex.EncodeToString([]byte(text)),
				base64.StdEncoding.EncodeToString([]byte(text)), base64.URLEncoding.EncodeToString([]byte(text)),
			} {
				found := false
				for _, encoding := range encodings(secret) {
					found = found || strings.Contains(strings.ToLower(encoded), strings.ToLower(encoding))
				}
				if !found {
					t.Errorf("got no encoding of %q in %q, want one", secret, encoded)
				}
			}
		}
	}
}

// transcript collects texts of concurrent calls.
type transcript struct{ harness.Log }

func (s *transcript) add(text string) { s.Write([]byte(text + "\n")) }

// No call writes a secret to an output of the service other than the request to the
// gateway and a successful response. The test runs again in a child process to search the
// output of that process, where libraries log.
func TestSecrets(t *testing.T) {
	const isChild = "AGENTCONF_TEST_SECRETS"
	if os.Getenv(isChild) == "" {
		child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestSecrets$")
		child.Env = append(os.Environ(), isChild+"=1")
		printed, err := child.CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, printed)
		}
		findSecrets(t, "the output of the process", string(printed))
		return
	}

	grpcLog.To(slog.New(slog.NewJSONHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug})))
	gateway := newEchoGateway(t)
	spans := tracetest.NewInMemoryExporter()
	tracer := sdktrace.NewTracerProvider(sdktrace.WithSyncer(spans)).Tracer("agentconf")
	f := newTracedFronts(t, sockets, gateway.dial, tracer)
	errorTexts, admin, docs := &transcript{}, &transcript{}, &transcript{}
	panics := servePanics(t, errorTexts)
	// A further output of the service belongs in this list.
	outputs := []struct {
		name string
		text func() string
	}{
		{"the log", f.log.String},
		{"the log after panics", panics.String},
		{"the errors of calls", errorTexts.String},
		{"the admin port", admin.String},
		{"the traces", func() string { return fmt.Sprintf("%+v", spans.GetSpans()) }},
		{"the documentation", docs.String},
	}

	var profiling sync.WaitGroup
	for _, path := range []string{"/debug/pprof/profile?seconds=1", "/debug/pprof/trace?seconds=1"} {
		profiling.Go(func() { admin.add(f.adminText(t, path)) })
	}
	f.makeCalls(t, gateway, errorTexts)
	f.abandonCalls(t, gateway, errorTexts, func() { admin.add(f.adminTexts(t)) })
	f.sendMalformed(t, errorTexts)
	gateway.stop()
	for _, c := range secretCases(t) {
		c.call(t, f, errorTexts) // without a gateway
	}
	profiling.Wait()
	admin.add(f.adminTexts(t))
	for _, path := range []string{"/docs/", "/docs/start.js", "/docs/openapi.json"} {
		_, header, body := f.send(t, http.MethodGet, path, func(r *http.Request) { r.Header.Set("Guid", mark(someGUID)) })
		docs.add(fmt.Sprint(header, string(body)))
	}
	f.end()
	for _, output := range outputs {
		text := output.text()
		if len(text) == 0 {
			t.Errorf("%s: got no text, want some", output.name)
		}
		findSecrets(t, output.name, text)
	}
	for _, operation := range append(operationsOf(readCases(t)), "watchAgentEvents") {
		if !strings.Contains(f.log.String(), `"operation":"`+operation+`"`) {
			t.Errorf("got no call of %s, want one in the log", operation)
		}
	}
}

// operationsOf returns the operations of cases, each once.
func operationsOf(cases []contractCase) (names []string) {
	for _, c := range cases {
		names = append(names, c.Operation())
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// adminTexts returns the responses of the admin port that need no time.
func (f *fronts) adminTexts(t *testing.T) string {
	var all strings.Builder
	for _, path := range []string{
		"/metrics", "/log-level", "/debug/pprof/", "/debug/pprof/cmdline", "/debug/pprof/symbol",
		"/debug/pprof/goroutine", "/debug/pprof/goroutine?debug=1", "/debug/pprof/goroutine?debug=2",
		"/debug/pprof/heap", "/debug/pprof/heap?debug=1", "/debug/pprof/allocs", "/debug/pprof/allocs?debug=1",
		"/debug/pprof/block?debug=1", "/debug/pprof/mutex?debug=1", "/debug/pprof/threadcreate?debug=1",
	} {
		all.WriteString(f.adminText(t, path))
	}
	return all.String()
}

// adminText returns a response of the admin port, without gzip.
func (f *fronts) adminText(t *testing.T, path string) string {
	t.Helper()
	_, text := f.admin(path)
	if compressed, err := gzip.NewReader(strings.NewReader(text)); err == nil {
		plain, err := io.ReadAll(compressed)
		if err != nil {
			t.Errorf("%s: %v", path, err)
		}
		text = string(plain)
	}
	return path + "\n" + text
}
