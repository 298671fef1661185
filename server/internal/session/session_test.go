package session_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	agentconfv1 "agentconf/gen/agentconf/v1"
	"agentconf/server/internal/outcome"
	"agentconf/server/internal/servicetest"
)

// Every RPC on a session sends one request with the documented method, path and query.
func TestRequests(t *testing.T) {
	f := newFixture(t)
	f.gateway.Reply(`{"retcode":"0","result":{"guid":"` + issuedGUID + `"}}`)
	const root = " /agentgateway/resource/onlineagent/1287"
	for line, call := range map[string]func(context.Context) (any, error){
		"DELETE" + root + "/logout": func(ctx context.Context) (any, error) {
			return f.Logout(ctx, &agentconfv1.LogoutRequest{AgentId: "1287"})
		},
		"DELETE" + root + "/forcelogout": func(ctx context.Context) (any, error) {
			return f.ForceLogout(ctx, &agentconfv1.ForceLogoutRequest{AgentId: "1287"})
		},
		"DELETE" + root + "/forcelogoutwithreason/255": func(ctx context.Context) (any, error) {
			return f.ForceLogoutWithReason(ctx, &agentconfv1.ForceLogoutWithReasonRequest{AgentId: "1287", Reason: 255})
		},
		"PUT" + root + "/updateGuid": func(ctx context.Context) (any, error) {
			return f.UpdateGuid(ctx, &agentconfv1.UpdateGuidRequest{AgentId: "1287"})
		},
		"POST" + root + "/handshake": func(ctx context.Context) (any, error) {
			return f.Handshake(ctx, &agentconfv1.HandshakeRequest{AgentId: "1287"})
		},
		"POST" + root + "/resetskill/false": func(ctx context.Context) (any, error) {
			return f.ResetSkill(ctx, &agentconfv1.ResetSkillRequest{AgentId: "1287"})
		},
		"POST" + root + "/resetskill/true?skillid=1%3B2": func(ctx context.Context) (any, error) {
			return f.ResetSkill(ctx, &agentconfv1.ResetSkillRequest{AgentId: "1287", Autoflag: true, Skillid: "1;2"})
		},
		"POST" + root + "/resetskill/false?phonelinkage=0": func(ctx context.Context) (any, error) {
			return f.ResetSkill(ctx, &agentconfv1.ResetSkillRequest{AgentId: "1287", Phonelinkage: proto.Int32(0)})
		},
		"POST" + root + "/resetskill/false?phonelinkage=1&skillid=7": func(ctx context.Context) (any, error) {
			return f.ResetSkill(ctx, &agentconfv1.ResetSkillRequest{AgentId: "1287", Phonelinkage: proto.Int32(1), Skillid: "7"})
		},
	} {
		if _, err := call(servicetest.Context(t)); err != nil {
			t.Errorf("%s: %v", line, err)
		}
		f.checkRequest(t, line, "", servicetest.GUID)
		_, err := call(t.Context())
		servicetest.CheckError(t, err, outcome.GUIDMissing)
	}
}

// A handshake sends the service token as a header. The field of the request comes before
// the metadata, which a client of the gateway sends.
func TestServiceToken(t *testing.T) {
	f := newFixture(t)
	for _, test := range []struct{ field, header, want string }{
		{"", "", ""}, {"crm-1", "", "crm-1"}, {"", "crm-2", "crm-2"}, {"crm-1", "crm-2", "crm-1"},
	} {
		ctx := servicetest.Context(t)
		if test.header != "" {
			ctx = servicetest.Context(t, "service_token", test.header)
		}
		if _, err := f.Handshake(ctx, &agentconfv1.HandshakeRequest{AgentId: "1287", ServiceToken: test.field}); err != nil {
			t.Fatal(err)
		}
		if got := f.gateway.Only(t).Header.Get("Service_token"); got != test.want {
			t.Errorf("%+v: the gateway received %q", test, got)
		}
	}
	_, err := f.Handshake(servicetest.Context(t, "service_token", "two words"), &agentconfv1.HandshakeRequest{AgentId: "1287"})
	servicetest.CheckError(t, err, outcome.InvalidArgument)
}

// A request is checked as a whole before anything is sent.
func TestViolations(t *testing.T) {
	f := newFixture(t)
	ctx := servicetest.Context(t)
	for want, call := range map[string]func() (any, error){
		"[agent_id password phonenum agenttype status ip entry_ip vc_phone_number call_back_uri push_url service_token]": func() (any, error) {
			long := strings.Repeat("x", 201)
			return f.Login(ctx, &agentconfv1.LoginRequest{
				Password: &long, Agenttype: proto.Int32(5), Status: proto.Int32(6), Ip: "::1", EntryIp: long,
				VcPhoneNumber: long, CallBackUri: long, PushUrl: long, ServiceToken: long,
			})
		},
		"[agent_id phonenum]": func() (any, error) { return f.ForceLogin(ctx, &agentconfv1.ForceLoginRequest{}) },
		"[reason]": func() (any, error) {
			return f.ForceLogoutWithReason(ctx, &agentconfv1.ForceLogoutWithReasonRequest{AgentId: "1287", Reason: 256})
		},
		"[skillid phonelinkage]": func() (any, error) {
			return f.ResetSkill(ctx, &agentconfv1.ResetSkillRequest{AgentId: "1287", Skillid: "1&2", Phonelinkage: proto.Int32(2)})
		},
		"[skillid]": func() (any, error) {
			return f.ResetSkill(ctx, &agentconfv1.ResetSkillRequest{AgentId: "1287", Skillid: strings.Repeat("1", 4001)})
		},
	} {
		_, err := call()
		e := servicetest.CheckError(t, err, outcome.InvalidArgument)
		var fields []string
		for _, v := range e.Violations {
			fields = append(fields, v.Field)
		}
		if got := fmt.Sprint(fields); got != want {
			t.Errorf("violations %s, want %s", got, want)
		}
	}
	if sent := f.gateway.Received(); len(sent) > 0 {
		t.Errorf("the gateway received %v", sent)
	}
}
