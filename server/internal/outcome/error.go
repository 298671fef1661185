package outcome

import (
	"encoding/json"
	"strings"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/types/known/durationpb"
)

// Error is the error of every failed call, on every front. Text is for people and
// holds no GUID, phone number or voice path. Cause is for the log alone: no front passes it
// on. An Error must not be changed once it is returned.
type Error struct {
	Code      codes.Code
	Reason    Reason
	Outcome   Outcome
	Operation string // the gateway's method name; empty if the request named none

	// Retcode, GatewayMessage and GatewayResult are the gateway's answer, if it
	// refused the call. GatewayResult is nil if the answer had no result.
	Retcode        string
	GatewayMessage string
	GatewayResult  json.RawMessage

	Violations []Violation
	RetryAfter time.Duration // zero if waiting does not help

	Text  string
	Cause error
}

// Violation is one wrong field of a request. Neither part repeats its value.
type Violation struct {
	Field       string // as in the proto
	Description string // the requirement, such as "must be 1 to 120"
}

// Error returns the text, followed by the violations.
func (e *Error) Error() string {
	if len(e.Violations) == 0 {
		return e.Text
	}
	violations := make([]string, len(e.Violations))
	for i, v := range e.Violations {
		violations[i] = v.Field + " " + v.Description
	}
	return e.Text + ": " + strings.Join(violations, "; ") + "."
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Cause }

// GRPCStatus returns the status that gRPC clients receive, with its details: always an
// ErrorInfo, a BadRequest if there are violations, a RetryInfo if waiting helps.
func (e *Error) GRPCStatus() *status.Status {
	details := []protoadapt.MessageV1{e.info()}
	if len(e.Violations) > 0 {
		details = append(details, e.badRequest())
	}
	if e.RetryAfter > 0 {
		details = append(details, &errdetails.RetryInfo{RetryDelay: durationpb.New(e.RetryAfter)})
	}
	st, err := status.New(e.Code, e.Error()).WithDetails(details...)
	if err != nil { // WithDetails rejects only code OK, which no Error has
		panic(err)
	}
	return st
}

// LoggedRetcode returns Retcode for logs and traces, which only get what looks like a
// retcode: 1 to 9 digits and hyphens. A gateway may put any text there; it is "other".
func (e *Error) LoggedRetcode() string {
	if len(e.Retcode) > 9 || strings.Trim(e.Retcode, "0123456789-") != "" {
		return "other"
	}
	return e.Retcode
}

func (e *Error) info() *errdetails.ErrorInfo {
	metadata := map[string]string{"outcome": string(e.Outcome)}
	if e.Operation != "" {
		metadata["operation"] = e.Operation
	}
	if e.Retcode != "" {
		metadata["retcode"] = e.Retcode
	}
	return &errdetails.ErrorInfo{Reason: string(e.Reason), Domain: Domain, Metadata: metadata}
}

func (e *Error) badRequest() *errdetails.BadRequest {
	bad := &errdetails.BadRequest{}
	for _, v := range e.Violations {
		bad.FieldViolations = append(bad.FieldViolations,
			&errdetails.BadRequest_FieldViolation{Field: v.Field, Description: v.Description})
	}
	return bad
}
