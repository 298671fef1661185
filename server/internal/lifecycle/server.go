// Package lifecycle runs the two ports of the service, gRPC and JSON, and the
// operator's port: listeners, TLS, limits of connections, readiness, and the drain at
// the end.
package lifecycle

import (
	"context"
	"crypto/tls"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/reflection"

	"agentconf/server/internal/outcome"
	"agentconf/server/internal/telemetry"
)

const (
	// flowControlWindow bounds the bytes of requests in flight on a connection. Without
	// a fixed window grpc-go sends a ping for every small request to measure the network.
	flowControlWindow = 1 << 20

	// streamWorkers is the number of goroutines that are kept for calls, their stacks
	// grown. Calls beyond them get a new goroutine each. A watch keeps its worker to its end,
	// so that they help only a process with fewer watches.
	streamWorkers = 64

	// keepaliveTime is how long a gRPC connection may be silent before the server pings
	// the client. A client that does not answer within 20 s is disconnected. grpc-go
	// would wait two hours, too long for the watch of a host that has failed.
	keepaliveTime = 30 * time.Second

	// minPingInterval is how often a client may ping. The documentation promises twice the
	// time: pings that a network delays may arrive together. grpc-go would disconnect a
	// client that pings twice in five minutes, as one with a quiet watch does.
	minPingInterval = 5 * time.Second
)

// Options are the settings of a Server.
type Options struct {
	Log     *slog.Logger
	Metrics prometheus.Registerer
	Guard   *telemetry.Guard // of the goroutines of the server

	// Register makes the services of the contract callable at a registrar.
	Register func(grpc.ServiceRegistrar)

	// StopServices is called once, when the ports are closed. Every call has to end
	// within the time. It returns when no new calls need to be accepted.
	StopServices func(within time.Duration)

	Unary  grpc.UnaryServerInterceptor
	Stream grpc.StreamServerInterceptor
	JSON   http.Handler // the JSON front

	// InFlight returns the calls and the watches in flight.
	InFlight func() (calls, watches int)

	// LogPeers is whether log records may have addresses of clients.
	LogPeers bool

	Limits      Limits
	Descriptors *Descriptors

	// TLS returns, new for every handshake, the certificate of both ports and the CAs
	// that verify a client's. Nil means no TLS.
	TLS func() *tls.Config

	// Probe is called every ProbeInterval and decides whether the server is ready. If
	// the interval is zero, a server that listens is ready.
	Probe         Probe
	ProbeInterval time.Duration

	// Ask is called after a probe if an address that is reachable has not answered as a
	// gateway yet.
	Ask Probe

	// DrainDelay is how long calls are still accepted after the order to stop, so that
	// load balancers notice. DrainTimeout, which must be above AbortMargin, bounds the
	// time of the calls in flight after it.
	DrainDelay, DrainTimeout time.Duration
}

// Server runs both fronts of one service.
type Server struct {
	options   Options
	grpc      *grpc.Server
	http      *http.Server
	contract  map[string]grpc.ServiceInfo // services of the contract
	readiness *readiness

	draining   context.Context // done when no new call is accepted
	endStreams context.CancelFunc
	grpcConns  atomic.Int64 // open connections of the gRPC port
	httpConns  atomic.Int64 // open connections of the JSON port
	grpcCalls  atomic.Int64 // calls and streams whose handlers run
}

// New returns a server that does not listen yet.
func New(options Options) *Server {
	s := &Server{options: options}
	s.draining, s.endStreams = context.WithCancel(context.Background())
	s.grpc = s.newGRPC()
	options.Register(s.grpc)
	s.contract = s.grpc.GetServiceInfo()
	s.readiness = newReadiness(options.Log, options.Metrics, options.Guard, slices.Collect(maps.Keys(s.contract)))
	grpc_health_v1.RegisterHealthServer(s.grpc, s.readiness.health)
	reflection.Register(s.grpc)
	s.http = &http.Server{
		Handler:        s.closeWhenDraining(options.JSON),
		ConnState:      s.countConns,
		ConnContext:    s.withPeer,
		ReadTimeout:    options.Limits.RequestTime,
		IdleTimeout:    options.Limits.IdleTime,
		MaxHeaderBytes: options.Limits.Headers,
		TLSConfig:      serverTLS(options.TLS, "h2", "http/1.1"),
		ErrorLog:       telemetry.HTTPLog(options.Log, "JSON", options.LogPeers),
	}
	s.registerConnections(options.Metrics)
	return s
}

// newGRPC returns a gRPC server without services. endWhenDraining is the outer interceptor
// of streams, so that the other one logs the error with which a drain ends a receive.
func (s *Server) newGRPC() *grpc.Server {
	limits := s.options.Limits
	return grpc.NewServer(
		grpc.UnaryInterceptor(s.countUnary),
		grpc.ChainStreamInterceptor(s.endWhenDraining, s.options.Stream),
		grpc.UnknownServiceHandler(rejectMethod),
		grpc.MaxRecvMsgSize(limits.Request),
		grpc.MaxHeaderListSize(uint32(limits.Headers)),
		grpc.MaxConcurrentStreams(uint32(limits.Streams)),
		grpc.ConnectionTimeout(limits.RequestTime),
		grpc.KeepaliveParams(keepalive.ServerParameters{
			MaxConnectionAge: limits.ConnectionAge, Time: keepaliveTime,
		}),
		grpc.StaticStreamWindowSize(flowControlWindow),
		grpc.StaticConnWindowSize(flowControlWindow),
		grpc.NumStreamWorkers(streamWorkers),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{
			MinTime: minPingInterval, PermitWithoutStream: true,
		}),
		grpc.Creds(countingCredentials{grpcCredentials(s.options.TLS), &s.grpcConns, s.options.LogPeers}),
	)
}

// registerConnections registers the open connections of both ports.
func (s *Server) registerConnections(metrics prometheus.Registerer) {
	for port, open := range map[string]*atomic.Int64{portGRPC: &s.grpcConns, portJSON: &s.httpConns} {
		metrics.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "agentconf_connections", Help: "Open connections of clients, by port.",
			ConstLabels: prometheus.Labels{"port": port},
		}, func() float64 { return float64(open.Load()) }))
	}
}

// InFlight returns the calls and the watches in flight.
func (s *Server) InFlight() (calls, watches int) { return s.options.InFlight() }

// rejectMethod rejects a call without a service or method. Its path is the caller's, so that
// the error does not repeat it.
func rejectMethod(any, grpc.ServerStream) error {
	return outcome.NoOperation("agentconf has no such method; reflection lists its methods.")
}
