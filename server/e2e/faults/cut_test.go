package faults

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"testing"

	"agentconf/internal/leaktest"
)

// The proxy lets through exactly what its script says, on a connection that is new and
// on one that has served before, whatever the pieces in which the bytes come.
func TestProxyCuts(t *testing.T) {
	leaktest.Check(t)
	const request, reply = "request of 27 bytes, headers", "reply"
	size := sizes{traffic{20, len(request)}, traffic{2, len(reply)}}
	tests := []struct {
		at         place
		all        bool
		got, heard string
	}{
		{requestFirst, false, request[:1], ""},
		{requestHead, false, request[:20], ""},
		{requestBody, false, request[:len(request)-cutShort], ""},
		{requestEnd, true, "", ""},
		{replyBegin, false, request, ""},
		{replyHead, false, request, reply[:2]},
		{replyEnd, false, request, reply},
	}
	for _, test := range tests {
		for _, do := range []action{finish, reset} {
			s := &script{at: test.at, do: do, all: test.all}
			got, heard := through(t, s.prepared(size.request, size.reply), request, reply)
			// A reset may overtake what was let through.
			exact := got == test.got && heard == test.heard
			more := len(got) > len(test.got) || len(heard) > len(test.heard)
			if do == finish && !exact || more {
				t.Errorf("%+v, action %d: the server got %q, the client %q", test, do, got, heard)
			}
		}
	}
}

// through sends a request byte by byte through a proxy, and the reply when it is
// complete.
func through(t *testing.T, s *script, request, reply string) (got, heard string) {
	l := listen(t)
	p := newProxy(t, l.Addr().String(), inTheClear)
	received := make(chan string, 1)
	go func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		b := make([]byte, len(request))
		n, err := io.ReadFull(conn, b)
		if err == nil {
			io.WriteString(conn, reply)
			io.Copy(io.Discard, conn)
		}
		received <- string(b[:n])
	}()
	p.arm(s)
	conn, err := net.Dial("tcp", p.address())
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		for i := range request {
			if _, err := io.WriteString(conn, request[i:i+1]); err != nil {
				return
			}
		}
	}()
	b, _ := io.ReadAll(conn)
	conn.Close()
	<-s.done
	return <-received, string(b)
}

// With TLS the proxy knows where the handshake ends and how long a request is.
func TestProxyMeasuresTLS(t *testing.T) {
	for _, leg := range []leg{byTLS12, byTLS13} {
		t.Run(leg.String(), func(t *testing.T) { measureTLS(t, leg) })
	}
}

func measureTLS(t *testing.T, leg leg) {
	leaktest.Check(t)
	g := newGateway(t, leg)
	t.Cleanup(g.settle)
	p := newProxy(t, g.address, leg)
	conn, err := tls.Dial("tcp", p.address(), &tls.Config{RootCAs: certificate().roots})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if version := conn.ConnectionState().Version; version != uint16(leg) {
		t.Errorf("%v is spoken", tls.VersionName(version))
	}
	const request = "GET /emulator/log HTTP/1.1\r\nHost: gateway.test\r\n\r\n"
	for range 2 {
		if _, err := io.WriteString(conn, request); err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Read(make([]byte, 1<<10)); err != nil {
			t.Fatal(err)
		}
		if got, answered := p.measured(); got != len(request) || answered == 0 {
			t.Errorf("measured %d bytes and %d of the reply, want %d", got, answered, len(request))
		}
		p.arm(nil)
	}
}

// A request that is held back is delivered when the client has gone.
func TestProxyHoldsBack(t *testing.T) {
	leaktest.Check(t)
	g := newGateway(t, inTheClear)
	t.Cleanup(g.settle)
	p := newProxy(t, g.address, inTheClear)
	op := mute
	k := &call{op: op, front: overDialect, deadline: ample}
	var err error
	if k.agent, k.guid, err = g.prepare(op); err != nil {
		t.Fatal(err)
	}
	request := k.httpRequest()
	s := (&script{at: requestEnd, do: holdBack, all: true}).prepared(traffic{0, len(request)}, traffic{})
	p.arm(s)
	c := &caller{httpAddress: p.address()}
	if err := c.dial(context.Background()); err != nil {
		t.Fatal(err)
	}
	if _, err := c.http.Write(request); err != nil {
		t.Fatal(err)
	}
	if got := g.truths()[k.key()]; got.reached != 0 {
		t.Errorf("%+v, and the client is still there", got)
	}
	c.hangUp()
	<-s.done
	if got := g.truths()[k.key()]; got != (truth{1, 1, 0}) {
		t.Errorf("%+v, want it applied once", got)
	}
}
