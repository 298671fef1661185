package e2e

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"strings"
	"testing"

	"go.uber.org/goleak"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"
	"google.golang.org/grpc/grpclog"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"

	"agentconf/conformance"
	agentconfv1 "agentconf/gen/agentconf/v1"
	"agentconf/server/internal/telemetry"
)

// grpcLog is the log of grpc-go, as in the program.
var grpcLog telemetry.GRPCLog

func TestMain(m *testing.M) {
	grpclog.SetLoggerV2(&grpcLog)
	goleak.VerifyTestMain(m)
}

const (
	someGUID        = conformance.SomeGUID
	documentedBody  = conformance.DocumentedBody
	documentedReply = conformance.DocumentedReply

	holdGateway = "/agentgateway/resource/agentconf/1287/holdparticipant"
	holdV1      = "/v1/agents/1287/conference:holdParticipant"
)

// documentedHold returns the request of documentedBody for an agent.
func documentedHold(agentID string) *agentconfv1.HoldParticipantRequest {
	return &agentconfv1.HoldParticipantRequest{
		AgentId: agentID, AddressType: "6", Address: "88887946", VoicePath: "y:/conf/120/1136287.V3",
	}
}

// withGUID returns a context whose gRPC calls send someGUID and the metadata in pairs.
func withGUID(ctx context.Context, pairs ...string) context.Context {
	return metadata.AppendToOutgoingContext(ctx, append(pairs, "guid", someGUID)...)
}

// holdGRPC sends the documented hold of agent 1287.
func (f *fronts) holdGRPC(ctx context.Context, options ...grpc.CallOption) error {
	return f.holdBy(ctx, "1287", options...)
}

func (f *fronts) holdBy(ctx context.Context, agentID string, options ...grpc.CallOption) error {
	client := agentconfv1.NewConferenceServiceClient(f.conn)
	_, err := client.HoldParticipant(ctx, documentedHold(agentID), options...)
	return err
}

// send sends an HTTP request with someGUID and the documented body. change may edit the
// request. send returns HTTP status, header and body.
func (f *fronts) send(
	t *testing.T, method, path string, change func(*http.Request),
) (httpStatus int, header http.Header, body []byte) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, "http://agentconf.test"+path,
		strings.NewReader(documentedBody))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Guid", someGUID)
	if change != nil {
		change(req)
	}
	return f.do(t, req)
}

// dial opens a connection, which ends with the test at the latest.
func (f *fronts) dial(t *testing.T, dial dialer) net.Conn {
	t.Helper()
	conn, err := dial(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// stopCleanly stops the service while its clients are connected, and waits for the end
// of Serve.
func (f *fronts) stopCleanly(t *testing.T) {
	t.Helper()
	f.stop()
	if err := <-f.ended; err != nil {
		t.Errorf("Serve: %v", err)
	}
}

// reasonOf returns the reason of the google.rpc.Status in body.
func reasonOf(t *testing.T, body []byte) string {
	t.Helper()
	st := &spb.Status{}
	if err := protojson.Unmarshal(body, st); err != nil {
		t.Fatalf("%v in %s", err, body)
	}
	for _, detail := range status.FromProto(st).Details() {
		if info, ok := detail.(*errdetails.ErrorInfo); ok {
			return info.GetReason()
		}
	}
	return ""
}

// retcodeOf returns the retcode of the envelope in body.
func retcodeOf(t *testing.T, body []byte) string {
	t.Helper()
	var envelope struct{ Retcode string }
	if err := json.Unmarshal(body, &envelope); err != nil {
		t.Fatalf("%v in %s", err, body)
	}
	return envelope.Retcode
}

func jsonEqual(t *testing.T, a, b []byte) bool {
	t.Helper()
	equal, err := conformance.JSONEqual(a, b)
	if err != nil {
		t.Fatalf("%v in %s or %s", err, a, b)
	}
	return equal
}
