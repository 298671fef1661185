package main

import (
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// notifySocket listens as systemd does. states receives every datagram, until the test ends.
func notifySocket(t *testing.T) (name string, states <-chan string) {
	t.Helper()
	name = filepath.Join(t.TempDir(), "notify")
	socket, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	received := make(chan string, 10_000) // more than a test sends
	go func() {
		defer close(received)
		buffer := make([]byte, 4096)
		for {
			n, err := socket.Read(buffer)
			if err != nil {
				return
			}
			received <- string(buffer[:n])
		}
	}()
	t.Cleanup(func() {
		socket.Close()
		for range received { // until the goroutine has ended
		}
	})
	return name, received
}

// Systemd learns when the ports are open, that the process runs, and when its stop begins.
// The stop may take as long as the drain.
func TestSystemd(t *testing.T) {
	socket, states := notifySocket(t)
	service, grpcAddress, _ := serve(t, []string{
		"NOTIFY_SOCKET=" + socket, "WATCHDOG_USEC=2000", "WATCHDOG_PID=" + strconv.Itoa(os.Getpid()),
	}, "--gateway", "http://127.0.0.1:1", "--drain-timeout", "1m")
	ready := <-states
	if !strings.HasPrefix(ready, "READY=1\nSTATUS=agentconf ") || !strings.Contains(ready, grpcAddress) {
		t.Errorf("got %q first, want READY=1 and the ports", ready)
	}
	if got := <-states; got != "WATCHDOG=1" {
		t.Errorf("got %q, want WATCHDOG=1", got)
	}
	if code, log := service.stop(); code != 0 {
		t.Errorf("got exit code %d, want 0:\n%s", code, log)
	}
	message := <-states
	for message == "WATCHDOG=1" {
		message = <-states
	}
	if want := "STOPPING=1\nEXTEND_TIMEOUT_USEC=65000000"; message != want {
		t.Errorf("got %q at the stop, want %q", message, want)
	}
}

// A service without systemd's variables, with those of another process, or with a socket
// that is gone, works as usual.
func TestWithoutSystemd(t *testing.T) {
	socket, states := notifySocket(t)
	for _, test := range []struct {
		name string
		env  []string
		want string // in the log
	}{
		{"no variables", nil, ""},
		{"no socket", []string{"NOTIFY_SOCKET=" + socket + ".gone"}, `"msg":"systemd was not notified","state":"READY=1"`},
		{"a watchdog of another process", []string{"NOTIFY_SOCKET=" + socket, "WATCHDOG_USEC=2000", "WATCHDOG_PID=1"}, ""},
	} {
		service, _, _ := serve(t, test.env, "--gateway", "http://127.0.0.1:1")
		code, log := service.stop()
		if code != 0 || !strings.Contains(log, test.want) {
			t.Errorf("%s: got exit code %d, want 0 and %q in the log:\n%s", test.name, code, test.want, log)
		}
	}
	for _, want := range []string{"READY=1", "STOPPING=1"} {
		if got := <-states; !strings.HasPrefix(got, want) {
			t.Errorf("got %q, want %s and no WATCHDOG", got, want)
		}
	}
}

// A service stops although nobody reads the datagrams. The queue of a socket is full after a few.
func TestSystemdIsStuck(t *testing.T) {
	name := filepath.Join(t.TempDir(), "notify")
	socket, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	env := []string{"NOTIFY_SOCKET=" + name, "WATCHDOG_USEC=2000"}
	service := start(t, `"msg":"systemd was not notified"`, env, "serve", "--gateway", "http://127.0.0.1:1",
		"--grpc-listen", "127.0.0.1:0", "--http-listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--drain-delay", "0")
	if code, log := service.stop(); code != 0 {
		t.Errorf("got exit code %d, want 0:\n%s", code, log)
	}
}
