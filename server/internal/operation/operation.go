// Package operation is the way of every operation of the gateway: check the GUID and
// the fields, send one request, read the reply, and report the outcome. It removes
// confidential values from every text.
//
// A service describes the request as an Operation and the place of the reply as a Response,
// and calls Run. A service that does something between the check and the request calls
// Check, Admit and Send instead. One whose reply may be long in coming calls Begin, Await and
// Finish in place of Send.
package operation

import (
	"cmp"
	"context"
	"net/url"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/protobuf/proto"

	"agentconf/server/internal/gateway"
	"agentconf/server/internal/outcome"
	"agentconf/server/internal/ratelimit"
	"agentconf/server/internal/telemetry"
)

// Request is a request message of the contract.
type Request interface {
	proto.Message
	GetAgentId() string
}

// Operation describes one request to the gateway.
type Operation struct {
	Name       string // the gateway's method name, such as holdParticipant
	Request    Request
	Violations Violations // of the request, its agent ID not included
	Body       any        // encoded as JSON; nil for a request without a body

	// Method and Path are empty for an operation of the conference family, which is
	// posted to its own name (page 0467). Path follows /agentgateway/resource/.
	Method, Path string

	NoGUID       bool   // a sign-in has no GUID yet
	ServiceToken string // header service_token (page 1204)

	// LongPoll is how long the gateway may hold its reply back. The timeout of the
	// gateway's client begins after it.
	LongPoll time.Duration

	// Advice is the next action after an unknown outcome; outcome.LookFirst if empty.
	Advice string
}

// Options are the settings of a Runner.
type Options struct {
	AgentIDMax int // highest agent ID that is accepted

	// AgentRate limits the requests with one GUID in a second, and the sign-ins of one agent.
	// Those beyond the limit are rejected with AGENT_RATE_EXCEEDED. 0 means no limit.
	AgentRate int

	Metrics prometheus.Registerer
	Tracer  trace.Tracer // nil for no traces
}

// Runner runs operations at one gateway. It is safe for concurrent use.
type Runner struct {
	gateway    *gateway.Client
	agentIDMax int
	metrics    *metrics
	rate       *ratelimit.Limit
	tracer     trace.Tracer
	onGUID     GUIDHook // nil before OnGUID
}

// NewRunner returns a runner that sends requests by client.
func NewRunner(client *gateway.Client, options Options) *Runner {
	return &Runner{
		gateway: client, agentIDMax: options.AgentIDMax,
		metrics: newMetrics(options.Metrics, client), rate: newRateLimit(options.AgentRate, options.Metrics),
		tracer: options.Tracer,
	}
}

// AgentIDMax returns the highest agent ID that is accepted.
func (r *Runner) AgentIDMax() int32 { return int32(r.agentIDMax) }

// Run checks op, counts it for the rate limit, sends it once, and returns the message of
// response, which holds the gateway's reply. Every error is an *outcome.Error.
func Run[R proto.Message](ctx context.Context, r *Runner, op Operation, response Response[R]) (R, error) {
	guid, err := r.Check(ctx, op)
	if err != nil {
		var none R
		return none, err
	}
	if err := r.Admit(op, guid); err != nil {
		var none R
		return none, err
	}
	return Send(ctx, r, op, guid, response)
}

// Check returns the caller's GUID if op may be sent; it is empty if op needs none.
//
// A missing or malformed GUID is reported alone, before any violation. Otherwise the error
// names every violation, that of the agent ID first. Every error is an *outcome.Error.
func (r *Runner) Check(ctx context.Context, op Operation) (guid string, err error) {
	if !op.NoGUID {
		if guid, err = GUID(ctx, op.Name); err != nil {
			return "", err
		}
	}
	var violations Violations
	violations.agentID(op.Request.GetAgentId(), r.agentIDMax)
	violations.cookie(Cookie(ctx))
	if violations = append(violations, op.Violations...); len(violations) > 0 {
		return "", outcome.Invalid(op.Name, violations...)
	}
	return guid, nil
}

// Send sends op once with a GUID that Check returned, and returns the message of response,
// which holds the gateway's reply. Every error is an *outcome.Error.
func Send[R proto.Message](
	ctx context.Context, r *Runner, op Operation, guid string, response Response[R],
) (R, error) {
	x := r.Begin(ctx, op, guid)
	return Finish(&x, response)
}

// Exchange is an operation that was sent, and whose reply was not read yet.
type Exchange struct {
	runner *Runner
	ctx    context.Context // of the call
	op     Operation
	guid   string // of the request
	start  time.Time
	span   trace.Span // nil if nothing is traced
	sent   gateway.Exchange
}

// Begin is the first half of Send: it sends op. Finish must follow.
func (r *Runner) Begin(ctx context.Context, op Operation, guid string) Exchange {
	x := Exchange{runner: r, ctx: ctx, op: op, guid: guid}
	req := op.wireRequest(guid)
	req.Cookie = Cookie(ctx)
	if r.tracer != nil {
		ctx, x.span = r.tracer.Start(ctx, op.Name, trace.WithSpanKind(trace.SpanKindClient))
		req.TraceParent, req.TraceState = telemetry.Inject(ctx)
	}
	x.start = time.Now()
	x.sent = r.gateway.Send(ctx, req)
	return x
}

// Await returns when the reply begins, or when the call is over. A goroutine that waits in it
// needs a much smaller stack than in Finish.
func (x *Exchange) Await() { x.sent.Await() }

// Finish is the second half of Send: it reads the reply to x, and returns what Send returns.
func Finish[R proto.Message](x *Exchange, response Response[R]) (R, error) {
	if err := x.finish(response.envelope); err != nil {
		var none R
		return none, err
	}
	return response.message, nil
}

// finish counts the request before it reads the envelope: the metric has the retcode that
// the gateway returned, even if the rest of the reply is unreadable. A new GUID reaches the
// caller and the hook even then.
func (x *Exchange) finish(e envelope) (err error) {
	if x.span != nil {
		defer func() { telemetry.EndSpan(x.span, err) }()
	}
	reply, err := x.sent.Reply()
	x.runner.metrics.count(x.op, time.Since(x.start), err)
	issued, refusal := reply.GUID, err
	if err == nil {
		issued, err = e.fill(reply)
	}
	ReturnGUID(x.ctx, reply.GUID, err)
	ReturnCookies(x.ctx, reply.SetCookie, err)
	if e.setCookie != nil {
		*e.setCookie = reply.SetCookie
	}
	x.runner.reportGUID(x.op, x.guid, issued, refusal)
	if err != nil {
		return x.op.failure(err, x.guid)
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

// ConferencePath returns the path of an operation of the conference family (page 0467).
// Its last segment is name in lower case. The path is built in one buffer: every hold
// builds it.
func ConferencePath(agentID, name string) string {
	path := append(make([]byte, 0, 64), "agentconf/"...)
	path = append(path, url.PathEscape(agentID)...)
	path = append(path, '/')
	for i := range len(name) {
		path = append(path, name[i]|0x20) // a method name has ASCII letters only
	}
	return string(path)
}
