package conference

import (
	"context"
	"fmt"

	agentconfv1 "agentconf/gen/agentconf/v1"
	"agentconf/server/internal/operation"
)

const maxConfIDs = 20 // of one query (page 0485)

type queryBody struct {
	ConfIDs []int64 `json:"confIds"`
}

// QueryConfInfos returns what the gateway knows of conferences (page 0485): to an
// inspector of any in the VDN, to another agent of its own.
func (s *Service) QueryConfInfos(ctx context.Context, req *agentconfv1.QueryConfInfosRequest) (*agentconfv1.QueryConfInfosResponse, error) {
	var c checks
	c.Count("conf_ids", len(req.GetConfIds()), maxConfIDs)
	for i, id := range req.GetConfIds() {
		if id < 0 {
			c.Add(fmt.Sprintf("conf_ids[%d]", i), "must not be negative")
		}
	}
	resp := &agentconfv1.QueryConfInfosResponse{Result: &agentconfv1.QueryConfInfosResult{}}
	return operation.Run(ctx, s.operations, operation.Operation{
		Name: "queryConfInfos", Request: req, Violations: c.Violations, Body: queryBody{req.GetConfIds()},
		Response: operation.Documented(&resp.Message, &resp.Retcode, resp.Result),
	}, resp)
}

// QueryAllConfIds lists the conferences of the VDN for an inspector (page 0486). Its
// path does not have the name of the method.
func (s *Service) QueryAllConfIds(ctx context.Context, req *agentconfv1.QueryAllConfIdsRequest) (*agentconfv1.QueryAllConfIdsResponse, error) {
	resp := &agentconfv1.QueryAllConfIdsResponse{Result: &agentconfv1.QueryAllConfIdsResult{}}
	return operation.Run(ctx, s.operations, operation.Operation{
		Name: "queryAllConfIds", Request: req, Method: "GET",
		Path:     operation.ConferencePath(req.GetAgentId(), "queryvdnconfid"),
		Response: operation.Documented(&resp.Message, &resp.Retcode, resp.Result),
	}, resp)
}
