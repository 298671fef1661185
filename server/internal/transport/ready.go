package transport

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

// Probe finds out whether the gateway and its nodes, by name, can be reached. What
// cannot be reached has an error.
type Probe func(ctx context.Context) (nodes map[string]error, gateway error)

var (
	errStarting = errors.New("it is starting")
	errStopping = errors.New("it is stopping")
)

// readiness is whether calls should be sent here. It is told on the operator's port,
// for all, and by grpc.health.v1: there the services say the same, and "" only that
// the process takes calls, so that nobody restarts it for a gateway that is down.
type readiness struct {
	log       *slog.Logger
	health    *health.Server
	services  []string
	reachable *prometheus.GaugeVec

	mu      sync.Mutex
	unready error  // why calls should not be sent here, or nil
	remark  string // what else an operator should know
}

func newReadiness(config Config, services []string) *readiness {
	r := &readiness{
		log: config.Log, health: health.NewServer(), services: services,
		reachable: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "agentconf_gateway_reachable",
			Help: "Whether the last probe could connect to the CC-Gateway (node is empty) or to a node of it.",
		}, []string{"node"}),
	}
	config.Metrics.MustRegister(r.reachable)
	r.set(errStarting)
	return r
}

// set takes over what is known now.
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

// watch probes until ctx is done.
func (r *readiness) watch(ctx context.Context, probe Probe, interval time.Duration) {
	for {
		nodes, gateway := probe(ctx)
		if ctx.Err() != nil {
			return
		}
		r.probed(nodes, gateway)
		select {
		case <-ctx.Done():
			return
		case <-time.After(interval):
		}
	}
}

// probed takes over what a probe found. A node that cannot be reached is the trouble
// of its own agents only.
func (r *readiness) probed(nodes map[string]error, gateway error) {
	var down []string
	for _, name := range slices.Sorted(maps.Keys(nodes)) {
		r.count(name, nodes[name])
		if err := nodes[name]; err != nil {
			down = append(down, fmt.Sprintf("; node %s of the CC-Gateway cannot be reached: %v", name, err))
		}
	}
	r.count("", gateway)
	if gateway != nil {
		gateway = fmt.Errorf("the CC-Gateway cannot be reached: %w", gateway)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	before := r.unready
	if before == errStopping {
		return
	}
	r.remark = strings.Join(down, "")
	r.set(gateway)
	switch {
	case gateway == nil && before != nil:
		r.log.Info("ready")
	case gateway != nil && (before == nil || before == errStarting):
		r.log.Warn("not ready", "cause", gateway.Error())
	}
}

func (r *readiness) count(node string, err error) {
	reachable := 1.0
	if err != nil {
		reachable = 0
	}
	r.reachable.WithLabelValues(node).Set(reachable)
}

// Ready answers 200 if calls should be sent here and 503 if not, with one line that
// says why.
func (s *Server) Ready() http.Handler { return s.ready }

// begin is for a server that does not probe: it is ready when it listens.
func (r *readiness) begin() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.set(nil)
}

// end says for good that calls should go elsewhere.
func (r *readiness) end() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.set(errStopping)
	r.health.Shutdown()
	r.log.Info("stopping")
}

// ServeHTTP implements Ready.
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
