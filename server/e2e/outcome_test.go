package e2e

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"agentconf/conformance"
)

// A panic is an error of unknown outcome on both fronts. The error does not contain the
// panic, the log has its stack, and the service continues.
func TestPanic(t *testing.T) {
	f := serve(t, stub{hold: func(context.Context) error { panic("boom") }})
	for range 2 {
		err := f.holdGRPC(t.Context())
		if status.Code(err) != codes.Internal || strings.Contains(err.Error(), "boom") {
			t.Errorf("over gRPC: got %v, want %v without the panic", err, codes.Internal)
		}
		info, ok := status.Convert(err).Details()[0].(*errdetails.ErrorInfo)
		if !ok || info.GetMetadata()["outcome"] != "unknown" {
			t.Errorf("details %v, want outcome unknown", info)
		}
		if httpStatus, err := f.holdJSON(t.Context()); httpStatus != http.StatusInternalServerError || err != nil {
			t.Errorf("over JSON: HTTP status %d, %v, want 500", httpStatus, err)
		}
	}
	f.stopCleanly(t)
	if got := strings.Count(f.log.String(), "panic: string"); got != 4 {
		t.Errorf("got %d panics in the log, want 4:\n%s", got, f.log)
	}
	if !strings.Contains(f.log.String(), "TestPanic.func1") {
		t.Errorf("got no stack of the panic in the log:\n%s", f.log)
	}
}

// If the caller cancels a call, the service closes the connection to the gateway at once.
// The log record has the outcome.
func TestCallerCancels(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFronts(t, memory)
		f.gateway.Play(conformance.Script{Fault: "stall"})
		ctx, cancel := context.WithCancel(withGUID(t.Context()))
		time.AfterFunc(time.Second, cancel)
		start := time.Now()
		err := f.holdGRPC(ctx)
		<-f.gateway.HungUp
		if took := time.Since(start); status.Code(err) != codes.Canceled || took != time.Second {
			t.Errorf("got %v after %v, want %v after 1s", err, took, codes.Canceled)
		}
		synctest.Wait()
		for _, want := range []string{`"rpc.response.status_code":"CANCELLED"`, `"reason":"OUTCOME_UNKNOWN"`, `"outcome":"unknown"`} {
			if !strings.Contains(f.log.String(), want) {
				t.Errorf("log %s, want it to contain %s", f.log, want)
			}
		}
	})
}

// If the deadline of a call has passed, the service sends nothing to the gateway. The error
// has the reason of a call that was not sent.
func TestExpiredDeadline(t *testing.T) {
	f := newFronts(t, sockets)
	_, _, body := f.send(t, "POST", holdV1, func(r *http.Request) { r.Header.Set("Grpc-Timeout", "1n") })
	if got := reasonOf(t, body); got != "GATEWAY_UNREACHABLE" {
		t.Errorf("reason %s, want GATEWAY_UNREACHABLE", got)
	}
	if got := f.gateway.Received(); len(got) > 0 {
		t.Errorf("the gateway got %v, want no request", got)
	}
}
