package conference

import (
	"context"
	"fmt"
	"unicode/utf8"

	agentconfv1 "agentconf/gen/agentconf/v1"
)

const (
	maxInvitations = 120 // of one call (page 0477)
	maxRemovals    = 30  // of one call (page 0478)
)

// welcome is the part of a body that says what who joins is played.
type welcome struct {
	BeepTone bool `json:"beepTone"`
	announcement
}

// invitation names somebody to invite (page 0477).
type invitation struct {
	participant
	DeviceCallType int32 `json:"deviceCallType"`
	DeviceType     int32 `json:"deviceType"`
}

// BatchAddParticipant invites phones and agents.
func (s *Service) BatchAddParticipant(ctx context.Context, req *agentconfv1.BatchAddParticipantRequest) (*agentconfv1.BatchAddParticipantResponse, error) {
	var faults violations
	secrets := []string{req.GetCaller(), req.GetVoicePath()}
	faults.count("addresses", len(req.GetAddresses()), maxInvitations)
	invited := make([]invitation, len(req.GetAddresses()))
	for i, who := range req.GetAddresses() {
		item := fmt.Sprintf("addresses[%d].", i)
		invited[i] = invitation{faults.listed(item, who), who.GetDeviceCallType(), who.GetDeviceType()}
		faults.optional(item+"device_call_type", who.DeviceCallType, 0, 255)
		faults.optional(item+"device_type", who.DeviceType, 0, 255)
		secrets = append(secrets, invited[i].secret())
	}
	tone := faults.welcome(req.GetBeepTone(), req.PlayMode, req.GetVoicePath())
	faults.callerNumber("caller", req.GetCaller(), utf8.RuneCountInString(req.GetCaller()))
	return call(ctx, s, operation{
		name:    "batchAddParticipant",
		agentID: req.GetAgentId(),
		body: struct {
			Addresses []invitation `json:"addresses"`
			welcome
			Caller string `json:"caller,omitempty"`
		}{invited, tone, req.GetCaller()},
		secrets: secrets,
	}, faults, func(a answer) *agentconfv1.BatchAddParticipantResponse {
		return &agentconfv1.BatchAddParticipantResponse{Message: a.Message, Retcode: a.Retcode, Result: a.reserved()}
	})
}

// BatchRemoveParticipant removes participants.
func (s *Service) BatchRemoveParticipant(ctx context.Context, req *agentconfv1.BatchRemoveParticipantRequest) (*agentconfv1.BatchRemoveParticipantResponse, error) {
	var faults violations
	var secrets []string
	faults.count("addresses", len(req.GetAddresses()), maxRemovals)
	removed := make([]participant, len(req.GetAddresses()))
	for i, who := range req.GetAddresses() {
		removed[i] = faults.listed(fmt.Sprintf("addresses[%d].", i), who)
		secrets = append(secrets, removed[i].secret())
	}
	result := &agentconfv1.BatchRemoveParticipantResult{}
	return call(ctx, s, operation{
		name:    "batchRemoveParticipant",
		agentID: req.GetAgentId(),
		body: struct {
			Addresses []participant `json:"addresses"`
		}{removed},
		secrets: secrets,
		read:    into(result),
	}, faults, func(a answer) *agentconfv1.BatchRemoveParticipantResponse {
		return &agentconfv1.BatchRemoveParticipantResponse{Message: a.Message, Retcode: a.Retcode, Result: result}
	})
}
