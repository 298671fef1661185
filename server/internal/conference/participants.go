package conference

import (
	"context"
	"fmt"
	"unicode/utf8"

	agentconfv1 "agentconf/gen/agentconf/v1"
	"agentconf/server/internal/operation"
)

const (
	maxInvitations = 120 // of one call (page 0477)
	maxRemovals    = 30  // of one call (page 0478)
)

// welcome is the part of a body that names the announcement for a joining participant (pages
// 0468 and 0477).
type welcome struct {
	BeepTone bool `json:"beepTone"`
	announcement
}

// invitation names a participant to invite (page 0477). 0, the default of both device
// fields, is an unknown device and a normal call (page 0583).
type invitation struct {
	operation.Participant
	DeviceCallType int32 `json:"deviceCallType"`
	DeviceType     int32 `json:"deviceType"`
}

type inviteBody struct {
	Addresses []invitation `json:"addresses"`
	welcome
	Caller string `json:"caller,omitempty"`
}

// BatchAddParticipant invites 1 to 120 phones and agents (page 0477). OK means that the
// gateway accepted the invitations. An event for each of them reports whether it joined.
func (s *Service) BatchAddParticipant(
	ctx context.Context, req *agentconfv1.BatchAddParticipantRequest,
) (*agentconfv1.BatchAddParticipantResponse, error) {
	var c checks
	c.Count("addresses", len(req.GetAddresses()), maxInvitations)
	body := inviteBody{Addresses: make([]invitation, len(req.GetAddresses())), Caller: req.GetCaller()}
	for i, invited := range req.GetAddresses() {
		item := fmt.Sprintf("addresses[%d].", i)
		participant := c.listed(item, invited)
		body.Addresses[i] = invitation{participant, invited.GetDeviceCallType(), invited.GetDeviceType()}
		c.Optional(item+"device_call_type", invited.DeviceCallType, 0, 255)
		c.Optional(item+"device_type", invited.DeviceType, 0, 255)
	}
	body.welcome = c.welcome(req.GetBeepTone(), req.PlayMode, req.GetVoicePath())
	c.callerNumber("caller", req.GetCaller(), utf8.RuneCountInString(req.GetCaller()))
	resp := &agentconfv1.BatchAddParticipantResponse{}
	op := operation.Operation{Name: "batchAddParticipant", Request: req, Violations: c.Violations, Body: body}
	return operation.Run(ctx, s.runner, op, operation.Reserved(resp, &resp.Message, &resp.Retcode, &resp.Result))
}

// BatchRemoveParticipant removes 1 to 30 participants (page 0478). The result lists those
// that were not in the conference; the others were removed.
func (s *Service) BatchRemoveParticipant(
	ctx context.Context, req *agentconfv1.BatchRemoveParticipantRequest,
) (*agentconfv1.BatchRemoveParticipantResponse, error) {
	var c checks
	c.Count("addresses", len(req.GetAddresses()), maxRemovals)
	participants := make([]operation.Participant, len(req.GetAddresses()))
	for i, removed := range req.GetAddresses() {
		participants[i] = c.listed(fmt.Sprintf("addresses[%d].", i), removed)
	}
	body := map[string][]operation.Participant{"addresses": participants}
	resp := &agentconfv1.BatchRemoveParticipantResponse{Result: &agentconfv1.BatchRemoveParticipantResult{}}
	op := operation.Operation{Name: "batchRemoveParticipant", Request: req, Violations: c.Violations, Body: body}
	response := operation.Documented(resp, &resp.Message, &resp.Retcode, resp.Result)
	return operation.Run(ctx, s.runner, op, response)
}
