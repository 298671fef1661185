package outcome

import (
	"encoding/json"
	"strings"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
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
	st := &spb.Status{Code: int32(e.Code), Message: e.Error(), Details: []*anypb.Any{e.info()}}
	if len(e.Violations) > 0 {
		st.Details = append(st.Details, packed(e.badRequest()))
	}
	if e.RetryAfter > 0 {
		st.Details = append(st.Details, packed(&errdetails.RetryInfo{RetryDelay: durationpb.New(e.RetryAfter)}))
	}
	return status.FromProto(st)
}

// packed returns m as a detail.
func packed(m proto.Message) *anypb.Any {
	detail, err := anypb.New(m)
	if err != nil { // a text is not UTF-8, which Error never has
		panic(err)
	}
	return detail
}

// LoggedRetcode returns Retcode for logs and traces, which only get what looks like a
// retcode: 1 to 9 digits and hyphens. A gateway may put any text there; it is "other".
func (e *Error) LoggedRetcode() string {
	if len(e.Retcode) > 9 || strings.Trim(e.Retcode, "0123456789-") != "" {
		return "other"
	}
	return e.Retcode
}

// Metadata returns the metadata of the ErrorInfo, as pairs of key and value in the order of
// the keys.
func (e *Error) Metadata() [][2]string {
	pairs := make([][2]string, 0, 3)
	if e.Operation != "" {
		pairs = append(pairs, [2]string{"operation", e.Operation})
	}
	pairs = append(pairs, [2]string{"outcome", string(e.Outcome)})
	if e.Retcode != "" {
		pairs = append(pairs, [2]string{"retcode", e.Retcode})
	}
	return pairs
}

// The field numbers of google.rpc.ErrorInfo, and of an entry of its map.
const (
	infoReason, infoDomain, infoMetadata = 1, 2, 3
	entryKey, entryValue                 = 1, 2
)

// info returns the ErrorInfo as a detail. It writes the fields itself: the map of a message
// makes reflection cost more than the rest of the error.
func (e *Error) info() *anypb.Any {
	b := appendField(make([]byte, 0, 128), infoReason, string(e.Reason))
	b = appendField(b, infoDomain, Domain)
	var entry [64]byte
	for _, pair := range e.Metadata() {
		fields := appendField(appendField(entry[:0], entryKey, pair[0]), entryValue, pair[1])
		b = protowire.AppendBytes(protowire.AppendTag(b, infoMetadata, protowire.BytesType), fields)
	}
	return &anypb.Any{TypeUrl: "type.googleapis.com/google.rpc.ErrorInfo", Value: b}
}

func appendField(b []byte, number protowire.Number, text string) []byte {
	return protowire.AppendString(protowire.AppendTag(b, number, protowire.BytesType), text)
}

func (e *Error) badRequest() *errdetails.BadRequest {
	bad := &errdetails.BadRequest{}
	for _, v := range e.Violations {
		bad.FieldViolations = append(bad.FieldViolations,
			&errdetails.BadRequest_FieldViolation{Field: v.Field, Description: v.Description})
	}
	return bad
}
