package interceptor_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"google.golang.org/grpc"

	"agentconf/server/internal/interceptor"
	"agentconf/server/internal/outcome"
	"agentconf/server/internal/servicetest"
)

// checkPanic checks the error and the log record of a call that panicked. The record
// has the stack, and neither has the value.
func checkPanic(t *testing.T, f *fixture, err error) (cause string) {
	t.Helper()
	servicetest.CheckError(t, err, outcome.Internal)
	record := f.log.only(t)
	checkFields(t, record, map[string]any{"level": "ERROR", "reason": "INTERNAL", "outcome": "unknown"})
	cause, _ = record["cause"].(string)
	if !strings.Contains(cause, "panicWith") {
		t.Errorf("the cause has no stack: %s", cause)
	}
	if strings.Contains(cause, "88887946") || strings.Contains(err.Error(), "88887946") {
		t.Errorf("the value is logged: %v, %s", err, cause)
	}
	return cause
}

func panicWith(value any) { panic(value) }

// A panic is an error of unknown outcome.
func TestPanic(t *testing.T) {
	f := newFixture(interceptor.Options{})
	values := []any{"88887946", errors.New("88887946"), []int{88887946}, fmt.Errorf("88887946 %w", context.Canceled)}
	for _, value := range values {
		_, err := f.hold(t.Context(), func(context.Context, any) (any, error) {
			panicWith(value)
			return nil, nil
		})
		if cause := checkPanic(t, f, err); !strings.HasPrefix(cause, fmt.Sprintf("panic: %T\n", value)) {
			t.Errorf("the cause does not name the type: %.100s", cause)
		}
		err = f.watch(newStream(t), func(any, grpc.ServerStream) error {
			panicWith(value)
			return nil
		})
		checkPanic(t, f, err)
	}
}

// A runtime error is named in full: it holds types and numbers only.
func TestRuntimePanic(t *testing.T) {
	f := newFixture(interceptor.Options{})
	_, err := f.hold(t.Context(), func(context.Context, any) (any, error) {
		var none []int
		return none[len(none)], nil
	})
	servicetest.CheckError(t, err, outcome.Internal)
	cause := fmt.Sprint(f.log.only(t)["cause"])
	if !strings.HasPrefix(cause, "panic: runtime error: index out of range [0] with length 0\n") {
		t.Errorf("cause %.100s", cause)
	}
}
