package jsonfront

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	agentconfv1 "agentconf/gen/agentconf/v1"
	"agentconf/server/internal/inprocess"
	"agentconf/server/internal/interceptor"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	holdREST    = "/v1/agents/1287/conference:holdParticipant"
	holdGateway = "/agentgateway/resource/agentconf/1287/holdparticipant"
	someGUID    = "279fe21d-4b0c-4d2e-b1a7-0d6f3f0c8f3c.AgentGateway0"
	holdBody    = `{"address":"88887946","addressType":"6","playMode":2,"voicePath":"y:/conf/120/1136287.V3"}`
	maxRequest  = 64 << 10
)

// stubService replies as a test wants it. Other operations have an empty reply.
type stubService struct {
	agentconfv1.UnimplementedConferenceServiceServer
	agentconfv1.UnimplementedSessionServiceServer
	agentconfv1.UnimplementedEventServiceServer

	hold  func(context.Context, *agentconfv1.HoldParticipantRequest) error
	guid  string // that a handshake issues
	watch func(*agentconfv1.WatchAgentEventsRequest, grpc.ServerStreamingServer[agentconfv1.WatchAgentEventsResponse]) error
}

func (s stubService) HoldParticipant(ctx context.Context, req *agentconfv1.HoldParticipantRequest) (*agentconfv1.HoldParticipantResponse, error) {
	if s.hold != nil {
		if err := s.hold(ctx, req); err != nil {
			return nil, err
		}
	}
	return &agentconfv1.HoldParticipantResponse{Message: "success", Retcode: "0"}, nil
}

func (s stubService) Handshake(context.Context, *agentconfv1.HandshakeRequest) (*agentconfv1.HandshakeResponse, error) {
	return &agentconfv1.HandshakeResponse{Retcode: "0", Guid: s.guid}, nil
}

func (s stubService) GetAgentEvent(context.Context, *agentconfv1.GetAgentEventRequest) (*agentconfv1.GetAgentEventResponse, error) {
	return &agentconfv1.GetAgentEventResponse{Retcode: "0"}, nil
}

func (s stubService) WatchAgentEvents(req *agentconfv1.WatchAgentEventsRequest, stream grpc.ServerStreamingServer[agentconfv1.WatchAgentEventsResponse]) error {
	if s.watch == nil {
		return nil
	}
	return s.watch(req, stream)
}

// call is a call that has reached the service.
type call struct {
	method   string // full
	metadata metadata.MD
	request  proto.Message
}

// testFront is a front before a stubService.
type testFront struct {
	http.Handler
	log     *lockedBuffer
	metrics *prometheus.Registry

	mu    sync.Mutex
	calls []call
}

func newTestFront(service stubService, corsOrigins ...string) *testFront {
	f := &testFront{log: &lockedBuffer{}, metrics: prometheus.NewRegistry()}
	log := slog.New(slog.NewJSONHandler(f.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	i := interceptor.New(interceptor.Options{Log: log, Metrics: f.metrics, MaxInFlight: 100})
	conn := inprocess.New(
		func(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
			f.record(ctx, info.FullMethod, req)
			return i.Unary(ctx, req, info, withEmptyReply(handler))
		},
		func(srv any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
			return i.Stream(srv, recordedStream{stream, f, info.FullMethod}, info, handler)
		})
	for _, r := range []grpc.ServiceRegistrar{i, conn} {
		agentconfv1.RegisterConferenceServiceServer(r, service)
		agentconfv1.RegisterSessionServiceServer(r, service)
		agentconfv1.RegisterEventServiceServer(r, service)
	}
	f.Handler = New(Options{Conn: conn, Log: log, MaxRequest: maxRequest, CORSOrigins: corsOrigins, Metrics: f.metrics})
	return f
}

// withEmptyReply makes operations that handler does not implement succeed.
func withEmptyReply(handler grpc.UnaryHandler) grpc.UnaryHandler {
	return func(ctx context.Context, req any) (any, error) {
		reply, err := handler(ctx, req)
		if status.Code(err) != codes.Unimplemented {
			return reply, err
		}
		request := string(req.(proto.Message).ProtoReflect().Descriptor().FullName())
		empty, err := protoregistry.GlobalTypes.FindMessageByName(
			protoreflect.FullName(strings.TrimSuffix(request, "Request") + "Response"))
		if err != nil {
			return nil, err
		}
		return empty.New().Interface(), nil
	}
}

// recordedStream records a call when its request is read.
type recordedStream struct {
	grpc.ServerStream
	front  *testFront
	method string
}

func (s recordedStream) RecvMsg(m any) error {
	err := s.ServerStream.RecvMsg(m)
	s.front.record(s.Context(), s.method, m)
	return err
}

func (f *testFront) record(ctx context.Context, method string, request any) {
	md, _ := metadata.FromIncomingContext(ctx)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, call{method, md, proto.Clone(request.(proto.Message))})
}

// takeCalls returns the calls since it was called last.
func (f *testFront) takeCalls() []call {
	f.mu.Lock()
	defer f.mu.Unlock()
	calls := f.calls
	f.calls = nil
	return calls
}

// takeCall returns the one call since takeCalls or takeCall was called last.
func (f *testFront) takeCall(t *testing.T) call {
	t.Helper()
	calls := f.takeCalls()
	if len(calls) != 1 {
		t.Fatalf("%d calls, want 1: %v", len(calls), calls)
	}
	return calls[0]
}

// checkNoCall fails the test if a call has reached the service.
func (f *testFront) checkNoCall(t *testing.T) {
	t.Helper()
	if calls := f.takeCalls(); len(calls) > 0 {
		t.Errorf("the service was called: %v", calls)
	}
}

// recorder is a response whose connection accepts read deadlines.
type recorder struct{ *httptest.ResponseRecorder }

func (recorder) SetReadDeadline(time.Time) error { return nil }

// send sends a request with a GUID and a body, changed by change, which may be nil.
func (f *testFront) send(method, path, body string, change func(*http.Request)) recorder {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("Guid", someGUID)
	if change != nil {
		change(r)
	}
	w := recorder{httptest.NewRecorder()}
	f.ServeHTTP(w, r)
	return w
}

// sendHold sends the documented hold.
func (f *testFront) sendHold(path string, change func(*http.Request)) recorder {
	return f.send(http.MethodPost, path, holdBody, change)
}

// statusOf returns the google.rpc.Status of an error on REST.
func statusOf(t *testing.T, body []byte) *status.Status {
	t.Helper()
	st := &spb.Status{}
	if err := protojson.Unmarshal(body, st); err != nil {
		t.Fatalf("%v in %s", err, body)
	}
	return status.FromProto(st)
}

func reasonOf(t *testing.T, body []byte) string {
	t.Helper()
	for _, detail := range statusOf(t, body).Details() {
		if info, ok := detail.(*errdetails.ErrorInfo); ok {
			return info.GetReason()
		}
	}
	return ""
}

// violationsOf returns the violations of an error on REST, each as "field: description".
func violationsOf(t *testing.T, body []byte) (violations []string) {
	t.Helper()
	for _, detail := range statusOf(t, body).Details() {
		if bad, ok := detail.(*errdetails.BadRequest); ok {
			for _, v := range bad.GetFieldViolations() {
				violations = append(violations, v.GetField()+": "+v.GetDescription())
			}
		}
	}
	return violations
}

// checkRejected compares an error on REST with violations, and fails if there was a call.
func (f *testFront) checkRejected(t *testing.T, w recorder, want ...string) {
	t.Helper()
	if w.Code != http.StatusBadRequest || reasonOf(t, w.Body.Bytes()) != "INVALID_ARGUMENT" {
		t.Errorf("HTTP status %d: %s", w.Code, w.Body)
	} else if got := violationsOf(t, w.Body.Bytes()); !slices.Equal(got, want) {
		t.Errorf("violations %q, want %q", got, want)
	}
	f.checkNoCall(t)
}

func retcodeIn(t *testing.T, body []byte) string {
	t.Helper()
	var envelope struct{ Retcode string }
	if err := json.Unmarshal(body, &envelope); err != nil {
		t.Fatalf("%v in %s", err, body)
	}
	return envelope.Retcode
}

// lockedBuffer is a log that several goroutines write.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// chunked is a body of unknown length.
func chunked(body string) io.Reader { return struct{ io.Reader }{strings.NewReader(body)} }
