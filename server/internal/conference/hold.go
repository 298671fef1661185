package conference

import (
	"context"

	agentconfv1 "agentconf/gen/agentconf/v1"
	"agentconf/server/internal/events"
	"agentconf/server/internal/operation"
	"agentconf/server/internal/outcome"
)

// announcement is the part of a body that names a file to play (page 0473). The zero value
// adds nothing to the body.
type announcement struct {
	PlayMode  int32  `json:"playMode,omitempty"`
	VoicePath string `json:"voicePath,omitempty"`
}

// playFile is the only play mode: it plays the file of voicePath.
const playFile = 2

// playBody is the body of holdparticipant (page 0473) and of playvoicetoparticipant
// (page 0482).
type playBody struct {
	operation.Participant
	announcement
}

// HoldParticipant puts a participant on hold and plays an announcement to it (page 0473).
// Only the chairperson may call it, and it is not idempotent. OK means that the gateway
// accepted the hold; with confirm_within, that its event has come.
//
// As for every method of this package, the comment of the RPC in the proto states all
// limits and errors.
func (s *Service) HoldParticipant(
	ctx context.Context, req *agentconfv1.HoldParticipantRequest,
) (*agentconfv1.HoldParticipantResponse, error) {
	var c checks
	body := playBody{c.participant(req), c.announcement(req.PlayMode, req.GetVoicePath())}
	c.confirmWithin(req.GetConfirmWithin())
	resp := &agentconfv1.HoldParticipantResponse{}
	op := operation.Operation{
		Name: "holdParticipant", Request: req, Violations: c.Violations, Body: body,
		Advice: outcome.LookFirst + "; the participant may be on hold",
	}
	response := operation.Reserved(resp, &resp.Message, &resp.Retcode, &resp.Result)
	return runConfirmed(ctx, s, op, response, events.Held, &resp.Event)
}

// UnholdParticipant takes a participant off hold (page 0474). It confirms like
// HoldParticipant.
func (s *Service) UnholdParticipant(
	ctx context.Context, req *agentconfv1.UnholdParticipantRequest,
) (*agentconfv1.UnholdParticipantResponse, error) {
	var c checks
	body := c.participant(req)
	c.confirmWithin(req.GetConfirmWithin())
	resp := &agentconfv1.UnholdParticipantResponse{}
	op := operation.Operation{
		Name: "unholdParticipant", Request: req, Violations: c.Violations, Body: body,
		Advice: outcome.LookFirst + "; the participant may be off hold",
	}
	response := operation.Reserved(resp, &resp.Message, &resp.Retcode, &resp.Result)
	return runConfirmed(ctx, s, op, response, events.Unheld, &resp.Event)
}

// modeChanges maps the attributes of changeparticipantmode (page 0479) that an event
// follows to the change of that event.
var modeChanges = map[int32]events.Change{1: events.Muted, 3: events.Unmuted}

type modeBody struct {
	operation.Participant
	Attribute int32 `json:"attribute"`
}

// ChangeParticipantMode sets the channel of a participant (page 0479). Attribute 1 is to listen
// only (mute), 2 to speak only, 3 both (unmute), 4 neither. The gateway sends an event for 1
// and 3 alone, so confirm_within is a violation with 2 and 4.
func (s *Service) ChangeParticipantMode(
	ctx context.Context, req *agentconfv1.ChangeParticipantModeRequest,
) (*agentconfv1.ChangeParticipantModeResponse, error) {
	var c checks
	body := modeBody{c.participant(req), req.GetAttribute()}
	c.Number("attribute", req.GetAttribute(), 1, 4)
	c.confirmWithin(req.GetConfirmWithin())
	change, announced := modeChanges[req.GetAttribute()]
	if req.ConfirmWithin != nil && !announced {
		c.Add("confirm_within", "must be left out: an event follows attribute 1 and 3 only")
	}
	resp := &agentconfv1.ChangeParticipantModeResponse{}
	op := operation.Operation{Name: "changeParticipantMode", Request: req, Violations: c.Violations, Body: body}
	response := operation.Reserved(resp, &resp.Message, &resp.Retcode, &resp.Result)
	return runConfirmed(ctx, s, op, response, change, &resp.Event)
}
