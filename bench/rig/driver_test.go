package rig

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	agentconfv1 "agentconf/gen/agentconf/v1"
)

// grpcReply returns the reply to a hold with a GUID.
type grpcReply func(guid string) (*agentconfv1.HoldParticipantResponse, error)

// holdServer answers the hold of the benchmarks.
type holdServer struct {
	agentconfv1.UnimplementedConferenceServiceServer
	reply grpcReply
}

func (h holdServer) HoldParticipant(ctx context.Context, req *agentconfv1.HoldParticipantRequest) (*agentconfv1.HoldParticipantResponse, error) {
	if !proto.Equal(req, holdRequest()) {
		return nil, status.Errorf(codes.InvalidArgument, "not the hold of the benchmarks: %v", req)
	}
	md, _ := metadata.FromIncomingContext(ctx)
	return h.reply(strings.Join(md.Get("guid"), ","))
}

func serveGRPC(t *testing.T, reply grpcReply) Target {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	agentconfv1.RegisterConferenceServiceServer(server, holdServer{reply: reply})
	go server.Serve(l)
	t.Cleanup(server.Stop)
	return GRPCTarget(l.Addr().String(), GUID)
}

func serveJSON(t *testing.T, kind Kind, reply func(guid string) (int, string)) Target {
	t.Helper()
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if body, _ := io.ReadAll(r.Body); string(body) != jsonBody || r.URL.Path != OwnPath {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		code, text := reply(r.Header.Get("Guid"))
		w.WriteHeader(code)
		io.WriteString(w, text)
	}))
	server.Config.Protocols = &protocols
	server.Start()
	t.Cleanup(server.Close)
	return Target{kind, server.Listener.Addr().String(), OwnPath, GUID}
}

// byGUID answers like a gateway that knows one session.
func byGUID(shown string) (int, string) {
	if shown != GUID {
		return 200, `{"message":"not signed in","retcode":"100-006"}`
	}
	return 200, StubReply
}

func grpcByGUID(shown string) (*agentconfv1.HoldParticipantResponse, error) {
	if shown != GUID {
		return nil, status.Error(codes.Unauthenticated, "not signed in")
	}
	return holdResponse(), nil
}

// makeHolds makes n holds as fast as possible over one connection.
func makeHolds(t *testing.T, v Target, n int) Outcomes {
	t.Helper()
	d := NewDriver(v, 1)
	defer d.Close()
	if err := d.Open(t.Context(), 1e6, n); err != nil {
		t.Error(err)
	}
	return d.Take()
}

// The driver and the proof accept the documented reply, in any number on a connection.
func TestDriverAndProofAccept(t *testing.T) {
	for _, v := range []Target{
		serveGRPC(t, grpcByGUID), serveJSON(t, JSONH1, byGUID), serveJSON(t, JSONH2, byGUID),
	} {
		if _, err := v.Prove(); err != nil {
			t.Error(err)
		}
		if o := makeHolds(t, v, 200); o.Err() != nil || len(o.Ok) != 200 {
			t.Errorf("%s: %d OK, %v", v.Kind, len(o.Ok), o.Err())
		}
	}
}

// The driver and the proof reject every other reply.
func TestDriverAndProofReject(t *testing.T) {
	for name, v := range map[string]Target{
		"gRPC error": serveGRPC(t, func(string) (*agentconfv1.HoldParticipantResponse, error) {
			return nil, status.Error(codes.Unavailable, "no")
		}),
		"other gRPC reply": serveGRPC(t, func(string) (*agentconfv1.HoldParticipantResponse, error) {
			return &agentconfv1.HoldParticipantResponse{Message: "success", Retcode: "1"}, nil
		}),
		"HTTP status":           serveJSON(t, JSONH1, func(string) (int, string) { return 502, StubReply }),
		"HTTP status over h2":   serveJSON(t, JSONH2, func(string) (int, string) { return 502, StubReply }),
		"other retcode":         serveJSON(t, JSONH1, func(string) (int, string) { return 200, `{"retcode":"1"}` }),
		"other retcode over h2": serveJSON(t, JSONH2, func(string) (int, string) { return 200, `{"retcode":"1"}` }),
		"text":                  serveJSON(t, JSONH1, func(string) (int, string) { return 200, "OK" }),
	} {
		if _, err := v.Prove(); err == nil {
			t.Errorf("%s: the proof accepts it", name)
		}
		if o := makeHolds(t, v, 1); o.Err() == nil || len(o.Ok) != 0 || len(o.Failed) != 1 {
			t.Errorf("%s: the driver accepts it: %+v", name, o)
		}
	}
}

// The proof fails if the GUID does not arrive.
func TestProofNeedsGUID(t *testing.T) {
	for _, v := range []Target{
		serveGRPC(t, func(string) (*agentconfv1.HoldParticipantResponse, error) { return holdResponse(), nil }),
		serveJSON(t, JSONH1, func(string) (int, string) { return 200, StubReply }),
	} {
		if _, err := v.Prove(); err == nil {
			t.Errorf("%s ignores the GUID, and the proof accepts it", v.Kind)
		}
	}
}

const otherGUID = "another"

// The open loop records every hold as what it was: answered, refused, or failed.
func TestOpenLoop(t *testing.T) {
	var n atomic.Int64
	v := serveGRPC(t, func(got string) (*agentconfv1.HoldParticipantResponse, error) {
		switch i := n.Add(1); {
		case got != otherGUID:
			return nil, status.Error(codes.Unauthenticated, got)
		case i%3 == 1:
			return nil, status.Error(codes.ResourceExhausted, "")
		case i%3 == 2:
			return nil, status.Error(codes.Unavailable, "")
		}
		return holdResponse(), nil
	})
	d := NewDriver(GRPCTarget(v.Address, otherGUID), 2)
	if err := d.Open(t.Context(), 1e6, 30); err != nil {
		t.Error(err)
	}
	d.Close()
	if o := d.Take(); len(o.Ok) != 10 || len(o.Refused) != 10 || o.Failures() != "Unavailable:10" {
		t.Errorf("%d OK, %d refused, failed %s", len(o.Ok), len(o.Refused), o.Failures())
	}
}

// A hold whose connection breaks has failed.
func TestBrokenConnection(t *testing.T) {
	asked, end := make(chan struct{}), make(chan struct{})
	v := serveGRPC(t, func(string) (*agentconfv1.HoldParticipantResponse, error) {
		asked <- struct{}{}
		<-end
		return holdResponse(), nil
	})
	defer close(end)
	d := NewDriver(v, 1)
	opened := make(chan error)
	go func() { opened <- d.Open(t.Context(), 1, 1) }()
	<-asked
	d.Close()
	if err := <-opened; err != nil {
		t.Error(err)
	}
	if o := d.Take(); len(o.Failed) != 1 || len(o.Ok) != 0 {
		t.Errorf("failed %s, %d OK", o.Failures(), len(o.Ok))
	}
}

// The closed loop makes a hold after each reply, until its context is done.
func TestClosedLoop(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	var n atomic.Int64
	v := serveGRPC(t, func(string) (*agentconfv1.HoldParticipantResponse, error) {
		if n.Add(1) == 1000 {
			cancel()
		}
		return holdResponse(), nil
	})
	d := NewDriver(v, 3)
	defer d.Close()
	if err := d.Closed(ctx, 250, 0); err != nil {
		t.Error(err)
	}
	if o := d.Take(); len(o.Ok) < 1000 || int64(len(o.Ok)) != n.Load() {
		t.Errorf("%d replies to %d holds", len(o.Ok), n.Load())
	}
}
