package conference

import (
	"context"
	"fmt"

	agentconfv1 "agentconf/gen/agentconf/v1"
)

const maxConfIDs = 20 // of one query (page 0485)

// QueryConfInfos tells what is known of conferences.
func (s *Service) QueryConfInfos(ctx context.Context, req *agentconfv1.QueryConfInfosRequest) (*agentconfv1.QueryConfInfosResponse, error) {
	var faults violations
	faults.count("conf_ids", len(req.GetConfIds()), maxConfIDs)
	for i, id := range req.GetConfIds() {
		if id < 0 {
			faults.add(fmt.Sprintf("conf_ids[%d]", i), "must not be negative")
		}
	}
	result := &agentconfv1.QueryConfInfosResult{}
	return call(ctx, s, operation{
		name:    "queryConfInfos",
		agentID: req.GetAgentId(),
		body: struct {
			ConfIDs []int64 `json:"confIds"`
		}{req.GetConfIds()},
		read: into(result),
	}, faults, func(a answer) *agentconfv1.QueryConfInfosResponse {
		return &agentconfv1.QueryConfInfosResponse{Message: a.Message, Retcode: a.Retcode, Result: result}
	})
}

// QueryAllConfIds lists the conferences of the VDN.
func (s *Service) QueryAllConfIds(ctx context.Context, req *agentconfv1.QueryAllConfIdsRequest) (*agentconfv1.QueryAllConfIdsResponse, error) {
	result := &agentconfv1.QueryAllConfIdsResult{}
	return call(ctx, s, operation{
		name:    "queryAllConfIds",
		agentID: req.GetAgentId(),
		method:  "GET",
		path:    agentConf(req.GetAgentId(), "queryvdnconfid"),
		read:    into(result),
	}, nil, func(a answer) *agentconfv1.QueryAllConfIdsResponse {
		return &agentconfv1.QueryAllConfIdsResponse{Message: a.Message, Retcode: a.Retcode, Result: result}
	})
}
