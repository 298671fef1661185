package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"
)

// healthcheck asks a service on this machine by the gRPC health protocol. It is
// what a container, which has no other program in it, is checked with.
func (p program) healthcheck(ctx context.Context, args []string) error {
	fs := p.newFlags("healthcheck", "ask a running service whether it serves")
	listen := fs.String("grpc-listen", defaultGRPCListen, "`address` that the service was told to listen on")
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
	conn, err := grpc.NewClient("passthrough:///"+net.JoinHostPort(host, port), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	answer, err := grpc_health_v1.NewHealthClient(conn).Check(ctx, &grpc_health_v1.HealthCheckRequest{})
	if err != nil {
		return err
	}
	if answer.GetStatus() != grpc_health_v1.HealthCheckResponse_SERVING {
		return errors.New("the service is " + answer.GetStatus().String())
	}
	return nil
}
