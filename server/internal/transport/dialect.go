package transport

import (
	"context"
	"encoding/json"
	"math"
	"net/http"
	"strconv"
	"strings"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/grpc/codes"

	// A client gets every detail by name; the types have to be linked in.
	_ "google.golang.org/genproto/googleapis/rpc/errdetails"

	"agentconf/server/internal/conference"
)

// gatewayRoot begins every path of the gateway's own dialect.
const gatewayRoot = "/agentgateway/"

// gatewayContentType is that of the gateway's answers. Clients that find no charset
// there may take another than UTF-8.
const gatewayContentType = "application/json;charset=UTF-8"

var gatewayContentTypes = []string{gatewayContentType}

// inDialect tells whether a request that has an operation came by the gateway's path.
func inDialect(ctx context.Context) bool {
	pattern, _ := runtime.HTTPPathPattern(ctx)
	return strings.HasPrefix(pattern, gatewayRoot)
}

// The retcodes that agentconf answers by itself, in the gateway's dialect. Their
// meanings are the gateway's (page 0580).
const (
	retcodeArgument  = "000-002"
	retcodeNoRight   = "000-003"
	retcodeRepeated  = "000-007"
	retcodeException = "100-007"
)

// writeError answers in the dialect of the path. httpStatus is for errors that
// only HTTP has; 0 means the one that belongs to the error.
func writeError(w http.ResponseWriter, r *http.Request, e *conference.Error, httpStatus int) {
	body, belonging := asStatus(e)
	contentType := "application/json"
	if strings.HasPrefix(r.URL.Path, gatewayRoot) {
		body, belonging = asEnvelope(e)
		contentType = gatewayContentType
	}
	if httpStatus == 0 {
		httpStatus = belonging
	}
	h := w.Header()
	if httpStatus == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", "Guid")
	}
	if e.RetryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(int(math.Ceil(e.RetryAfter.Seconds()))))
	}
	h.Set("Content-Type", contentType)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(httpStatus)
	w.Write(body)
}

// asStatus is e for new clients: google.rpc.Status and the HTTP status of its
// code.
func asStatus(e *conference.Error) (body []byte, httpStatus int) {
	return appendJSON(nil, e.GRPCStatus().Proto()), runtime.HTTPStatusFromCode(e.Code)
}

// asEnvelope is e for clients of the gateway. What the gateway itself would have
// said has HTTP status 200; a status of its own says that the gateway did not
// say it.
func asEnvelope(e *conference.Error) (body []byte, httpStatus int) {
	envelope := struct {
		Message string          `json:"message"`
		Retcode string          `json:"retcode"`
		Result  json.RawMessage `json:"result,omitempty"`
	}{Message: e.Error(), Result: json.RawMessage("{}")}

	switch {
	case e.Retcode != "":
		envelope.Message, envelope.Retcode, envelope.Result = e.GatewayMessage, e.Retcode, e.GatewayResult
		httpStatus = http.StatusOK
	case e.Code == codes.InvalidArgument:
		envelope.Retcode, httpStatus = retcodeArgument, http.StatusOK
	case e.Code == codes.Unauthenticated:
		envelope.Retcode, httpStatus = retcodeNoRight, http.StatusOK
	case e.Code == codes.Aborted:
		envelope.Retcode, httpStatus = retcodeRepeated, http.StatusOK
	case e.Code == codes.FailedPrecondition: // which no retry mends
		envelope.Retcode, httpStatus = retcodeException, http.StatusConflict
	case e.Code == codes.Unimplemented:
		envelope.Retcode, httpStatus = retcodeArgument, http.StatusNotFound
	case e.Code == codes.DeadlineExceeded:
		envelope.Retcode, httpStatus = retcodeException, http.StatusGatewayTimeout
	case e.Outcome == conference.NotApplied:
		envelope.Retcode, httpStatus = retcodeException, http.StatusServiceUnavailable
	default:
		envelope.Retcode, httpStatus = retcodeException, http.StatusBadGateway
	}
	body, err := json.Marshal(envelope)
	if err != nil {
		panic(err)
	}
	return body, httpStatus
}

// inJSON is e with the names that its fields have in JSON.
func inJSON(e *conference.Error) *conference.Error {
	named := *e
	named.Violations = make([]conference.Violation, len(e.Violations))
	for i, v := range e.Violations {
		named.Violations[i] = conference.Violation{Field: jsonName(v.Field), Description: v.Description}
	}
	return &named
}

// jsonName is the JSON name of a field, by the rule of protobuf: address_type
// becomes addressType.
func jsonName(field string) string {
	words := strings.Split(field, "_")
	for i, w := range words[1:] {
		if w != "" {
			words[i+1] = strings.ToUpper(w[:1]) + w[1:]
		}
	}
	return strings.Join(words, "")
}
