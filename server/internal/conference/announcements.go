package conference

import (
	"context"

	agentconfv1 "agentconf/gen/agentconf/v1"
)

// PlayVoiceToConf plays an announcement to the conference.
func (s *Service) PlayVoiceToConf(ctx context.Context, req *agentconfv1.PlayVoiceToConfRequest) (*agentconfv1.PlayVoiceToConfResponse, error) {
	var faults violations
	faults.optional("play_type", req.PlayType, 0, 1)
	faults.announcement(req.PlayMode, req.GetVoicePath())
	return call(ctx, s, operation{
		name:    "playVoiceToConf",
		agentID: req.GetAgentId(),
		body: struct {
			PlayType int32 `json:"playType"`
			announcement
		}{req.GetPlayType(), play(req.GetVoicePath())},
		secrets: []string{req.GetVoicePath()},
	}, faults, func(a answer) *agentconfv1.PlayVoiceToConfResponse {
		return &agentconfv1.PlayVoiceToConfResponse{Message: a.Message, Retcode: a.Retcode, Result: a.reserved()}
	})
}

// StopVoiceToConf stops the announcement to the conference.
func (s *Service) StopVoiceToConf(ctx context.Context, req *agentconfv1.StopVoiceToConfRequest) (*agentconfv1.StopVoiceToConfResponse, error) {
	return call(ctx, s, operation{
		name:    "stopVoiceToConf",
		agentID: req.GetAgentId(),
	}, nil, func(a answer) *agentconfv1.StopVoiceToConfResponse {
		return &agentconfv1.StopVoiceToConfResponse{Message: a.Message, Retcode: a.Retcode, Result: a.reserved()}
	})
}

// PlayVoiceToParticipant plays an announcement to one participant.
func (s *Service) PlayVoiceToParticipant(ctx context.Context, req *agentconfv1.PlayVoiceToParticipantRequest) (*agentconfv1.PlayVoiceToParticipantResponse, error) {
	var faults violations
	target := faults.participant(req)
	faults.announcement(req.PlayMode, req.GetVoicePath())
	return call(ctx, s, operation{
		name:    "playVoiceToParticipant",
		agentID: req.GetAgentId(),
		target:  target,
		body:    hold{target, play(req.GetVoicePath())},
		secrets: []string{req.GetVoicePath()},
	}, faults, func(a answer) *agentconfv1.PlayVoiceToParticipantResponse {
		return &agentconfv1.PlayVoiceToParticipantResponse{Message: a.Message, Retcode: a.Retcode, Result: a.reserved()}
	})
}

// StopVoiceToParticipant stops the announcement to one participant.
func (s *Service) StopVoiceToParticipant(ctx context.Context, req *agentconfv1.StopVoiceToParticipantRequest) (*agentconfv1.StopVoiceToParticipantResponse, error) {
	var faults violations
	target := faults.participant(req)
	return call(ctx, s, operation{
		name:    "stopVoiceToParticipant",
		agentID: req.GetAgentId(),
		target:  target,
		body:    target,
	}, faults, func(a answer) *agentconfv1.StopVoiceToParticipantResponse {
		return &agentconfv1.StopVoiceToParticipantResponse{Message: a.Message, Retcode: a.Retcode, Result: a.reserved()}
	})
}
