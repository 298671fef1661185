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

// handleError writes the error of a request that has an operation.
func (f *front) handleError(
	ctx context.Context, _ *runtime.ServeMux, _ runtime.Marshaler,
	w http.ResponseWriter, r *http.Request, err error,
) {
	in := inboundOf(ctx)
	e, isCall := errors.AsType[*outcome.Error](err)
	if isCall {
		e = withJSONNames(e)
	} else {
		e = in.rejection(ctx, r.URL.Path, err)
		interceptor.LogRejected(ctx, f.log, e)
	}
	in.dialect.writeError(w, e, 0)
}

// rejection returns the error of a request that is not a call yet. The generated code
// rejects a request without a field; err is the cause if no field is at fault.
func (in *inboundRequest) rejection(ctx context.Context, path string, err error) *outcome.Error {
	fullMethod, annotated := runtime.RPCMethod(ctx)
	operation := interceptor.OperationName(fullMethod)
	switch {
	case !annotated: // the generated code parses the timeout first
		in.addViolation("Grpc-Timeout",
			"must be a number of at most 8 digits and one of H M S m u n, such as 500m")
	case in.violations == nil:
		in.checkPath(ctx, fullMethod, path)
	}
	if in.violations == nil {
		return outcome.Fault(operation, err)
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
	text := "No operation has this path; docs/api.md lists them."
	if httpStatus == http.StatusMethodNotAllowed {
		allowed := strings.Join(f.allowedMethods(r), ", ")
		text = "This path accepts only " + allowed + "."
		w.Header().Set("Allow", allowed)
	}
	e := outcome.NoOperation(text)
	interceptor.LogRejected(ctx, f.log, e)
	inboundOf(ctx).dialect.writeError(w, e, httpStatus)
}

// writeError writes e. httpStatus is for errors that only HTTP has; 0 is the status
// that the dialect has for e.
func (d dialect) writeError(w http.ResponseWriter, e *outcome.Error, httpStatus int) {
	body, statusOfError := d.encodeError(e)
	if httpStatus == 0 {
		httpStatus = statusOfError
	}
	h := w.Header()
	if httpStatus == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", "Guid")
	}
	if e.RetryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(int(math.Ceil(e.RetryAfter.Seconds()))))
	}
	h["Content-Type"] = contentTypes[d]
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(httpStatus)
	w.Write(body)
}

// encodeError returns the body of e and the HTTP status that the dialect has for e.
func (d dialect) encodeError(e *outcome.Error) (body []byte, httpStatus int) {
	if d == gateway {
		return encodeEnvelope(e)
	}
	return appendProtoJSON(nil, e.GRPCStatus().Proto()), runtime.HTTPStatusFromCode(e.Code)
}

// encodeEnvelope returns e as an envelope. HTTP status 200 is for errors that the
// gateway itself would report, any other for errors that only agentconf reports.
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

// retcodeOf returns the retcode and HTTP status of an error that agentconf reports itself.
// An error that a client of the gateway can handle has status 200. Any other has a status
// that clients and proxies treat as a failure: 502, 503 and 504 say that the gateway gave
// no answer, and only 503 that nothing was applied.
func retcodeOf(e *outcome.Error) (retcode string, httpStatus int) {
	switch {
	case e.Code == codes.InvalidArgument:
		return retcodeArgument, http.StatusOK
	case e.Code == codes.Unauthenticated:
		return retcodeNoRight, http.StatusOK
	case e.Code == codes.Aborted:
		return retcodeRepeated, http.StatusOK
	case e.Code == codes.FailedPrecondition: // a retry cannot succeed
		return retcodeException, http.StatusConflict
	case e.Code == codes.Unimplemented:
		return retcodeArgument, http.StatusNotFound
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
