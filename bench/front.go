//go:build linux

package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

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

// rpc is a call of the contract.
type rpc struct{ service, name string }

// operation is the gateway's name of it.
func (r rpc) operation() string { return strings.ToLower(r.name[:1]) + r.name[1:] }

func (r rpc) grpcPath() string { return "/agentconf.v1." + r.service + "Service/" + r.name }

func (r rpc) v1Path(agent string) string {
	return "/v1/agents/" + agent + "/" + strings.ToLower(r.service) + ":" + r.operation()
}

// request is a message that names its agent.
type request interface {
	proto.Message
	GetAgentId() string
}

// receive returns the next message of a watch, or why there are no more.
type receive func() (*agentconfv1.WatchAgentEventsResponse, error)

// front is how the program of an agent reaches an agentconf. All errors are statuses
// of gRPC; those without google.rpc.ErrorInfo are the client's own.
type front interface {
	call(ctx context.Context, r rpc, guid string, req request, resp proto.Message) error
	watch(ctx context.Context, guid string, req *agentconfv1.WatchAgentEventsRequest) (receive, error)
	close()
}

type grpcFront struct{ conn *grpc.ClientConn }

func newGRPCFront(address string) (front, error) {
	conn, err := grpc.NewClient("passthrough:///"+address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	return grpcFront{conn}, err
}

func (f grpcFront) call(ctx context.Context, r rpc, guid string, req request, resp proto.Message) error {
	return f.conn.Invoke(withGUID(ctx, guid), r.grpcPath(), req, resp)
}

func (f grpcFront) watch(ctx context.Context, guid string, req *agentconfv1.WatchAgentEventsRequest) (receive, error) {
	stream, err := agentconfv1.NewEventServiceClient(f.conn).WatchAgentEvents(withGUID(ctx, guid), req)
	if err != nil {
		return nil, err
	}
	return stream.Recv, nil
}

func (f grpcFront) close() { f.conn.Close() }

func withGUID(ctx context.Context, guid string) context.Context {
	if guid == "" {
		return ctx
	}
	return metadata.AppendToOutgoingContext(ctx, "guid", guid)
}

type jsonFront struct {
	url    string
	client *http.Client
}

func newJSONFront(address string) (front, error) {
	return jsonFront{"http://" + address, &http.Client{Transport: &http.Transport{}}}, nil
}

func (f jsonFront) call(ctx context.Context, r rpc, guid string, req request, resp proto.Message) error {
	bare := proto.Clone(req) // the agent stands in the path
	fields := bare.ProtoReflect()
	fields.Clear(fields.Descriptor().Fields().ByName("agent_id"))
	body, err := protojson.Marshal(bare)
	if err != nil {
		return err
	}
	answer, err := f.send(ctx, "POST", r.v1Path(req.GetAgentId()), guid, body)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return clientError(err)
	}
	if err := protojson.Unmarshal(text, resp); err != nil {
		return fmt.Errorf("the answer of %s: %w", r.name, err)
	}
	return nil
}

// send returns the answer if it is OK. A status in another one is an error.
func (f jsonFront) send(ctx context.Context, method, path, guid string, body []byte) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, f.url+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
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
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, clientError(err)
	}
	return nil, statusError(text)
}

func (f jsonFront) watch(ctx context.Context, guid string, req *agentconfv1.WatchAgentEventsRequest) (receive, error) {
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
		m, err := readServerSent(lines)
		if err != nil {
			resp.Body.Close()
		}
		return m, err
	}, nil
}

func (f jsonFront) close() { f.client.CloseIdleConnections() }

// readServerSent reads the next message of a watch. The name of a server-sent event
// is that of the field of the message, but for those of the agent, which have none.
func readServerSent(lines *bufio.Reader) (*agentconfv1.WatchAgentEventsResponse, error) {
	name, data := "event", ""
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			return nil, clientError(err)
		}
		field, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		switch field {
		case "event":
			name = value
		case "data":
			data = value
		case "":
			if data != "" {
				return serverSent(name, data)
			}
		}
	}
}

func serverSent(name, data string) (*agentconfv1.WatchAgentEventsResponse, error) {
	if name == "ended" {
		return nil, statusError([]byte(data))
	}
	m := &agentconfv1.WatchAgentEventsResponse{}
	if err := protojson.Unmarshal(fmt.Appendf(nil, "{%q:%s}", name, data), m); err != nil {
		return nil, fmt.Errorf("a server-sent event %s: %w", name, err)
	}
	return m, nil
}

// statusError is the error that a google.rpc.Status in JSON tells.
func statusError(text []byte) error {
	var s spb.Status
	if err := protojson.Unmarshal(text, &s); err != nil {
		return fmt.Errorf("no google.rpc.Status: %q", text)
	}
	return status.FromProto(&s).Err()
}

// clientError is a connection that failed, in the words of gRPC's own clients.
func clientError(err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return status.Error(codes.DeadlineExceeded, err.Error())
	}
	return status.Error(codes.Unavailable, err.Error())
}
