package transport

import (
	"crypto/tls"
	"net"

	"google.golang.org/grpc/credentials"
)

// handshakes asks current for every handshake; it is nil if there are none. The
// sessions that clients resume are kept by the outer configuration, and outlive a new
// certificate. A session whose client certificate no CA of now has signed is not
// resumed.
func handshakes(current func() *tls.Config, protocols ...string) *tls.Config {
	if current == nil {
		return nil
	}
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
			c := current()
			c.MinVersion, c.NextProtos = tls.VersionTLS12, protocols
			return c, nil
		},
	}
}

// grpcCredentials are nil if there is no TLS.
func grpcCredentials(current func() *tls.Config) credentials.TransportCredentials {
	if current == nil {
		return nil
	}
	return credentials.NewTLS(handshakes(current, "h2"))
}

func (s *Server) serveHTTP(l net.Listener) error {
	if s.http.TLSConfig == nil {
		return s.http.Serve(l)
	}
	return s.http.ServeTLS(l, "", "") // the files are those of the configuration
}
