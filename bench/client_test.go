//go:build linux

package main

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	agentconfv1 "agentconf/gen/agentconf/v1"
)

// holds answers gRPC holds by a function.
type holds struct {
	agentconfv1.UnimplementedConferenceServiceServer
	answer func(guid string) (*agentconfv1.HoldParticipantResponse, error)
}

func (h holds) HoldParticipant(ctx context.Context, req *agentconfv1.HoldParticipantRequest) (*agentconfv1.HoldParticipantResponse, error) {
	if !proto.Equal(req, holdRequest()) {
		return nil, status.Errorf(codes.InvalidArgument, "not the hold of the benchmarks: %v", req)
	}
	md, _ := metadata.FromIncomingContext(ctx)
	return h.answer(strings.Join(md.Get("guid"), ","))
}

func serveGRPC(t *testing.T, answer func(guid string) (*agentconfv1.HoldParticipantResponse, error)) *variant {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	agentconfv1.RegisterConferenceServiceServer(server, holds{answer: answer})
	go server.Serve(l)
	t.Cleanup(server.Stop)
	return &variant{name: "a gRPC server", kind: grpcH2, address: l.Addr().String(), path: grpcPath}
}

func serveJSON(t *testing.T, kind kind, answer func(guid string) (int, string)) *variant {
	t.Helper()
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if body, _ := io.ReadAll(r.Body); string(body) != jsonBody || r.URL.Path != ownPath {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		code, text := answer(r.Header.Get("Guid"))
		w.WriteHeader(code)
		io.WriteString(w, text)
	}))
	server.Config.Protocols = &protocols
	server.Start()
	t.Cleanup(server.Close)
	return &variant{name: "a JSON server", kind: kind, address: server.Listener.Addr().String(), path: ownPath}
}

// byGUID answers as a gateway does that knows one session.
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

func TestClientsAndProofAcceptTheDocumentedReply(t *testing.T) {
	for _, v := range []*variant{
		serveGRPC(t, grpcByGUID), serveJSON(t, jsonH1, byGUID), serveJSON(t, jsonH2, byGUID),
	} {
		if err := prove(t.Context(), v); err != nil {
			t.Error(err)
		}
		if err := holdSome(v, 50); err != nil {
			t.Errorf("%s over %s: %v", v.name, v.kind, err)
		}
	}
}

func TestClientsAndProofRejectOthers(t *testing.T) {
	for what, v := range map[string]*variant{
		"an error of gRPC": serveGRPC(t, func(string) (*agentconfv1.HoldParticipantResponse, error) {
			return nil, status.Error(codes.Unavailable, "no")
		}),
		"another gRPC reply": serveGRPC(t, func(string) (*agentconfv1.HoldParticipantResponse, error) {
			return &agentconfv1.HoldParticipantResponse{Message: "success", Retcode: "1"}, nil
		}),
		"an HTTP status":            serveJSON(t, jsonH1, func(string) (int, string) { return 502, stubReply }),
		"an HTTP status over h2":    serveJSON(t, jsonH2, func(string) (int, string) { return 502, stubReply }),
		"another retcode":           serveJSON(t, jsonH1, func(string) (int, string) { return 200, `{"retcode":"1"}` }),
		"another retcode over h2":   serveJSON(t, jsonH2, func(string) (int, string) { return 200, `{"retcode":"1"}` }),
		"something that is no JSON": serveJSON(t, jsonH1, func(string) (int, string) { return 200, "OK" }),
	} {
		if prove(t.Context(), v) == nil {
			t.Errorf("%s: the proof accepts it", what)
		}
		if holdSome(v, 1) == nil {
			t.Errorf("%s: the client accepts it", what)
		}
	}
}

func TestProofNeedsTheGUIDToArrive(t *testing.T) {
	for _, v := range []*variant{
		serveGRPC(t, func(string) (*agentconfv1.HoldParticipantResponse, error) { return holdResponse(), nil }),
		serveJSON(t, jsonH1, func(string) (int, string) { return 200, stubReply }),
	} {
		if prove(t.Context(), v) == nil {
			t.Errorf("%s ignores the GUID, and the proof accepts it", v.name)
		}
	}
}

// holdSome makes n holds, one after the other.
func holdSome(v *variant, n int) error {
	c, err := dialHold(v.kind, v.address, v.path)
	if err != nil {
		return err
	}
	defer c.Close()
	for range n {
		begun := time.Now()
		if err := c.send(begun); err != nil {
			return err
		}
		for ended := false; !ended; {
			var start time.Time
			if start, ended, err = c.step(); err != nil {
				return err
			}
			if ended && !start.Equal(begun) {
				return errors.New("the reply is that of another hold")
			}
		}
	}
	return nil
}

func TestPacerMakesEveryHold(t *testing.T) {
	v := serveGRPC(t, grpcByGUID)
	p, err := newPacer(v.kind, v.address, v.path)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.run(200); err != nil {
		t.Fatal(err)
	}
	if len(p.latencies) != 200 {
		t.Errorf("%d holds, want 200", len(p.latencies))
	}
	for i, busy := range p.busy {
		if busy || len(p.owed[i]) > 0 {
			t.Errorf("connection %d is not done", i)
		}
	}
}

func TestFleetTellsOfFailedHolds(t *testing.T) {
	var f fleet
	if err := f.run(serveGRPC(t, grpcByGUID).address, 250, 0, 0); err != nil || len(f.latencies) != 250 {
		t.Errorf("%d holds, %v, want 250", len(f.latencies), err)
	}
	broken := serveGRPC(t, func(string) (*agentconfv1.HoldParticipantResponse, error) {
		return nil, status.Error(codes.Unknown, "lost")
	})
	f = fleet{}
	if err := f.run(broken.address, 250, 0, 0); err == nil {
		t.Error("a fleet whose holds all fail is content")
	}
}
