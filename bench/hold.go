package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"time"

	"golang.org/x/net/http2"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"

	agentconfv1 "agentconf/gen/agentconf/v1"
)

// The hold that every variant carries.
const (
	guid      = "5f2b8e0c6d414f7d9a3e1b7c0d9f4a62.AgentGateway1"        // the part after the dot is the node
	ownPath   = "/agentgateway/resource/agentconf/1287/holdparticipant" // of the gateway
	v1Path    = "/v1/agents/1287/conference:holdParticipant"            // of REST
	grpcPath  = agentconfv1.ConferenceService_HoldParticipant_FullMethodName
	jsonBody  = `{"address":"88887946","addressType":"6","playMode":2,"voicePath":"y:/conf/120/1136287.V3"}`
	stubReply = `{"result":{},"message":"success","retcode":"0"}`
)

// The bodies of a hold and of its reply over gRPC.
var holdFrame, successFrame = grpcFrame(holdRequest()), grpcFrame(holdResponse())

// kind is the protocol of a front.
type kind string

const (
	jsonH1 kind = "h1"   // JSON over HTTP/1.1
	jsonH2 kind = "h2"   // JSON over HTTP/2
	grpcH2 kind = "gRPC" // gRPC over HTTP/2
)

// target is a front that takes holds, and the GUID to send.
type target struct {
	kind                kind
	address, path, guid string
}

// grpcTarget returns the gRPC front of an agentconf.
func grpcTarget(address, guid string) target { return target{grpcH2, address, grpcPath, guid} }

// encoded returns the content type and the body of a hold.
func (t target) encoded() (contentType string, body []byte) {
	if t.kind == grpcH2 {
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
func newTransport(k kind) *http.Transport {
	t := &http.Transport{Protocols: &http.Protocols{}, DisableCompression: true}
	t.Protocols.SetHTTP1(k == jsonH1)
	t.Protocols.SetUnencryptedHTTP2(k != jsonH1)
	if k != jsonH1 {
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

// roundTrip makes a hold. It returns an error unless the reply is the documented one.
func (t target) roundTrip(c *http.ClientConn) error {
	contentType, body := t.encoded()
	req, err := http.NewRequest("POST", "http://"+t.address+t.path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header = http.Header{"Content-Type": {contentType}, "Guid": {t.guid}, "User-Agent": nil}
	if t.kind == grpcH2 {
		req.Header["Te"] = []string{"trailers"}
	}
	resp, err := c.RoundTrip(req)
	if err != nil {
		return clientError(err)
	}
	if body, err = readBody(resp); err != nil {
		return err
	}
	return t.check(resp, body)
}

// check returns an error unless a response with this body is the documented reply.
func (t target) check(resp *http.Response, body []byte) error {
	ok := resp.StatusCode == http.StatusOK
	if t.kind != grpcH2 {
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

// prove checks v with an ordinary client (grpc-go, net/http): the reply is the documented
// one, and the GUID reaches the stub, which rejects any other GUID. It records the size of
// the reply, with which every slice is compared.
func prove(ctx context.Context, v *variant) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	got, size, err := v.ask(ctx, guid)
	if err != nil {
		return fmt.Errorf("%s: %w", v.name, err)
	}
	if want := holdResponse(); !proto.Equal(got, want) {
		return fmt.Errorf("%s: reply %v, want %v", v.name, got, want)
	}
	got, _, err = v.ask(ctx, "x"+guid)
	if status.Code(err) != codes.Unauthenticated && got.GetRetcode() != "100-006" {
		return fmt.Errorf("%s: with another GUID: reply %v, %v", v.name, got, err)
	}
	v.replySize = size
	return nil
}

// ask makes a hold with an ordinary client and returns the reply, and the size of its body.
func (t target) ask(
	ctx context.Context, guid string,
) (reply *agentconfv1.HoldParticipantResponse, size int, err error) {
	reply = &agentconfv1.HoldParticipantResponse{}
	if t.kind == grpcH2 {
		front, err := newFront(false, endpoint{grpc: t.address})
		if err != nil {
			return nil, 0, err
		}
		defer front.close()
		err = front.call(ctx, grpcPath, guid, holdRequest(), reply)
		return reply, len(grpcFrame(reply)), err
	}
	front := jsonFront{"http://" + t.address, &http.Client{Transport: newTransport(t.kind)}}
	defer front.close()
	body, err := front.post(ctx, t.path, guid, []byte(jsonBody))
	if err != nil {
		return nil, 0, err
	}
	return reply, len(body), protojson.Unmarshal(body, reply)
}
