package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
)

// healthcheckSettings holds the values of the flags of healthcheck.
type healthcheckSettings struct{ listen, certificate, key string }

func (s *healthcheckSettings) define(fs *flags) {
	fs.text(&s.listen, "grpc-listen", defaultGRPCListen, "`ADDRESS` of the service, the value of its own flag")
	fs.text(&s.certificate, "tls-cert", "", "`FILE` of the service's certificate, the value of its own flag; enables TLS")
	fs.text(&s.key, "tls-key", "", "`FILE` of the key of --tls-cert, for a service with --tls-client-ca")
}

// healthcheck checks a service on this machine by the gRPC health protocol. A container
// image that holds no other program uses it as its health check.
func (c cli) healthcheck(ctx context.Context, args []string) error {
	var s healthcheckSettings
	fs := newFlags("healthcheck", "check whether a running service accepts calls")
	s.define(fs)
	if err := c.parse(fs, args); err != nil {
		return err
	}
	host, port, err := net.SplitHostPort(s.listen)
	if err != nil {
		return usageError{fmt.Errorf("--grpc-listen: %w", err)}
	}
	if ip := net.ParseIP(host); host == "" || ip.IsUnspecified() {
		host = "localhost"
	}
	conn, err := grpc.NewClient("passthrough:///"+net.JoinHostPort(host, port), grpc.WithTransportCredentials(localCredentials(s.certificate, s.key)))
	if err != nil {
		return err
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	response, err := grpc_health_v1.NewHealthClient(conn).Check(ctx, &grpc_health_v1.HealthCheckRequest{})
	if err != nil {
		return fmt.Errorf("%s does not respond: %s; start \"agentconf serve\", or set --grpc-listen and --tls-cert to its values",
			net.JoinHostPort(host, port), status.Convert(err).Message())
	}
	if response.GetStatus() != grpc_health_v1.HealthCheckResponse_SERVING {
		return errors.New("the service is " + response.GetStatus().String())
	}
	return nil
}

// localCredentials returns credentials for a service on this machine. They do not verify
// the service: the check sends no secret, and must not fail for a service that keeps an
// old certificate because the new one is invalid. If the service requires a client
// certificate, they present the service's own.
func localCredentials(certificate, key string) credentials.TransportCredentials {
	if certificate == "" {
		return insecure.NewCredentials()
	}
	return credentials.NewTLS(&tls.Config{
		InsecureSkipVerify: true,
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			pair, err := tls.LoadX509KeyPair(certificate, key)
			return &pair, err
		},
	})
}
