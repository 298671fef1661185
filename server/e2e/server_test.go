package e2e

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/status"

	"agentconf/conformance"
	agentconfv1 "agentconf/gen/agentconf/v1"
)

// A panic is an error of unknown outcome on both fronts, told without its cause,
// logged with its place in the code, and the service goes on. It also shows that both pass the same interceptor.
func TestPanic(t *testing.T) {
	v := serve(t, stub{hold: func(context.Context) error { panic("boom") }})
	for range 2 {
		err := v.holdGRPC(t.Context())
		if status.Code(err) != codes.Internal || strings.Contains(err.Error(), "boom") {
			t.Errorf("over gRPC: %v", err)
		}
		info, ok := status.Convert(err).Details()[0].(*errdetails.ErrorInfo)
		if !ok || info.GetMetadata()["outcome"] != "unknown" {
			t.Errorf("details %v", info)
		}
		if httpStatus, err := v.holdJSON(t.Context()); httpStatus != http.StatusInternalServerError || err != nil {
			t.Errorf("over JSON: HTTP status %d, %v", httpStatus, err)
		}
	}
	v.stop()
	if err := <-v.ended; err != nil {
		t.Error(err)
	}
	if got := strings.Count(v.log.String(), "panic: string"); got != 4 || !strings.Contains(v.log.String(), "TestPanic.func1") {
		t.Errorf("%d panics logged with their place, want 4:\n%s", got, v.log)
	}
}

// Every call has one line, whichever front it came by.
func TestLogLine(t *testing.T) {
	f := newFronts(t, sockets)
	refusal := `{"retcode":"101-002"}`
	f.gateway.Play(conformance.Script{Reply: &refusal})
	ctx := metadata.AppendToOutgoingContext(t.Context(), "guid", someGUID)
	_, err := agentconfv1.NewConferenceServiceClient(f.conn).HoldParticipant(ctx, &agentconfv1.HoldParticipantRequest{
		AgentId: "1287", AddressType: "6", Address: "88887946", VoicePath: "y:/conf/120/1136287.V3",
	})
	if status.Code(err) != codes.PermissionDenied {
		t.Fatal(err)
	}
	named := func(r *http.Request) { r.Header.Set("X-Request-Id", "their-7") }
	f.send(t, "POST", holdV1, named)
	f.send(t, "POST", holdGateway, named)
	lines := strings.Split(strings.TrimSpace(f.log.String()), "\n")
	if len(lines) != 3 {
		t.Fatalf("%d lines for three calls:\n%s", len(lines), f.log)
	}
	for _, line := range lines {
		var got map[string]any
		if err := json.Unmarshal([]byte(line), &got); err != nil {
			t.Fatal(err)
		}
		for key, want := range map[string]any{
			"operation": "holdParticipant", "agent": "1287", "code": "PermissionDenied",
			"reason": "NOT_CHAIRPERSON", "retcode": "101-002", "outcome": "not_applied",
		} {
			if got[key] != want {
				t.Errorf("%s is %v, want %v in %s", key, got[key], want, line)
			}
		}
	}
}

// A request that never becomes a call has its line too.
func TestLogLineOfRejected(t *testing.T) {
	f := newFronts(t, sockets)
	for path, want := range map[string]string{
		"/nothing":  `"reason":"NO_SUCH_OPERATION"`,
		holdGateway: `"operation":"holdParticipant","code":"InvalidArgument","agent":""`,
	} {
		f.send(t, "POST", path, func(r *http.Request) {
			r.Body, r.ContentLength = io.NopCloser(strings.NewReader("88887946")), -1
		})
		lines := strings.Split(strings.TrimSpace(f.log.String()), "\n")
		if last := lines[len(lines)-1]; !strings.Contains(last, want) || strings.Contains(last, "88887946") {
			t.Errorf("%s is logged as %s", path, last)
		}
	}
}

func TestHealthAndReflection(t *testing.T) {
	f := newFronts(t, sockets)
	for _, name := range []string{"", "agentconf.v1.ConferenceService"} {
		answer, err := grpc_health_v1.NewHealthClient(f.conn).Check(t.Context(), &grpc_health_v1.HealthCheckRequest{Service: name})
		if err != nil || answer.GetStatus() != grpc_health_v1.HealthCheckResponse_SERVING {
			t.Errorf("health of %q: %v, %v", name, answer, err)
		}
	}
	stream, err := grpc_reflection_v1.NewServerReflectionClient(f.conn).ServerReflectionInfo(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Send(&grpc_reflection_v1.ServerReflectionRequest{
		MessageRequest: &grpc_reflection_v1.ServerReflectionRequest_FileContainingSymbol{FileContainingSymbol: "agentconf.v1.ConferenceService"},
	}); err != nil {
		t.Fatal(err)
	}
	answer, err := stream.Recv()
	if err != nil || len(answer.GetFileDescriptorResponse().GetFileDescriptorProto()) == 0 {
		t.Errorf("reflection: %v, %v", answer, err)
	}
	if err := stream.CloseSend(); err != nil {
		t.Error(err)
	}
	if f.log.String() != "" {
		t.Errorf("logged: %s", f.log)
	}
}

func TestUnknownMethod(t *testing.T) {
	f := newFronts(t, sockets)
	for _, method := range []string{"/agentconf.v1.ConferenceService/Hold", "/agentconf.v9.X/Y"} {
		err := f.conn.Invoke(t.Context(), method, &agentconfv1.HoldParticipantRequest{}, &agentconfv1.HoldParticipantResponse{})
		st := status.Convert(err)
		if st.Code() != codes.Unimplemented || len(st.Details()) != 1 {
			t.Errorf("%s: %v with details %v", method, err, st.Details())
		}
	}
}

// A caller that gives up frees the gateway's connection, and the log keeps what
// is known of the outcome.
func TestCallerGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFronts(t, memory)
		f.gateway.Play(conformance.Script{Fault: "stall"})
		ctx, cancel := context.WithCancel(metadata.AppendToOutgoingContext(t.Context(), "guid", someGUID))
		time.AfterFunc(time.Second, cancel)
		start := time.Now()
		_, err := agentconfv1.NewConferenceServiceClient(f.conn).HoldParticipant(ctx, &agentconfv1.HoldParticipantRequest{
			AgentId: "1287", AddressType: "6", Address: "88887946", VoicePath: "y:/conf/120/1136287.V3",
		})
		<-f.gateway.HungUp
		if status.Code(err) != codes.Canceled || time.Since(start) != time.Second {
			t.Errorf("error %v after %v", err, time.Since(start))
		}
		synctest.Wait()
		for _, part := range []string{`"code":"Canceled"`, `"reason":"OUTCOME_UNKNOWN"`, `"outcome":"unknown"`} {
			if !strings.Contains(f.log.String(), part) {
				t.Errorf("the log lacks %s: %s", part, f.log)
			}
		}
	})
}
