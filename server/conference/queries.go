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
	return call(ctx, s, operation{
		name:    "queryConfInfos",
		agentID: req.GetAgentId(),
		body: struct {
			ConfIDs []int64 `json:"confIds"`
		}{req.GetConfIds()},
	}, faults, &agentconfv1.QueryConfInfosResponse{})
}

// QueryAllConfIds lists the conferences of the VDN.
func (s *Service) QueryAllConfIds(ctx context.Context, req *agentconfv1.QueryAllConfIdsRequest) (*agentconfv1.QueryAllConfIdsResponse, error) {
	return call(ctx, s, operation{
		name:    "queryAllConfIds",
		agentID: req.GetAgentId(),
		method:  "GET",
		path:    agentConf(req.GetAgentId(), "queryvdnconfid"),
	}, nil, &agentconfv1.QueryAllConfIdsResponse{})
}
