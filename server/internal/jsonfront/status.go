package jsonfront

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"agentconf/server/internal/outcome"
)

// appendStatus appends the google.rpc.Status of e, as protojson encodes it. A refused call
// would otherwise build the status, encode its details, and decode them again.
func appendStatus(b []byte, e *outcome.Error) []byte {
	b = strconv.AppendUint(append(b, `{"code":`...), uint64(e.Code), 10)
	b = appendString(append(b, `,"message":`...), e.Error())
	b = append(b, `,"details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":`...)
	b = appendString(b, string(e.Reason))
	b = appendString(append(b, `,"domain":`...), outcome.Domain)
	b = append(b, `,"metadata":{`...)
	for i, pair := range e.Metadata() {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendString(append(appendString(b, pair[0]), ':'), pair[1])
	}
	b = append(b, "}}"...)
	b = appendViolations(b, e.Violations)
	if e.RetryAfter > 0 {
		b = append(b, `,{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":`...)
		b = append(appendString(b, durationText(e.RetryAfter)), '}')
	}
	return append(b, "]}"...)
}

// appendViolations appends the google.rpc.BadRequest, if there are violations.
func appendViolations(b []byte, violations []outcome.Violation) []byte {
	if len(violations) == 0 {
		return b
	}
	b = append(b, `,{"@type":"type.googleapis.com/google.rpc.BadRequest","fieldViolations":[`...)
	for i, v := range violations {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendString(append(b, `{"field":`...), v.Field)
		b = append(appendString(append(b, `,"description":`...), v.Description), '}')
	}
	return append(b, "]}"...)
}

// durationText returns d as the JSON mapping of protobuf has it: with no, 3, 6 or 9 digits
// behind the point.
func durationText(d time.Duration) string {
	text := fmt.Sprintf("%d.%09d", d/time.Second, d%time.Second)
	for range 3 {
		text = strings.TrimSuffix(text, "000")
	}
	return strings.TrimSuffix(text, ".") + "s"
}
