package faults

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"testing"

	"agentconf/internal/leaktest"
)

// The proxy forwards exactly the bytes before the fault point, although they arrive one by one.
func TestProxyCuts(t *testing.T) {
	leaktest.Check(t)
	const request, reply = "request of 27 bytes, headers", "reply"
	size := exchangeSize{{20, len(request)}, {2, len(reply)}}
	tests := []struct {
		point          faultPoint
		withhold       bool
		server, client string // received bytes
	}{
		{requestStart, false, request[:1], ""},
		{requestHead, false, request[:20], ""},
		{requestBody, false, request[:len(request)-cutShort], ""},
		{requestEnd, true, "", ""},
		{replyStart, false, request, ""},
		{replyHead, false, request, reply[:2]},
		{replyEnd, false, request, reply},
	}
	for _, test := range tests {
		for _, do := range []action{closeConn, resetConn} {
			n := &injection{point: test.point, action: do, withholdRequest: test.withhold}
			server, client := exchangeThrough(t, n.forExchange(size), request, reply)
			// RST may overtake bytes.
			exact := server == test.server && client == test.client
			more := len(server) > len(test.server) || len(client) > len(test.client)
			if do == closeConn && !exact || more {
				t.Errorf("%+v, action %d: the server received %q, the client %q", test, do, server, client)
			}
		}
	}
}

// exchangeThrough sends a request byte by byte through a proxy, and a reply when the request is complete.
// It returns the bytes that the server and the client have received.
func exchangeThrough(t *testing.T, n *injection, request, reply string) (server, client string) {
	l := listen(t)
	p := newProxy(t, l.Addr().String(), plaintext)
	received := make(chan string, 1)
	go func() { received <- replyOnce(l, len(request), reply) }()
	p.arm(n)
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
	<-n.done.isSet
	return <-received, string(b)
}

// replyOnce accepts a connection, and sends reply after a request of size bytes. It returns what it received
// of the request.
func replyOnce(l net.Listener, size int, reply string) string {
	conn, err := l.Accept()
	if err != nil {
		return ""
	}
	defer conn.Close()
	b := make([]byte, size)
	n, err := io.ReadFull(conn, b)
	if err == nil {
		io.WriteString(conn, reply)
		io.Copy(io.Discard, conn)
	}
	return string(b[:n])
}

// With TLS, the proxy detects the end of the handshake and counts the payload.
func TestProxyCountsTLS(t *testing.T) {
	leaktest.Check(t)
	for _, tr := range []transport{tls12, tls13} {
		t.Run(tr.String(), func(t *testing.T) { checkTLSPayload(t, tr) })
	}
}

func checkTLSPayload(t *testing.T, tr transport) {
	g := newGatewayServer(t, tr)
	t.Cleanup(g.shutDown)
	p := newProxy(t, g.address, tr)
	conn, err := tls.Dial("tcp", p.address(), &tls.Config{RootCAs: g.roots})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if version := conn.ConnectionState().Version; version != uint16(tr) {
		t.Errorf("the connection uses %v", tls.VersionName(version))
	}
	const request = "GET /emulator/log HTTP/1.1\r\nHost: gateway.test\r\n\r\n"
	for range 2 {
		if _, err := io.WriteString(conn, request); err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Read(make([]byte, 1<<10)); err != nil {
			t.Fatal(err)
		}
		if got, reply := p.payload(); got != len(request) || reply == 0 {
			t.Errorf("payload of %d bytes, and %d of the reply, want %d", got, reply, len(request))
		}
		p.arm(nil)
	}
}

// The proxy delivers a withheld request after the client has closed the connection.
func TestProxyDeliversAfterClose(t *testing.T) {
	leaktest.Check(t)
	g := newGatewayServer(t, plaintext)
	t.Cleanup(g.shutDown)
	p := newProxy(t, g.address, plaintext)
	c := &call{op: mute, front: dialectFront, deadline: longTimeout}
	var err error
	if c.agent, c.guid, err = g.newAgent(c.op); err != nil {
		t.Fatal(err)
	}
	request := c.httpRequest()
	n := injection{point: requestEnd, action: deliverAfterClose, withholdRequest: true}
	armed := n.forExchange(exchangeSize{upstream: {0, len(request)}})
	p.arm(armed)
	cl := &client{httpAddress: p.address()}
	if err := cl.connectHTTP(context.Background()); err != nil {
		t.Fatal(err)
	}
	if _, err := cl.http.Write(request); err != nil {
		t.Fatal(err)
	}
	if got := effectOf(c.key(), g.records()); got.requests != 0 {
		t.Errorf("%+v before the client has left", got)
	}
	cl.closeHTTP()
	<-armed.done.isSet
	if got := effectOf(c.key(), g.records()); got != (effect{1, 1, 0}) {
		t.Errorf("%+v, want one request, applied", got)
	}
}
