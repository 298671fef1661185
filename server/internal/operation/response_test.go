package operation_test

import (
	"errors"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	agentconfv1 "agentconf/gen/agentconf/v1"
	"agentconf/server/internal/gateway"
	"agentconf/server/internal/operation"
	"agentconf/server/internal/outcome"
	"agentconf/server/internal/servicetest"
)

// The fields of a response are those of the reply. A reserved result is passed on if it
// is an object, and a list may come without its object.
func TestResponse(t *testing.T) {
	g := servicetest.NewGateway(t, operation.Options{})
	const conferences = `{"retcode":"0","result":{"confs":[{"confId":"7"},{"confId":"8"}]}}`
	for _, test := range []struct {
		resp        proto.Message
		reply, want string
	}{
		{
			&agentconfv1.HoldParticipantResponse{},
			`{"message":"m","retcode":0,"result":{"a":1}}`, `{"message":"m","retcode":"0","result":{"a":1}}`,
		},
		{&agentconfv1.HoldParticipantResponse{}, `{"retcode":"0"}`, `{"retcode":"0","result":{}}`},
		{&agentconfv1.HoldParticipantResponse{}, `{"retcode":"0","result":["a"]}`, `{"retcode":"0","result":{}}`},
		{&agentconfv1.HoldParticipantResponse{}, `{"retcode":"0","result":"text"}`, `{"retcode":"0","result":{}}`},
		{&agentconfv1.ForceLogoutWithReasonResponse{}, `{"retcode":"0","result":{"a":1}}`, `{"retcode":"0"}`},
		{&agentconfv1.QueryConfInfosResponse{}, `{"retcode":"0","result":{"confs":[{"confId":7,"new":1},{"confId":8}]}}`, conferences},
		{&agentconfv1.QueryConfInfosResponse{}, `{"retcode":"0","result":[{"confId":7},{"confId":8}]}`, conferences},
		{&agentconfv1.QueryConfInfosResponse{}, `{"retcode":"0","result":null}`, `{"retcode":"0","result":{}}`},
	} {
		if _, err := run(t, g, test.reply, holdOperation(), test.resp); err != nil {
			t.Errorf("%s: %v", test.reply, err)
		}
		checkMessage(t, test.resp, test.want)
	}
}

// A result that cannot be read makes the outcome unknown: the gateway has accepted
// something. No text repeats the result.
func TestUnreadableResult(t *testing.T) {
	g := servicetest.NewGateway(t, operation.Options{})
	for _, reply := range []string{
		`{"retcode":"0","result":"88887946"}`, `{"retcode":"0","result":{"confs":"88887946"}}`, `{"retcode":"0","result":["88887946"]}`,
	} {
		resp, err := run(t, g, reply, holdOperation(), &agentconfv1.QueryConfInfosResponse{})
		e := servicetest.CheckError(t, err, outcome.AnswerLost)
		if resp != nil || strings.Contains(e.Text+e.Cause.Error(), "88887946") {
			t.Errorf("%s: response %v, text %s, cause %v", reply, resp, e.Text, e.Cause)
		}
	}
}

// The function of WithRead sees the reply of an accepted operation only. Its error makes the
// outcome unknown.
func TestRead(t *testing.T) {
	g := servicetest.NewGateway(t, operation.Options{})
	event, result := "", errors.New("not called")
	response := responseOf(t, &agentconfv1.QueryConfInfosResponse{}).WithRead(func(reply gateway.Reply) error {
		event = string(reply.Event)
		return result
	})
	read := func(reply string) error {
		g.Reply(reply)
		_, err := operation.Run(servicetest.Context(t), g.Runner, holdOperation(), response)
		return err
	}
	if err := read(`{"retcode":"101-002","event":1}`); event != "" || err == nil {
		t.Errorf("event %s of a refusal, error %v", event, err)
	}
	result = nil
	if err := read(`{"retcode":"0","event":2}`); err != nil || event != "2" {
		t.Errorf("event %s, error %v", event, err)
	}
	result = operation.Unreadable("no event")
	servicetest.CheckError(t, read(`{"retcode":"0"}`), outcome.AnswerLost)
}

// Of the result of a refusal only the documented key is passed on.
func TestResultOfRefusal(t *testing.T) {
	g := servicetest.NewGateway(t, operation.Options{})
	for reply, want := range map[string]string{
		`{"retcode":"101-002","result":{"errorReason":7,"address":"88887946"}}`: `{"errorReason":7}`,
		`{"retcode":"101-002","result":{"errorReason":"88887946"}}`:             `{}`,
		`{"retcode":"101-002","result":"88887946"}`:                             `{}`,
		`{"retcode":"101-002"}`:                                                 "",
	} {
		_, err := run(t, g, reply, holdOperation(), &agentconfv1.HoldParticipantResponse{})
		e, ok := errors.AsType[*outcome.Error](err)
		if !ok || e.Reason != "NOT_CHAIRPERSON" || string(e.GatewayResult) != want {
			t.Errorf("%s: error %v with result %s, want %s", reply, err, e.GatewayResult, want)
		}
	}
}
