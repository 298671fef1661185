package lifecycle

import (
	"crypto/tls"
	"errors"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"agentconf/internal/testca"
)

// pipeListener accepts one connection.
type pipeListener struct {
	net.Listener
	conn net.Conn
}

func (l *pipeListener) Accept() (net.Conn, error) {
	if l.conn == nil {
		return nil, net.ErrClosed
	}
	conn := l.conn
	l.conn = nil
	return conn, nil
}

// A write to a client that does not read fails after the timeout. The time between two
// writes does not count.
func TestWriteDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, client := net.Pipe()
		l := writeDeadlineListener{&pipeListener{conn: server}, 5 * time.Second}
		conn, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		go client.Read(make([]byte, 1))
		if _, err := conn.Write([]byte("a")); err != nil {
			t.Error(err)
		}
		time.Sleep(time.Hour)
		start := time.Now()
		if _, err := conn.Write([]byte("b")); !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(start) != 5*time.Second {
			t.Errorf("error %v after %v", err, time.Since(start))
		}
		if _, err := l.Accept(); err != net.ErrClosed {
			t.Errorf("error %v, want that of the listener", err)
		}
	})
}

// Every handshake has the current configuration, with the protocols of the port and TLS
// 1.2 at least.
func TestServerTLS(t *testing.T) {
	if serverTLS(nil) != nil || grpcCredentials(nil).Info().SecurityProtocol != "insecure" {
		t.Error("TLS without a configuration")
	}
	handshakes := 0
	config := serverTLS(func() *tls.Config { handshakes++; return &tls.Config{} }, "h2", "http/1.1")
	for range 2 {
		c, err := config.GetConfigForClient(nil)
		if err != nil || c.MinVersion != tls.VersionTLS12 || len(c.CipherSuites) == 0 || len(c.NextProtos) != 2 || c.NextProtos[0] != "h2" {
			t.Errorf("%+v, %v", c, err)
		}
	}
	if handshakes != 2 {
		t.Errorf("the configuration of two handshakes was read %d times", handshakes)
	}
}

// A client of TLS 1.2 without authenticated encryption is rejected, and any other accepted.
func TestAEADOnly(t *testing.T) {
	pair := testca.New(t).Issue(t, "x").TLS(t)
	config := serverTLS(func() *tls.Config { return &tls.Config{Certificates: []tls.Certificate{pair}} }, "http/1.1")
	for suite, want := range map[uint16]bool{
		tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA:          false,
		tls.TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA:          false,
		tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256:       true,
		tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256: true,
	} {
		server, client := net.Pipe()
		go func() {
			tls.Server(server, config).Handshake() // the client reports its error
			server.Close()
		}()
		err := tls.Client(client, &tls.Config{
			InsecureSkipVerify: true, MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{suite},
		}).Handshake()
		client.Close()
		if (err == nil) != want {
			t.Errorf("%s: %v", tls.CipherSuiteName(suite), err)
		}
	}
}
