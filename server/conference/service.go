// Package conference is the service: it checks what a caller asks, makes the one
// call of the CC-Gateway that does it, and says what is known of the outcome.
package conference

import (
	"context"
	"encoding/json"
	"net/url"
	"strings"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/structpb"

	agentconfv1 "agentconf/gen/agentconf/v1"
	"agentconf/server/agentgateway"
)

// Service implements agentconf.v1.ConferenceService. It keeps no state: all
// truth is in the gateway.
type Service struct {
	agentconfv1.UnimplementedConferenceServiceServer

	gateway    *agentgateway.Client
	agentIDMax int
}

// New returns a service that calls gateway for agents up to agentIDMax.
func New(gateway *agentgateway.Client, agentIDMax int) *Service {
	return &Service{gateway: gateway, agentIDMax: agentIDMax}
}

// call is the way of every conference operation: no byte is sent unless the GUID
// and all arguments are in order.
func (s *Service) call(ctx context.Context, op operation, faults violations) (agentgateway.Reply, error) {
	guid, err := guidOf(ctx, op.name)
	if err != nil {
		return agentgateway.Reply{}, err
	}
	if len(faults) > 0 {
		return agentgateway.Reply{}, InvalidArgument(op.name, faults...)
	}
	reply, err := s.gateway.Call(ctx, agentgateway.Request{
		Method: "POST",
		Path:   "agentconf/" + url.PathEscape(op.agentID) + "/" + strings.ToLower(op.name),
		GUID:   guid,
		Body:   op.body,
	})
	if err != nil {
		op.secrets = append(op.secrets, guid)
		return agentgateway.Reply{}, op.failed(err)
	}
	return reply, nil
}

// reserved is a result that the gateway has reserved for later: an object is
// passed on, anything else has no place in the contract and becomes an empty one.
func reserved(result json.RawMessage) *structpb.Struct {
	object := &structpb.Struct{}
	if len(result) == 0 || result[0] != '{' || protojson.Unmarshal(result, object) != nil {
		return &structpb.Struct{}
	}
	return object
}
