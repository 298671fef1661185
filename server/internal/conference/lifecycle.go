package conference

import (
	"context"

	agentconfv1 "agentconf/gen/agentconf/v1"
)

// application is the body of requestagentconf (page 0468). What is left out has
// the gateway's own default.
type application struct {
	MemberNum    int32  `json:"memberNum"`
	ConfCallerNo string `json:"confCallerNo,omitempty"`
	Time         *int32 `json:"time,omitempty"`
	PromptTime   *int32 `json:"promptTime,omitempty"`
	welcome
}

// RequestAgentConf applies for a conference.
func (s *Service) RequestAgentConf(ctx context.Context, req *agentconfv1.RequestAgentConfRequest) (*agentconfv1.RequestAgentConfResponse, error) {
	var faults violations
	faults.number("member_num", req.GetMemberNum(), 1, 120)
	faults.callerNumber("conf_caller_no", req.GetConfCallerNo(), len(req.GetConfCallerNo()))
	faults.optional("time", req.Time, 4, 1440)
	faults.optional("prompt_time", req.PromptTime, 3, 1440)
	tone := faults.welcome(req.GetBeepTone(), req.PlayMode, req.GetVoicePath())
	return call(ctx, s, operation{
		name:    "requestAgentConf",
		agentID: req.GetAgentId(),
		body:    application{req.GetMemberNum(), req.GetConfCallerNo(), req.Time, req.PromptTime, tone},
		secrets: []string{req.GetConfCallerNo(), req.GetVoicePath()},
	}, faults, func(a answer) *agentconfv1.RequestAgentConfResponse {
		return &agentconfv1.RequestAgentConfResponse{Message: a.Message, Retcode: a.Retcode, Result: a.reserved()}
	})
}

// AnswerAgentConf answers an invitation.
func (s *Service) AnswerAgentConf(ctx context.Context, req *agentconfv1.AnswerAgentConfRequest) (*agentconfv1.AnswerAgentConfResponse, error) {
	return call(ctx, s, operation{
		name:    "answerAgentConf",
		agentID: req.GetAgentId(),
	}, nil, func(a answer) *agentconfv1.AnswerAgentConfResponse {
		return &agentconfv1.AnswerAgentConfResponse{Message: a.Message, Retcode: a.Retcode, Result: a.reserved()}
	})
}

// RejectAgentConf rejects an invitation.
func (s *Service) RejectAgentConf(ctx context.Context, req *agentconfv1.RejectAgentConfRequest) (*agentconfv1.RejectAgentConfResponse, error) {
	return call(ctx, s, operation{
		name:    "rejectAgentConf",
		agentID: req.GetAgentId(),
	}, nil, func(a answer) *agentconfv1.RejectAgentConfResponse {
		return &agentconfv1.RejectAgentConfResponse{Message: a.Message, Retcode: a.Retcode, Result: a.reserved()}
	})
}

// RequestLeaveAgentConf leaves the conference.
func (s *Service) RequestLeaveAgentConf(ctx context.Context, req *agentconfv1.RequestLeaveAgentConfRequest) (*agentconfv1.RequestLeaveAgentConfResponse, error) {
	return call(ctx, s, operation{
		name:    "requestLeaveAgentConf",
		agentID: req.GetAgentId(),
	}, nil, func(a answer) *agentconfv1.RequestLeaveAgentConfResponse {
		return &agentconfv1.RequestLeaveAgentConfResponse{Message: a.Message, Retcode: a.Retcode, Result: a.reserved()}
	})
}

// ReleaseAgentConf ends the conference.
func (s *Service) ReleaseAgentConf(ctx context.Context, req *agentconfv1.ReleaseAgentConfRequest) (*agentconfv1.ReleaseAgentConfResponse, error) {
	return call(ctx, s, operation{
		name:    "releaseAgentConf",
		agentID: req.GetAgentId(),
	}, nil, func(a answer) *agentconfv1.ReleaseAgentConfResponse {
		return &agentconfv1.ReleaseAgentConfResponse{Message: a.Message, Retcode: a.Retcode, Result: a.reserved()}
	})
}

// ProlongTime prolongs the conference.
func (s *Service) ProlongTime(ctx context.Context, req *agentconfv1.ProlongTimeRequest) (*agentconfv1.ProlongTimeResponse, error) {
	var faults violations
	faults.number("prolong_time", req.GetProlongTime(), 1, 1440)
	result := &agentconfv1.ProlongTimeResult{}
	return call(ctx, s, operation{
		name:    "prolongTime",
		agentID: req.GetAgentId(),
		body: struct {
			ProlongTime int32 `json:"prolongTime"`
		}{req.GetProlongTime()},
		read: into(result),
	}, faults, func(a answer) *agentconfv1.ProlongTimeResponse {
		return &agentconfv1.ProlongTimeResponse{Message: a.Message, Retcode: a.Retcode, Result: result}
	})
}

// ApplyToShiftPresident makes another agent the chairperson.
func (s *Service) ApplyToShiftPresident(ctx context.Context, req *agentconfv1.ApplyToShiftPresidentRequest) (*agentconfv1.ApplyToShiftPresidentResponse, error) {
	var faults violations
	faults.number("dest_agent_no", req.GetDestAgentNo(), agentIDMin, int32(s.agentIDMax))
	return call(ctx, s, operation{
		name:    "applyToShiftPresident",
		agentID: req.GetAgentId(),
		body: struct {
			DestAgentNo int32 `json:"destAgentNo"`
		}{req.GetDestAgentNo()},
	}, faults, func(a answer) *agentconfv1.ApplyToShiftPresidentResponse {
		return &agentconfv1.ApplyToShiftPresidentResponse{Message: a.Message, Retcode: a.Retcode, Result: a.reserved()}
	})
}

// ModifyConfResource changes the capacity of the conference.
func (s *Service) ModifyConfResource(ctx context.Context, req *agentconfv1.ModifyConfResourceRequest) (*agentconfv1.ModifyConfResourceResponse, error) {
	var faults violations
	if req.ModifyType == nil { // 0 means something
		faults.add("modify_type", "must be 0 or 1")
	}
	faults.optional("modify_type", req.ModifyType, 0, 1)
	faults.number("modify_num", req.GetModifyNum(), 2, 118)
	return call(ctx, s, operation{
		name:    "modifyConfResource",
		agentID: req.GetAgentId(),
		body: struct {
			ModifyType int32 `json:"modifyType"`
			ModifyNum  int32 `json:"modifyNum"`
		}{req.GetModifyType(), req.GetModifyNum()},
	}, faults, func(a answer) *agentconfv1.ModifyConfResourceResponse {
		return &agentconfv1.ModifyConfResourceResponse{Message: a.Message, Retcode: a.Retcode, Result: a.reserved()}
	})
}
