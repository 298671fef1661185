package session

import (
	"context"
	"net/netip"

	"google.golang.org/protobuf/proto"

	agentconfv1 "agentconf/gen/agentconf/v1"
	"agentconf/server/internal/gateway"
	"agentconf/server/internal/operation"
)

// loginBody is the body of a sign-in (page 1202), its names in the page's spelling. The
// gateway has a default for every field that is left out, so that an unset field must not
// become false or 0. The password is sent even if it is empty.
type loginBody struct {
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

func bodyOf(req *agentconfv1.LoginRequest) loginBody {
	return loginBody{
		Password: req.GetPassword(), Phonenum: req.GetPhonenum(), Autoanswer: req.Autoanswer,
		Autoenteridle: req.Autoenteridle, Releasephone: req.Releasephone, Agenttype: req.Agenttype,
		Status: req.Status, IP: req.GetIp(), EntryIP: req.GetEntryIp(), Phonelinkage: req.Phonelinkage,
		CheckInWebm: req.CheckInWebm, CheckInMailm: req.CheckInMailm, VcPhoneNumber: req.GetVcPhoneNumber(),
		ListenStatus: req.ListenStatus, CallBackURI: req.GetCallBackUri(), ServiceToken: req.GetServiceToken(),
	}
}

// login signs an agent in with the fields of req, which have the same limits at both
// sign-ins.
//
// The earlier session is over for the gateway at its reply. Its watch ends before the caller
// receives the new GUID, so that a watch of the new session never meets the old one.
func login[R proto.Message](
	ctx context.Context, s *Service, op operation.Operation, req *agentconfv1.LoginRequest,
	response operation.Response[R],
) (R, error) {
	op.NoGUID, op.Body, op.Violations = true, bodyOf(req), checkLogin(req)
	resp, err := operation.Run(ctx, s.runner, op, response.WithRead(requireGUID))
	if err == nil {
		s.events.EndSession(op.Request.GetAgentId())
	}
	return resp, err
}

// requireGUID rejects the reply to a sign-in without a GUID: the agent may be signed in, but
// the caller cannot use the session.
func requireGUID(reply gateway.Reply) error {
	if reply.GUID == "" {
		return operation.Unreadable("the sign-in brought no GUID")
	}
	return nil
}

// checkLogin checks the limits of page 1202. The length of entryIp is not documented.
func checkLogin(req *agentconfv1.LoginRequest) (v operation.Violations) {
	v.Text("password", req.GetPassword(), 0, 32)
	v.Text("phonenum", req.GetPhonenum(), 1, 24)
	if t := req.Agenttype; t != nil && *t != 4 && *t != 11 {
		v.Add("agenttype", "must be 4 or 11, or left out")
	}
	v.Optional("status", req.Status, 3, 5)
	checkIPv4(&v, req.GetIp())
	v.Text("entry_ip", req.GetEntryIp(), 0, 64)
	v.Text("vc_phone_number", req.GetVcPhoneNumber(), 0, 24)
	v.Text("call_back_uri", req.GetCallBackUri(), 0, 200)
	checkToken(&v, req.GetServiceToken())
	return v
}

// checkIPv4 checks an address that may be left out. The gateway has no IPv6 (page 1202).
func checkIPv4(v *operation.Violations, s string) {
	if addr, err := netip.ParseAddr(s); s != "" && (err != nil || !addr.Is4()) {
		v.Add("ip", "must be an IPv4 address such as 127.0.0.1, or left out")
	}
}
