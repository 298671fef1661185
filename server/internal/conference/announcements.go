package conference

import (
	"context"

	agentconfv1 "agentconf/gen/agentconf/v1"
	"agentconf/server/internal/operation"
)

type playToConfBody struct {
	PlayType int32 `json:"playType"`
	announcement
}

// PlayVoiceToConf plays an announcement to all participants, in the foreground (play_type
// 0, the default) or in the background (1) (page 0480). The event AgentConf_StopVoice reports
// its end.
func (s *Service) PlayVoiceToConf(
	ctx context.Context, req *agentconfv1.PlayVoiceToConfRequest,
) (*agentconfv1.PlayVoiceToConfResponse, error) {
	var c checks
	c.Optional("play_type", req.PlayType, 0, 1)
	body := playToConfBody{req.GetPlayType(), c.announcement(req.PlayMode, req.GetVoicePath())}
	resp := &agentconfv1.PlayVoiceToConfResponse{}
	op := operation.Operation{Name: "playVoiceToConf", Request: req, Violations: c.Violations, Body: body}
	return operation.Run(ctx, s.runner, op, operation.Reserved(resp, &resp.Message, &resp.Retcode, &resp.Result))
}

// StopVoiceToConf stops the announcement to all participants (page 0481). The error of a
// refusal may have the result errorReason, a code of the device that queues calls.
func (s *Service) StopVoiceToConf(
	ctx context.Context, req *agentconfv1.StopVoiceToConfRequest,
) (*agentconfv1.StopVoiceToConfResponse, error) {
	resp := &agentconfv1.StopVoiceToConfResponse{}
	op := operation.Operation{Name: "stopVoiceToConf", Request: req}
	return operation.Run(ctx, s.runner, op, operation.Reserved(resp, &resp.Message, &resp.Retcode, &resp.Result))
}

// PlayVoiceToParticipant plays an announcement to one participant (page 0482). The event
// AgentConf_StopParticipantVoice reports its end.
func (s *Service) PlayVoiceToParticipant(
	ctx context.Context, req *agentconfv1.PlayVoiceToParticipantRequest,
) (*agentconfv1.PlayVoiceToParticipantResponse, error) {
	var c checks
	body := playBody{c.participant(req), c.announcement(req.PlayMode, req.GetVoicePath())}
	resp := &agentconfv1.PlayVoiceToParticipantResponse{}
	op := operation.Operation{Name: "playVoiceToParticipant", Request: req, Violations: c.Violations, Body: body}
	return operation.Run(ctx, s.runner, op, operation.Reserved(resp, &resp.Message, &resp.Retcode, &resp.Result))
}

// StopVoiceToParticipant stops the announcement to one participant (page 0483).
func (s *Service) StopVoiceToParticipant(
	ctx context.Context, req *agentconfv1.StopVoiceToParticipantRequest,
) (*agentconfv1.StopVoiceToParticipantResponse, error) {
	var c checks
	body := c.participant(req)
	resp := &agentconfv1.StopVoiceToParticipantResponse{}
	op := operation.Operation{Name: "stopVoiceToParticipant", Request: req, Violations: c.Violations, Body: body}
	return operation.Run(ctx, s.runner, op, operation.Reserved(resp, &resp.Message, &resp.Retcode, &resp.Result))
}
