// Package session is SessionService: agents sign in and out, and keep their session.
package session

import (
	"context"
	"net/url"
	"regexp"
	"strconv"

	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"

	agentconfv1 "agentconf/gen/agentconf/v1"
	"agentconf/server/internal/events"
	"agentconf/server/internal/operation"
	"agentconf/server/internal/outcome"
)

const advice = "Find out whether the agent is signed in before repeating anything"

// Service implements SessionService.
type Service struct {
	agentconfv1.UnimplementedSessionServiceServer

	operations *operation.Runner
	events     *events.Service
}

// New returns a service that sends its requests by operations. events learns of new
// sessions and GUIDs.
func New(operations *operation.Runner, events *events.Service) *Service {
	return &Service{operations: operations, events: events}
}

// onlineAgent returns an operation on the session of an agent (page 1202). path follows
// the agent ID.
func onlineAgent(name, method string, req operation.Request, path string) operation.Operation {
	return operation.Operation{
		Name: name, Request: req, Method: method,
		Path: "onlineagent/" + url.PathEscape(req.GetAgentId()) + path, Advice: advice,
	}
}

// Login signs an agent in (page 1202). The response has the GUID that all other calls of
// the agent need.
func (s *Service) Login(ctx context.Context, req *agentconfv1.LoginRequest) (*agentconfv1.LoginResponse, error) {
	op := onlineAgent("login", "PUT", req, "")
	resp := &agentconfv1.LoginResponse{}
	return login(ctx, s, op, req, resp, operation.Reserved(&resp.Message, &resp.Retcode, &resp.Result).WithGUID(&resp.Guid))
}

// ForceLogin signs an agent in, and ends a session that the agent has already (page
// 1203).
func (s *Service) ForceLogin(ctx context.Context, req *agentconfv1.ForceLoginRequest) (*agentconfv1.ForceLoginResponse, error) {
	op := onlineAgent("forceLogin", "PUT", req, "/forcelogin")
	wire, err := proto.Marshal(req)
	fields := &agentconfv1.LoginRequest{} // has the same fields; only the default of releasephone differs
	if err == nil {
		err = proto.Unmarshal(wire, fields)
	}
	if err != nil {
		return nil, outcome.Fault(op.Name, err)
	}
	resp := &agentconfv1.ForceLoginResponse{}
	return login(ctx, s, op, fields, resp, operation.Reserved(&resp.Message, &resp.Retcode, &resp.Result).WithGUID(&resp.Guid))
}

// Logout signs the agent out (page 1219). The gateway refuses during a call or a
// conference.
func (s *Service) Logout(ctx context.Context, req *agentconfv1.LogoutRequest) (*agentconfv1.LogoutResponse, error) {
	resp := &agentconfv1.LogoutResponse{}
	op := onlineAgent("logout", "DELETE", req, "/logout")
	op.Response = operation.Reserved(&resp.Message, &resp.Retcode, &resp.Result)
	return operation.Run(ctx, s.operations, op, resp)
}

// ForceLogout signs the agent out, and releases its call (page 1220).
func (s *Service) ForceLogout(ctx context.Context, req *agentconfv1.ForceLogoutRequest) (*agentconfv1.ForceLogoutResponse, error) {
	resp := &agentconfv1.ForceLogoutResponse{}
	op := onlineAgent("forceLogout", "DELETE", req, "/forcelogout")
	op.Response = operation.Reserved(&resp.Message, &resp.Retcode, &resp.Result)
	return operation.Run(ctx, s.operations, op, resp)
}

// ForceLogoutWithReason signs the agent out and states the reason, 1 to 255 (page 1221).
func (s *Service) ForceLogoutWithReason(ctx context.Context, req *agentconfv1.ForceLogoutWithReasonRequest) (*agentconfv1.ForceLogoutWithReasonResponse, error) {
	path := "/forcelogoutwithreason/" + strconv.Itoa(int(req.GetReason()))
	resp := &agentconfv1.ForceLogoutWithReasonResponse{}
	op := onlineAgent("forceLogoutWithReason", "DELETE", req, path)
	op.Violations.Number("reason", req.GetReason(), 1, 255)
	op.Response = operation.NoResult(&resp.Message, &resp.Retcode)
	return operation.Run(ctx, s.operations, op, resp)
}

// UpdateGuid requests a new GUID (page 1225). The agent's watch continues with it.
func (s *Service) UpdateGuid(ctx context.Context, req *agentconfv1.UpdateGuidRequest) (*agentconfv1.UpdateGuidResponse, error) {
	resp := &agentconfv1.UpdateGuidResponse{Result: &agentconfv1.UpdateGuidResult{}}
	op := onlineAgent("updateGuid", "PUT", req, "/updateGuid")
	op.Response = operation.Documented(&resp.Message, &resp.Retcode, resp.Result)
	resp, err := operation.Run(ctx, s.operations, op, resp)
	if err != nil {
		return nil, err
	}
	if shown, err := operation.GUID(ctx, op.Name); err == nil {
		s.events.RenewGUID(req.GetAgentId(), shown, resp.GetResult().GetGuid())
	}
	return resp, nil
}

var tokenPattern = regexp.MustCompile(`^[A-Za-z0-9._-]{0,50}$`)

func checkToken(v *operation.Violations, token string) {
	if !tokenPattern.MatchString(token) {
		v.Add("service_token", "must be at most 50 letters, digits, -, _ or .")
	}
}

// Handshake keeps a session whose events are pushed (page 1204). A client of the gateway
// sends the service token as a header.
func (s *Service) Handshake(ctx context.Context, req *agentconfv1.HandshakeRequest) (*agentconfv1.HandshakeResponse, error) {
	resp := &agentconfv1.HandshakeResponse{}
	op := onlineAgent("handshake", "POST", req, "/handshake")
	op.ServiceToken = req.GetServiceToken()
	if header := metadata.ValueFromIncomingContext(ctx, "service_token"); op.ServiceToken == "" && len(header) > 0 {
		op.ServiceToken = header[0]
	}
	checkToken(&op.Violations, op.ServiceToken)
	op.Response = operation.NoResult(&resp.Message, &resp.Retcode).WithGUID(&resp.Guid)
	return operation.Run(ctx, s.operations, op, resp)
}

var skillsPattern = regexp.MustCompile(`^[0-9;]*$`)

// ResetSkill sets the skill queues that the agent serves (page 1209). Its arguments are
// in the path and the query.
func (s *Service) ResetSkill(ctx context.Context, req *agentconfv1.ResetSkillRequest) (*agentconfv1.ResetSkillResponse, error) {
	query := url.Values{}
	if req.GetSkillid() != "" {
		query.Set("skillid", req.GetSkillid())
	}
	if req.Phonelinkage != nil {
		query.Set("phonelinkage", strconv.Itoa(int(req.GetPhonelinkage())))
	}
	path := "/resetskill/" + strconv.FormatBool(req.GetAutoflag())
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	resp := &agentconfv1.ResetSkillResponse{}
	op := onlineAgent("resetSkill", "POST", req, path)
	if !skillsPattern.MatchString(req.GetSkillid()) || len(req.GetSkillid()) > 4000 {
		op.Violations.Add("skillid", "must be IDs of skills with ; between them, at most 4000 characters, such as 1;2;3")
	}
	op.Violations.Optional("phonelinkage", req.Phonelinkage, 0, 1)
	op.Response = operation.Reserved(&resp.Message, &resp.Retcode, &resp.Result)
	return operation.Run(ctx, s.operations, op, resp)
}
