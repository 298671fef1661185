package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"

	agentconfv1 "agentconf/gen/agentconf/v1"
)

// The hold that every variant carries.
const (
	guid      = "5f2b8e0c6d414f7d9a3e1b7c0d9f4a62.AgentGateway1"
	ownPath   = "/agentgateway/resource/agentconf/1287/holdparticipant"
	v1Path    = "/v1/agents/1287/conference:holdParticipant"
	grpcPath  = agentconfv1.ConferenceService_HoldParticipant_FullMethodName
	jsonBody  = `{"address":"88887946","addressType":"6","playMode":2,"voicePath":"y:/conf/120/1136287.V3"}`
	stubReply = `{"result":{},"message":"success","retcode":"0"}`
)

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
		return "application/grpc", grpcFrame(holdRequest())
	}
	return "application/json", []byte(jsonBody)
}

func holdRequest() *agentconfv1.HoldParticipantRequest {
	return &agentconfv1.HoldParticipantRequest{
		AgentId:     "1287",
		AddressType: "6",
		Address:     "88887946",
		PlayMode:    proto.Int32(2),
		VoicePath:   "y:/conf/120/1136287.V3",
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

// reply is the reply of a hold, as far as it has arrived.
type reply struct {
	start       time.Time // of the hold
	status      string    // of HTTP
	grpcStatus  string
	grpcMessage string
	body        []byte
}

var successFrame = grpcFrame(holdResponse())

// check returns an error unless r is the documented reply.
func (r *reply) check(k kind) error {
	switch {
	case r.status == "200" && k == grpcH2 && r.grpcStatus == "0" && bytes.Equal(r.body, successFrame):
	case r.status == "200" && k != grpcH2 && bytes.Contains(r.body, []byte(`"retcode":"0"`)):
	case k == grpcH2 && r.grpcStatus != "0":
		return fmt.Errorf("status %s %s", r.grpcStatus, r.grpcMessage)
	default:
		return fmt.Errorf("HTTP status %s, body %q", r.status, r.body)
	}
	return nil
}
