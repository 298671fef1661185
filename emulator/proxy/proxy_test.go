package proxy

import (
	"crypto/tls"
	"io"
	"net"
	"testing"

	"agentconf/internal/leaktest"
	"agentconf/internal/testca"
)

const testRequest, testReply = "request of 27 bytes, headers", "reply"

var testSize = ExchangeSize{{20, len(testRequest)}, {2, len(testReply)}}

// The proxy forwards exactly the bytes before the fault point, although they arrive one by one.
func TestProxyCuts(t *testing.T) {
	leaktest.Check(t)
	tests := []struct {
		point          Point
		withhold       bool
		server, client string // received bytes
	}{
		{RequestStart, false, testRequest[:1], ""},
		{RequestHead, false, testRequest[:20], ""},
		{RequestBody, false, testRequest[:len(testRequest)-CutShort], ""},
		{RequestEnd, true, "", ""},
		{ReplyStart, false, testRequest, ""},
		{ReplyHead, false, testRequest, testReply[:2]},
		{ReplyEnd, false, testRequest, testReply},
	}
	for _, test := range tests {
		for _, do := range []Action{CloseConn, ResetConn} {
			n := &Injection{Point: test.point, Action: do, WithholdRequest: test.withhold}
			server, client := exchangeThrough(t, n.ForExchange(testSize))
			// RST may overtake bytes.
			exact := server == test.server && client == test.client
			more := len(server) > len(test.server) || len(client) > len(test.client)
			if do == CloseConn && !exact || more {
				t.Errorf("%+v, action %d: the server received %q, the client %q", test, do, server, client)
			}
		}
	}
}

// The proxy delivers a withheld request after the client has closed the connection.
func TestProxyDeliversAfterClose(t *testing.T) {
	leaktest.Check(t)
	p, received := newTestProxy(t)
	n := (&Injection{Point: RequestEnd, Action: DeliverAfterClose, WithholdRequest: true}).ForExchange(testSize)
	p.Arm(n)
	conn := dial(t, p)
	io.WriteString(conn, testRequest)
	select {
	case got := <-received:
		t.Fatalf("the server received %q before the client has left", got)
	default:
	}
	conn.Close()
	<-n.Done()
	if got := <-received; got != testRequest {
		t.Errorf("the server received %q", got)
	}
}

// Close ends the connections and the goroutines of the proxy.
func TestProxyCloses(t *testing.T) {
	leaktest.Check(t)
	p, received := newTestProxy(t)
	conn := dial(t, p)
	io.WriteString(conn, testRequest)
	if _, err := io.ReadFull(conn, make([]byte, len(testReply))); err != nil {
		t.Fatal(err)
	}
	p.Close()
	if b, err := io.ReadAll(conn); len(b) > 0 || err != nil {
		t.Errorf("read %q, %v, want the end of the connection", b, err)
	}
	if got := <-received; got != testRequest || p.Accepted() != 1 {
		t.Errorf("the server received %q by %d connections", got, p.Accepted())
	}
}

// newTestProxy returns a proxy in front of a server for one exchange, and what the server receives.
func newTestProxy(t *testing.T) (p *Proxy, received <-chan string) {
	t.Helper()
	l, result := listen(t), make(chan string, 1)
	p = New(listen(t), l.Addr().String(), Plaintext)
	t.Cleanup(func() {
		p.Close()
		l.Close()
	})
	go func() { result <- replyOnce(l) }()
	return p, result
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func dial(t *testing.T, p *Proxy) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", p.Address())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// exchangeThrough sends a request byte by byte through a proxy, and a reply when the request is complete.
// It returns the bytes that the server and the client have received.
func exchangeThrough(t *testing.T, n *Injection) (server, client string) {
	t.Helper()
	p, received := newTestProxy(t)
	p.Arm(n)
	conn := dial(t, p)
	go func() {
		for i := range testRequest {
			if _, err := io.WriteString(conn, testRequest[i:i+1]); err != nil {
				return
			}
		}
	}()
	b, _ := io.ReadAll(conn)
	conn.Close()
	<-n.Done()
	return <-received, string(b)
}

// replyOnce accepts a connection, and sends a reply after a complete request. It returns what it received
// of the request.
func replyOnce(l net.Listener) string {
	conn, err := l.Accept()
	if err != nil {
		return ""
	}
	defer conn.Close()
	b := make([]byte, len(testRequest))
	n, err := io.ReadFull(conn, b)
	if err == nil {
		io.WriteString(conn, testReply)
		io.Copy(io.Discard, conn)
	}
	return string(b[:n])
}

// With TLS, the proxy detects the end of the handshake and counts the payload.
func TestProxyCountsTLS(t *testing.T) {
	leaktest.Check(t)
	for _, version := range []Transport{TLS12, TLS13} {
		t.Run(version.String(), func(t *testing.T) { checkTLSPayload(t, version) })
	}
}

func checkTLSPayload(t *testing.T, version Transport) {
	ca := testca.New(t)
	l := tls.NewListener(listen(t), &tls.Config{
		Certificates: []tls.Certificate{ca.Issue(t, "gateway").TLS(t)},
		MinVersion:   uint16(version), MaxVersion: uint16(version),
		CipherSuites:           []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256}, // for TLS 1.2
		SessionTicketsDisabled: true,                                                  // they would be bytes of no reply
	})
	defer l.Close()
	p := New(listen(t), l.Addr().String(), version)
	defer p.Close()
	go replyOnce(l)
	conn, err := tls.Dial("tcp", p.Address(), &tls.Config{RootCAs: ca.Pool, ServerName: testca.Host})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, testRequest); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(conn, make([]byte, len(testReply))); err != nil {
		t.Fatal(err)
	}
	if request, reply := p.Payload(); request != len(testRequest) || reply != len(testReply) {
		t.Errorf("payload of %d bytes, and %d of the reply", request, reply)
	}
}
