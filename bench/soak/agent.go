package soak

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	agentconfv1 "agentconf/gen/agentconf/v1"
	"agentconf/server/bench/rig"
)

const (
	roundTime      = 1500 * time.Millisecond // of a round, which has four calls and four events
	quietRoundTime = time.Minute             // of a quiet agent
	startTime      = 2 * time.Second         // over which the agents start
	resumeEach     = 8                       // in one of so many rounds an agent resumes its watch
	retryPause     = 500 * time.Millisecond  // before an agent signs in again

	callTimeout  = 10 * time.Second // for a reply
	eventTimeout = 3 * time.Second  // for an event, and for the confirmation of a call
)

const (
	forceLogin  rig.Method = agentconfv1.SessionService_ForceLogin_FullMethodName
	updateGUID  rig.Method = agentconfv1.SessionService_UpdateGuid_FullMethodName
	requestConf rig.Method = agentconfv1.ConferenceService_RequestAgentConf_FullMethodName
	invite      rig.Method = agentconfv1.ConferenceService_BatchAddParticipant_FullMethodName
	hold        rig.Method = agentconfv1.ConferenceService_HoldParticipant_FullMethodName
	unhold      rig.Method = agentconfv1.ConferenceService_UnholdParticipant_FullMethodName
	remove      rig.Method = agentconfv1.ConferenceService_BatchRemoveParticipant_FullMethodName
)

// The operations of a watch in the tally.
const (
	watchOperation  = "watchAgentEvents"
	resumeOperation = "watchAgentEvents after_sequence"
)

// errTimeout ends a wait for an event.
var errTimeout = errors.New("the time is up")

// records is what all agents of a run record.
type records struct {
	tally  tally
	ledger ledger
	phones atomic.Int64 // so many have been called
}

// agent is the program of one agent. It follows docs/events.md: it watches before it
// calls, follows its GUID, signs in again if it must, and moves to the other agentconf if
// its own one stops.
type agent struct {
	*records
	endpoints [2]rig.Endpoint
	id        string
	home      int // the agentconf at which it signs in
	json      bool
	every     time.Duration // between the starts of its rounds

	at    int // the agentconf to which it is connected
	front rig.Front
	guid  string
	watch *watch    // nil if there is none
	last  int64     // sequence of the last event
	lost  time.Time // of its last watch
}

// work works until ctx is done.
func (a *agent) work(ctx context.Context) {
	for {
		a.session(ctx)
		if ctx.Err() != nil {
			break
		}
		a.disconnect()
		rig.Sleep(ctx, retryPause)
	}
	if a.watch != nil {
		a.tally.add(func() { a.tally.watching++ })
	}
	a.disconnect()
}

// session signs in and holds a conference while the agent is signed in.
func (a *agent) session(ctx context.Context) {
	if a.openConference(ctx) != nil {
		return
	}
	err := a.pause(ctx, time.Duration(rand.Int64N(int64(a.every)))) // so that agents who signed in together part
	for ctx.Err() == nil {
		if isDown(err) {
			err = a.move()
		}
		if !a.continues(err) {
			return
		}
		next := time.Now().Add(a.every)
		if err = a.round(ctx, a.phones.Add(1)); a.continues(err) {
			err = a.pause(ctx, time.Until(next))
		}
	}
}

// pause reads the events of a time. Its end is errTimeout.
func (a *agent) pause(ctx context.Context, d time.Duration) error {
	return a.read(ctx, time.Now().Add(d), func(*agentconfv1.AgentEvent) bool { return false })
}

// continues reports whether the session does, after err.
func (a *agent) continues(err error) bool {
	return a.watch != nil && !isDown(err) && answerOf(err).reason != "SIGN_IN_REQUIRED"
}

// isDown reports whether err means that agentconf is not running.
func isDown(err error) bool {
	answer := answerOf(err).String()
	return answer == "UNAVAILABLE STOPPING" || answer == "UNAVAILABLE "+clientMade
}

// openConference signs in, watches and opens a conference.
func (a *agent) openConference(ctx context.Context) error {
	if err := a.signIn(); err != nil {
		return err
	}
	if err := a.follow(nil); err != nil {
		return err
	}
	err := a.call(requestConf, &agentconfv1.RequestAgentConfRequest{AgentId: a.id, MemberNum: 20},
		&agentconfv1.RequestAgentConfResponse{})
	if err != nil {
		return err
	}
	return a.await(ctx, func(e *agentconfv1.AgentEvent) bool { return e.GetRequestSuccess() != nil })
}

// signIn signs in at home, or at the other agentconf if that one is away.
func (a *agent) signIn() (err error) {
	for _, at := range []int{a.home, 1 - a.home} {
		if err = a.connect(at); err != nil {
			return err
		}
		a.guid = ""
		resp := &agentconfv1.ForceLoginResponse{}
		err = a.call(forceLogin, &agentconfv1.ForceLoginRequest{AgentId: a.id, Password: new("soak"), Phonenum: "40038"}, resp)
		a.guid = resp.GetGuid()
		if !isDown(err) {
			break
		}
	}
	return err
}

// connect connects the agent to an agentconf. A connection before ends with its watch.
func (a *agent) connect(at int) (err error) {
	a.disconnect()
	a.at = at
	a.front, err = rig.NewFront(a.json, a.endpoints[at])
	return err
}

func (a *agent) disconnect() {
	a.unfollow()
	if a.front != nil {
		a.front.Close()
		a.front = nil
	}
}

// move continues the session at the other agentconf.
func (a *agent) move() error {
	if err := a.connect(1 - a.at); err != nil {
		return err
	}
	return a.follow(nil)
}

// round invites phone number n, holds, unholds and removes it. Every second hold and every
// third unhold is confirmed by its event.
func (a *agent) round(ctx context.Context, n int64) error {
	phone := phoneNumber(n)
	if err := a.invite(ctx, phone); err != nil {
		return err
	}
	if err := a.hold(phone, "y:/conf/120/1136287.V3", confirmed(n%2 == 0)); err != nil {
		return err
	}
	if err := a.unhold(phone, confirmed(n%3 == 0)); err != nil {
		return err
	}
	if err := a.change(remove, subject{phone: phone}, &agentconfv1.BatchRemoveParticipantRequest{
		AgentId: a.id, Addresses: []*agentconfv1.Participant{{AddressType: "6", Address: phone}},
	}, &agentconfv1.BatchRemoveParticipantResponse{}); err != nil {
		return err
	}
	if n%resumeEach == 0 {
		return a.resume()
	}
	return nil
}

// phoneNumber returns a number that no other round has.
func phoneNumber(n int64) string { return fmt.Sprintf("%08d", n) }

// invite invites a phone and waits until it has joined.
func (a *agent) invite(ctx context.Context, phone string) error {
	err := a.change(invite, subject{phone: phone}, &agentconfv1.BatchAddParticipantRequest{
		AgentId: a.id, Addresses: []*agentconfv1.Invitation{{AddressType: "6", Address: phone}},
	}, &agentconfv1.BatchAddParticipantResponse{})
	if err != nil {
		return err
	}
	return a.await(ctx, func(e *agentconfv1.AgentEvent) bool {
		return e.GetParticipantChanged().GetParticipant() == phone
	})
}

func (a *agent) hold(phone, voicePath string, within *durationpb.Duration) error {
	return a.change(hold, subject{phone: phone, voicePath: voicePath}, &agentconfv1.HoldParticipantRequest{
		AgentId: a.id, AddressType: "6", Address: phone, VoicePath: voicePath, ConfirmWithin: within,
	}, &agentconfv1.HoldParticipantResponse{})
}

// unhold takes a phone back from hold.
func (a *agent) unhold(phone string, within *durationpb.Duration) error {
	return a.change(unhold, subject{phone: phone}, &agentconfv1.UnholdParticipantRequest{
		AgentId: a.id, AddressType: "6", Address: phone, ConfirmWithin: within,
	}, &agentconfv1.UnholdParticipantResponse{})
}

// confirmed returns the time for the event of a call, or nil for a call that does not wait.
func confirmed(yes bool) *durationpb.Duration {
	if !yes {
		return nil
	}
	return durationpb.New(eventTimeout)
}

// change makes a call about a phone and enters its outcome into the ledger.
func (a *agent) change(m rig.Method, s subject, req rig.Request, resp proto.Message) error {
	err := a.call(m, req, resp)
	s.operation = m.Operation()
	a.ledger.record(s, outcomeOf(err))
	return err
}

// call makes a call. The end of a run does not cancel it.
func (a *agent) call(m rig.Method, req rig.Request, resp proto.Message) error {
	ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
	defer cancel()
	from := time.Now()
	err := a.front.Call(ctx, m, a.guid, req, resp)
	a.tally.call(m.Operation(), from, err)
	return err
}
