// Package session is SessionService, the operations under onlineagent/ of the gateway:
// agents sign in and out, and keep their session.
//
// A session belongs to a GUID. A sign-in issues it; UpdateGuid and, in the gateway's
// authentication mode 2, polls and handshakes replace it (page 05_4015).
package session

import (
	"context"
	"net/url"
	"regexp"
	"strconv"

	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/reflect/protoreflect"

	agentconfv1 "agentconf/gen/agentconf/v1"
	"agentconf/server/internal/events"
	"agentconf/server/internal/operation"
)

// advice replaces outcome.LookFirst: a conference shows nothing of a session.
const advice = "Find out whether the agent is signed in before repeating anything"

// guidAdvice replaces it for operations that may have issued a GUID and change nothing else.
const guidAdvice = "The new GUID may be lost: use the one you have, and sign in again if it is refused"

// Service implements SessionService.
type Service struct {
	agentconfv1.UnimplementedSessionServiceServer

	runner *operation.Runner
	events *events.Service
}

// New returns a service that sends its requests by runner. It reports new sessions to events,
// so that no watch polls on with the one before. The runner reports new GUIDs.
func New(runner *operation.Runner, events *events.Service) *Service {
	return &Service{runner: runner, events: events}
}

// onlineAgent returns an operation on the session of an agent (page 1202). path follows
// the agent ID. The ID is escaped because it is checked only after the path is built.
func onlineAgent(name, method string, req operation.Request, path string) operation.Operation {
	return operation.Operation{
		Name: name, Request: req, Method: method,
		Path: "onlineagent/" + url.PathEscape(req.GetAgentId()) + path, Advice: advice,
	}
}

// Login signs an agent in (page 1202). It needs no GUID. The response always has the GUID
// that all other calls of the agent need; a sign-in that brings none, or none that a request
// can carry, is an error with outcome unknown. The sign-in ends a watch of the agent that
// has the GUID of an earlier session.
func (s *Service) Login(
	ctx context.Context, req *agentconfv1.LoginRequest,
) (*agentconfv1.LoginResponse, error) {
	op := onlineAgent("login", "PUT", req, "")
	resp := &agentconfv1.LoginResponse{}
	response := operation.Reserved(resp, &resp.Message, &resp.Retcode, &resp.Result).WithNewGUID(&resp.Guid)
	return login(ctx, s, op, req, response)
}

// ForceLogin signs an agent in as Login does, and ends a session that the agent has already
// (page 1203). The gateway's default of releasephone is false here.
func (s *Service) ForceLogin(
	ctx context.Context, req *agentconfv1.ForceLoginRequest,
) (*agentconfv1.ForceLoginResponse, error) {
	op := onlineAgent("forceLogin", "PUT", req, "/forcelogin")
	fields := &agentconfv1.LoginRequest{} // has the same fields with the same numbers
	to := fields.ProtoReflect()
	req.ProtoReflect().Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		to.Set(to.Descriptor().Fields().ByNumber(f.Number()), v)
		return true
	})
	resp := &agentconfv1.ForceLoginResponse{}
	response := operation.Reserved(resp, &resp.Message, &resp.Retcode, &resp.Result).WithNewGUID(&resp.Guid)
	return login(ctx, s, op, fields, response)
}

// Logout signs the agent out (page 1219). An agent who is in a call stays signed in. OK does
// not prove the sign-out; the event AgentOther_ShutdownService does, but the gateway does not
// always send it. The watch of the agent ends by itself, at that event or the next poll.
func (s *Service) Logout(
	ctx context.Context, req *agentconfv1.LogoutRequest,
) (*agentconfv1.LogoutResponse, error) {
	resp := &agentconfv1.LogoutResponse{}
	op := onlineAgent("logout", "DELETE", req, "/logout")
	return operation.Run(ctx, s.runner, op, operation.Reserved(resp, &resp.Message, &resp.Retcode, &resp.Result))
}

// ForceLogout signs the agent out even in a call, and releases the call (page 1220).
func (s *Service) ForceLogout(
	ctx context.Context, req *agentconfv1.ForceLogoutRequest,
) (*agentconfv1.ForceLogoutResponse, error) {
	resp := &agentconfv1.ForceLogoutResponse{}
	op := onlineAgent("forceLogout", "DELETE", req, "/forcelogout")
	return operation.Run(ctx, s.runner, op, operation.Reserved(resp, &resp.Message, &resp.Retcode, &resp.Result))
}

// ForceLogoutWithReason signs the agent out as ForceLogout does, and states a reason of 1 to
// 255 (page 1221). The reason is a part of the path.
func (s *Service) ForceLogoutWithReason(
	ctx context.Context, req *agentconfv1.ForceLogoutWithReasonRequest,
) (*agentconfv1.ForceLogoutWithReasonResponse, error) {
	path := "/forcelogoutwithreason/" + strconv.Itoa(int(req.GetReason()))
	resp := &agentconfv1.ForceLogoutWithReasonResponse{}
	op := onlineAgent("forceLogoutWithReason", "DELETE", req, path)
	op.Violations.Number("reason", req.GetReason(), 1, 255)
	return operation.Run(ctx, s.runner, op, operation.NoResult(resp, &resp.Message, &resp.Retcode))
}

// UpdateGuid requests a new GUID (page 1225), which comes in the result and not as a header.
// The agent's watch continues with it. A missing or unusable GUID makes the outcome unknown.
func (s *Service) UpdateGuid(
	ctx context.Context, req *agentconfv1.UpdateGuidRequest,
) (*agentconfv1.UpdateGuidResponse, error) {
	resp := &agentconfv1.UpdateGuidResponse{Result: &agentconfv1.UpdateGuidResult{}}
	op := onlineAgent("updateGuid", "PUT", req, "/updateGuid")
	op.Advice = guidAdvice
	response := operation.Documented(resp, &resp.Message, &resp.Retcode, resp.Result)
	return operation.Run(ctx, s.runner, op, response.WithResultGUID(&resp.Result.Guid))
}

var tokenPattern = regexp.MustCompile(`^[A-Za-z0-9._-]{0,50}$`)

// checkToken checks a service token. A gateway refuses special characters (page 1204), but
// no page lists them: this set is safe in a header.
func checkToken(v *operation.Violations, token string) {
	if !tokenPattern.MatchString(token) {
		v.Add("service_token", "must be at most 50 letters, digits, -, _ or .")
	}
}

// Handshake keeps a session whose events are pushed: without a handshake for 2 minutes, the
// gateway signs the agent out (page 1204). The service token is a field of the request; a
// client of the gateway sends it as the header service_token. The response has a GUID if the
// gateway issued a new one.
func (s *Service) Handshake(
	ctx context.Context, req *agentconfv1.HandshakeRequest,
) (*agentconfv1.HandshakeResponse, error) {
	resp := &agentconfv1.HandshakeResponse{}
	op := onlineAgent("handshake", "POST", req, "/handshake")
	op.Advice, op.ServiceToken = guidAdvice, req.GetServiceToken()
	header := metadata.ValueFromIncomingContext(ctx, "service_token")
	if op.ServiceToken == "" && len(header) > 0 {
		op.ServiceToken = header[0]
	}
	checkToken(&op.Violations, op.ServiceToken)
	response := operation.NoResult(resp, &resp.Message, &resp.Retcode).WithGUID(&resp.Guid)
	return operation.Run(ctx, s.runner, op, response)
}

var skillsPattern = regexp.MustCompile(`^[0-9;]*$`)

// ResetSkill sets the skill queues that the agent serves (page 1209): with autoflag all that
// are configured for it, otherwise those of skillid, which the gateway reduces to the
// configured ones. Without this call a signed-in agent serves none (page 05_4015). The
// arguments are in the path and the query; the request has no body.
func (s *Service) ResetSkill(
	ctx context.Context, req *agentconfv1.ResetSkillRequest,
) (*agentconfv1.ResetSkillResponse, error) {
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
		op.Violations.Add("skillid",
			"must be IDs of skills with ; between them, at most 4000 characters, such as 1;2;3")
	}
	op.Violations.Optional("phonelinkage", req.Phonelinkage, 0, 1)
	return operation.Run(ctx, s.runner, op, operation.Reserved(resp, &resp.Message, &resp.Retcode, &resp.Result))
}
