package conference

import (
	"context"
	"errors"
	"net/url"
	"strconv"

	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"

	agentconfv1 "agentconf/gen/agentconf/v1"
	"agentconf/server/internal/gateway"
)

const lookAgent = "Find out whether the agent is signed in before repeating anything"

// onlineAgent is an operation on the session of an agent (page 1202); path is
// what follows the agent ID.
func onlineAgent(name, method, agentID, path string) operation {
	return operation{
		name:    name,
		agentID: agentID,
		method:  method,
		path:    "onlineagent/" + url.PathEscape(agentID) + path,
		look:    lookAgent,
	}
}

// signIn is the body of a sign-in (page 1202). What is left out has the
// gateway's own default.
type signIn struct {
	Password      string `json:"password"`
	Phonenum      string `json:"phonenum"`
	Autoanswer    *bool  `json:"autoanswer,omitempty"`
	Autoenteridle *bool  `json:"autoenteridle,omitempty"`
	Releasephone  *bool  `json:"releasephone,omitempty"`
	Agenttype     *int32 `json:"agenttype,omitempty"`
	Status        *int32 `json:"status,omitempty"`
	IP            string `json:"ip,omitempty"`
	EntryIP       string `json:"entryIp,omitempty"`
	Phonelinkage  *bool  `json:"phonelinkage,omitempty"`
	CheckInWebm   *bool  `json:"checkInWebm,omitempty"`
	CheckInMailm  *bool  `json:"checkInMailm,omitempty"`
	VcPhoneNumber string `json:"vcPhoneNumber,omitempty"`
	ListenStatus  *bool  `json:"listenStatus,omitempty"`
	CallBackURI   string `json:"callBackUri,omitempty"`
	ServiceToken  string `json:"serviceToken,omitempty"`
}

// Login signs an agent in.
func (s *Service) Login(ctx context.Context, req *agentconfv1.LoginRequest) (*agentconfv1.LoginResponse, error) {
	op := onlineAgent("login", "PUT", req.GetAgentId(), "")
	return login(ctx, s, op, req, func(a answer) *agentconfv1.LoginResponse {
		return &agentconfv1.LoginResponse{Message: a.Message, Retcode: a.Retcode, Result: a.reserved(), Guid: a.GUID}
	})
}

// ForceLogin signs an agent in, whoever is signed in as the same.
func (s *Service) ForceLogin(ctx context.Context, req *agentconfv1.ForceLoginRequest) (*agentconfv1.ForceLoginResponse, error) {
	op := onlineAgent("forceLogin", "PUT", req.GetAgentId(), "/forcelogin")
	wire, err := proto.Marshal(req)
	same := &agentconfv1.LoginRequest{} // a message of its own only for the default of releasephone
	if err == nil {
		err = proto.Unmarshal(wire, same)
	}
	if err != nil {
		return nil, Internal(op.name, err)
	}
	return login(ctx, s, op, same, func(a answer) *agentconfv1.ForceLoginResponse {
		return &agentconfv1.ForceLoginResponse{Message: a.Message, Retcode: a.Retcode, Result: a.reserved(), Guid: a.GUID}
	})
}

func login[R interface{ GetGuid() string }](ctx context.Context, s *Service, op operation, req *agentconfv1.LoginRequest, respond func(answer) R) (R, error) {
	op.noGUID = true
	op.body = signIn{
		Password: req.GetPassword(), Phonenum: req.GetPhonenum(), Autoanswer: req.Autoanswer,
		Autoenteridle: req.Autoenteridle, Releasephone: req.Releasephone, Agenttype: req.Agenttype,
		Status: req.Status, IP: req.GetIp(), EntryIP: req.GetEntryIp(), Phonelinkage: req.Phonelinkage,
		CheckInWebm: req.CheckInWebm, CheckInMailm: req.CheckInMailm, VcPhoneNumber: req.GetVcPhoneNumber(),
		ListenStatus: req.ListenStatus, CallBackURI: req.GetCallBackUri(), ServiceToken: req.GetServiceToken(),
	}
	op.secrets = []string{req.GetPassword(), req.GetServiceToken(), req.GetPhonenum(), req.GetVcPhoneNumber()}
	resp, err := call(ctx, s, op, loginFaults(req), respond)
	if err == nil && resp.GetGuid() == "" {
		return resp, op.failed(&gateway.Error{Kind: gateway.Broken, Err: errors.New("no GUID came with the sign-in")})
	}
	if err == nil {
		s.watches.displaced(op.agentID)
	}
	return resp, err
}

func loginFaults(req *agentconfv1.LoginRequest) (faults violations) {
	faults.text("password", req.GetPassword(), 0, 32)
	faults.text("phonenum", req.GetPhonenum(), 1, 24)
	if t := req.Agenttype; t != nil && *t != 4 && *t != 11 {
		faults.add("agenttype", "must be 4 or 11, or left out")
	}
	faults.optional("status", req.Status, 3, 5)
	faults.ipv4("ip", req.GetIp())
	faults.text("entry_ip", req.GetEntryIp(), 0, 64)
	faults.text("vc_phone_number", req.GetVcPhoneNumber(), 0, 24)
	faults.text("call_back_uri", req.GetCallBackUri(), 0, 200)
	faults.token("service_token", req.GetServiceToken())
	return faults
}

// Logout signs the agent out.
func (s *Service) Logout(ctx context.Context, req *agentconfv1.LogoutRequest) (*agentconfv1.LogoutResponse, error) {
	op := onlineAgent("logout", "DELETE", req.GetAgentId(), "/logout")
	return call(ctx, s, op, nil, func(a answer) *agentconfv1.LogoutResponse {
		return &agentconfv1.LogoutResponse{Message: a.Message, Retcode: a.Retcode, Result: a.reserved()}
	})
}

// ForceLogout signs the agent out, in a call too.
func (s *Service) ForceLogout(ctx context.Context, req *agentconfv1.ForceLogoutRequest) (*agentconfv1.ForceLogoutResponse, error) {
	op := onlineAgent("forceLogout", "DELETE", req.GetAgentId(), "/forcelogout")
	return call(ctx, s, op, nil, func(a answer) *agentconfv1.ForceLogoutResponse {
		return &agentconfv1.ForceLogoutResponse{Message: a.Message, Retcode: a.Retcode, Result: a.reserved()}
	})
}

// ForceLogoutWithReason signs the agent out and says why.
func (s *Service) ForceLogoutWithReason(ctx context.Context, req *agentconfv1.ForceLogoutWithReasonRequest) (*agentconfv1.ForceLogoutWithReasonResponse, error) {
	var faults violations
	faults.number("reason", req.GetReason(), 1, 255)
	path := "/forcelogoutwithreason/" + strconv.Itoa(int(req.GetReason()))
	op := onlineAgent("forceLogoutWithReason", "DELETE", req.GetAgentId(), path)
	return call(ctx, s, op, faults, func(a answer) *agentconfv1.ForceLogoutWithReasonResponse {
		return &agentconfv1.ForceLogoutWithReasonResponse{Message: a.Message, Retcode: a.Retcode}
	})
}

// UpdateGuid asks for a new GUID.
func (s *Service) UpdateGuid(ctx context.Context, req *agentconfv1.UpdateGuidRequest) (*agentconfv1.UpdateGuidResponse, error) {
	op := onlineAgent("updateGuid", "PUT", req.GetAgentId(), "/updateGuid")
	result := &agentconfv1.UpdateGuidResult{}
	op.read = into(result)
	resp, err := call(ctx, s, op, nil, func(a answer) *agentconfv1.UpdateGuidResponse {
		return &agentconfv1.UpdateGuidResponse{Message: a.Message, Retcode: a.Retcode, Result: result}
	})
	if err != nil {
		return nil, err
	}
	if present, err := guidOf(ctx, op.name); err == nil {
		s.watches.renewed(op.agentID, present, resp.GetResult().GetGuid())
	}
	return resp, nil
}

// Handshake keeps a session whose events are pushed.
func (s *Service) Handshake(ctx context.Context, req *agentconfv1.HandshakeRequest) (*agentconfv1.HandshakeResponse, error) {
	op := onlineAgent("handshake", "POST", req.GetAgentId(), "/handshake")
	op.serviceToken = req.GetServiceToken()
	if header := metadata.ValueFromIncomingContext(ctx, "service_token"); op.serviceToken == "" && len(header) > 0 {
		op.serviceToken = header[0] // as the gateway's own clients send it
	}
	op.secrets = []string{op.serviceToken}
	var faults violations
	faults.token("service_token", op.serviceToken)
	return call(ctx, s, op, faults, func(a answer) *agentconfv1.HandshakeResponse {
		return &agentconfv1.HandshakeResponse{Message: a.Message, Retcode: a.Retcode, Guid: a.GUID}
	})
}

// ResetSkill says which skills the agent serves.
func (s *Service) ResetSkill(ctx context.Context, req *agentconfv1.ResetSkillRequest) (*agentconfv1.ResetSkillResponse, error) {
	var faults violations
	faults.skills("skillid", req.GetSkillid())
	faults.optional("phonelinkage", req.Phonelinkage, 0, 1)
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
	op := onlineAgent("resetSkill", "POST", req.GetAgentId(), path)
	return call(ctx, s, op, faults, func(a answer) *agentconfv1.ResetSkillResponse {
		return &agentconfv1.ResetSkillResponse{Message: a.Message, Retcode: a.Retcode, Result: a.reserved()}
	})
}
