package conference

import (
	"context"

	agentconfv1 "agentconf/gen/agentconf/v1"
)

// announcement is the part of a body that names a file to be played (page 0473).
type announcement struct {
	PlayMode  int32  `json:"playMode,omitempty"`
	VoicePath string `json:"voicePath,omitempty"`
}

// playFile is the only play mode there is: play the file that voicePath names.
const playFile = 2

// play is the announcement of the file at path.
func play(path string) announcement { return announcement{playFile, path} }

// hold is the body of holdparticipant (page 0473) and of playvoicetoparticipant
// (page 0482).
type hold struct {
	participant
	announcement
}

// HoldParticipant puts a participant on hold. As with every operation, the RPC's
// comment in the proto tells limits and errors.
func (s *Service) HoldParticipant(ctx context.Context, req *agentconfv1.HoldParticipantRequest) (*agentconfv1.HoldParticipantResponse, error) {
	var faults violations
	target := faults.participant(req)
	faults.announcement(req.PlayMode, req.GetVoicePath())
	faults.confirmWithin(req.GetConfirmWithin())
	return call(ctx, s, operation{
		name:    "holdParticipant",
		agentID: req.GetAgentId(),
		target:  target,
		body:    hold{target, play(req.GetVoicePath())},
		secrets: []string{req.GetVoicePath()},
		within:  req.GetConfirmWithin(),
		change:  held,
	}, faults, func(a answer) *agentconfv1.HoldParticipantResponse {
		return &agentconfv1.HoldParticipantResponse{Message: a.Message, Retcode: a.Retcode, Result: a.reserved(), Event: a.event}
	})
}

// UnholdParticipant takes a participant off hold.
func (s *Service) UnholdParticipant(ctx context.Context, req *agentconfv1.UnholdParticipantRequest) (*agentconfv1.UnholdParticipantResponse, error) {
	var faults violations
	target := faults.participant(req)
	faults.confirmWithin(req.GetConfirmWithin())
	return call(ctx, s, operation{
		name:    "unholdParticipant",
		agentID: req.GetAgentId(),
		target:  target,
		body:    target,
		within:  req.GetConfirmWithin(),
		change:  unheld,
	}, faults, func(a answer) *agentconfv1.UnholdParticipantResponse {
		return &agentconfv1.UnholdParticipantResponse{Message: a.Message, Retcode: a.Retcode, Result: a.reserved(), Event: a.event}
	})
}

// modeChanges are the changes of which events follow the attributes of
// changeparticipantmode (page 0479).
var modeChanges = map[int32]changeType{1: muted, 3: unmuted}

// ChangeParticipantMode mutes or unmutes a participant.
func (s *Service) ChangeParticipantMode(ctx context.Context, req *agentconfv1.ChangeParticipantModeRequest) (*agentconfv1.ChangeParticipantModeResponse, error) {
	var faults violations
	target := faults.participant(req)
	faults.number("attribute", req.GetAttribute(), 1, 4)
	change, announced := modeChanges[req.GetAttribute()]
	faults.confirmWithin(req.GetConfirmWithin())
	if req.ConfirmWithin != nil && !announced {
		faults.add("confirm_within", "must be left out: an event follows attribute 1 and 3 only")
	}
	return call(ctx, s, operation{
		name:    "changeParticipantMode",
		agentID: req.GetAgentId(),
		target:  target,
		body: struct {
			participant
			Attribute int32 `json:"attribute"`
		}{target, req.GetAttribute()},
		within: req.GetConfirmWithin(),
		change: change,
	}, faults, func(a answer) *agentconfv1.ChangeParticipantModeResponse {
		return &agentconfv1.ChangeParticipantModeResponse{Message: a.Message, Retcode: a.Retcode, Result: a.reserved(), Event: a.event}
	})
}
