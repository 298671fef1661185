package interceptor_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	agentconfv1 "agentconf/gen/agentconf/v1"
	"agentconf/server/internal/interceptor"
)

// fixture is an interceptor with the services of conferences and events, and what it has
// logged and counted.
type fixture struct {
	*interceptor.Interceptor
	metrics *prometheus.Registry
	log     *log
}

func newFixture(options interceptor.Options) *fixture {
	f := &fixture{metrics: prometheus.NewRegistry(), log: &log{}}
	options.Log, options.Metrics = slog.New(slog.NewJSONHandler(f.log, nil)), f.metrics
	if options.MaxInFlight == 0 {
		options.MaxInFlight = 100
	}
	f.Interceptor = interceptor.New(options)
	agentconfv1.RegisterConferenceServiceServer(f, agentconfv1.UnimplementedConferenceServiceServer{})
	agentconfv1.RegisterEventServiceServer(f, agentconfv1.UnimplementedEventServiceServer{})
	return f
}

// log holds log records in JSON.
type log struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

// take returns the records so far, and drops them.
func (l *log) take(t *testing.T) (records []map[string]any) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	for dec := json.NewDecoder(&l.text); dec.More(); {
		var record map[string]any
		if err := dec.Decode(&record); err != nil {
			t.Fatal(err)
		}
		records = append(records, record)
	}
	l.text.Reset()
	return records
}

// only returns the one record since the last call.
func (l *log) only(t *testing.T) map[string]any {
	t.Helper()
	records := l.take(t)
	if len(records) != 1 {
		t.Fatalf("%d log records, want 1: %v", len(records), records)
	}
	return records[0]
}

// checkFields checks fields of a record. A nil value stands for a field that is missing.
func checkFields(t *testing.T, record, want map[string]any) {
	t.Helper()
	for key, value := range want {
		if record[key] != value {
			t.Errorf("%s is %v, want %v in %v", key, record[key], value, record)
		}
	}
}

// hold makes a unary call of agent 1287.
func (f *fixture) hold(ctx context.Context, handler grpc.UnaryHandler) (any, error) {
	return f.holdBy(ctx, "1287", handler)
}

func (f *fixture) holdBy(ctx context.Context, agentID string, handler grpc.UnaryHandler) (any, error) {
	req := &agentconfv1.HoldParticipantRequest{AgentId: agentID, Address: "88887946"}
	info := &grpc.UnaryServerInfo{FullMethod: agentconfv1.ConferenceService_HoldParticipant_FullMethodName}
	return f.Unary(ctx, req, info, handler)
}

// watch makes a streaming call.
func (f *fixture) watch(stream grpc.ServerStream, handler grpc.StreamHandler) error {
	info := &grpc.StreamServerInfo{FullMethod: agentconfv1.EventService_WatchAgentEvents_FullMethodName, IsServerStream: true}
	return f.Stream(nil, stream, info, handler)
}

// returns returns a handler that returns err.
func returns(err error) grpc.UnaryHandler {
	return func(context.Context, any) (any, error) {
		if err != nil {
			return nil, err
		}
		return &agentconfv1.HoldParticipantResponse{}, nil
	}
}

// receives returns a handler that receives the request of a watch and returns err.
func receives(err error) grpc.StreamHandler {
	return func(_ any, stream grpc.ServerStream) error {
		if broken := stream.RecvMsg(&agentconfv1.WatchAgentEventsRequest{}); broken != nil {
			return broken
		}
		return err
	}
}

// stream is the server's side of a call without a network. It keeps what is sent.
type stream struct {
	grpc.ServerStream
	ctx             context.Context
	method          string
	agentID         string // of the request of a watch
	header, trailer metadata.MD
	sent            []any
	atFirst         metadata.MD // the header when the first message was sent
}

// newStream returns a stream with metadata of its client.
func newStream(t *testing.T, keyValues ...string) *stream {
	s := &stream{agentID: "1287"}
	ctx := metadata.NewIncomingContext(t.Context(), metadata.Pairs(keyValues...))
	s.ctx = grpc.NewContextWithServerTransportStream(ctx, transportStream{s})
	return s
}

func (s *stream) Context() context.Context { return s.ctx }

func (s *stream) RecvMsg(m any) error {
	m.(*agentconfv1.WatchAgentEventsRequest).AgentId = s.agentID
	return nil
}

func (s *stream) SendMsg(m any) error {
	if len(s.sent) == 0 {
		s.atFirst = s.header.Copy()
	}
	s.sent = append(s.sent, m)
	return nil
}

// transportStream implements grpc.ServerTransportStream for a stream.
type transportStream struct{ *stream }

func (s transportStream) Method() string { return s.method }

func (s transportStream) SetHeader(md metadata.MD) error {
	s.header = metadata.Join(s.header, md)
	return nil
}

func (s transportStream) SendHeader(md metadata.MD) error { return s.SetHeader(md) }

func (s transportStream) SetTrailer(md metadata.MD) error {
	s.trailer = metadata.Join(s.trailer, md)
	return nil
}
