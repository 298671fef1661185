package conference

import (
	"context"

	agentconfv1 "agentconf/gen/agentconf/v1"
)

// playFile is the only play mode there is: play the file that voicePath names.
const playFile = 2

// hold is the body of holdparticipant (page 0473).
type hold struct {
	participant
	PlayMode  int32  `json:"playMode"`
	VoicePath string `json:"voicePath"`
}

// HoldParticipant puts a participant on hold. The RPC's comment in the proto
// tells limits and errors.
func (s *Service) HoldParticipant(ctx context.Context, req *agentconfv1.HoldParticipantRequest) (*agentconfv1.HoldParticipantResponse, error) {
	var faults violations
	faults.agentID(req.GetAgentId(), s.agentIDMax)
	faults.addressType(req.GetAddressType())
	faults.address(req.GetAddress())
	faults.playMode(req.PlayMode)
	faults.voicePath(req.GetVoicePath())

	target := participant{req.GetAddressType(), req.GetAddress()}
	reply, err := s.call(ctx, operation{
		name:    "holdParticipant",
		agentID: req.GetAgentId(),
		target:  target,
		body:    hold{target, playFile, req.GetVoicePath()},
		secrets: []string{req.GetVoicePath()},
	}, faults)
	if err != nil {
		return nil, err
	}
	return &agentconfv1.HoldParticipantResponse{
		Message: reply.Message,
		Retcode: reply.Retcode,
		Result:  reserved(reply.Result),
	}, nil
}

// UnholdParticipant takes a participant off hold. The RPC's comment in the proto
// tells limits and errors.
func (s *Service) UnholdParticipant(ctx context.Context, req *agentconfv1.UnholdParticipantRequest) (*agentconfv1.UnholdParticipantResponse, error) {
	var faults violations
	faults.agentID(req.GetAgentId(), s.agentIDMax)
	faults.addressType(req.GetAddressType())
	faults.address(req.GetAddress())

	target := participant{req.GetAddressType(), req.GetAddress()}
	reply, err := s.call(ctx, operation{
		name:    "unholdParticipant",
		agentID: req.GetAgentId(),
		target:  target,
		body:    target,
	}, faults)
	if err != nil {
		return nil, err
	}
	return &agentconfv1.UnholdParticipantResponse{
		Message: reply.Message,
		Retcode: reply.Retcode,
		Result:  reserved(reply.Result),
	}, nil
}
