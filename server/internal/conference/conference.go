package conference

import (
	"context"

	agentconfv1 "agentconf/gen/agentconf/v1"
	"agentconf/server/internal/operation"
)

// requestBody is the body of requestagentconf (page 0468). The gateway has a default
// for every field that is left out.
type requestBody struct {
	MemberNum    int32  `json:"memberNum"`
	ConfCallerNo string `json:"confCallerNo,omitempty"`
	Time         *int32 `json:"time,omitempty"`
	PromptTime   *int32 `json:"promptTime,omitempty"`
	welcome
}

// RequestAgentConf requests a conference.
func (s *Service) RequestAgentConf(ctx context.Context, req *agentconfv1.RequestAgentConfRequest) (*agentconfv1.RequestAgentConfResponse, error) {
	var c checks
	c.Number("member_num", req.GetMemberNum(), 1, 120)
	c.callerNumber("conf_caller_no", req.GetConfCallerNo(), len(req.GetConfCallerNo()))
	c.Optional("time", req.Time, 4, 1440)
	c.Optional("prompt_time", req.PromptTime, 3, 1440)
	welcome := c.welcome(req.GetBeepTone(), req.PlayMode, req.GetVoicePath())
	return operation.Run(ctx, s.operations, operation.Operation{
		Name: "requestAgentConf", Request: req, Violations: c.Violations,
		Body: requestBody{req.GetMemberNum(), req.GetConfCallerNo(), req.Time, req.PromptTime, welcome},
	}, &agentconfv1.RequestAgentConfResponse{})
}

// AnswerAgentConf answers an invitation.
func (s *Service) AnswerAgentConf(ctx context.Context, req *agentconfv1.AnswerAgentConfRequest) (*agentconfv1.AnswerAgentConfResponse, error) {
	op := operation.Operation{Name: "answerAgentConf", Request: req}
	return operation.Run(ctx, s.operations, op, &agentconfv1.AnswerAgentConfResponse{})
}

// RejectAgentConf rejects an invitation.
func (s *Service) RejectAgentConf(ctx context.Context, req *agentconfv1.RejectAgentConfRequest) (*agentconfv1.RejectAgentConfResponse, error) {
	op := operation.Operation{Name: "rejectAgentConf", Request: req}
	return operation.Run(ctx, s.operations, op, &agentconfv1.RejectAgentConfResponse{})
}

// RequestLeaveAgentConf leaves the conference.
func (s *Service) RequestLeaveAgentConf(ctx context.Context, req *agentconfv1.RequestLeaveAgentConfRequest) (*agentconfv1.RequestLeaveAgentConfResponse, error) {
	op := operation.Operation{Name: "requestLeaveAgentConf", Request: req}
	return operation.Run(ctx, s.operations, op, &agentconfv1.RequestLeaveAgentConfResponse{})
}

// ReleaseAgentConf ends the conference.
func (s *Service) ReleaseAgentConf(ctx context.Context, req *agentconfv1.ReleaseAgentConfRequest) (*agentconfv1.ReleaseAgentConfResponse, error) {
	op := operation.Operation{Name: "releaseAgentConf", Request: req}
	return operation.Run(ctx, s.operations, op, &agentconfv1.ReleaseAgentConfResponse{})
}

type prolongBody struct {
	ProlongTime int32 `json:"prolongTime"`
}

// ProlongTime prolongs the conference.
func (s *Service) ProlongTime(ctx context.Context, req *agentconfv1.ProlongTimeRequest) (*agentconfv1.ProlongTimeResponse, error) {
	var c checks
	c.Number("prolong_time", req.GetProlongTime(), 1, 1440)
	return operation.Run(ctx, s.operations, operation.Operation{
		Name: "prolongTime", Request: req, Violations: c.Violations, Body: prolongBody{req.GetProlongTime()},
	}, &agentconfv1.ProlongTimeResponse{})
}

type shiftBody struct {
	DestAgentNo int32 `json:"destAgentNo"`
}

// ApplyToShiftPresident makes another agent the chairperson.
func (s *Service) ApplyToShiftPresident(ctx context.Context, req *agentconfv1.ApplyToShiftPresidentRequest) (*agentconfv1.ApplyToShiftPresidentResponse, error) {
	var c checks
	c.AgentNumber("dest_agent_no", req.GetDestAgentNo(), s.operations.AgentIDMax())
	return operation.Run(ctx, s.operations, operation.Operation{
		Name: "applyToShiftPresident", Request: req, Violations: c.Violations, Body: shiftBody{req.GetDestAgentNo()},
	}, &agentconfv1.ApplyToShiftPresidentResponse{})
}

type resizeBody struct {
	ModifyType int32 `json:"modifyType"`
	ModifyNum  int32 `json:"modifyNum"`
}

// ModifyConfResource changes the capacity of the conference.
func (s *Service) ModifyConfResource(ctx context.Context, req *agentconfv1.ModifyConfResourceRequest) (*agentconfv1.ModifyConfResourceResponse, error) {
	var c checks
	if req.ModifyType == nil { // 0 has a meaning
		c.Add("modify_type", "must be 0 or 1")
	}
	c.Optional("modify_type", req.ModifyType, 0, 1)
	c.Number("modify_num", req.GetModifyNum(), 2, 118)
	return operation.Run(ctx, s.operations, operation.Operation{
		Name: "modifyConfResource", Request: req, Violations: c.Violations,
		Body: resizeBody{req.GetModifyType(), req.GetModifyNum()},
	}, &agentconfv1.ModifyConfResourceResponse{})
}
