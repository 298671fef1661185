package lifecycle

import (
	"bytes"
	"errors"
	"log/slog"
	"net"
	"strings"
	"syscall"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"agentconf/server/internal/servicetest"
)

// A connection that takes a reserved descriptor is closed and counted, and one record says
// so. A lower number may stay.
func TestDescriptors(t *testing.T) {
	l, err := Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for _, test := range []struct {
		limit   int
		allowed bool
	}{{0, true}, {1 << 20, true}, {8, false}} {
		var log bytes.Buffer
		metrics := prometheus.NewRegistry()
		d := newDescriptors(slog.New(slog.NewTextHandler(&log, nil)), metrics, test.limit)
		for range 2 {
			conn, err := d.Dial(t.Context(), "tcp", l.Addr().String())
			if test.allowed {
				if err != nil {
					t.Fatalf("limit %d: %v", test.limit, err)
				}
				conn.Close()
			} else if !errors.Is(err, syscall.EMFILE) || conn != nil {
				t.Errorf("limit %d: connection %v, error %v", test.limit, conn, err)
			}
		}
		if test.allowed {
			servicetest.CheckMetrics(t, metrics, `agentconf_connections_rejected_total{port="gateway"} 0`)
			continue
		}
		servicetest.CheckMetrics(t, metrics, `agentconf_connections_rejected_total{port="gateway"} 2`)
		if text := log.String(); strings.Count(text, "\n") != 1 || !strings.Contains(text, "level=WARN") ||
			!strings.Contains(text, "count=1 port=gateway limit=8") {
			t.Errorf("log\n%s", text)
		}
	}
}

// A listener closes the connections beyond its share and hands out the next that may stay.
func TestReservingListener(t *testing.T) {
	for limit, first := range map[int]descriptor{64: 48, 20_000: 20_000 - 1024} {
		checkReserving(t, limit, first)
	}
}

// checkReserving checks that a listener closes a connection with the descriptor first, and
// hands out one below.
func checkReserving(t *testing.T, limit int, first descriptor) {
	t.Helper()
	open, closed := &descriptorConn{number: first - 1}, &descriptorConn{number: first}
	d := newDescriptors(slog.New(slog.DiscardHandler), prometheus.NewRegistry(), limit)
	l := reservingListener{&connListener{conns: []net.Conn{closed, open}}, d, portGRPC}
	conn, err := l.Accept()
	if err != nil || conn != net.Conn(open) || !closed.closed || open.closed {
		t.Errorf("accepted %+v, %v; the connection beyond the share is %+v", conn, err, closed)
	}
	if _, err := l.Accept(); err != net.ErrClosed {
		t.Errorf("error %v, want that of the listener", err)
	}
}

// connListener accepts its connections.
type connListener struct {
	net.Listener
	conns []net.Conn
}

func (l *connListener) Accept() (net.Conn, error) {
	if len(l.conns) == 0 {
		return nil, net.ErrClosed
	}
	conn := l.conns[0]
	l.conns = l.conns[1:]
	return conn, nil
}

// descriptorConn is a connection with a descriptor.
type descriptorConn struct {
	net.Conn
	number descriptor
	closed bool
}

func (c *descriptorConn) Close() error { c.closed = true; return nil }

func (c *descriptorConn) SyscallConn() (syscall.RawConn, error) { return c.number, nil }

// descriptor implements the method of syscall.RawConn that reads its number.
type descriptor uintptr

func (d descriptor) Control(f func(uintptr)) error { f(uintptr(d)); return nil }

func (descriptor) Read(func(uintptr) bool) error { return nil }

func (descriptor) Write(func(uintptr) bool) error { return nil }
