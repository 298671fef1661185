// Package conference is the service: it checks what a caller asks, makes the one
// call of the CC-Gateway that does it, and says what is known of the outcome.
package conference

import (
	"cmp"
	"context"
	"net/url"
	"time"
	"unicode"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"

	agentconfv1 "agentconf/gen/agentconf/v1"
	"agentconf/server/internal/gateway"
)

// Service implements the services of agentconf.v1. All truth is in the gateway;
// what is kept here is the events of agents that are being watched.
type Service struct {
	agentconfv1.UnimplementedConferenceServiceServer
	agentconfv1.UnimplementedSessionServiceServer
	agentconfv1.UnimplementedEventServiceServer

	watches    *watches
	gateway    *gateway.Client
	agentIDMax int
	metrics    *metrics
	tracer     trace.Tracer // nil if nothing is traced
}

// Config is how the service is set up.
type Config struct {
	AgentIDMax int                   // the highest agent ID
	Metrics    prometheus.Registerer // gets the counters of calls to the gateway and of watches
	Tracer     trace.Tracer          // nil for no traces
}

// New returns a service that calls gateway.
func New(gateway *gateway.Client, config Config) *Service {
	ws := newWatches()
	ws.metrics = newMetrics(config.Metrics, gateway, ws)
	return &Service{
		watches: ws, gateway: gateway, agentIDMax: config.AgentIDMax,
		metrics: ws.metrics, tracer: config.Tracer,
	}
}

// call is the way of every operation: no byte is sent unless the GUID and all
// arguments are in order. respond makes the response of the gateway's answer, which
// has the event that confirms it, if op awaits one.
func call[R any](ctx context.Context, s *Service, op operation, faults violations, respond func(answer) R) (R, error) {
	var none R
	guid, err := s.check(ctx, op, faults)
	if err != nil {
		return none, err
	}
	var confirmed *confirmation
	if op.within != nil {
		if confirmed, err = s.watches.await(op, guid); err != nil {
			return none, err
		}
		defer s.watches.release(confirmed)
	}
	a, err := s.send(ctx, op, guid)
	if err != nil {
		return none, err
	}
	if confirmed != nil {
		if a.event, err = confirmed.wait(ctx, op); err != nil {
			return none, err
		}
	}
	return respond(a), nil
}

// check returns the caller's GUID if op may be sent.
func (s *Service) check(ctx context.Context, op operation, faults violations) (guid string, err error) {
	if !op.noGUID {
		if guid, err = guidOf(ctx, op.name); err != nil {
			return "", err
		}
	}
	if faults = append(s.agentIDFaults(op.agentID), faults...); len(faults) > 0 {
		return "", InvalidArgument(op.name, faults...)
	}
	return guid, nil
}

// send sends op and reads the answer. Every error is an *Error.
func (s *Service) send(ctx context.Context, op operation, guid string) (answer, error) {
	req := op.request(guid)
	if s.tracer == nil {
		return s.exchange(ctx, op, req)
	}
	span := s.traced(ctx, op, &req)
	a, err := s.exchange(ctx, op, req)
	EndSpan(span, err)
	return a, err
}

// exchange is send without its trace.
func (s *Service) exchange(ctx context.Context, op operation, req gateway.Request) (answer, error) {
	start := time.Now()
	reply, err := s.gateway.Call(ctx, req)
	s.metrics.called(op, time.Since(start), err)
	a := answer{Reply: reply}
	if err == nil && op.read != nil {
		err = op.read(&a)
	}
	if err != nil {
		op.secrets = append(op.secrets, req.GUID)
		return answer{}, op.failed(err)
	}
	return a, nil
}

func (s *Service) agentIDFaults(id string) violations {
	var faults violations
	faults.agentID(id, s.agentIDMax)
	return faults
}

// request is op as the gateway wants it. Unless it says otherwise, it is of the
// conference family and posted to its own name (page 0467).
func (op operation) request(guid string) gateway.Request {
	return gateway.Request{
		Method:       cmp.Or(op.method, "POST"),
		Path:         cmp.Or(op.path, agentConf(op.agentID, op.name)),
		GUID:         guid,
		ServiceToken: op.serviceToken,
		Patience:     op.patience,
		Body:         op.body,
	}
}

func agentConf(agentID, name string) string {
	path := append(make([]byte, 0, 64), "agentconf/"...)
	path = append(path, url.PathEscape(agentID)...)
	path = append(path, '/')
	for _, letter := range name {
		path = append(path, byte(unicode.ToLower(letter)))
	}
	return string(path)
}
