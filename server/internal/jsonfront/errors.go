package jsonfront

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/grpc/codes"

	// The JSON of an error has its details by name, so their types have to be linked in.
	_ "google.golang.org/genproto/googleapis/rpc/errdetails"

	"agentconf/server/internal/interceptor"
	"agentconf/server/internal/outcome"
)

// The retcodes of errors that agentconf reports itself in the gateway dialect. Their
// meanings are the gateway's (page 0580).
const (
	retcodeArgument  = "000-002"
	retcodeNoRight   = "000-003"
	retcodeRepeated  = "000-007"
	retcodeException = "100-007"
)

// The headers that say of every error what its body cannot say to a client of the gateway.
const (
	outcomeHeader = "Agentconf-Outcome"
	reasonHeader  = "Agentconf-Reason"
)

// signInDelay is the Retry-After of an error that a new sign-in or a newer GUID mends. A
// program that only repeats its request should not do so in a tight loop.
const signInDelay = 10 * time.Second

// handleError writes the error of a request that has an operation.
func (f *front) handleError(
	ctx context.Context, _ *runtime.ServeMux, _ runtime.Marshaler,
	w http.ResponseWriter, r *http.Request, err error,
) {
	if e, isCall := errors.AsType[*outcome.Error](err); isCall {
		inboundOf(ctx).dialect.writeError(w, withJSONNames(e), 0)
		return
	}
	f.reject(w, r, inboundOf(ctx).rejection(ctx, r.URL.Path, err))
}

// reject logs and writes the error of a request that is not a call.
func (f *front) reject(w http.ResponseWriter, r *http.Request, e *outcome.Error) {
	f.recorder.Rejected(r, e)
	inboundOf(r.Context()).dialect.writeError(w, e, 0)
}

// rejection returns the error of a request that is not a call yet. The generated code
// rejects a request without a field; err is the cause if no field is at fault.
func (in *inboundRequest) rejection(ctx context.Context, path string, err error) *outcome.Error {
	fullMethod, _ := runtime.RPCMethod(ctx)
	operation := interceptor.OperationName(fullMethod)
	if in.violations == nil && fullMethod != "" {
		in.checkPath(ctx, fullMethod, path)
	}
	switch {
	case in.violations == nil:
		return outcome.Fault(operation, err)
	case in.unsupported:
		return outcome.Unsupported(operation, in.violations...)
	}
	return outcome.Invalid(operation, in.violations...)
}

// handleNoRoute writes the error of a request that has no operation.
func (f *front) handleNoRoute(
	ctx context.Context, _ *runtime.ServeMux, _ runtime.Marshaler,
	w http.ResponseWriter, r *http.Request, httpStatus int,
) {
	if ctx.Value(routeQuery{}) != nil {
		return
	}
	if f.forwards(r.URL.Path) {
		f.forward(w, r)
		return
	}
	text := "No operation has this path; docs/api.md lists them."
	if httpStatus == http.StatusMethodNotAllowed {
		allowed := strings.Join(f.allowedMethods(r), ", ")
		text = "This path accepts only " + allowed + "."
		w.Header().Set("Allow", allowed)
	}
	e := outcome.NoOperation(text)
	f.recorder.Rejected(r, e)
	inboundOf(ctx).dialect.writeError(w, e, httpStatus)
}

// writeError writes e. httpStatus is for errors that have a status of their own on REST; 0 is
// the status of their code.
func (d dialect) writeError(w http.ResponseWriter, e *outcome.Error, httpStatus int) {
	body, statusOfError := d.encodeError(e)
	if httpStatus == 0 || d == gateway {
		httpStatus = statusOfError
	}
	h := w.Header()
	if httpStatus == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", "Guid")
	}
	if delay := retryDelay(e); delay > 0 {
		h.Set("Retry-After", strconv.Itoa(int(math.Ceil(delay.Seconds()))))
	}
	h[outcomeHeader], h[reasonHeader] = []string{string(e.Outcome)}, []string{string(e.Reason)}
	h["Content-Type"] = contentTypes[d]
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(httpStatus)
	w.Write(body)
}

// retryDelay returns the time of the header Retry-After, or zero.
func retryDelay(e *outcome.Error) time.Duration {
	if e.Reason == outcome.GUIDStale.Reason || e.Reason == outcome.SessionEnded.Reason {
		return signInDelay
	}
	return e.RetryAfter
}

// encodeError returns the body of e and the HTTP status that the dialect has for e.
func (d dialect) encodeError(e *outcome.Error) (body []byte, httpStatus int) {
	switch {
	case d == gateway:
		return encodeEnvelope(e)
	case e.Reason == outcome.UnsupportedMedia.Reason:
		httpStatus = http.StatusUnsupportedMediaType
	default:
		httpStatus = runtime.HTTPStatusFromCode(e.Code)
	}
	return appendStatus(make([]byte, 0, 512), e), httpStatus
}

// encodeEnvelope returns e as an envelope, and its HTTP status: 200 for an answer of the
// gateway and for a request that agentconf rejects. Some clients read nothing else.
func encodeEnvelope(e *outcome.Error) (body []byte, httpStatus int) {
	envelope := struct {
		Message string          `json:"message"`
		Retcode string          `json:"retcode"`
		Result  json.RawMessage `json:"result,omitempty"`
	}{e.Error(), "", json.RawMessage("{}")}
	if e.Retcode != "" {
		envelope.Message, envelope.Retcode, envelope.Result = e.GatewayMessage, e.Retcode, e.GatewayResult
		httpStatus = http.StatusOK
	} else {
		envelope.Retcode, httpStatus = retcodeOf(e)
	}
	body, err := json.Marshal(envelope)
	if err != nil { // the result is not JSON
		panic(err)
	}
	return body, httpStatus
}

// retcodeOf returns the retcode and HTTP status of an error that agentconf reports itself. A
// request that cannot succeed as it is has status 200, like a refusal of the gateway. Any
// other status says that the gateway gave no answer: 503 that nothing was applied, 502 and
// 504 that it may have been.
func retcodeOf(e *outcome.Error) (retcode string, httpStatus int) {
	switch {
	case e.Code == codes.InvalidArgument || e.Code == codes.Unimplemented:
		return retcodeArgument, http.StatusOK
	case e.Code == codes.Unauthenticated || e.Code == codes.PermissionDenied:
		return retcodeNoRight, http.StatusOK
	case e.Code == codes.Aborted:
		return retcodeRepeated, http.StatusOK
	case e.Code == codes.FailedPrecondition: // a retry cannot succeed
		return retcodeException, http.StatusOK
	case e.Code == codes.DeadlineExceeded:
		return retcodeException, http.StatusGatewayTimeout
	case e.Outcome == outcome.NotApplied:
		return retcodeException, http.StatusServiceUnavailable
	}
	return retcodeException, http.StatusBadGateway
}

// withJSONNames returns e with the JSON names of its fields.
func withJSONNames(e *outcome.Error) *outcome.Error {
	named := *e
	named.Violations = make([]outcome.Violation, len(e.Violations))
	for i, v := range e.Violations {
		named.Violations[i] = outcome.Violation{Field: jsonName(v.Field), Description: v.Description}
	}
	return &named
}

// jsonName returns the JSON name of a field by the rule of protobuf: addressType for
// address_type.
func jsonName(field string) string {
	words := strings.Split(field, "_")
	for i, w := range words[1:] {
		if w != "" {
			words[i+1] = strings.ToUpper(w[:1]) + w[1:]
		}
	}
	return strings.Join(words, "")
}

var identifierPattern = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,39}$`)

// identifierOr returns name if it has the form of a field's name, and part otherwise.
// Any other name may be a value in the wrong place, which no error may repeat.
func identifierOr(name, part string) string {
	if identifierPattern.MatchString(name) {
		return name
	}
	return part
}
