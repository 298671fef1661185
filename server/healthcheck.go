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

// healthcheck asks a service on this machine by the gRPC health protocol. It is
// what a container, which has no other program in it, is checked with.
func (p program) healthcheck(ctx context.Context, args []string) error {
	fs := p.newFlags("healthcheck", "ask a running service whether it serves")
	listen := fs.String("grpc-listen", defaultGRPCListen, "`address` that the service was told to listen on")
	certificate := fs.String("tls-cert", "", "`file` that the service was told to take its certificate from; if there is one, TLS is spoken")
	key := fs.String("tls-key", "", "`file` of the key of --tls-cert, for a service with --tls-client-ca")
	if err := p.parse(fs, args, nothingMore); err != nil {
		return err
	}
	host, port, err := net.SplitHostPort(*listen)
	if err != nil {
		return usageError{fmt.Errorf("--grpc-listen: %w", err)}
	}
	if ip := net.ParseIP(host); host == "" || ip.IsUnspecified() {
		host = "localhost"
	}
	conn, err := grpc.NewClient("passthrough:///"+net.JoinHostPort(host, port), grpc.WithTransportCredentials(localCredentials(*certificate, *key)))
	if err != nil {
		return err
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	answer, err := grpc_health_v1.NewHealthClient(conn).Check(ctx, &grpc_health_v1.HealthCheckRequest{})
	if err != nil {
		return fmt.Errorf("%s does not answer: %s; start \"server serve\", or give --grpc-listen and --tls-cert as it has them",
			net.JoinHostPort(host, port), status.Convert(err).Message())
	}
	if answer.GetStatus() != grpc_health_v1.HealthCheckResponse_SERVING {
		return errors.New("the service is " + answer.GetStatus().String())
	}
	return nil
}

// localCredentials are those for a service on this machine. Who answers is not
// verified, since nothing is told that is secret, and a service that keeps an old
// certificate because the new one is broken is not to be killed for that. Where clients
// have to show a certificate, the service's own is shown.
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
