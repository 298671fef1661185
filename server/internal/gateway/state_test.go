package gateway

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"testing"
	"time"
)

// A client reports the state of each breaker, and the end of each certificate that it has
// accepted. It keeps the end if a later handshake fails.
func TestState(t *testing.T) {
	cert, roots := certificate(t)
	l := listenTLS(t, &tls.Config{Certificates: []tls.Certificate{cert}})
	s := newServer(t, l, replying(ok))
	gone := listen(t)
	gone.Close()
	_, port, err := net.SplitHostPort(s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	c := newClient(t, Options{
		URL: "https://" + s.Addr().String(), TLS: trusting(roots), Breaker: Breaker{Failures: 1, Open: time.Hour},
		Nodes: map[string]string{"down": "https://" + gone.Addr().String(), "name": "https://localhost:" + port},
	})
	if ends := c.CertificateEnds(); len(ends) > 0 {
		t.Errorf("ends %v before a handshake", ends)
	}
	for _, guid := range []string{"x", "x.down"} {
		c.Send(t.Context(), Request{Method: "POST", Path: "p", GUID: guid}).Reply()
	}
	if states := c.BreakerStates(); states[""] != "closed" || states["down"] != "open" || len(states) != 3 {
		t.Errorf("states %v", states)
	}
	c.Probe(t.Context())
	leaf, err := x509.ParseCertificate(cert.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	if ends := c.CertificateEnds(); len(ends) != 1 || !ends[""].Equal(leaf.NotAfter) {
		t.Errorf("ends %v, want %v of the gateway alone", ends, leaf.NotAfter)
	}
}
