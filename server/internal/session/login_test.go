package session_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"agentconf/conformance"
	agentconfv1 "agentconf/gen/agentconf/v1"
	"agentconf/server/internal/outcome"
	"agentconf/server/internal/servicetest"
)

const (
	loginLine      = "PUT /agentgateway/resource/onlineagent/1287"
	forceLoginLine = loginLine + "/forcelogin"

	shortLogin = `{"password":"","phonenum":"40038"}`
	bareLogin  = `{"phonenum":"40038"}` // without a password
	longLogin  = `{"agenttype":4,"autoanswer":false,"autoenteridle":true,"callBackUri":"uri","checkInMailm":true,` +
		`"checkInWebm":false,"entryIp":"entry","ip":"127.0.0.1","listenStatus":false,"password":"opensesame",` +
		`"phonelinkage":true,"phonenum":"40038","pushUrl":"http://crm.test/push?a=1","releasephone":false,"serviceToken":"crm-1","status":5,"vcPhoneNumber":"1"}`
)

// login is Login or ForceLogin with a request in JSON.
type login struct {
	line string
	call func(ctx context.Context, body string) (guid string, err error)
}

func (f *fixture) logins() []login {
	options := protojson.UnmarshalOptions{}
	return []login{
		{loginLine, func(ctx context.Context, body string) (string, error) {
			req := &agentconfv1.LoginRequest{}
			if err := options.Unmarshal([]byte(body), req); err != nil {
				return "", err
			}
			req.AgentId = "1287"
			resp, err := f.Login(ctx, req)
			return resp.GetGuid(), err
		}},
		{forceLoginLine, func(ctx context.Context, body string) (string, error) {
			req := &agentconfv1.ForceLoginRequest{}
			if err := options.Unmarshal([]byte(body), req); err != nil {
				return "", err
			}
			req.AgentId = "1287"
			resp, err := f.ForceLogin(ctx, req)
			return resp.GetGuid(), err
		}},
	}
}

// Both sign-ins send the same fields, and none that the caller leaves out. They need no
// GUID, send none, and return the new one.
func TestLogin(t *testing.T) {
	f := newFixture(t)
	f.gateway.Play(conformance.Script{SetGUID: issuedGUID})
	for _, login := range f.logins() {
		for _, body := range []string{shortLogin, bareLogin, longLogin} {
			for _, ctx := range []context.Context{t.Context(), servicetest.Context(t)} {
				guid, err := login.call(ctx, body)
				if err != nil || guid != issuedGUID {
					t.Errorf("%s: GUID %s, %v", login.line, guid, err)
				}
				f.checkRequest(t, login.line, body, "")
			}
		}
	}
}

// ForceLogin has the fields of Login, with the same numbers, so that one can be read as
// the other.
func TestForceLoginHasTheFieldsOfLogin(t *testing.T) {
	fields := func(m proto.Message) protoreflect.FieldDescriptors { return m.ProtoReflect().Descriptor().Fields() }
	login, force := fields(&agentconfv1.LoginRequest{}), fields(&agentconfv1.ForceLoginRequest{})
	if login.Len() != force.Len() {
		t.Fatalf("%d and %d fields", login.Len(), force.Len())
	}
	for i := range login.Len() {
		a, b := login.Get(i), force.ByNumber(login.Get(i).Number())
		if b == nil || a.Name() != b.Name() || a.Kind() != b.Kind() || a.HasOptionalKeyword() != b.HasOptionalKeyword() {
			t.Errorf("%v differs from %v", a, b)
		}
	}
}

// A sign-in without a usable GUID is of unknown outcome: the caller cannot use the session.
func TestLoginWithoutGUID(t *testing.T) {
	f := newFixture(t)
	for _, guid := range []string{"", "a b"} {
		f.gateway.Play(conformance.Script{SetGUID: guid})
		for _, login := range f.logins() {
			_, err := login.call(t.Context(), shortLogin)
			e := servicetest.CheckError(t, err, outcome.AnswerLost)
			if !strings.Contains(e.Text, "Find out whether the agent is signed in") {
				t.Errorf("text %s", e.Text)
			}
		}
	}
}

// UpdateGuid without a GUID, and a handshake with an unusable one, are of unknown outcome. The
// text advises to use the GUID that the caller has.
func TestLostGUID(t *testing.T) {
	f := newFixture(t)
	f.gateway.Play(conformance.Script{SetGUID: "a b"})
	ctx := servicetest.Context(t)
	_, updateErr := f.UpdateGuid(ctx, &agentconfv1.UpdateGuidRequest{AgentId: "1287"})
	_, handshakeErr := f.Handshake(ctx, &agentconfv1.HandshakeRequest{AgentId: "1287"})
	for _, err := range []error{updateErr, handshakeErr} {
		if e := servicetest.CheckError(t, err, outcome.AnswerLost); !strings.Contains(e.Text, "use the one you have") {
			t.Errorf("text %s", e.Text)
		}
	}
}

// watched runs test in a bubble with a proven watch of agent 1287.
func watched(t *testing.T, test func(t *testing.T, f *fixture, items chan *agentconfv1.WatchAgentEventsResponse, ended chan error)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		items, leave, ended := f.watch(t)
		<-items // the start
		time.Sleep(time.Second)
		test(t, f, items, ended)
		leave()
		time.Sleep(time.Minute) // the poll loop ends
	})
}

// A sign-in ends the watch of the earlier session. A sign-in that failed does not.
func TestLoginEndsTheWatch(t *testing.T) {
	for i := range 2 {
		watched(t, func(t *testing.T, f *fixture, _ chan *agentconfv1.WatchAgentEventsResponse, ended chan error) {
			login := f.logins()[i]
			if _, err := login.call(t.Context(), shortLogin); err == nil {
				t.Error("a sign-in without a GUID succeeds")
			}
			synctest.Wait()
			if len(ended) > 0 {
				t.Fatalf("%s: the watch has ended: %v", login.line, <-ended)
			}
			f.gateway.Play(conformance.Script{SetGUID: issuedGUID})
			if _, err := login.call(t.Context(), shortLogin); err != nil {
				t.Fatal(err)
			}
			servicetest.CheckError(t, <-ended, outcome.SessionEnded)
		})
	}
}

// A GUID that UpdateGuid brings is delivered to the watch of the agent.
func TestUpdateGuid(t *testing.T) {
	watched(t, func(t *testing.T, f *fixture, items chan *agentconfv1.WatchAgentEventsResponse, _ chan error) {
		reply := `{"retcode":"0","result":{"guid":"` + issuedGUID + `"}}`
		f.gateway.Play(conformance.Script{Reply: &reply})
		resp, err := f.UpdateGuid(servicetest.Context(t), &agentconfv1.UpdateGuidRequest{AgentId: "1287"})
		if err != nil || resp.GetResult().GetGuid() != issuedGUID {
			t.Fatalf("%v, %v", resp, err)
		}
		if item := <-items; item.GetGuidChanged().GetGuid() != issuedGUID {
			t.Errorf("item %v, want the new GUID", item)
		}
	})
}

// A GUID that a handshake brings is delivered to the watch of the agent, too.
func TestGUIDOfHandshake(t *testing.T) {
	watched(t, func(t *testing.T, f *fixture, items chan *agentconfv1.WatchAgentEventsResponse, _ chan error) {
		f.gateway.PlayEach(func(r conformance.Request) conformance.Script {
			if strings.Contains(r.Line, "handshake") {
				return conformance.Script{SetGUID: issuedGUID}
			}
			return conformance.Script{}
		})
		resp, err := f.Handshake(servicetest.Context(t), &agentconfv1.HandshakeRequest{AgentId: "1287"})
		if err != nil || resp.GetGuid() != issuedGUID {
			t.Fatalf("%v, %v", resp, err)
		}
		if item := <-items; item.GetGuidChanged().GetGuid() != issuedGUID {
			t.Errorf("item %v, want the new GUID", item)
		}
	})
}

// If UpdateGuid fails, the GUID of the watch stays.
func TestUpdateGuidFails(t *testing.T) {
	watched(t, func(t *testing.T, f *fixture, items chan *agentconfv1.WatchAgentEventsResponse, _ chan error) {
		f.gateway.PlayEach(func(r conformance.Request) conformance.Script {
			reply := `{"retcode":"0"}`
			if strings.Contains(r.Line, "updateGuid") {
				reply = `{"retcode":"000-003","result":{"guid":"` + issuedGUID + `"}}`
			}
			return conformance.Script{Reply: &reply}
		})
		resp, err := f.UpdateGuid(servicetest.Context(t), &agentconfv1.UpdateGuidRequest{AgentId: "1287"})
		if resp != nil || err == nil {
			t.Errorf("%v, %v", resp, err)
		}
		time.Sleep(time.Second)
		if len(items) > 0 {
			t.Errorf("item %v", <-items)
		}
	})
}
