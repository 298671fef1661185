package main

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

func serveGRPC(t *testing.T, reply grpcReply) *variant {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	agentconfv1.RegisterConferenceServiceServer(server, holdServer{reply: reply})
	go server.Serve(l)
	t.Cleanup(server.Stop)
	return &variant{name: "gRPC server", target: grpcTarget(l.Addr().String(), guid)}
}

func serveJSON(t *testing.T, kind kind, reply func(guid string) (int, string)) *variant {
	t.Helper()
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if body, _ := io.ReadAll(r.Body); string(body) != jsonBody || r.URL.Path != ownPath {
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
	return &variant{name: "JSON server", target: target{kind, server.Listener.Addr().String(), ownPath, guid}}
}

// byGUID answers like a gateway that knows one session.
func byGUID(shown string) (int, string) {
	if shown != guid {
		return 200, `{"message":"not signed in","retcode":"100-006"}`
	}
	return 200, stubReply
}

func grpcByGUID(shown string) (*agentconfv1.HoldParticipantResponse, error) {
	if shown != guid {
		return nil, status.Error(codes.Unauthenticated, "not signed in")
	}
	return holdResponse(), nil
}

// makeHolds makes n holds as fast as possible over one connection.
func makeHolds(t *testing.T, v *variant, n int) outcomes {
	t.Helper()
	d := newDriver(v.target, 1)
	defer d.close()
	if err := d.open(t.Context(), 1e6, n); err != nil {
		t.Error(err)
	}
	return d.take()
}

// The driver and the proof accept the documented reply, in any number on a connection.
func TestDriverAndProofAccept(t *testing.T) {
	for _, v := range []*variant{
		serveGRPC(t, grpcByGUID), serveJSON(t, jsonH1, byGUID), serveJSON(t, jsonH2, byGUID),
	} {
		if err := prove(t.Context(), v); err != nil {
			t.Error(err)
		}
		if o := makeHolds(t, v, 200); o.err() != nil || len(o.ok) != 200 {
			t.Errorf("%s over %s: %d OK, %v", v.name, v.kind, len(o.ok), o.err())
		}
	}
}

// The driver and the proof reject every other reply.
func TestDriverAndProofReject(t *testing.T) {
	for name, v := range map[string]*variant{
		"gRPC error": serveGRPC(t, func(string) (*agentconfv1.HoldParticipantResponse, error) {
			return nil, status.Error(codes.Unavailable, "no")
		}),
		"other gRPC reply": serveGRPC(t, func(string) (*agentconfv1.HoldParticipantResponse, error) {
			return &agentconfv1.HoldParticipantResponse{Message: "success", Retcode: "1"}, nil
		}),
		"HTTP status":           serveJSON(t, jsonH1, func(string) (int, string) { return 502, stubReply }),
		"HTTP status over h2":   serveJSON(t, jsonH2, func(string) (int, string) { return 502, stubReply }),
		"other retcode":         serveJSON(t, jsonH1, func(string) (int, string) { return 200, `{"retcode":"1"}` }),
		"other retcode over h2": serveJSON(t, jsonH2, func(string) (int, string) { return 200, `{"retcode":"1"}` }),
		"text":                  serveJSON(t, jsonH1, func(string) (int, string) { return 200, "OK" }),
	} {
		if prove(t.Context(), v) == nil {
			t.Errorf("%s: the proof accepts it", name)
		}
		if o := makeHolds(t, v, 1); o.err() == nil || len(o.ok) != 0 || len(o.failed) != 1 {
			t.Errorf("%s: the driver accepts it: %+v", name, o)
		}
	}
}

// The proof fails if the GUID does not arrive.
func TestProofNeedsGUID(t *testing.T) {
	for _, v := range []*variant{
		serveGRPC(t, func(string) (*agentconfv1.HoldParticipantResponse, error) { return holdResponse(), nil }),
		serveJSON(t, jsonH1, func(string) (int, string) { return 200, stubReply }),
	} {
		if prove(t.Context(), v) == nil {
			t.Errorf("%s ignores the GUID, and the proof accepts it", v.name)
		}
	}
}

// The open loop records every hold as what it was: answered, refused, or failed.
func TestOpenLoop(t *testing.T) {
	var n atomic.Int64
	v := serveGRPC(t, func(got string) (*agentconfv1.HoldParticipantResponse, error) {
		switch i := n.Add(1); {
		case got != nodeGUID:
			return nil, status.Error(codes.Unauthenticated, got)
		case i%3 == 1:
			return nil, status.Error(codes.ResourceExhausted, "")
		case i%3 == 2:
			return nil, status.Error(codes.Unavailable, "")
		}
		return holdResponse(), nil
	})
	d := newDriver(grpcTarget(v.address, nodeGUID), 2)
	if err := d.open(t.Context(), 1e6, 30); err != nil {
		t.Error(err)
	}
	d.close()
	if o := d.take(); len(o.ok) != 10 || len(o.refused) != 10 || o.failures() != "Unavailable:10" {
		t.Errorf("%d OK, %d refused, failed %s", len(o.ok), len(o.refused), o.failures())
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
	d := newDriver(v.target, 1)
	opened := make(chan error)
	go func() { opened <- d.open(t.Context(), 1, 1) }()
	<-asked
	d.close()
	if err := <-opened; err != nil {
		t.Error(err)
	}
	if o := d.take(); len(o.failed) != 1 || len(o.ok) != 0 {
		t.Errorf("failed %s, %d OK", o.failures(), len(o.ok))
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
	d := newDriver(v.target, 3)
	defer d.close()
	if err := d.closed(ctx, 250, 0); err != nil {
		t.Error(err)
	}
	if o := d.take(); len(o.ok) < 1000 || int64(len(o.ok)) != n.Load() {
		t.Errorf("%d replies to %d holds", len(o.ok), n.Load())
	}
}
