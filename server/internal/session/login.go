package session

import (
	"context"
	"net/netip"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	agentconfv1 "agentconf/gen/agentconf/v1"
	"agentconf/server/internal/operation"
)

// loginBody returns the body of a sign-in (page 1202): the fields that the caller has set,
// whose JSON names are the page's, without the agent ID, which is in the path. The gateway
// has a default for every other field, so that an unset field must not become false or 0.
func loginBody(req *agentconfv1.LoginRequest) map[string]any {
	body := map[string]any{}
	req.ProtoReflect().Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		if f.Name() != "agent_id" {
			body[f.JSONName()] = v.Interface()
		}
		return true
	})
	return body
}

// login signs an agent in with the fields of req, which have the same limits at both
// sign-ins. Without a usable GUID the outcome is unknown: the agent may be signed in, but the
// caller cannot use the session.
//
// The earlier session is over for the gateway at its reply. Its watch ends before the caller
// receives the new GUID, so that a watch of the new session never meets the old one.
func login[R proto.Message](
	ctx context.Context, s *Service, op operation.Operation, req *agentconfv1.LoginRequest,
	response operation.Response[R],
) (R, error) {
	op.NoGUID, op.Body, op.Violations = true, loginBody(req), checkLogin(req)
	resp, err := operation.Run(ctx, s.runner, op, response)
	if err == nil {
		s.events.EndSession(op.Request.GetAgentId())
	}
	return resp, err
}

// checkLogin checks the limits of page 1202. The gateway has no IPv6 addresses. The limits of
// entryIp and pushUrl are ours, as the page has none.
func checkLogin(req *agentconfv1.LoginRequest) (v operation.Violations) {
	v.Text("password", req.GetPassword(), 0, 32)
	v.Text("phonenum", req.GetPhonenum(), 1, 24)
	if t := req.Agenttype; t != nil && *t != 4 && *t != 11 {
		v.Add("agenttype", "must be 4 or 11, or left out")
	}
	v.Optional("status", req.Status, 3, 5)
	if ip, err := netip.ParseAddr(req.GetIp()); req.GetIp() != "" && (err != nil || !ip.Is4()) {
		v.Add("ip", "must be an IPv4 address such as 127.0.0.1, or left out")
	}
	v.Text("entry_ip", req.GetEntryIp(), 0, 64)
	v.Text("vc_phone_number", req.GetVcPhoneNumber(), 0, 24)
	v.Text("call_back_uri", req.GetCallBackUri(), 0, 200)
	v.Text("push_url", req.GetPushUrl(), 0, 200)
	checkToken(&v, req.GetServiceToken())
	return v
}
