package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
)

// Probe checks whether the gateway and its nodes, by name, can be reached. An error says
// that one cannot; its text is for operators, and ends in the log and in /readyz. Probe
// returns soon after ctx is done.
type Probe func(ctx context.Context) (nodes map[string]error, gateway error)

var (
	errStarting = errors.New("the service is starting")
	errStopping = errors.New("the service is stopping")
)

// readiness reports whether calls should be sent to this server: on the operator's port,
// and by grpc.health.v1 for each service. The health of "" reports only that the process
// accepts calls, so that nothing restarts it for a gateway that is down.
//
//	state       input                       next state
//	starting    probe reaches the gateway   ready
//	starting    probe fails                 unready
//	ready       probe fails                 unready
//	unready     probe reaches the gateway   ready
//	any         stop                        stopping, for good
type readiness struct {
	log       *slog.Logger
	health    *health.Server
	services  []string
	reachable *prometheus.GaugeVec

	mu      sync.Mutex
	unready error  // the reason why calls should not be sent here, or nil
	remark  string // nodes that cannot be reached, behind a semicolon each
}

func newReadiness(log *slog.Logger, metrics prometheus.Registerer, services []string) *readiness {
	r := &readiness{
		log: log, health: health.NewServer(), services: services,
		reachable: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "agentconf_gateway_reachable",
			Help: "Whether the last probe could connect to the CC-Gateway (node is empty) or to a node.",
		}, []string{"node"}),
	}
	metrics.MustRegister(r.reachable)
	r.set(errStarting)
	return r
}

// set sets the state, which is the health of every service too. The caller holds r.mu.
func (r *readiness) set(unready error) {
	r.unready = unready
	status := grpc_health_v1.HealthCheckResponse_SERVING
	if unready != nil {
		status = grpc_health_v1.HealthCheckResponse_NOT_SERVING
	}
	for _, name := range r.services {
		r.health.SetServingStatus(name, status)
	}
}

// probeLoop probes until ctx is done.
func (r *readiness) probeLoop(ctx context.Context, probe Probe, interval time.Duration) {
	for {
		nodes, gateway := probe(ctx)
		if ctx.Err() != nil {
			return
		}
		r.recordProbe(nodes, gateway)
		select {
		case <-ctx.Done():
			return
		case <-time.After(interval):
		}
	}
}

// recordProbe takes in the result of a probe. It logs only changes: a gateway that is down
// for a night is one log record.
func (r *readiness) recordProbe(nodes map[string]error, gateway error) {
	remark := r.recordNodes(nodes)
	r.setReachable("", gateway)
	if gateway != nil {
		gateway = fmt.Errorf("the CC-Gateway cannot be reached: %w", gateway)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	before := r.unready
	if before == errStopping { // the probe was under way when the stop began
		return
	}
	r.remark = remark
	r.set(gateway)
	switch {
	case gateway == nil && before != nil:
		r.log.Info("ready")
	case gateway != nil && (before == nil || before == errStarting):
		r.log.Warn("not ready", "cause", gateway.Error())
	}
}

// recordNodes takes in the results of the nodes and returns the remark. A node that cannot
// be reached concerns only the agents that signed in there, and leaves the server ready.
func (r *readiness) recordNodes(nodes map[string]error) string {
	var remark strings.Builder
	for _, name := range slices.Sorted(maps.Keys(nodes)) {
		r.setReachable(name, nodes[name])
		if err := nodes[name]; err != nil {
			fmt.Fprintf(&remark, "; node %s of the CC-Gateway cannot be reached: %v", name, err)
		}
	}
	return remark.String()
}

func (r *readiness) setReachable(node string, err error) {
	reachable := 1.0
	if err != nil {
		reachable = 0
	}
	r.reachable.WithLabelValues(node).Set(reachable)
}

// begin makes a server ready that does not probe.
func (r *readiness) begin() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.set(nil)
}

// stop makes the server unready for good.
func (r *readiness) stop() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.set(errStopping)
	r.health.Shutdown()
	r.log.Info("stopping")
}

// Ready returns a handler that answers 200 if calls should be sent here, and otherwise 503
// with one line that has the reason.
func (s *Server) Ready() http.Handler { return s.readiness }

// ServeHTTP implements http.Handler.
func (r *readiness) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	r.mu.Lock()
	unready, remark := r.unready, r.remark
	r.mu.Unlock()
	if unready != nil {
		http.Error(w, fmt.Sprintf("not ready: %v%s", unready, remark), http.StatusServiceUnavailable)
		return
	}
	fmt.Fprintf(w, "ready%s\n", remark)
}
