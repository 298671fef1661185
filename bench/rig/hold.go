package rig

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"time"

	"golang.org/x/net/http2"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"

	agentconfv1 "agentconf/gen/agentconf/v1"
)

// The hold that every variant carries.
const (
	GUID      = "5f2b8e0c6d414f7d9a3e1b7c0d9f4a62.AgentGateway1"        // the part after the dot is the node
	OwnPath   = "/agentgateway/resource/agentconf/1287/holdparticipant" // of the gateway
	GRPCPath  = agentconfv1.ConferenceService_HoldParticipant_FullMethodName
	jsonBody  = `{"address":"88887946","addressType":"6","playMode":2,"voicePath":"y:/conf/120/1136287.V3"}`
	StubReply = `{"result":{},"message":"success","retcode":"0"}`
)

// The bodies of a hold and of its reply over gRPC.
var holdFrame, successFrame = grpcFrame(holdRequest()), grpcFrame(holdResponse())

// proveTimeout bounds the holds of a proof.
const proveTimeout = 10 * time.Second

// Kind is the protocol of a front.
type Kind string

const (
	JSONH1 Kind = "h1"   // JSON over HTTP/1.1
	JSONH2 Kind = "h2"   // JSON over HTTP/2
	GRPCH2 Kind = "gRPC" // gRPC over HTTP/2
)

// Target is a front that takes holds, and the GUID to send.
type Target struct {
	Kind                Kind
	Address, Path, GUID string
}

// GRPCTarget returns the gRPC front of an agentconf.
func GRPCTarget(address, guid string) Target { return Target{GRPCH2, address, GRPCPath, guid} }

// JSONTarget returns a front that takes the holds of a program of the gateway.
func JSONTarget(k Kind, address string) Target { return Target{k, address, OwnPath, GUID} }

// Encoded returns the content type and the body of a hold.
func (t Target) Encoded() (contentType string, body []byte) {
	if t.Kind == GRPCH2 {
		return "application/grpc", holdFrame
	}
	return "application/json", []byte(jsonBody)
}

func holdRequest() *agentconfv1.HoldParticipantRequest {
	return &agentconfv1.HoldParticipantRequest{
		AgentId: "1287", AddressType: "6", Address: "88887946",
		PlayMode: proto.Int32(2), VoicePath: "y:/conf/120/1136287.V3",
	}
}

func holdResponse() *agentconfv1.HoldParticipantResponse {
	return &agentconfv1.HoldParticipantResponse{Message: "success", Retcode: "0", Result: &structpb.Struct{}}
}

// grpcFrame returns a message with the prefix that it has in the body of a gRPC call.
func grpcFrame(m proto.Message) []byte {
	frame, err := proto.MarshalOptions{}.MarshalAppend(make([]byte, 5, 64), m) // not compressed
	if err != nil {
		panic(err) // the messages are constants of this program
	}
	binary.BigEndian.PutUint32(frame[1:5], uint32(len(frame)-5))
	return frame
}

// newTransport returns a transport for connections that carry holds of a kind.
func newTransport(k Kind) *http.Transport {
	t := &http.Transport{Protocols: &http.Protocols{}, DisableCompression: true}
	t.Protocols.SetHTTP1(k == JSONH1)
	t.Protocols.SetUnencryptedHTTP2(k != JSONH1)
	if k != JSONH1 {
		t.DialContext = dialJoining
	}
	return t
}

// joiningConn sends the HEADERS of a hold together with its DATA. net/http would send
// them one after the other, so that the target would wake twice for a hold. A gRPC client
// sends them together.
type joiningConn struct {
	net.Conn
	held []byte // frames
}

func dialJoining(ctx context.Context, network, address string) (net.Conn, error) {
	c, err := new(net.Dialer).DialContext(ctx, network, address)
	return &joiningConn{Conn: c}, err
}

// Write keeps a frame of HEADERS until the next frame. net/http never writes concurrently,
// and every frame of a hold on its own.
func (c *joiningConn) Write(p []byte) (int, error) {
	c.held = append(c.held, p...)
	if http2.FrameType(p[3]) == http2.FrameHeaders {
		return len(p), nil
	}
	_, err := c.Conn.Write(c.held)
	c.held = c.held[:0]
	return len(p), err
}

// roundTrip makes a hold and returns the size of the reply's body. It returns an error unless
// the reply is the documented one.
func (t Target) roundTrip(c *http.ClientConn) (size int, err error) {
	contentType, body := t.Encoded()
	req, err := http.NewRequest("POST", "http://"+t.Address+t.Path, bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	req.Header = http.Header{"Content-Type": {contentType}, "Guid": {t.GUID}, "User-Agent": nil}
	if t.Kind == GRPCH2 {
		req.Header["Te"] = []string{"trailers"}
	}
	resp, err := c.RoundTrip(req)
	if err != nil {
		return 0, clientError(err)
	}
	if body, err = readBody(resp); err != nil {
		return 0, err
	}
	return len(body), t.check(resp, body)
}

// check returns an error unless a response with this body is the documented reply.
func (t Target) check(resp *http.Response, body []byte) error {
	ok := resp.StatusCode == http.StatusOK
	if t.Kind != GRPCH2 {
		ok = ok && bytes.Contains(body, []byte(`"retcode":"0"`))
	} else {
		// The status of a refusal is in the header, as such a reply has no body.
		get := func(name string) string { return cmp.Or(resp.Trailer.Get(name), resp.Header.Get(name)) }
		code, err := strconv.Atoi(get("Grpc-Status"))
		if code != 0 {
			return status.Error(codes.Code(code), get("Grpc-Message"))
		}
		ok = ok && err == nil && bytes.Equal(body, successFrame)
	}
	if !ok {
		return fmt.Errorf("HTTP status %s, body %q", resp.Status, body)
	}
	return nil
}

// Prove makes two holds. The reply to the first must be the documented one. The GUID of the
// second must reach the stub, which rejects it. Prove returns the size of the reply's body,
// with which every slice is compared.
func (t Target) Prove() (size int, err error) {
	d := NewDriver(t, 1)
	defer d.Close()
	c, err := d.connection(0)
	if err != nil {
		return 0, err
	}
	defer time.AfterFunc(proveTimeout, d.Close).Stop()
	if size, err = t.roundTrip(c); err != nil {
		return 0, err
	}
	t.GUID = "x" + t.GUID
	if _, err := t.roundTrip(c); err == nil {
		return 0, errors.New("a hold with another GUID succeeds")
	}
	return size, nil
}
