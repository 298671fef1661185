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

// healthcheckTimeout bounds a check. A service that is alive responds within milliseconds,
// and the health checks of container runtimes commonly wait for 5 s or more.
const healthcheckTimeout = 3 * time.Second

// healthcheckSettings holds the values of the flags of healthcheck. They have the names of
// the flags of serve, so that the variables of one container serve both commands.
type healthcheckSettings struct{ listen, certificate, key string }

func (s *healthcheckSettings) define(fs *flags) {
	s.listen = defaultGRPCListen
	fs.address(&s.listen, "grpc-listen",
		"`ADDRESS` of the service, the value of its own flag")
	fs.StringVar(&s.certificate, "tls-cert", "",
		"`FILE` of the service's certificate, the value of its own flag; enables TLS")
	fs.StringVar(&s.key, "tls-key", "",
		"`FILE` of the key of --tls-cert, for a service with --tls-client-ca")
}

// healthcheck checks a service on this machine by the gRPC health protocol. A container
// image that holds no other program uses it as its health check.
//
// It asks for the health of the process, not of the gateway: a restart mends no gateway.
func (c cli) healthcheck(ctx context.Context, args []string) error {
	var s healthcheckSettings
	fs := newFlags("healthcheck", "check whether a running service accepts calls")
	s.define(fs)
	if err := c.parse(fs, args); err != nil {
		return err
	}
	address := localAddress(s.listen)
	conn, err := dial(address, localCredentials(s.certificate, s.key))
	if err != nil {
		return err
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(ctx, healthcheckTimeout)
	defer cancel()
	health := grpc_health_v1.NewHealthClient(conn)
	response, err := health.Check(ctx, &grpc_health_v1.HealthCheckRequest{})
	if err != nil {
		return fmt.Errorf("%s does not respond: %s; start \"agentconf serve\", "+
			"or set --grpc-listen and --tls-cert to its values", address, status.Convert(err).Message())
	}
	if response.GetStatus() != grpc_health_v1.HealthCheckResponse_SERVING {
		return errors.New("the service is " + response.GetStatus().String())
	}
	return nil
}

// localAddress returns the address at which a client on this machine reaches a service
// that listens at listen, such as :9090 or [::]:9090. Neither is an address to connect to
// on every system.
func localAddress(listen string) string {
	host, port, _ := net.SplitHostPort(listen) // which checkAddress has accepted
	if ip := net.ParseIP(host); host == "" || ip.IsUnspecified() {
		host = "localhost"
	}
	return net.JoinHostPort(host, port)
}

// dial returns a client connection to address. With the scheme passthrough, the dialer
// resolves a host name, and tries both the IPv4 and the IPv6 address of localhost.
func dial(address string, creds credentials.TransportCredentials) (*grpc.ClientConn, error) {
	return grpc.NewClient("passthrough:///"+address, grpc.WithTransportCredentials(creds))
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
