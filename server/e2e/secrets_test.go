package e2e

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
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
	"agentconf/server/internal/lifecycle"
)

// secrets are what is in the calls of TestSecrets and may be nowhere else: parts of
// every GUID, phone number, voice path, password and token. No number or address in a
// metric or a profile looks like one.
var secrets = []string{
	"5ec2e7f0",        // of GUIDs
	"70265318495",     // of phone numbers
	"promptfoxtrot",   // of voice paths
	"s3samePa55",      // of passwords
	`s3"same/+&Pa55`,  // the same with what is escaped in JSON and in URLs
	"t0kenfoxtrot",    // of service tokens
	"calldatafoxtrot", // of what a poll hands back
}

var (
	marks = strings.NewReplacer(
		"279fe21d", "5ec2e7f0", "8888", "702653184957", "+862887654321", "+702653184951",
		"111111111111", "702653184951", "444444444444", "702653184954", "555555555555", "702653184955",
		"1136287", "promptfoxtrot", "on hold 2", "on hold promptfoxtrot", "a.V3", "promptfoxtrot.V3",
		"opensesame", "s3samePa55", "a-B_3.tttttt", "t0kenfoxtrot",
		`"calldata":"a b"`, `"calldata":"calldatafoxtrot"`, "calldata=a+b", "calldata=calldatafoxtrot",
	)
	shortNumber = regexp.MustCompile(`"(1000\d|40038|70005)"`)
)

// mark is text with secrets for what it has in confidence.
func mark(text string) string {
	return shortNumber.ReplaceAllString(marks.Replace(text), `"70265318495$1"`)
}

func markIf(text *string) *string {
	if text == nil {
		return nil
	}
	marked := mark(*text)
	return &marked
}

// marked is c with secrets.
func (c contractCase) marked() contractCase {
	c.GUID = slices.Clone(c.GUID)
	for i, guid := range c.GUID {
		c.GUID[i] = mark(guid)
	}
	c.AgentID, c.Line = mark(c.AgentID), mark(c.Line)
	c.Body, c.RawBody = json.RawMessage(mark(string(c.Body))), markIf(c.RawBody)
	if c.Gateway != nil {
		script := *c.Gateway
		script.SetGUID, script.Reply = mark(script.SetGUID), markIf(script.Reply)
		c.Gateway = &script
	}
	return c
}

// writings are the ways in which a secret can stand in a text.
func writings(secret string) []string {
	quoted, _ := json.Marshal(secret)
	inJSON := string(quoted[1 : len(quoted)-1])
	all := []string{
		secret, url.QueryEscape(secret), url.PathEscape(secret),
		strings.ReplaceAll(inJSON, `\`, ""), url.QueryEscape(inJSON), url.PathEscape(inJSON),
		hex.EncodeToString([]byte(secret)),
	}
	for shift := range 3 { // in base64 it depends on what is before it
		text := base64.RawURLEncoding.EncodeToString([]byte(strings.Repeat(" ", shift) + secret))
		text = text[(shift*8+5)/6 : len(text)-1] // without what is not of secret alone
		all = append(all, text, strings.NewReplacer("-", "+", "_", "/").Replace(text))
	}
	return all
}

// findSecrets looks for secrets in a text, whatever the case, and however often it has
// been quoted.
func findSecrets(t *testing.T, where, text string) {
	t.Helper()
	text = strings.ReplaceAll(text, `\`, "")
	lower := strings.ToLower(text)
	for _, secret := range secrets {
		for _, writing := range writings(secret) {
			at := strings.Index(lower, strings.ToLower(writing))
			if at < 0 {
				continue
			}
			around := text[max(0, at-300):min(len(text), at+len(writing)+100)]
			t.Errorf("%s: %q, as %q, in\n%s", where, secret, writing, around)
			break
		}
	}
}

func TestFindSecrets(t *testing.T) {
	for _, secret := range secrets {
		for _, where := range []string{"", "x", "xy", "xyz"} {
			text := where + secret + "!?"
			for _, written := range []string{
				text, strings.ToUpper(text), url.QueryEscape(text), hex.EncodeToString([]byte(text)),
				base64.StdEncoding.EncodeToString([]byte(text)), base64.URLEncoding.EncodeToString([]byte(text)),
			} {
				found := false
				for _, writing := range writings(secret) {
					found = found || strings.Contains(strings.ToLower(written), strings.ToLower(writing))
				}
				if !found {
					t.Errorf("%q is not found in %q", secret, written)
				}
			}
		}
	}
}

// transcript collects texts from many sides.
type transcript struct{ harness.Log }

func (s *transcript) add(text string) { s.Write([]byte(text + "\n")) }

// No call, whatever becomes of it, leaves a secret anywhere but with the gateway and in
// what its caller has asked for. The test runs once more in a process of its own, whose
// output is a place to search as well: libraries write there, with all that they have
// to say.
func TestSecrets(t *testing.T) {
	const inside = "AGENTCONF_TEST_SECRETS"
	if os.Getenv(inside) == "" {
		again := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestSecrets$")
		again.Env = append(os.Environ(), inside+"=1", "GRPC_GO_LOG_SEVERITY_LEVEL=info", "GRPC_GO_LOG_VERBOSITY_LEVEL=99")
		output, err := again.CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, output)
		}
		findSecrets(t, "the output of the process", string(output))
		return
	}

	gateway := newRepeatingGateway(t)
	spans := tracetest.NewInMemoryExporter()
	tracer := sdktrace.NewTracerProvider(sdktrace.WithSyncer(spans)).Tracer("agentconf")
	f := newTracedFronts(t, sockets, gateway.dial, tracer)
	told, admin, docs := &transcript{}, &transcript{}, &transcript{}
	panics := servePanics(t, told)
	// Whatever else a process tells anybody belongs into this list.
	places := []struct {
		name string
		text func() string
	}{
		{"the log", f.log.String},
		{"the log after panics", panics.String},
		{"what callers were told of what failed", told.String},
		{"the admin port", admin.String},
		{"the traces", func() string { return fmt.Sprintf("%+v", spans.GetSpans()) }},
		{"the documentation", docs.String},
	}

	var profiling sync.WaitGroup
	for _, path := range []string{"/debug/pprof/profile?seconds=1", "/debug/pprof/trace?seconds=1"} {
		profiling.Go(func() { admin.add(f.ask(t, path)) })
	}
	f.makeCalls(t, gateway, told)
	f.leaveCalls(t, gateway, told, func() { admin.add(f.askAll(t)) })
	f.sendMalformed(t, told)
	gateway.stop()
	confided.call(t, f, told)
	profiling.Wait()
	admin.add(f.askAll(t))
	for _, path := range []string{"/docs/", "/docs/start.js", "/docs/openapi.json"} {
		_, header, body := f.send(t, http.MethodGet, path, func(r *http.Request) { r.Header.Set("Guid", mark(someGUID)) })
		docs.add(fmt.Sprint(header, string(body)))
	}
	f.end()
	for _, place := range places {
		text := place.text()
		if len(text) == 0 {
			t.Errorf("%s is empty", place.name)
		}
		findSecrets(t, place.name, text)
	}
	for _, operation := range append(operationsOf(readCases(t)), "watchAgentEvents") {
		if !strings.Contains(f.log.String(), `"operation":"`+operation+`"`) {
			t.Errorf("%s was not called", operation)
		}
	}
}

func operationsOf(cases []contractCase) (names []string) {
	for _, c := range cases {
		names = append(names, strings.ToLower(c.RPC[:1])+c.RPC[1:])
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// askAll is everything that the admin port answers at once.
func (f *fronts) askAll(t *testing.T) string {
	var all strings.Builder
	for _, path := range []string{
		"/metrics", "/log-level", "/debug/pprof/", "/debug/pprof/cmdline", "/debug/pprof/symbol",
		"/debug/pprof/goroutine", "/debug/pprof/goroutine?debug=1", "/debug/pprof/goroutine?debug=2",
		"/debug/pprof/heap", "/debug/pprof/heap?debug=1", "/debug/pprof/allocs", "/debug/pprof/allocs?debug=1",
		"/debug/pprof/block?debug=1", "/debug/pprof/mutex?debug=1", "/debug/pprof/threadcreate?debug=1",
	} {
		all.WriteString(f.ask(t, path))
	}
	return all.String()
}

// ask is an answer of the admin port, unpacked.
func (f *fronts) ask(t *testing.T, path string) string {
	w := httptest.NewRecorder()
	lifecycle.Admin(f.metrics, new(slog.LevelVar), http.NotFoundHandler()).ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
	text := w.Body.Bytes()
	if packed, err := gzip.NewReader(bytes.NewReader(text)); err == nil {
		if text, err = io.ReadAll(packed); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
	return path + "\n" + string(text)
}
