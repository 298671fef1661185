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

	"agentconf/server/internal/telemetry"
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
//
// An open port is not yet a gateway. After the first probe that reaches an address, and
// after each outage, a question is sent there; without an answer it is repeated each
// askInterval. The answer does not change the state, because no page of the gateway
// describes it. /readyz, the log and a metric have it.
type readiness struct {
	log      *slog.Logger
	guard    *telemetry.Guard
	health   *health.Server
	services []string
	metrics  probeMetrics

	mu      sync.Mutex
	unready error              // the reason why calls should not be sent here, or nil
	remark  string             // nodes that cannot be reached, behind a semicolon each
	answers map[string]*answer // by node; empty for the gateway. Only for reachable ones.
}

// answer is what is known of an address that is reachable.
type answer struct {
	asked time.Time // the last time; zero before the first
	err   error     // why the last question had no answer of a gateway
	known bool      // the gateway has answered
}

// askInterval is the time between two questions without an answer.
const askInterval = time.Minute

// probeMetrics are the results of the probes.
type probeMetrics struct{ reachable, answered, time *prometheus.GaugeVec }

func newProbeMetrics(r prometheus.Registerer) probeMetrics {
	gauge := func(name, help string) *prometheus.GaugeVec {
		return prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, []string{"node"})
	}
	m := probeMetrics{
		reachable: gauge("agentconf_gateway_reachable",
			"Whether the last probe could connect to the CC-Gateway (node is empty) or to a node."),
		answered: gauge("agentconf_gateway_answered",
			"Whether a CC-Gateway has answered there since it became reachable."),
		time: gauge("agentconf_gateway_probe_timestamp_seconds", "Time of the last probe, in seconds since 1970."),
	}
	r.MustRegister(m.reachable, m.answered, m.time)
	return m
}

func newReadiness(
	log *slog.Logger, metrics prometheus.Registerer, guard *telemetry.Guard, services []string,
) *readiness {
	r := &readiness{
		log: log, guard: guard, health: health.NewServer(), services: services, metrics: newProbeMetrics(metrics),
		answers: map[string]*answer{},
	}
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

// probeLoop probes until ctx is done, and asks where nobody has answered yet.
func (r *readiness) probeLoop(ctx context.Context, probe, ask Probe, interval time.Duration) {
	for ctx.Err() == nil {
		r.probeOnce(ctx, probe, ask)
		select {
		case <-ctx.Done():
			return
		case <-time.After(interval):
		}
	}
}

// probeOnce makes a probe, asks where nobody has answered yet, and records the results. A
// panic leaves the last ones.
func (r *readiness) probeOnce(ctx context.Context, probe, ask Probe) {
	defer r.guard.Recover("probe")
	nodes, gateway := probe(ctx)
	if ctx.Err() != nil {
		return
	}
	r.recordProbe(nodes, gateway)
	if ask == nil || !r.shouldAsk() {
		return
	}
	if nodes, gateway = ask(ctx); ctx.Err() == nil {
		r.recordAnswers(nodes, gateway)
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
	r.metrics.time.WithLabelValues(node).SetToCurrentTime()
	r.metrics.reachable.WithLabelValues(node).Set(boolean(err == nil))
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case err != nil:
		delete(r.answers, node)
		r.metrics.answered.WithLabelValues(node).Set(0)
	case r.answers[node] == nil:
		r.answers[node] = &answer{}
	}
}

func boolean(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// shouldAsk reports whether a reachable address has not answered, and is due.
func (r *readiness) shouldAsk() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, a := range r.answers {
		if !a.known && time.Since(a.asked) >= askInterval {
			return true
		}
	}
	return false
}

// recordAnswers takes in the answers. It logs the first of an address and each change.
func (r *readiness) recordAnswers(nodes map[string]error, gateway error) {
	r.recordAnswer("", gateway)
	for _, name := range slices.Sorted(maps.Keys(nodes)) {
		r.recordAnswer(name, nodes[name])
	}
}

func (r *readiness) recordAnswer(node string, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	a := r.answers[node]
	if a == nil { // not reachable
		return
	}
	first := a.asked.IsZero()
	a.asked, a.err = time.Now(), err
	r.metrics.answered.WithLabelValues(node).Set(boolean(err == nil))
	switch {
	case err == nil && !a.known:
		a.known = true
		r.log.Info("the CC-Gateway answers", "node", node)
	case err != nil && first:
		r.log.Warn("the port is open, but no CC-Gateway answers there", "node", node, "cause", err.Error())
	}
}

// unanswered returns a remark for each address whose port is open and where no gateway has
// answered. The caller holds r.mu.
func (r *readiness) unanswered() string {
	var remark strings.Builder
	for _, node := range slices.Sorted(maps.Keys(r.answers)) {
		if err := r.answers[node].err; err != nil {
			name := "the CC-Gateway"
			if node != "" {
				name = "node " + node + " of the CC-Gateway"
			}
			fmt.Fprintf(&remark, "; the port of %s is open, but no gateway answers there: %v", name, err)
		}
	}
	return remark.String()
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
	unready, remark := r.unready, r.remark+r.unanswered()
	r.mu.Unlock()
	if unready != nil {
		http.Error(w, fmt.Sprintf("not ready: %v%s", unready, remark), http.StatusServiceUnavailable)
		return
	}
	fmt.Fprintf(w, "ready%s\n", remark)
}
