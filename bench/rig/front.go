package rig

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path"
	"strings"

	_ "google.golang.org/genproto/googleapis/rpc/errdetails" // so that details in JSON are known
	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	agentconfv1 "agentconf/gen/agentconf/v1"
)

// Method is the full name of an RPC, such as
// "/agentconf.v1.ConferenceService/HoldParticipant".
type Method string

// Operation returns the gateway's name of the RPC, such as "holdParticipant".
func (m Method) Operation() string {
	name := path.Base(string(m))
	return strings.ToLower(name[:1]) + name[1:]
}

// v1Path returns the REST path of an RPC of ConferenceService or SessionService.
func (m Method) v1Path(agent string) string {
	service := strings.TrimPrefix(path.Dir(string(m)), "/agentconf.v1.")
	return "/v1/agents/" + agent + "/" + strings.ToLower(strings.TrimSuffix(service, "Service")) + ":" + m.Operation()
}

// Request is a message that names its agent.
type Request interface {
	proto.Message
	GetAgentId() string
}

type watchRequest = agentconfv1.WatchAgentEventsRequest

// ReceiveFunc returns the next message of a watch, or the reason of its end.
type ReceiveFunc func() (*agentconfv1.WatchAgentEventsResponse, error)

// Front is a client of an agentconf that never retries. All errors are gRPC statuses; those
// without google.rpc.ErrorInfo are made by the client.
type Front interface {
	Call(ctx context.Context, m Method, guid string, req Request, resp proto.Message) error
	watch(ctx context.Context, guid string, req *watchRequest) (ReceiveFunc, error)
	Close()
}

// NewFront returns a client of the REST front or of the gRPC front. The latter sends no
// ping to measure the network.
func NewFront(json bool, e Endpoint) (Front, error) {
	if json {
		return jsonFront{"http://" + e.HTTP, &http.Client{Transport: &http.Transport{}}}, nil
	}
	conn, err := grpc.NewClient("passthrough:///"+e.GRPC, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDisableRetry(), grpc.WithStaticStreamWindowSize(1<<20), grpc.WithStaticConnWindowSize(1<<20))
	return grpcFront{conn}, err
}

// BeginWatch begins a watch, after a sequence if after is not nil, and returns its first
// message.
func BeginWatch(
	ctx context.Context, f Front, guid, agent string, after *int64,
) (ReceiveFunc, *agentconfv1.WatchStarted, error) {
	next, err := f.watch(ctx, guid, &watchRequest{AgentId: agent, AfterSequence: after})
	if err != nil {
		return nil, nil, err
	}
	m, err := next()
	if err == nil && m.GetStarted() == nil {
		err = fmt.Errorf("first message of a watch: %v", m)
	}
	return next, m.GetStarted(), err
}

type grpcFront struct{ conn *grpc.ClientConn }

// Call never resends, as the service has no retry policy.
func (f grpcFront) Call(ctx context.Context, m Method, guid string, req Request, resp proto.Message) error {
	return f.conn.Invoke(withGUID(ctx, guid), string(m), req, resp)
}

func (f grpcFront) watch(ctx context.Context, guid string, req *watchRequest) (ReceiveFunc, error) {
	stream, err := agentconfv1.NewEventServiceClient(f.conn).WatchAgentEvents(withGUID(ctx, guid), req)
	if err != nil {
		return nil, err
	}
	return stream.Recv, nil
}

func (f grpcFront) Close() { f.conn.Close() }

// withGUID adds a GUID, unless the agent has none yet.
func withGUID(ctx context.Context, guid string) context.Context {
	if guid == "" {
		return ctx
	}
	return metadata.AppendToOutgoingContext(ctx, "guid", guid)
}

// jsonFront calls by the REST paths, and watches by server-sent events.
type jsonFront struct {
	url    string // without a path
	client *http.Client
}

func (f jsonFront) Call(ctx context.Context, m Method, guid string, req Request, resp proto.Message) error {
	body := proto.Clone(req).ProtoReflect()
	body.Clear(body.Descriptor().Fields().ByName("agent_id")) // is in the path
	text, err := protojson.Marshal(body.Interface())
	if err != nil {
		return err
	}
	if text, err = f.post(ctx, m.v1Path(req.GetAgentId()), guid, text); err != nil {
		return err
	}
	if err := protojson.Unmarshal(text, resp); err != nil {
		return fmt.Errorf("reply of %s: %w", m.Operation(), err)
	}
	return nil
}

// post returns the body of the reply.
func (f jsonFront) post(ctx context.Context, path, guid string, body []byte) ([]byte, error) {
	resp, err := f.send(ctx, "POST", path, guid, body)
	if err != nil {
		return nil, err
	}
	return readBody(resp)
}

// readBody reads and closes the body of a response.
func readBody(resp *http.Response) ([]byte, error) {
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, clientError(err)
	}
	return text, nil
}

// send returns a response with HTTP status 200. Any other one is an error.
func (f jsonFront) send(ctx context.Context, httpMethod, path, guid string, body []byte) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, httpMethod, f.url+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header = http.Header{"Content-Type": {"application/json"}}
	if guid != "" {
		req.Header.Set("Guid", guid)
	}
	resp, err := f.client.Do(req)
	if err != nil {
		return nil, clientError(err)
	}
	if resp.StatusCode == http.StatusOK {
		return resp, nil
	}
	text, err := readBody(resp)
	if err != nil {
		return nil, err
	}
	return nil, statusError(text)
}

func (f jsonFront) watch(ctx context.Context, guid string, req *watchRequest) (ReceiveFunc, error) {
	path := "/v1/agents/" + req.GetAgentId() + "/events"
	if req.AfterSequence != nil {
		path += fmt.Sprintf("?after_sequence=%d", req.GetAfterSequence())
	}
	resp, err := f.send(ctx, "GET", path, guid, nil)
	if err != nil {
		return nil, err
	}
	lines := bufio.NewReader(resp.Body)
	return func() (*agentconfv1.WatchAgentEventsResponse, error) {
		m, err := readSSE(lines)
		if err != nil {
			resp.Body.Close()
		}
		return m, err
	}, nil
}

func (f jsonFront) Close() { f.client.CloseIdleConnections() }

// readSSE reads the next message of a watch. The name of a server-sent event is the field
// of the message; events of the agent have no name.
func readSSE(lines *bufio.Reader) (*agentconfv1.WatchAgentEventsResponse, error) {
	name, data := "event", ""
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			return nil, clientError(err)
		}
		field, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		switch {
		case field == "event":
			name = value
		case field == "data":
			data = value
		case field == "" && data != "":
			return decodeSSE(name, data)
		}
	}
}

// decodeSSE returns the message of an event. The event "ended" is the error of the watch.
func decodeSSE(name, data string) (*agentconfv1.WatchAgentEventsResponse, error) {
	if name == "ended" {
		return nil, statusError([]byte(data))
	}
	m := &agentconfv1.WatchAgentEventsResponse{}
	if err := protojson.Unmarshal(fmt.Appendf(nil, "{%q:%s}", name, data), m); err != nil {
		return nil, fmt.Errorf("server-sent event %s: %w", name, err)
	}
	return m, nil
}

// statusError returns the error of a google.rpc.Status in JSON.
func statusError(text []byte) error {
	var s spb.Status
	if err := protojson.Unmarshal(text, &s); err != nil {
		return fmt.Errorf("no google.rpc.Status: %q", text)
	}
	return status.FromProto(&s).Err()
}

// clientError returns the status that a gRPC client gives to a failed connection.
func clientError(err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return status.Error(codes.DeadlineExceeded, err.Error())
	}
	return status.Error(codes.Unavailable, err.Error())
}
