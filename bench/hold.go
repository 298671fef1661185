//go:build linux

package main

import (
	"encoding/binary"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"

	agentconfv1 "agentconf/gen/agentconf/v1"
)

// The hold that all variants carry.
const (
	guid      = "5f2b8e0c6d414f7d9a3e1b7c0d9f4a62.AgentGateway1"
	ownPath   = "/agentgateway/resource/agentconf/1287/holdparticipant"
	v1Path    = "/v1/agents/1287/conference:holdParticipant"
	grpcPath  = "/agentconf.v1.ConferenceService/HoldParticipant"
	watchPath = "/agentconf.v1.EventService/WatchAgentEvents"
	jsonBody  = `{"address":"88887946","addressType":"6","playMode":2,"voicePath":"y:/conf/120/1136287.V3"}`
	stubReply = `{"result":{},"message":"success","retcode":"0"}`
)

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

// grpcFrame is a message as it stands in the body of a gRPC call.
func grpcFrame(m proto.Message) []byte {
	frame := make([]byte, 5, 64) // one byte says that it is not compressed
	frame, err := proto.MarshalOptions{}.MarshalAppend(frame, m)
	if err != nil {
		panic(err) // a message of ours
	}
	binary.BigEndian.PutUint32(frame[1:5], uint32(len(frame)-5))
	return frame
}
