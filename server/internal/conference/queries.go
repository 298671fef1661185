package conference

import (
	"context"
	"fmt"

	agentconfv1 "agentconf/gen/agentconf/v1"
	"agentconf/server/internal/operation"
)

const maxConfIDs = 20 // of one query (page 0485)

// QueryConfInfos returns the state and the participants of 1 to 20 conferences (page 0485).
// An inspector may name any conference of the VDN, another agent its own. The page's sample
// leaves out an ID in the result, so an unknown conference is no error.
func (s *Service) QueryConfInfos(
	ctx context.Context, req *agentconfv1.QueryConfInfosRequest,
) (*agentconfv1.QueryConfInfosResponse, error) {
	var c checks
	c.Count("conf_ids", len(req.GetConfIds()), maxConfIDs)
	for i, id := range req.GetConfIds() {
		if id < 0 {
			c.Add(fmt.Sprintf("conf_ids[%d]", i), "must not be negative")
		}
	}
	resp := &agentconfv1.QueryConfInfosResponse{Result: &agentconfv1.QueryConfInfosResult{}}
	body := map[string][]int64{"confIds": req.GetConfIds()}
	op := operation.Operation{Name: "queryConfInfos", Request: req, Violations: c.Violations, Body: body}
	response := operation.Documented(resp, &resp.Message, &resp.Retcode, resp.Result)
	return operation.Run(ctx, s.runner, op, response)
}

// QueryAllConfIds lists the conferences of the VDN for an inspector (page 0486). The
// gateway logs the method as queryAllConfIds, but its path ends in queryvdnconfid.
func (s *Service) QueryAllConfIds(
	ctx context.Context, req *agentconfv1.QueryAllConfIdsRequest,
) (*agentconfv1.QueryAllConfIdsResponse, error) {
	resp := &agentconfv1.QueryAllConfIdsResponse{Result: &agentconfv1.QueryAllConfIdsResult{}}
	op := operation.Operation{
		Name: "queryAllConfIds", Request: req, Method: "GET",
		Path: operation.ConferencePath(req.GetAgentId(), "queryvdnconfid"),
	}
	response := operation.Documented(resp, &resp.Message, &resp.Retcode, resp.Result)
	return operation.Run(ctx, s.runner, op, response)
}
