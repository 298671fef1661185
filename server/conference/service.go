// Package conference is the service: it checks what a caller asks, makes the one
// call of the CC-Gateway that does it, and says what is known of the outcome.
package conference

import (
	"cmp"
	"context"
	"net/url"
	"strings"

	"google.golang.org/protobuf/proto"

	agentconfv1 "agentconf/gen/agentconf/v1"
	"agentconf/server/agentgateway"
)

// Service implements the services of agentconf.v1. It keeps no state: all truth
// is in the gateway.
type Service struct {
	agentconfv1.UnimplementedConferenceServiceServer
	agentconfv1.UnimplementedSessionServiceServer

	gateway    *agentgateway.Client
	agentIDMax int
}

// New returns a service that calls gateway for agents up to agentIDMax.
func New(gateway *agentgateway.Client, agentIDMax int) *Service {
	return &Service{gateway: gateway, agentIDMax: agentIDMax}
}

// call is the way of every operation: no byte is sent unless the GUID and all
// arguments are in order. It returns resp with the gateway's answer in it.
func call[R proto.Message](ctx context.Context, s *Service, op operation, faults violations, resp R) (R, error) {
	var none R
	guid := ""
	if !op.noGUID {
		var err error
		if guid, err = guidOf(ctx, op.name); err != nil {
			return none, err
		}
	}
	if faults = append(s.agentIDFaults(op.agentID), faults...); len(faults) > 0 {
		return none, InvalidArgument(op.name, faults...)
	}
	reply, err := s.gateway.Call(ctx, op.request(guid))
	if err == nil {
		err = read(reply, resp)
	}
	if err != nil {
		op.secrets = append(op.secrets, guid)
		return none, op.failed(err)
	}
	return resp, nil
}

func (s *Service) agentIDFaults(id string) violations {
	var faults violations
	faults.agentID(id, s.agentIDMax)
	return faults
}

// request is op as the gateway wants it. Unless it says otherwise, it is of the
// conference family and posted to its own name (page 0467).
func (op operation) request(guid string) agentgateway.Request {
	return agentgateway.Request{
		Method:       cmp.Or(op.method, "POST"),
		Path:         cmp.Or(op.path, agentConf(op.agentID, op.name)),
		GUID:         guid,
		ServiceToken: op.serviceToken,
		Patience:     op.patience,
		Body:         op.body,
	}
}

func agentConf(agentID, name string) string {
	return "agentconf/" + url.PathEscape(agentID) + "/" + strings.ToLower(name)
}
