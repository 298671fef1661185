package main

import (
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"agentconf/internal/program"
	"agentconf/internal/testca"
)

// The test binary runs the program if a test starts it as a child process.
func init() {
	if os.Getenv("RUN_AGENTCONF") != "" {
		main()
	}
}

// startChild starts the service as a child process.
func startChild(t *testing.T, args ...string) *program.Process {
	t.Helper()
	return startCommand(t, exec.Command(os.Args[0],
		slices.Concat([]string{"serve", "--gateway", "http://127.0.0.1:1"}, program.LocalPorts, args)...))
}

func startCommand(t *testing.T, cmd *exec.Cmd) *program.Process {
	t.Helper()
	cmd.Env = append(cmd.Env, "RUN_AGENTCONF=1")
	child, err := program.Start(cmd)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { child.Signal(syscall.SIGKILL) }) // fails if the process has ended
	return child
}

// terminate sends SIGTERM and waits for the log record of the stop.
func terminate(t *testing.T, child *program.Process) {
	t.Helper()
	signalChild(t, child, syscall.SIGTERM, `"msg":"stopping"`)
}

// signalChild sends a signal and waits for a line of output.
func signalChild(t *testing.T, child *program.Process, s syscall.Signal, line string) string {
	t.Helper()
	if err := child.Signal(s); err != nil {
		t.Fatal(err)
	}
	got, err := child.Await(line)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// The first signal drains the service. A second signal ends it at once, with a log record of
// the calls and watches that it cuts off.
func TestSignals(t *testing.T) {
	drained := startChild(t, "--drain-delay", "10ms")
	terminate(t, drained)
	if _, err := drained.Await(`"msg":"stopped"`); err != nil {
		t.Fatal(err)
	}
	if err := drained.Wait(); err != nil {
		t.Errorf("after one signal: got %v, want exit code 0", err)
	}
	killed := startChild(t, "--drain-delay", "1h")
	terminate(t, killed)
	record := signalChild(t, killed, syscall.SIGTERM, "a second signal ends the process")
	if !strings.Contains(record, `"calls_cut_off":0,"watches_cut_off":0`) {
		t.Errorf("got %s, want the number of calls and watches", record)
	}
	exit, isExit := errors.AsType[*exec.ExitError](killed.Wait())
	if !isExit {
		t.Fatal("after two signals: got exit code 0, want an end by SIGTERM")
	}
	if status := exit.Sys().(syscall.WaitStatus); !status.Signaled() || status.Signal() != syscall.SIGTERM {
		t.Errorf("after two signals: got %v, want an end by SIGTERM", exit)
	}
}

// SIGHUP reads the certificate files again and logs it, at any time of the service. It ends
// nothing and is not counted as a signal to stop.
func TestHangUp(t *testing.T) {
	ca := testca.New(t)
	dir := t.TempDir()
	write := func(pair testca.Pair) (certificate, key string) {
		certificate, key = filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key")
		for name, text := range map[string]string{certificate: pair.Certificate, key: pair.Key} {
			if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		return certificate, key
	}
	certificate, key := write(ca.Issue(t, "old"))
	child := startChild(t, "--drain-delay", "1h", "--tls-cert", certificate, "--tls-key", key)
	signalChild(t, child, syscall.SIGHUP, `"certificate files were read again after SIGHUP","changed":false`)
	write(ca.Issue(t, "new"))
	signalChild(t, child, syscall.SIGHUP, `"certificate files were read again after SIGHUP","changed":true`)
	terminate(t, child)
	signalChild(t, child, syscall.SIGHUP, `"certificate files were read again after SIGHUP","changed":false`)
	if !strings.Contains(child.Output(), `"subject":"CN=new"`) {
		t.Errorf("got no record of the new certificate in\n%s", child.Output())
	}
}

// Every line on standard error is a log record, also what net/http and grpc-go print about clients that
// speak no HTTP.
func TestOnlyRecords(t *testing.T) {
	child := startChild(t, "--drain-delay", "10ms", "--log-level", "debug")
	for _, address := range []string{child.GRPC, child.HTTP, child.Admin} {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(conn, "SSH-2.0-scanner with a long name\r\n\r\n")
		io.ReadAll(conn) // until the service closes it
		conn.Close()
	}
	terminate(t, child)
	if err := child.Wait(); err != nil {
		t.Error(err)
	}
	if want := `"msg":"connections to the gRPC port have failed"`; !strings.Contains(child.Output(), want) {
		t.Errorf("got no record with %s", want)
	}
	for line := range strings.Lines(child.Output()) {
		if !json.Valid([]byte(line)) {
			t.Errorf("got the line %swant a record", line)
		}
	}
}

// With 64 file descriptors and 200 connections, the operator's port still answers, the log
// has a record, and the service recovers.
func TestOutOfFiles(t *testing.T) {
	child := startCommand(t, exec.Command("sh", append([]string{"-c", `ulimit -n 64; exec "$@"`, "sh", os.Args[0],
		"serve", "--gateway", "http://127.0.0.1:1"}, program.LocalPorts...)...))
	var conns []net.Conn
	for i := range 200 {
		conn, err := net.Dial("tcp", []string{child.GRPC, child.HTTP}[i%2])
		if err != nil {
			t.Fatal(err)
		}
		conns = append(conns, conn)
	}
	rejected := regexp.MustCompile(`agentconf_connections_rejected_total{port="(?:grpc|json)"} [1-9]\d`)
	for metrics, attempts := "", 0; len(rejected.FindAllString(metrics, -1)) != 2; attempts++ {
		if attempts == 1000 {
			t.Fatalf("got no rejected connections at both ports:\n%s", metrics)
		}
		_, metrics = mustRequest(t, "GET", "http://"+child.Admin+"/metrics", "", "")
	}
	if _, err := child.Await(`"level":"WARN","msg":"connections are rejected because too many files are open`); err != nil {
		t.Fatal(err)
	}
	for _, conn := range conns {
		conn.Close()
	}
	for attempts := 0; ; attempts++ { // until the service has closed its ends
		resp, err := http.Get("http://" + child.HTTP + "/docs/")
		if err == nil {
			resp.Body.Close()
			break
		}
		if attempts == 10_000 {
			t.Fatalf("the service does not recover: %v", err)
		}
	}
	http.DefaultClient.CloseIdleConnections()
	if n := strings.Count(child.Output(), "connections are rejected"); n != 1 {
		t.Errorf("got %d records of rejected connections, want 1:\n%s", n, child.Output())
	}
}
