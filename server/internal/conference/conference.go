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

// RequestAgentConf requests a conference (page 0468). The agent is its chairperson only
// after the event AgentConf_RequestSuccess.
func (s *Service) RequestAgentConf(ctx context.Context, req *agentconfv1.RequestAgentConfRequest) (*agentconfv1.RequestAgentConfResponse, error) {
	var c checks
	c.Number("member_num", req.GetMemberNum(), 1, 120)
	c.callerNumber("conf_caller_no", req.GetConfCallerNo(), len(req.GetConfCallerNo()))
	c.Optional("time", req.Time, 4, 1440)
	c.Optional("prompt_time", req.PromptTime, 3, 1440)
	welcome := c.welcome(req.GetBeepTone(), req.PlayMode, req.GetVoicePath())
	resp := &agentconfv1.RequestAgentConfResponse{}
	return operation.Run(ctx, s.operations, operation.Operation{
		Name: "requestAgentConf", Request: req, Violations: c.Violations,
		Body:     requestBody{req.GetMemberNum(), req.GetConfCallerNo(), req.Time, req.PromptTime, welcome},
		Response: operation.Reserved(&resp.Message, &resp.Retcode, &resp.Result),
	}, resp)
}

// AnswerAgentConf answers an invitation (page 0469), which the event AgentConf_Ringing
// has announced.
func (s *Service) AnswerAgentConf(ctx context.Context, req *agentconfv1.AnswerAgentConfRequest) (*agentconfv1.AnswerAgentConfResponse, error) {
	resp := &agentconfv1.AnswerAgentConfResponse{}
	op := operation.Operation{Name: "answerAgentConf", Request: req, Response: operation.Reserved(&resp.Message, &resp.Retcode, &resp.Result)}
	return operation.Run(ctx, s.operations, op, resp)
}

// RejectAgentConf rejects an invitation (page 0470).
func (s *Service) RejectAgentConf(ctx context.Context, req *agentconfv1.RejectAgentConfRequest) (*agentconfv1.RejectAgentConfResponse, error) {
	resp := &agentconfv1.RejectAgentConfResponse{}
	op := operation.Operation{Name: "rejectAgentConf", Request: req, Response: operation.Reserved(&resp.Message, &resp.Retcode, &resp.Result)}
	return operation.Run(ctx, s.operations, op, resp)
}

// RequestLeaveAgentConf leaves the conference (page 0471). A chairperson cannot leave:
// it passes its role on, or releases the conference.
func (s *Service) RequestLeaveAgentConf(ctx context.Context, req *agentconfv1.RequestLeaveAgentConfRequest) (*agentconfv1.RequestLeaveAgentConfResponse, error) {
	resp := &agentconfv1.RequestLeaveAgentConfResponse{}
	op := operation.Operation{Name: "requestLeaveAgentConf", Request: req, Response: operation.Reserved(&resp.Message, &resp.Retcode, &resp.Result)}
	return operation.Run(ctx, s.operations, op, resp)
}

// ReleaseAgentConf ends the conference for all participants (page 0472).
func (s *Service) ReleaseAgentConf(ctx context.Context, req *agentconfv1.ReleaseAgentConfRequest) (*agentconfv1.ReleaseAgentConfResponse, error) {
	resp := &agentconfv1.ReleaseAgentConfResponse{}
	op := operation.Operation{Name: "releaseAgentConf", Request: req, Response: operation.Reserved(&resp.Message, &resp.Retcode, &resp.Result)}
	return operation.Run(ctx, s.operations, op, resp)
}

type prolongBody struct {
	ProlongTime int32 `json:"prolongTime"`
}

// ProlongTime prolongs the conference by minutes (page 0475). The gateway adds fewer
// than requested if the whole would exceed 1440, and returns how many.
func (s *Service) ProlongTime(ctx context.Context, req *agentconfv1.ProlongTimeRequest) (*agentconfv1.ProlongTimeResponse, error) {
	var c checks
	c.Number("prolong_time", req.GetProlongTime(), 1, 1440)
	resp := &agentconfv1.ProlongTimeResponse{Result: &agentconfv1.ProlongTimeResult{}}
	return operation.Run(ctx, s.operations, operation.Operation{
		Name: "prolongTime", Request: req, Violations: c.Violations, Body: prolongBody{req.GetProlongTime()},
		Response: operation.Documented(&resp.Message, &resp.Retcode, resp.Result),
	}, resp)
}

type shiftBody struct {
	DestAgentNo int32 `json:"destAgentNo"`
}

// ApplyToShiftPresident makes another agent of the conference its chairperson (page
// 0476).
func (s *Service) ApplyToShiftPresident(ctx context.Context, req *agentconfv1.ApplyToShiftPresidentRequest) (*agentconfv1.ApplyToShiftPresidentResponse, error) {
	var c checks
	c.AgentNumber("dest_agent_no", req.GetDestAgentNo(), s.operations.AgentIDMax())
	resp := &agentconfv1.ApplyToShiftPresidentResponse{}
	return operation.Run(ctx, s.operations, operation.Operation{
		Name: "applyToShiftPresident", Request: req, Violations: c.Violations, Body: shiftBody{req.GetDestAgentNo()},
		Response: operation.Reserved(&resp.Message, &resp.Retcode, &resp.Result),
	}, resp)
}

type resizeBody struct {
	ModifyType int32 `json:"modifyType"`
	ModifyNum  int32 `json:"modifyNum"`
}

// ModifyConfResource changes how many parties the conference can have (page 0484).
func (s *Service) ModifyConfResource(ctx context.Context, req *agentconfv1.ModifyConfResourceRequest) (*agentconfv1.ModifyConfResourceResponse, error) {
	var c checks
	if req.ModifyType == nil { // 0 has a meaning
		c.Add("modify_type", "must be 0 or 1")
	}
	c.Optional("modify_type", req.ModifyType, 0, 1)
	c.Number("modify_num", req.GetModifyNum(), 2, 118)
	resp := &agentconfv1.ModifyConfResourceResponse{}
	return operation.Run(ctx, s.operations, operation.Operation{
		Name: "modifyConfResource", Request: req, Violations: c.Violations,
		Body:     resizeBody{req.GetModifyType(), req.GetModifyNum()},
		Response: operation.Reserved(&resp.Message, &resp.Retcode, &resp.Result),
	}, resp)
}
