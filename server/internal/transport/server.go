// Package transport is the two fronts of the service, gRPC and JSON: listeners,
// the interceptor that every call of either passes, and their end.
package transport

import (
	"cmp"
	"context"
	"crypto/tls"
	"io"
	"log"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc"
	"google.golang.org/grpc/grpclog"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/reflection"

	agentconfv1 "agentconf/gen/agentconf/v1"
	"agentconf/server/internal/conference"
)

const (
	// window is how many bytes of requests a connection may have under way. grpc-go
	// would measure what the network bears, by a ping for every small request.
	window = 1 << 20

	// streamWorkers is how many goroutines are kept for calls, whose stacks have
	// grown; calls beyond them get new ones.
	streamWorkers = 64

	// silence is how long a gRPC connection may be silent before it is asked whether the
	// client is still there. Who does not answer, or not within 20 s, is not: after two
	// hours by the default of grpc-go, which is long for the watch of a host that has gone.
	silence = 30 * time.Second

	// minPing is how often a client may ask that itself, as one does that watches where
	// little happens. grpc-go would cut off who asks twice in five minutes.
	minPing = 10 * time.Second
)

// The log of grpc-go and of its gateway repeats headers and parameters that callers
// send. What an operator needs is in that of agentconf.
func init() { grpclog.SetLoggerV2(grpclog.NewLoggerV2(io.Discard, io.Discard, io.Discard)) }

// Server is both fronts of one service.
type Server struct {
	config  Config
	service Service
	grpc    *grpc.Server
	http    *http.Server
	own     map[string]grpc.ServiceInfo // services of the contract
	ready   *readiness

	draining   context.Context // done when no new call is taken
	endStreams context.CancelFunc
	httpConns  atomic.Int64 // open on the JSON port
}

// Service is what the fronts offer.
type Service interface {
	agentconfv1.ConferenceServiceServer
	agentconfv1.SessionServiceServer
	agentconfv1.EventServiceServer

	// Stop is called once, when no new connections are taken. Every call has to end
	// within the time. It returns when no new calls need to be taken either.
	Stop(within time.Duration)
}

// register makes the methods of service callable at r.
func register(r grpc.ServiceRegistrar, service Service) {
	agentconfv1.RegisterConferenceServiceServer(r, service)
	agentconfv1.RegisterSessionServiceServer(r, service)
	agentconfv1.RegisterEventServiceServer(r, service)
}

// Config is how the fronts are set up.
type Config struct {
	Log     *slog.Logger
	Metrics prometheus.Registerer // gets the counters of calls
	Tracer  trace.Tracer          // nil for no traces

	// MaxInFlight is how many calls may be under way at once, watches not counted.
	// Those beyond it are refused at once.
	MaxInFlight int

	// AgentRate is how many calls for one agent are taken in a second, watches not
	// counted. 0 is any number.
	AgentRate int

	// Limits are DefaultLimits if they are all zero.
	Limits Limits

	// CORSOrigins are the origins whose pages may call the JSON front, or "*" for any.
	CORSOrigins []string

	// TLS returns, new for every handshake, the certificate that both fronts show and
	// the CAs that a client's is verified with. Nil means no TLS.
	TLS func() *tls.Config

	// Probe is asked every ProbeInterval, and decides whether the server is ready. If
	// the interval is zero it is not, and a server that listens is ready.
	Probe         Probe
	ProbeInterval time.Duration

	// DrainDelay is how long calls are still taken after the order to stop, so that
	// whoever sends them can find out. DrainTimeout is how long those under way may go
	// on after it, 20 s if it is zero; it has to be above LastWords.
	DrainDelay, DrainTimeout time.Duration
}

// New returns the fronts of service.
func New(service Service, config Config) *Server {
	if config.Limits == (Limits{}) {
		config.Limits = DefaultLimits
	}
	limits := config.Limits
	calls := newInterceptor(config)
	register(&calls.methods, service)
	log := config.Log
	config.DrainTimeout = cmp.Or(config.DrainTimeout, DefaultDrainTimeout)
	s := &Server{config: config, service: service}
	s.draining, s.endStreams = context.WithCancel(context.Background())
	s.grpc = grpc.NewServer(
		grpc.UnaryInterceptor(calls.unary),
		grpc.ChainStreamInterceptor(s.stream, calls.stream),
		grpc.UnknownServiceHandler(unknownMethod),
		grpc.MaxRecvMsgSize(limits.Request),
		grpc.MaxHeaderListSize(uint32(limits.Headers)),
		grpc.MaxConcurrentStreams(uint32(limits.Streams)),
		grpc.ConnectionTimeout(limits.RequestTime),
		grpc.KeepaliveParams(keepalive.ServerParameters{MaxConnectionAge: limits.ConnectionAge, Time: silence}),
		grpc.StaticStreamWindowSize(window),
		grpc.StaticConnWindowSize(window),
		grpc.NumStreamWorkers(streamWorkers),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: minPing, PermitWithoutStream: true}),
		grpc.Creds(grpcCredentials(config.TLS)),
	)
	register(s.grpc, service)
	s.own = s.grpc.GetServiceInfo()
	s.ready = newReadiness(config, slices.Collect(maps.Keys(s.own)))
	grpc_health_v1.RegisterHealthServer(s.grpc, s.ready.health)
	reflection.Register(s.grpc)

	inside := newInProcess(calls.unary, calls.stream)
	register(inside, service)
	s.http = &http.Server{
		Handler:        s.closing(lastIfChunked(withCORS(newJSONFront(inside, log, int64(limits.Request)), config.CORSOrigins))),
		ConnState:      s.countConns,
		ReadTimeout:    limits.RequestTime,
		IdleTimeout:    limits.IdleTime,
		MaxHeaderBytes: limits.Headers,
		TLSConfig:      handshakes(config.TLS, "h2", "http/1.1"),
		ErrorLog:       errorLog(log),
	}
	return s
}

// errorLog is for what net/http says of connections, mostly of those that others break.
func errorLog(l *slog.Logger) *log.Logger { return slog.NewLogLogger(l.Handler(), slog.LevelDebug) }

func unknownMethod(any, grpc.ServerStream) error {
	return conference.NoSuchOperation("agentconf has no such method; reflection lists those it has.")
}
