package lifecycle

import (
	"crypto/tls"

	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
)

// aeadSuites are the cipher suites of TLS 1.2 with authenticated encryption, which are those
// that HTTP/2 allows (RFC 9113, appendix A). Those of TLS 1.3 all have it.
var aeadSuites = []uint16{
	tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
	tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
	tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
}

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
			c.MinVersion, c.NextProtos, c.CipherSuites = tls.VersionTLS12, protocols, aeadSuites
			return c, nil
		},
	}
}

// grpcCredentials returns the credentials of the gRPC port.
func grpcCredentials(current func() *tls.Config) credentials.TransportCredentials {
	if current == nil {
		return insecure.NewCredentials()
	}
	return credentials.NewTLS(serverTLS(current, "h2"))
}
