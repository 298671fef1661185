package lifecycle

import (
	"crypto/tls"

	"google.golang.org/grpc/credentials"
)

// serverTLS returns a configuration that calls current for every handshake, or nil if
// current is nil. The outer configuration keeps the keys of resumed sessions, so that
// they survive a new certificate. A session is not resumed if no current CA has signed
// its client certificate.
func serverTLS(current func() *tls.Config, protocols ...string) *tls.Config {
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

// grpcCredentials returns nil if there is no TLS.
func grpcCredentials(current func() *tls.Config) credentials.TransportCredentials {
	if current == nil {
		return nil
	}
	return credentials.NewTLS(serverTLS(current, "h2"))
}
