//go:build linux

package main

import (
	"context"
	"fmt"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	agentconfv1 "agentconf/gen/agentconf/v1"
)

const (
	pace       = 1500 * time.Millisecond // from round to round, with four calls and four events in each
	comesBack  = 8                       // in one of so many rounds a watch is given up, and begun again where it was
	retryPause = 500 * time.Millisecond  // before an agent signs in again

	callPatience  = 10 * time.Second // for an answer
	eventPatience = 3 * time.Second  // for an event, and for the confirmation of a call
)

var (
	forceLogin  = rpc{"Session", "ForceLogin"}
	updateGUID  = rpc{"Session", "UpdateGuid"}
	requestConf = rpc{"Conference", "RequestAgentConf"}
	invite      = rpc{"Conference", "BatchAddParticipant"}
	hold        = rpc{"Conference", "HoldParticipant"}
	unhold      = rpc{"Conference", "UnholdParticipant"}
	remove      = rpc{"Conference", "BatchRemoveParticipant"}
)

const (
	watchOperation  = "watchAgentEvents"
	resumeOperation = "watchAgentEvents after_sequence"
)

// desk is the program of one agent, which does what docs/events.md asks of it: it
// watches before it calls, follows its GUID, signs in again when it has to, and goes
// to the other agentconf when its own one stops.
type desk struct {
	soak  *soak
	agent string
	home  int // the agentconf at which it signs in
	json  bool

	at    int // the agentconf that it is connected to
	front front
	guid  string
	watch *following // nil if there is none
	last  int64      // sequence of the last event
	lost  time.Time  // when it lost its watch
}

// work goes on until ctx is done.
func (d *desk) work(ctx context.Context) {
	for {
		d.session(ctx)
		if ctx.Err() != nil {
			break
		}
		d.disconnect()
		sleep(ctx, retryPause)
	}
	if d.watch != nil {
		d.soak.tally.add(func() { d.soak.tally.watching++ })
	}
	d.disconnect()
}

// session signs in and holds a conference for as long as the agent is signed in.
func (d *desk) session(ctx context.Context) {
	if d.signIn() != nil || d.follow(nil) != nil || d.openConference(ctx) != nil {
		return
	}
	for ctx.Err() == nil {
		next := time.Now().Add(pace)
		err := d.round(ctx, d.soak.phones.Add(1))
		if d.goesOn(err) {
			err = d.read(ctx, next, nobody)
		}
		if away(err) {
			err = d.move()
		}
		if !d.goesOn(err) {
			return
		}
	}
}

// goesOn reports whether the session does, after err.
func (d *desk) goesOn(err error) bool {
	return d.watch != nil && !away(err) && answerOf(err).reason != "SIGN_IN_REQUIRED"
}

// away reports whether err says that the agentconf is not there.
func away(err error) bool {
	a := answerOf(err).String()
	return a == "UNAVAILABLE STOPPING" || a == "UNAVAILABLE "+ownError
}

// signIn signs in at home, or at the other agentconf if that one is away.
func (d *desk) signIn() (err error) {
	for _, at := range []int{d.home, 1 - d.home} {
		if err = d.connect(at); err != nil {
			return err
		}
		d.guid = ""
		resp := &agentconfv1.ForceLoginResponse{}
		err = d.call(forceLogin, &agentconfv1.ForceLoginRequest{AgentId: d.agent, Password: "soak", Phonenum: "40038"}, resp)
		d.guid = resp.GetGuid()
		if !away(err) {
			break
		}
	}
	return err
}

func (d *desk) connect(at int) (err error) {
	d.disconnect()
	d.at = at
	if d.json {
		d.front, err = newJSONFront(d.soak.doors[at].http)
	} else {
		d.front, err = newGRPCFront(d.soak.doors[at].grpc)
	}
	return err
}

func (d *desk) disconnect() {
	d.unfollow()
	if d.front != nil {
		d.front.close()
		d.front = nil
	}
}

// move goes on at the other agentconf, in the same session.
func (d *desk) move() error {
	if err := d.connect(1 - d.at); err != nil {
		return err
	}
	return d.follow(nil)
}

func (d *desk) openConference(ctx context.Context) error {
	err := d.call(requestConf, &agentconfv1.RequestAgentConfRequest{AgentId: d.agent, MemberNum: 20},
		&agentconfv1.RequestAgentConfResponse{})
	if err != nil {
		return err
	}
	return d.await(ctx, func(e *agentconfv1.AgentEvent) bool { return e.GetRequestSuccess() != nil })
}

// round invites the phone n, holds it, takes it back and removes it. In every second
// round the hold is confirmed by its event, and in every third the end of it.
func (d *desk) round(ctx context.Context, n int64) error {
	phone := fmt.Sprintf("%08d", n)
	if err := d.invite(ctx, phone); err != nil {
		return err
	}
	if err := d.change(hold, phone, &agentconfv1.HoldParticipantRequest{
		AgentId: d.agent, AddressType: "6", Address: phone, VoicePath: "y:/conf/120/1136287.V3",
		ConfirmWithin: confirmed(n%2 == 0),
	}, &agentconfv1.HoldParticipantResponse{}); err != nil {
		return err
	}
	if err := d.change(unhold, phone, &agentconfv1.UnholdParticipantRequest{
		AgentId: d.agent, AddressType: "6", Address: phone, ConfirmWithin: confirmed(n%3 == 0),
	}, &agentconfv1.UnholdParticipantResponse{}); err != nil {
		return err
	}
	if err := d.change(remove, phone, &agentconfv1.BatchRemoveParticipantRequest{
		AgentId: d.agent, Addresses: []*agentconfv1.Participant{{AddressType: "6", Address: phone}},
	}, &agentconfv1.BatchRemoveParticipantResponse{}); err != nil {
		return err
	}
	if n%comesBack == 0 {
		return d.comeBack()
	}
	return nil
}

// invite invites a phone and waits until it has joined.
func (d *desk) invite(ctx context.Context, phone string) error {
	err := d.change(invite, phone, &agentconfv1.BatchAddParticipantRequest{
		AgentId: d.agent, Addresses: []*agentconfv1.Invitation{{AddressType: "6", Address: phone}},
	}, &agentconfv1.BatchAddParticipantResponse{})
	if err != nil {
		return err
	}
	return d.await(ctx, func(e *agentconfv1.AgentEvent) bool {
		return e.GetParticipantChanged().GetParticipant() == phone
	})
}

func confirmed(yes bool) *durationpb.Duration {
	if !yes {
		return nil
	}
	return durationpb.New(eventPatience)
}

// change makes a call about a phone, which is compared with the gateway's log.
func (d *desk) change(r rpc, phone string, req request, resp proto.Message) error {
	err := d.call(r, req, resp)
	d.soak.ledger.tell(subject{r.operation(), phone}, told(err))
	return err
}

// call makes a call. It is not cut off when the run ends.
func (d *desk) call(r rpc, req request, resp proto.Message) error {
	ctx, cancel := context.WithTimeout(context.Background(), callPatience)
	defer cancel()
	from := time.Now()
	err := d.front.call(ctx, r, d.guid, req, resp)
	d.soak.tally.call(r.operation(), from, err)
	return err
}
