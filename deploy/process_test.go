// Package deploy tests what operators are given: alert rules, the dashboard, the files
// of compose, nginx, Envoy and Kubernetes, and what docs/operations.md says of them.
package deploy

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// binary is the service, built from this tree.
var binary string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "agentconf-deploy")
	if err != nil {
		panic(err)
	}
	binary = filepath.Join(dir, "server")
	build := exec.Command("go", "build", "-o", binary, "./server")
	build.Dir, build.Stdout, build.Stderr = "..", os.Stderr, os.Stderr
	if err := build.Run(); err != nil {
		panic(err)
	}
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// run runs a program to its end, which must be a good one, and returns what it printed.
func run(t *testing.T, env []string, name string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Env = append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %v: %v\n%s", name, args, err, out)
	}
	return string(out)
}

// start runs a program until the test ends, and returns what it prints up to the line that
// has ready in it.
func start(t *testing.T, ready, name string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...) // killed when the test ends
	r, w := io.Pipe()
	cmd.Stdout, cmd.Stderr = w, w
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = cmd.Wait()
		w.Close()
	}()
	t.Cleanup(func() { <-ended })
	lines := bufio.NewReader(r)
	var printed strings.Builder
	for {
		line, err := lines.ReadString('\n')
		printed.WriteString(line)
		if err != nil {
			t.Fatalf("%s %v ended: %s", name, args, &printed)
		}
		if strings.Contains(line, ready) {
			go io.Copy(io.Discard, lines)
			return printed.String()
		}
	}
}

// emulate starts an emulated gateway and returns its URL.
func emulate(t *testing.T) string {
	t.Helper()
	printed := start(t, "http://", binary, "emulate", "--listen", "127.0.0.1:0", "--answer-delay", "1ms")
	return regexp.MustCompile(`http://127\.0\.0\.1:\d+`).FindString(printed)
}

// replica is a service that is ready.
type replica struct{ GRPC, HTTP, Admin string }

func serve(t *testing.T, gateway string) (r replica) {
	t.Helper()
	printed := start(t, `"msg":"ready"`, binary, "serve", "--gateway", gateway,
		"--grpc-listen", "127.0.0.1:0", "--http-listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--drain-delay", "0")
	line := regexp.MustCompile(`(?m)^.*"msg":"serving".*$`).FindString(printed)
	if err := json.Unmarshal([]byte(line), &r); err != nil {
		t.Fatal(err)
	}
	return r
}

// ask makes an HTTP request and returns the status, the headers and the body.
func ask(t *testing.T, method, url, guid, body string) (int, http.Header, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Guid", guid)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, resp.Header, string(answer)
}

// mustAsk is ask for what must be answered with status 200.
func mustAsk(t *testing.T, method, url, guid, body string) (http.Header, string) {
	t.Helper()
	status, header, answer := ask(t, method, url, guid, body)
	if status != http.StatusOK {
		t.Fatalf("%s %s: HTTP status %d: %s", method, url, status, answer)
	}
	return header, answer
}

// signIn signs an agent in by the JSON front at base and returns the GUID.
func signIn(t *testing.T, base, agent string) string {
	t.Helper()
	header, _ := mustAsk(t, "POST", base+"/v1/agents/"+agent+"/session:login", "", `{"password":"","phonenum":"40038"}`)
	return strings.TrimPrefix(header.Get("Set-GUID"), "JSESSIONID=")
}

// watch begins to watch an agent, and returns when the stream has started. It ends with
// the test, or when the stream does.
func watch(t *testing.T, base, agent, guid string) (ended <-chan struct{}) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), "GET", base+"/v1/agents/"+agent+"/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Guid", guid)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(resp.Body)
	for line := ""; line != "event: started\n"; {
		if line, err = lines.ReadString('\n'); err != nil {
			t.Fatalf("the watch of agent %s does not start: HTTP status %d, %q, %v", agent, resp.StatusCode, line, err)
		}
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		io.Copy(io.Discard, lines)
		resp.Body.Close()
	}()
	t.Cleanup(func() { <-done })
	return done
}

// read returns a file.
func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
