package conference

import (
	"context"

	agentconfv1 "agentconf/gen/agentconf/v1"
	"agentconf/server/internal/operation"
)

// requestBody is the body of requestagentconf (page 0468). The gateway has a default
// for every field that is left out: 60 minutes, and a prompt 3 minutes before the end.
type requestBody struct {
	MemberNum    int32  `json:"memberNum"`
	ConfCallerNo string `json:"confCallerNo,omitempty"`
	Time         *int32 `json:"time,omitempty"`
	PromptTime   *int32 `json:"promptTime,omitempty"`
	welcome
}

// RequestAgentConf requests a conference of at most member_num parties (page 0468). OK
// means that the gateway accepted the request. The agent is the chairperson only after the
// event AgentConf_RequestSuccess, and the ID of the conference comes with that event.
func (s *Service) RequestAgentConf(
	ctx context.Context, req *agentconfv1.RequestAgentConfRequest,
) (*agentconfv1.RequestAgentConfResponse, error) {
	var c checks
	c.Number("member_num", req.GetMemberNum(), 1, 120)
	c.callerNumber("conf_caller_no", req.GetConfCallerNo(), len(req.GetConfCallerNo()))
	c.Optional("time", req.Time, 4, 1440)
	c.Optional("prompt_time", req.PromptTime, 3, 1440)
	welcome := c.welcome(req.GetBeepTone(), req.PlayMode, req.GetVoicePath())
	resp := &agentconfv1.RequestAgentConfResponse{}
	op := operation.Operation{
		Name: "requestAgentConf", Request: req, Violations: c.Violations,
		Body: requestBody{req.GetMemberNum(), req.GetConfCallerNo(), req.Time, req.PromptTime, welcome},
	}
	return operation.Run(ctx, s.runner, op, operation.Reserved(resp, &resp.Message, &resp.Retcode, &resp.Result))
}

// AnswerAgentConf answers an invitation (page 0469), which the event AgentConf_Ringing
// has announced. No request but a query names a conference: the agent's own is meant.
func (s *Service) AnswerAgentConf(
	ctx context.Context, req *agentconfv1.AnswerAgentConfRequest,
) (*agentconfv1.AnswerAgentConfResponse, error) {
	resp := &agentconfv1.AnswerAgentConfResponse{}
	op := operation.Operation{Name: "answerAgentConf", Request: req}
	return operation.Run(ctx, s.runner, op, operation.Reserved(resp, &resp.Message, &resp.Retcode, &resp.Result))
}

// RejectAgentConf rejects an invitation, as AnswerAgentConf answers one (page 0470).
func (s *Service) RejectAgentConf(
	ctx context.Context, req *agentconfv1.RejectAgentConfRequest,
) (*agentconfv1.RejectAgentConfResponse, error) {
	resp := &agentconfv1.RejectAgentConfResponse{}
	op := operation.Operation{Name: "rejectAgentConf", Request: req}
	return operation.Run(ctx, s.runner, op, operation.Reserved(resp, &resp.Message, &resp.Retcode, &resp.Result))
}

// RequestLeaveAgentConf leaves the conference (page 0471). A chairperson cannot leave:
// it passes its role on, or releases the conference.
func (s *Service) RequestLeaveAgentConf(
	ctx context.Context, req *agentconfv1.RequestLeaveAgentConfRequest,
) (*agentconfv1.RequestLeaveAgentConfResponse, error) {
	resp := &agentconfv1.RequestLeaveAgentConfResponse{}
	op := operation.Operation{Name: "requestLeaveAgentConf", Request: req}
	return operation.Run(ctx, s.runner, op, operation.Reserved(resp, &resp.Message, &resp.Retcode, &resp.Result))
}

// ReleaseAgentConf ends the conference for all participants (page 0472). Only the
// chairperson may call it.
func (s *Service) ReleaseAgentConf(
	ctx context.Context, req *agentconfv1.ReleaseAgentConfRequest,
) (*agentconfv1.ReleaseAgentConfResponse, error) {
	resp := &agentconfv1.ReleaseAgentConfResponse{}
	op := operation.Operation{Name: "releaseAgentConf", Request: req}
	return operation.Run(ctx, s.runner, op, operation.Reserved(resp, &resp.Message, &resp.Retcode, &resp.Result))
}

// ProlongTime prolongs the conference by 1 to 1440 minutes (page 0475). The gateway adds
// fewer than requested if the whole would exceed 1440, and returns how many it added.
func (s *Service) ProlongTime(
	ctx context.Context, req *agentconfv1.ProlongTimeRequest,
) (*agentconfv1.ProlongTimeResponse, error) {
	var c checks
	c.Number("prolong_time", req.GetProlongTime(), 1, 1440)
	resp := &agentconfv1.ProlongTimeResponse{Result: &agentconfv1.ProlongTimeResult{}}
	body := map[string]int32{"prolongTime": req.GetProlongTime()}
	op := operation.Operation{Name: "prolongTime", Request: req, Violations: c.Violations, Body: body}
	response := operation.Documented(resp, &resp.Message, &resp.Retcode, resp.Result)
	return operation.Run(ctx, s.runner, op, response)
}

// ApplyToShiftPresident makes another agent of the conference its chairperson (page
// 0476). This is the one agent ID in a body that is a number, as the gateway has it.
func (s *Service) ApplyToShiftPresident(
	ctx context.Context, req *agentconfv1.ApplyToShiftPresidentRequest,
) (*agentconfv1.ApplyToShiftPresidentResponse, error) {
	var c checks
	c.Number("dest_agent_no", req.GetDestAgentNo(), operation.AgentIDMin, s.runner.AgentIDMax())
	resp := &agentconfv1.ApplyToShiftPresidentResponse{}
	body := map[string]int32{"destAgentNo": req.GetDestAgentNo()}
	op := operation.Operation{Name: "applyToShiftPresident", Request: req, Violations: c.Violations, Body: body}
	return operation.Run(ctx, s.runner, op, operation.Reserved(resp, &resp.Message, &resp.Retcode, &resp.Result))
}

// ModifyConfResource changes how many parties the conference can have, by 2 to 118 (page
// 0484): modify_type 0 adds them, 1 takes them away.
func (s *Service) ModifyConfResource(
	ctx context.Context, req *agentconfv1.ModifyConfResourceRequest,
) (*agentconfv1.ModifyConfResourceResponse, error) {
	var c checks
	if req.ModifyType == nil { // left out is not 0, which has a meaning
		c.Add("modify_type", "must be 0 or 1")
	}
	c.Optional("modify_type", req.ModifyType, 0, 1)
	c.Number("modify_num", req.GetModifyNum(), 2, 118)
	resp := &agentconfv1.ModifyConfResourceResponse{}
	body := map[string]int32{"modifyType": req.GetModifyType(), "modifyNum": req.GetModifyNum()}
	op := operation.Operation{Name: "modifyConfResource", Request: req, Violations: c.Violations, Body: body}
	return operation.Run(ctx, s.runner, op, operation.Reserved(resp, &resp.Message, &resp.Retcode, &resp.Result))
}
