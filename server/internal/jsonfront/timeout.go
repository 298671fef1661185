package jsonfront

import (
	"math"
	"strconv"
	"time"
)

// timeoutUnits are the units of Grpc-Timeout (gRPC over HTTP/2, "Requests").
var timeoutUnits = map[byte]time.Duration{
	'H': time.Hour, 'M': time.Minute, 'S': time.Second,
	'm': time.Millisecond, 'u': time.Microsecond, 'n': time.Nanosecond,
}

// parseTimeout returns the time of the header Grpc-Timeout by the rules of the gRPC port: at
// most 8 digits and a unit. 0 is a deadline that has passed, and no absent one; the parser of
// grpc-gateway takes it for that. A time beyond the range of time.Duration is its maximum.
func parseTimeout(values []string) (timeout time.Duration, ok bool) {
	const maxLength = 9
	text := values[0]
	last := len(text) - 1
	if len(values) > 1 || last < 1 || len(text) > maxLength {
		return 0, false
	}
	unit, known := timeoutUnits[text[last]]
	n, err := strconv.ParseUint(text[:last], 10, 32)
	if !known || err != nil {
		return 0, false
	}
	if n > uint64(math.MaxInt64/unit) {
		return math.MaxInt64, true
	}
	return time.Duration(n) * unit, true
}
