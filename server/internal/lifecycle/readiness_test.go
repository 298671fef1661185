package lifecycle

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc/health/grpc_health_v1"

	"agentconf/server/internal/servicetest"
	"agentconf/server/internal/telemetry"
)

const serviceName = "agentconf.v1.ConferenceService"

// readinessFixture is the readiness of one service, and what it has logged and counted.
type readinessFixture struct {
	*readiness
	log     servicetest.Buffer
	metrics *prometheus.Registry
}

func newReadinessFixture() *readinessFixture {
	f := &readinessFixture{metrics: prometheus.NewRegistry()}
	log := slog.New(slog.NewTextHandler(&f.log, nil))
	f.readiness = newReadiness(log, f.metrics, telemetry.NewGuard(log, f.metrics), []string{serviceName})
	return f
}

// check checks the answer of /readyz, and that the health of the service agrees. text is
// the answer without its line break.
func (f *readinessFixture) check(t *testing.T, httpStatus int, text string) {
	t.Helper()
	w := httptest.NewRecorder()
	f.ServeHTTP(w, nil)
	if w.Code != httpStatus || w.Body.String() != text+"\n" {
		t.Errorf("HTTP status %d, %q, want %d, %q", w.Code, w.Body, httpStatus, text)
	}
	want := grpc_health_v1.HealthCheckResponse_SERVING
	if httpStatus != http.StatusOK {
		want = grpc_health_v1.HealthCheckResponse_NOT_SERVING
	}
	if got := f.healthOf(t, serviceName); got != want {
		t.Errorf("health of the service is %v, want %v", got, want)
	}
}

func (f *readinessFixture) healthOf(t *testing.T, name string) grpc_health_v1.HealthCheckResponse_ServingStatus {
	t.Helper()
	resp, err := f.health.Check(t.Context(), &grpc_health_v1.HealthCheckRequest{Service: name})
	if err != nil {
		t.Fatal(err)
	}
	return resp.GetStatus()
}

// checkLog checks the new log records, which are given by their levels and messages.
func (f *readinessFixture) checkLog(t *testing.T, want ...string) {
	t.Helper()
	lines := strings.Split(strings.TrimSpace(f.log.String()), "\n")
	f.log.Reset()
	if lines[0] == "" {
		lines = nil
	}
	if len(lines) != len(want) {
		t.Fatalf("log records %q, want %q", lines, want)
	}
	for i, line := range lines {
		if !strings.Contains(line, want[i]) {
			t.Errorf("log record %s, want %s", line, want[i])
		}
	}
}

// The server is ready while the last probe has reached the gateway. Only a change is
// logged. The health of the process stays SERVING.
func TestReadiness(t *testing.T) {
	f := newReadinessFixture()
	f.check(t, http.StatusServiceUnavailable, "not ready: the service is starting")
	refused := errors.New("refused")
	f.recordProbe(nil, refused)
	f.check(t, http.StatusServiceUnavailable, "not ready: the CC-Gateway cannot be reached: refused")
	f.recordProbe(nil, refused)
	f.checkLog(t, `level=WARN msg="not ready" cause="the CC-Gateway cannot be reached: refused"`)
	f.recordProbe(nil, nil)
	f.recordProbe(nil, nil)
	f.check(t, http.StatusOK, "ready")
	f.checkLog(t, "level=INFO msg=ready")
	f.recordProbe(nil, refused)
	f.checkLog(t, "level=WARN")
	if got := f.healthOf(t, ""); got != grpc_health_v1.HealthCheckResponse_SERVING {
		t.Errorf("health of the process is %v", got)
	}
}

// A node that cannot be reached is named, and leaves the server ready.
func TestUnreachableNode(t *testing.T) {
	f := newReadinessFixture()
	f.recordProbe(map[string]error{"b": errors.New("no route"), "a": errors.New("refused"), "c": nil}, nil)
	f.check(t, http.StatusOK, "ready; node a of the CC-Gateway cannot be reached: refused; "+
		"node b of the CC-Gateway cannot be reached: no route")
	servicetest.CheckMetrics(t, f.metrics, `agentconf_gateway_reachable{node=""} 1`,
		`agentconf_gateway_reachable{node="a"} 0`, `agentconf_gateway_reachable{node="c"} 1`)
	f.recordProbe(map[string]error{"a": errors.New("refused")}, errors.New("refused"))
	f.check(t, http.StatusServiceUnavailable, "not ready: the CC-Gateway cannot be reached: refused; "+
		"node a of the CC-Gateway cannot be reached: refused")
	servicetest.CheckMetrics(t, f.metrics, `agentconf_gateway_reachable{node=""} 0`)
	f.recordProbe(map[string]error{"a": nil}, nil)
	f.check(t, http.StatusOK, "ready")
}

// A stopping server stays unready, even after a late probe that succeeds.
func TestUnreadyForGood(t *testing.T) {
	f := newReadinessFixture()
	f.recordProbe(nil, nil)
	f.log.Reset()
	f.stop()
	f.recordProbe(map[string]error{"a": errors.New("refused")}, nil)
	f.check(t, http.StatusServiceUnavailable, "not ready: the service is stopping")
	f.checkLog(t, "level=INFO msg=stopping")
	if got := f.healthOf(t, ""); got != grpc_health_v1.HealthCheckResponse_NOT_SERVING {
		t.Errorf("health of the process is %v", got)
	}
}

// Probes follow each other with the interval after an answer. A probe that
// the stop cancels is not recorded.
func TestProbeLoop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newReadinessFixture()
		ctx, cancel := context.WithCancel(t.Context())
		start, probes := time.Now(), 0
		probe := func(ctx context.Context) (map[string]error, error) {
			if took := time.Since(start); took != time.Duration(probes)*7*time.Second {
				t.Errorf("probe %d after %v", probes, took)
			}
			probes++
			select {
			case <-time.After(2 * time.Second):
				return nil, nil
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}
		ask := func(context.Context) (map[string]error, error) { return nil, nil }
		done := make(chan struct{})
		go func() {
			f.probeLoop(ctx, probe, ask, 5*time.Second)
			close(done)
		}()
		time.Sleep(15 * time.Second) // during the third probe
		cancel()
		<-done
		if probes != 3 {
			t.Errorf("%d probes", probes)
		}
		f.check(t, http.StatusOK, "ready")
	})
}

// An open port is asked at once and each minute until a gateway answers, and again after an
// outage. Neither answer changes the readiness. Both are in /readyz, the log and a metric.
func TestAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newReadinessFixture()
		var mu sync.Mutex // guards the variables below
		var reachable, answer error
		asked := 0
		set := func(variable *error, err error) {
			mu.Lock()
			defer mu.Unlock()
			*variable = err
		}
		probe := func(context.Context) (map[string]error, error) {
			mu.Lock()
			defer mu.Unlock()
			return map[string]error{"a": nil}, reachable
		}
		ask := func(context.Context) (map[string]error, error) {
			mu.Lock()
			defer mu.Unlock()
			asked++
			return map[string]error{"a": nil}, answer
		}
		set(&answer, errors.New("a page"))
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			f.probeLoop(ctx, probe, ask, 5*time.Second)
			close(done)
		}()
		after := func(wait time.Duration, want int, text string, log ...string) {
			t.Helper()
			time.Sleep(wait)
			synctest.Wait()
			mu.Lock()
			if asked != want {
				t.Errorf("asked %d times, want %d", asked, want)
			}
			mu.Unlock()
			httpStatus := http.StatusOK
			if strings.HasPrefix(text, "not ready") {
				httpStatus = http.StatusServiceUnavailable
			}
			f.check(t, httpStatus, text)
			f.checkLog(t, log...)
		}
		const open = "ready; the port of the CC-Gateway is open, but no gateway answers there: a page"
		after(0, 1, open, "msg=ready", `level=WARN msg="the port is open, but no CC-Gateway answers there" node="" cause="a page"`,
			`msg="the CC-Gateway answers" node=a`)
		servicetest.CheckMetrics(t, f.metrics, `agentconf_gateway_answered{node=""} 0`, `agentconf_gateway_answered{node="a"} 1`,
			`agentconf_gateway_probe_timestamp_seconds{node=""} 9.466848e+08`)
		after(59*time.Second, 1, open)
		after(2*time.Second, 2, open)
		set(&answer, nil)
		after(time.Minute, 3, "ready", `msg="the CC-Gateway answers" node=""`)
		after(time.Hour, 3, "ready")
		set(&reachable, errors.New("refused"))
		after(10*time.Second, 3, "not ready: the CC-Gateway cannot be reached: refused", "level=WARN")
		servicetest.CheckMetrics(t, f.metrics, `agentconf_gateway_answered{node=""} 0`)
		set(&reachable, nil)
		after(10*time.Second, 4, "ready", "msg=ready", `msg="the CC-Gateway answers" node=""`)
		cancel()
		<-done
	})
}

// A probe that panics is logged without its value and counted, and the next one is made.
func TestProbePanics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newReadinessFixture()
		ctx, cancel := context.WithCancel(t.Context())
		probes := 0
		f.probeLoop(ctx, func(context.Context) (map[string]error, error) {
			if probes++; probes == 1 {
				panic("a secret value")
			}
			f.recordProbe(nil, nil)
			cancel()
			return nil, nil
		}, nil, time.Second)
		f.check(t, http.StatusOK, "ready")
		servicetest.CheckMetrics(t, f.metrics, "agentconf_background_panics_total 1")
		if log := f.log.String(); strings.Contains(log, "secret") || !strings.Contains(log, "task=probe") {
			t.Errorf("log %s", log)
		}
	})
}
