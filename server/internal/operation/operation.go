// Package operation is the way of every operation of the gateway: check the GUID and
// the fields, send one request, read the answer, and word what is known of the
// outcome. It takes confidential values out of every text.
package operation

import (
	"cmp"
	"context"
	"net/url"
	"time"
	"unicode"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/protobuf/proto"

	"agentconf/server/internal/gateway"
	"agentconf/server/internal/outcome"
	"agentconf/server/internal/telemetry"
)

// Request is a request message of the contract.
type Request interface {
	proto.Message
	GetAgentId() string
}

// Operation describes one call of the gateway.
type Operation struct {
	Name       string // the gateway's method name
	Request    Request
	Violations Violations // of the request, its agent ID not included
	Body       any        // encoded as JSON; nil for a request without a body
	Response   Envelope

	// Method and Path are empty for an operation of the conference family, which is
	// posted to its own name (page 0467). Path follows /agentgateway/resource/.
	Method, Path string

	NoGUID       bool   // a sign-in has no GUID yet
	ServiceToken string // header service_token (page 1204)

	// LongPoll is how long the gateway may hold its answer back. The timeout of the
	// gateway begins after it.
	LongPoll time.Duration

	// Advice says what to do when the outcome is unknown; outcome.LookFirst if empty.
	Advice string

	// Read, if not nil, reads what the gateway's reply holds beyond the envelope. An error
	// makes the outcome unknown.
	Read func(gateway.Reply) error
}

// Options are the settings of a Runner.
type Options struct {
	AgentIDMax int // highest agent ID that is accepted
	Metrics    prometheus.Registerer
	Tracer     trace.Tracer // nil for no traces
}

// Runner runs operations at one gateway. It is safe for concurrent use.
type Runner struct {
	gateway    *gateway.Client
	agentIDMax int
	metrics    *metrics
	tracer     trace.Tracer
}

// NewRunner returns a runner that sends requests by client.
func NewRunner(client *gateway.Client, options Options) *Runner {
	return &Runner{
		gateway: client, agentIDMax: options.AgentIDMax,
		metrics: newMetrics(options.Metrics, client), tracer: options.Tracer,
	}
}

// AgentIDMax returns the highest agent ID that is accepted.
func (r *Runner) AgentIDMax() int32 { return int32(r.agentIDMax) }

// Run checks op, sends it, and returns resp, whose envelope op has, after the gateway's
// reply has filled it in.
func Run[R proto.Message](ctx context.Context, r *Runner, op Operation, resp R) (R, error) {
	guid, err := r.Check(ctx, op)
	if err == nil {
		err = r.Send(ctx, op, guid)
	}
	if err != nil {
		var none R
		return none, err
	}
	return resp, nil
}

// Check returns the caller's GUID if op may be sent. Otherwise its error names
// everything that is wrong with the request.
func (r *Runner) Check(ctx context.Context, op Operation) (guid string, err error) {
	if !op.NoGUID {
		if guid, err = GUID(ctx, op.Name); err != nil {
			return "", err
		}
	}
	var violations Violations
	violations.AgentID("agent_id", op.Request.GetAgentId(), r.agentIDMax)
	if violations = append(violations, op.Violations...); len(violations) > 0 {
		return "", outcome.Invalid(op.Name, violations...)
	}
	return guid, nil
}

// Send sends op once and fills its response in from the gateway's reply. Every error is
// an *outcome.Error.
func (r *Runner) Send(ctx context.Context, op Operation, guid string) error {
	req := op.wireRequest(guid)
	if r.tracer == nil {
		return r.exchange(ctx, op, req)
	}
	ctx, span := r.tracer.Start(ctx, op.Name, trace.WithSpanKind(trace.SpanKindClient))
	req.TraceParent, req.TraceState = telemetry.Inject(ctx)
	err := r.exchange(ctx, op, req)
	telemetry.EndSpan(span, err)
	return err
}

func (r *Runner) exchange(ctx context.Context, op Operation, req gateway.Request) error {
	start := time.Now()
	reply, err := r.gateway.Call(ctx, req)
	r.metrics.count(op, time.Since(start), err)
	if err == nil {
		err = op.Response.fill(reply)
	}
	if err == nil && op.Read != nil {
		err = op.Read(reply)
	}
	if err != nil {
		return op.Failure(err, req.GUID)
	}
	return nil
}

func (op Operation) wireRequest(guid string) gateway.Request {
	return gateway.Request{
		Method:       cmp.Or(op.Method, "POST"),
		Path:         cmp.Or(op.Path, ConferencePath(op.Request.GetAgentId(), op.Name)),
		GUID:         guid,
		ServiceToken: op.ServiceToken,
		Patience:     op.LongPoll,
		Body:         op.Body,
	}
}

// ConferencePath returns the path of an operation of the conference family. Its last
// segment is name in lower case.
func ConferencePath(agentID, name string) string {
	path := append(make([]byte, 0, 64), "agentconf/"...)
	path = append(path, url.PathEscape(agentID)...)
	path = append(path, '/')
	for _, letter := range name {
		path = append(path, byte(unicode.ToLower(letter)))
	}
	return string(path)
}
