package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"syscall"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/types/known/durationpb"

	"agentconf/emulator"
	"agentconf/emulator/page"
	agentconfv1 "agentconf/gen/agentconf/v1"
	"agentconf/server/internal/app"
	"agentconf/server/internal/lifecycle"
)

// The participants of the demo. The chairperson, the phone and the announcement are those
// of the vendor's example of a hold (page 0473), the other agent that of an unhold (0474).
const (
	demoChair = "1287"
	demoGuest = "2002"
	demoPhone = "88887946"
	demoVoice = "y:/conf/120/1136287.V3"

	demoUnholdJSON = `{"address":"` + demoPhone + `","addressType":"6"}`
	demoHoldJSON   = `{"address":"` + demoPhone + `","addressType":"6",` +
		`"playMode":2,"voicePath":"` + demoVoice + `"}`
)

// demoTimeout bounds the conference, which takes 2 s. A step waits for its event without a
// limit of its own.
const demoTimeout = 10 * time.Second

// demoSettings holds the values of the flags of demo.
type demoSettings struct{ stay, asJSON bool }

func (s *demoSettings) define(fs *flags) {
	fs.BoolVar(&s.stay, "stay", false, "keep the conference afterwards, on 127.0.0.1, and print commands to try")
	fs.BoolVar(&s.asJSON, "json", false, "print a line of JSON for every step, call and event")
}

// demo plays a conference with a real service and an emulated gateway. It fails if a step
// has an unexpected result, so that a build can run it as a smoke test.
func (c cli) demo(ctx context.Context, args []string) error {
	var s demoSettings
	fs := newFlags("demo", "play a conference with an emulated gateway")
	s.define(fs)
	if err := c.parse(fs, args); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	d := &demo{printer: &demoPrinter{out: c.stdout, asJSON: s.asJSON}}
	ended, err := d.start(ctx, s.stay)
	if err != nil {
		return err
	}
	conn, err := d.connect()
	if err != nil {
		return err
	}
	defer conn.Close()
	err = d.play(ctx, cancel)
	if err == nil && s.stay {
		err = d.stay(ctx, cancel)
	}
	cancel()
	return errors.Join(err, <-ended, <-ended)
}

// demo is the state of a demo: the addresses and clients of the service, and its agents.
// A step is a list of calls and events, none of which returns an error: the first one that
// fails sets err.
type demo struct {
	printer *demoPrinter
	step    int   // number of the last step
	err     error // once set, calls and events do nothing

	gateway, grpc, http string // URL, HOST:PORT, URL

	sessions    agentconfv1.SessionServiceClient
	conferences agentconfv1.ConferenceServiceClient
	events      agentconfv1.EventServiceClient

	chair, guest demoAgent
}

// demoPorts are the ports of a demo that stays: the gateway's port of the vendor's examples,
// and the defaults of serve.
var demoPorts = []string{"127.0.0.1:8043", "127.0.0.1:9090", "127.0.0.1:8080"}

// listenForDemo opens the ports of the gateway, gRPC and JSON. A demo that stays has the
// usual ports as far as they are free, so that the commands of the README work. Every other
// port is a free one.
func listenForDemo(stay bool) (open []net.Listener, err error) {
	for _, usual := range demoPorts {
		address := "127.0.0.1:0"
		if stay {
			address = usual
		}
		l, err := lifecycle.Listen(address)
		if errors.Is(err, syscall.EADDRINUSE) {
			l, err = lifecycle.Listen("127.0.0.1:0")
		}
		if err != nil {
			return nil, err // the machine has no loopback interface, and the program ends
		}
		open = append(open, l)
	}
	return open, nil
}

// start runs the emulator and the service until ctx is done. Each then sends its error,
// or nil, on ended.
func (d *demo) start(ctx context.Context, stay bool) (ended <-chan error, err error) {
	listeners, err := listenForDemo(stay)
	if err != nil {
		return nil, err
	}
	d.gateway = "http://" + listeners[0].Addr().String()
	d.grpc = listeners[1].Addr().String()
	d.http = "http://" + listeners[2].Addr().String()

	// The service is that of serve. It does not probe and has no drain delay, because no
	// load balancer sends calls to it.
	options := app.Defaults()
	feed := newOutcomeFeed()
	options.Log = slog.New(outcomeHandler{feed: feed})
	options.Gateway.URL = d.gateway
	options.Lifecycle.ProbeInterval, options.Lifecycle.DrainDelay = 0, 0
	service, err := app.New(options)
	if err != nil {
		return nil, err
	}
	gateway, err := emulator.NewSeeded(demoGateway(newFront(d.http, d.grpc, feed)))
	if err != nil {
		return nil, err // a rule of the seed is wrong, which every test of the demo finds
	}
	results := make(chan error, 2)
	go func() { results <- serveHTTP(ctx, gateway.Handler(), listeners[0]) }()
	go func() { results <- service.Serve(ctx, listeners[1], listeners[2]) }()
	return results, nil
}

// demoGateway returns the settings and the state of the emulator. The GUID of an agent that
// stays signed in keeps the printed commands valid. The phone of the demo answers by itself;
// others ring until somebody answers on the page.
func demoGateway(front page.Front) (emulator.Config, emulator.Seed) {
	return emulator.Config{
			AuthMode: emulator.StaticGUID, SignOutAfter: -1, ManualPhones: true, Front: front,
		}, emulator.Seed{Scenario: []emulator.Rule{{
			On: "ring", Address: demoPhone, Do: "answer", After: emulator.Duration(300 * time.Millisecond),
		}}}
}

// connect creates the gRPC clients for d.grpc. All of them share the connection, which the
// caller closes.
func (d *demo) connect() (*grpc.ClientConn, error) {
	conn, err := dial(d.grpc, insecure.NewCredentials())
	if err != nil {
		return nil, err
	}
	d.sessions = agentconfv1.NewSessionServiceClient(conn)
	d.conferences = agentconfv1.NewConferenceServiceClient(conn)
	d.events = agentconfv1.NewEventServiceClient(conn)
	return conn, nil
}

// play runs the whole story.
func (d *demo) play(ctx context.Context, cancel context.CancelFunc) error {
	d.print(demoRecord{Kind: "started", Gateway: d.gateway,
		Text: fmt.Sprintf("An emulated CC-Gateway listens at %s.", d.gateway)})
	d.print(demoRecord{Kind: "started", GRPC: d.grpc, HTTP: d.http,
		Text: fmt.Sprintf("agentconf stands in front of it: gRPC at %s, JSON at %s.", d.grpc, d.http)})
	err := d.run(ctx, cancel, d.signIn, d.openConference, d.invite, d.holdAgent, d.holdPhone,
		d.showRefusal, d.changeChairperson)
	if err == nil {
		d.print(demoRecord{Kind: "step", Text: "Done: an agent and a phone, each held and unheld."})
	}
	return err
}

// run runs steps, and calls cancel if they take longer than demoTimeout. A deadline of ctx
// would end the watches as well.
func (d *demo) run(ctx context.Context, cancel context.CancelFunc, steps ...func(context.Context)) error {
	timeout := time.AfterFunc(demoTimeout, cancel)
	defer timeout.Stop()
	d.step = 0
	for _, step := range steps {
		if step(ctx); d.err != nil {
			return d.err
		}
	}
	return nil
}

// stay prints the events of both agents until ctx is done, by Ctrl-C. The page can reset the
// gateway, which signs both agents out and so ends their watches: stay then opens a new
// conference.
func (d *demo) stay(ctx context.Context, cancel context.CancelFunc) error {
	for {
		d.printCommands()
		var watches sync.WaitGroup
		watches.Go(func() { d.follow(d.chair) })
		watches.Go(func() { d.follow(d.guest) })
		watches.Wait()
		if ctx.Err() != nil {
			return nil
		}
		d.print(demoRecord{Kind: "step", Text: "Both agents are signed out. A new conference begins."})
		if err := d.run(ctx, cancel, d.signIn, d.openConference, d.invite); err != nil {
			return err
		}
	}
}

func (d *demo) print(r demoRecord) { d.printer.print(r) }

// announce prints the next step.
func (d *demo) announce(format string, args ...any) {
	d.step++
	d.print(demoRecord{Kind: "step", Text: fmt.Sprintf("%d. ", d.step) + fmt.Sprintf(format, args...)})
}

// signIn signs in both agents before anything happens, so that no event is missed.
func (d *demo) signIn(ctx context.Context) {
	d.announce("Agents %s and %s sign in and watch their events.", demoChair, demoGuest)
	d.chair = d.signInAgent(ctx, demoChair)
	d.guest = d.signInAgent(ctx, demoGuest)
}

// openConference waits for the event, because the gateway rejects every operation of the
// chairperson before it (page 0468).
func (d *demo) openConference(ctx context.Context) {
	d.announce("Agent %s requests a conference of 4 and becomes its chairperson.", demoChair)
	call(ctx, d, d.chair, d.conferences.RequestAgentConf,
		&agentconfv1.RequestAgentConfRequest{AgentId: demoChair, MemberNum: 4}, "")
	d.await(d.chair, "AgentConf_RequestSuccess")
}

// invite adds the participants. The agent answers by a call of its own, and the phone
// without one: the chairperson sees an event for each, in any order.
func (d *demo) invite(ctx context.Context) {
	d.announce("Agent %s invites the phone %s and agent %s. Both ring and answer.",
		demoChair, demoPhone, demoGuest)
	call(ctx, d, d.chair, d.conferences.BatchAddParticipant, &agentconfv1.BatchAddParticipantRequest{
		AgentId: demoChair,
		Addresses: []*agentconfv1.Invitation{
			{AddressType: "6", Address: demoPhone}, {AddressType: "9", Address: demoGuest},
		},
	}, demoPhone+" and agent "+demoGuest)
	d.await(d.guest, "AgentConf_Ringing")
	call(ctx, d, d.guest, d.conferences.AnswerAgentConf,
		&agentconfv1.AnswerAgentConfRequest{AgentId: demoGuest}, "")
	d.await(d.guest, "AgentConf_SelfJoinResult")
	d.await(d.chair, "AgentConf_ParticipantChanged")
	d.await(d.chair, "AgentConf_ParticipantChanged")
}

// holdAgent holds and unholds with confirm_within. Without it, a response says only that
// the gateway has accepted the request.
func (d *demo) holdAgent(ctx context.Context) {
	d.announce("Agent %s holds and unholds agent %s over gRPC. "+
		"Each call returns once its event confirms it.", demoChair, demoGuest)
	within := durationpb.New(5 * time.Second)
	call(ctx, d, d.chair, d.conferences.HoldParticipant, &agentconfv1.HoldParticipantRequest{
		AgentId: demoChair, AddressType: "9", Address: demoGuest, VoicePath: demoVoice, ConfirmWithin: within,
	}, "agent "+demoGuest)
	call(ctx, d, d.chair, d.conferences.UnholdParticipant, &agentconfv1.UnholdParticipantRequest{
		AgentId: demoChair, AddressType: "9", Address: demoGuest, ConfirmWithin: within,
	}, "agent "+demoGuest)
	d.next(d.chair, "AgentConf_ParticipantChanged") // the responses have shown both events
	d.next(d.chair, "AgentConf_ParticipantChanged")
}

// holdPhone uses both paths of the JSON port. A program for the gateway itself uses the
// first one and needs only another host.
func (d *demo) holdPhone(ctx context.Context) {
	d.announce("Agent %s holds the phone over JSON, by the gateway's own path, "+
		"and unholds it by the REST path.", demoChair)
	d.post(ctx, "/agentgateway/resource/agentconf/"+demoChair+"/holdparticipant", demoHoldJSON)
	d.await(d.chair, "AgentConf_ParticipantChanged")
	d.post(ctx, "/v1/agents/"+demoChair+"/conference:unholdParticipant", demoUnholdJSON)
	d.await(d.chair, "AgentConf_ParticipantChanged")
}

// showRefusal makes a call that the gateway refuses.
func (d *demo) showRefusal(ctx context.Context) {
	d.announce("Agent %s, who is not the chairperson, tries to hold the phone.", demoGuest)
	d.refused(ctx, d.guest, &agentconfv1.HoldParticipantRequest{
		AgentId: demoGuest, AddressType: "6", Address: demoPhone, VoicePath: demoVoice,
	}, "NOT_CHAIRPERSON")
}

// changeChairperson passes the role to the guest and back. Only the new chairperson gets
// the event (page 0476).
func (d *demo) changeChairperson(ctx context.Context) {
	d.announce("Agent %s becomes the chairperson, and passes the role back.", demoGuest)
	call(ctx, d, d.chair, d.conferences.ApplyToShiftPresident,
		&agentconfv1.ApplyToShiftPresidentRequest{AgentId: demoChair, DestAgentNo: 2002}, "agent "+demoGuest)
	d.await(d.guest, "AgentConf_PresidentChanged")
	call(ctx, d, d.guest, d.conferences.ApplyToShiftPresident,
		&agentconfv1.ApplyToShiftPresidentRequest{AgentId: demoGuest, DestAgentNo: 1287}, "agent "+demoChair)
	d.await(d.chair, "AgentConf_PresidentChanged")
	// Every agent sees both changes. A demo that stays must not print them later.
	d.next(d.chair, "AgentConf_ParticipantChanged")
	d.next(d.guest, "AgentConf_ParticipantChanged")
	d.next(d.guest, "AgentConf_ParticipantChanged")
}

// printCommands prints the addresses and commands to try while the demo keeps running. The
// README has the commands too, with the GUID in a variable.
func (d *demo) printCommands() {
	text := fmt.Sprintf(`
Look at the conference, and hold the phone by a click:

  page  %[8]s/
  docs  %[7]s/docs

The demo runs until Ctrl-C. The commands of the README need this variable:

export GUID=%[1]s

In a second terminal, watch the events of agent %[2]s:

curl -N -H 'Guid: %[1]s' \
  %[7]s/v1/agents/%[2]s/events

In a third, hold the phone over gRPC:

grpcurl -plaintext -H 'guid: %[1]s' \
  -d '{"agent_id":"%[2]s","address_type":"6","address":"%[3]s",
       "voice_path":"%[4]s"}' \
  %[5]s agentconf.v1.ConferenceService/HoldParticipant

Unhold it over JSON:

curl -H 'Guid: %[1]s' \
  -H 'Content-Type: application/json; charset=UTF-8' -d '%[6]s' \
  %[7]s/agentgateway/resource/agentconf/%[2]s/unholdparticipant

Read the request log of the gateway:

curl %[8]s/emulator/log
`, d.chair.guid, demoChair, demoPhone, demoVoice, d.grpc, demoUnholdJSON, d.http, d.gateway)
	d.print(demoRecord{Kind: "ready", Text: text, AgentID: demoChair, GUID: d.chair.guid,
		Gateway: d.gateway, GRPC: d.grpc, HTTP: d.http, Page: d.gateway + "/", Docs: d.http + "/docs"})
}
