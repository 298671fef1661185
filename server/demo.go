package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	"agentconf/emulator"
	agentconfv1 "agentconf/gen/agentconf/v1"
	"agentconf/server/internal/conference"
	"agentconf/server/internal/gateway"
	"agentconf/server/internal/transport"
)

// The people of the story. The chairperson and the phone are those of page 0473.
const (
	demoChair = "1287"
	demoGuest = "2002"
	demoPhone = "88887946"
	demoVoice = "y:/conf/120/1136287.V3"
)

// demo plays a conference through: everything is real but the gateway, which is
// emulated. It fails if a step does not end as the story says.
func (p program) demo(ctx context.Context, args []string) error {
	fs := p.newFlags("demo", "play a conference through, with an emulated gateway")
	stay := fs.Bool("stay", false, "keep serving afterwards, on 127.0.0.1, and print commands to try")
	if err := p.parse(fs, args, nothingMore); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	d := &demo{out: p.stdout}
	ended, err := d.start(ctx, *stay)
	if err != nil {
		return err
	}
	stuck := time.AfterFunc(10*time.Second, cancel) // the story takes two
	if err := d.play(ctx); err != nil {
		return err
	}
	if stuck.Stop(); *stay {
		d.printCommands()
		<-ctx.Done()
	}
	cancel()
	return errors.Join(<-ended, <-ended)
}

type demo struct {
	out io.Writer

	gateway, grpc, http string // where they listen

	sessions    agentconfv1.SessionServiceClient
	conferences agentconfv1.ConferenceServiceClient
	events      agentconfv1.EventServiceClient

	chair, guest demoAgent
}

// start runs gateway and service until ctx is done; both then report on ended.
func (d *demo) start(ctx context.Context, fixedPorts bool) (ended <-chan error, err error) {
	addresses := []string{"127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0"}
	if fixedPorts {
		addresses = []string{"127.0.0.1:8043", "127.0.0.1:9090", "127.0.0.1:8080"}
	}
	var listeners [3]net.Listener
	for i, address := range addresses {
		if listeners[i], err = listenAt("--stay", address); err != nil {
			return nil, err
		}
	}
	d.gateway = "http://" + listeners[0].Addr().String()
	d.grpc = listeners[1].Addr().String()
	d.http = "http://" + listeners[2].Addr().String()

	client, err := gateway.New(gateway.Options{URL: d.gateway, Timeout: 5 * time.Second})
	if err != nil {
		return nil, err
	}
	// A GUID that stays, so that the printed commands work for as long as they are
	// looked at.
	gateway := emulator.New(emulator.Config{
		AuthMode: emulator.StaticGUID, Node: "AgentGateway1", AnswerDelay: 300 * time.Millisecond,
	})
	metrics := prometheus.NewRegistry()
	service := conference.New(client, conference.Config{AgentIDMax: 59999, Metrics: metrics})
	server := transport.New(service, transport.Config{
		Log: slog.New(slog.DiscardHandler), Metrics: metrics, MaxInFlight: 100,
	})
	hangUp, err := d.connect()
	if err != nil {
		return nil, err
	}
	both := make(chan error, 2)
	go func() { both <- serveHTTP(ctx, gateway.Handler(), listeners[0]) }()
	go func() {
		err := server.Serve(ctx, listeners[1], listeners[2])
		client.Close()
		hangUp()
		both <- err
	}()
	return both, nil
}

// connect makes the clients of the service at d.grpc.
func (d *demo) connect() (hangUp func() error, err error) {
	conn, err := grpc.NewClient("passthrough:///"+d.grpc, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return nil, err
	}
	d.sessions = agentconfv1.NewSessionServiceClient(conn)
	d.conferences = agentconfv1.NewConferenceServiceClient(conn)
	d.events = agentconfv1.NewEventServiceClient(conn)
	return conn.Close, nil
}

func (d *demo) play(ctx context.Context) error {
	d.say("An emulated CC-Gateway listens at %s.", d.gateway)
	d.say("agentconf stands in front of it: gRPC at %s, JSON at %s.", d.grpc, d.http)
	steps := []func(context.Context) error{
		d.signIn, d.openConference, d.invite, d.holdAgent, d.holdPhone, d.refuse, d.passTheChair,
	}
	for _, step := range steps {
		if err := step(ctx); err != nil {
			return err
		}
	}
	d.say("\nDone: an agent and a phone, each held and taken back.")
	return nil
}

func (d *demo) signIn(ctx context.Context) (err error) {
	d.say("\n1. Agents %s and %s sign in and watch their events.", demoChair, demoGuest)
	if d.chair, err = d.signInAgent(ctx, demoChair); err != nil {
		return err
	}
	d.guest, err = d.signInAgent(ctx, demoGuest)
	return err
}

func (d *demo) openConference(ctx context.Context) error {
	d.say("\n2. Agent %s applies for a conference of 4 and becomes its chairperson.", demoChair)
	_, err := d.conferences.RequestAgentConf(d.chair.calls(ctx),
		&agentconfv1.RequestAgentConfRequest{AgentId: demoChair, MemberNum: 4})
	if err != nil {
		return err
	}
	return d.chair.await(d, "AgentConf_RequestSuccess")
}

func (d *demo) invite(ctx context.Context) error {
	d.say("\n3. It invites the phone %s and agent %s: both ring, both answer.", demoPhone, demoGuest)
	_, err := d.conferences.BatchAddParticipant(d.chair.calls(ctx), &agentconfv1.BatchAddParticipantRequest{
		AgentId: demoChair,
		Addresses: []*agentconfv1.Invitation{
			{AddressType: "6", Address: demoPhone}, {AddressType: "9", Address: demoGuest},
		},
	})
	if err != nil {
		return err
	}
	if err := d.guest.await(d, "AgentConf_Ringing"); err != nil {
		return err
	}
	_, err = d.conferences.AnswerAgentConf(d.guest.calls(ctx), &agentconfv1.AnswerAgentConfRequest{AgentId: demoGuest})
	if err != nil {
		return err
	}
	return errors.Join(
		d.guest.await(d, "AgentConf_SelfJoinResult"),
		d.chair.await(d, "AgentConf_ParticipantChanged"), d.chair.await(d, "AgentConf_ParticipantChanged"))
}

func (d *demo) holdAgent(ctx context.Context) error {
	d.say("\n4. It holds agent %s and takes it back, over gRPC. Each call returns once the event confirms it.", demoGuest)
	hold := &agentconfv1.HoldParticipantRequest{
		AgentId: demoChair, AddressType: "9", Address: demoGuest, VoicePath: demoVoice,
		ConfirmWithin: durationpb.New(5 * time.Second),
	}
	d.say("   HoldParticipant %s", compact(hold))
	held, err := d.conferences.HoldParticipant(d.chair.calls(ctx), hold)
	if err != nil {
		return err
	}
	d.say("   answer: OK, %s", compact(held))
	unhold := &agentconfv1.UnholdParticipantRequest{
		AgentId: demoChair, AddressType: "9", Address: demoGuest, ConfirmWithin: durationpb.New(5 * time.Second),
	}
	d.say("   UnholdParticipant %s", compact(unhold))
	unheld, err := d.conferences.UnholdParticipant(d.chair.calls(ctx), unhold)
	if err != nil {
		return err
	}
	d.say("   answer: OK, %s", compact(unheld))
	return errors.Join(d.chair.skip("AgentConf_ParticipantChanged"), d.chair.skip("AgentConf_ParticipantChanged"))
}

func (d *demo) holdPhone(ctx context.Context) error {
	d.say("\n5. It holds the phone over JSON, by the gateway's own path, and takes it back by the one of REST clients.")
	path := "/agentgateway/resource/agentconf/" + demoChair + "/holdparticipant"
	if err := d.chair.post(ctx, d, d.http+path, demoHoldJSON); err != nil {
		return err
	}
	if err := d.chair.await(d, "AgentConf_ParticipantChanged"); err != nil {
		return err
	}
	path = "/v1/agents/" + demoChair + "/conference:unholdParticipant"
	if err := d.chair.post(ctx, d, d.http+path, demoUnholdJSON); err != nil {
		return err
	}
	return d.chair.await(d, "AgentConf_ParticipantChanged")
}

func (d *demo) refuse(ctx context.Context) error {
	d.say("\n6. Agent %s, who is not the chairperson, tries to hold the phone.", demoGuest)
	_, err := d.conferences.HoldParticipant(d.guest.calls(ctx), &agentconfv1.HoldParticipantRequest{
		AgentId: demoGuest, AddressType: "6", Address: demoPhone, VoicePath: demoVoice,
	})
	if status.Code(err) != codes.PermissionDenied {
		return fmt.Errorf("want the hold refused, got %v", err)
	}
	d.say("   answer: %s, %s", status.Code(err), status.Convert(err).Message())
	for _, detail := range status.Convert(err).Details() {
		if info, ok := detail.(*errdetails.ErrorInfo); ok {
			d.say("   reason %s, outcome %s", info.GetReason(), info.GetMetadata()["outcome"])
		}
	}
	return nil
}

func (d *demo) passTheChair(ctx context.Context) error {
	d.say("\n7. Agent %s gets the chair, and gives it back.", demoGuest)
	for _, pass := range []struct{ from, to *demoAgent }{{&d.chair, &d.guest}, {&d.guest, &d.chair}} {
		_, err := d.conferences.ApplyToShiftPresident(pass.from.calls(ctx),
			&agentconfv1.ApplyToShiftPresidentRequest{AgentId: pass.from.id, DestAgentNo: pass.to.number()})
		if err != nil {
			return err
		}
		if err := pass.to.await(d, "AgentConf_PresidentChanged"); err != nil {
			return err
		}
	}
	return nil
}

func (d *demo) say(format string, args ...any) { fmt.Fprintf(d.out, format+"\n", args...) }

const (
	demoHoldJSON   = `{"address":"` + demoPhone + `","addressType":"6","playMode":2,"voicePath":"` + demoVoice + `"}`
	demoUnholdJSON = `{"address":"` + demoPhone + `","addressType":"6"}`
)

// printCommands prints what can be tried while the demo stays.
func (d *demo) printCommands() {
	d.say(`
Everything keeps running until Ctrl-C. The README's commands need this line first, those below do not:

export GUID=%[1]s

In a second terminal, watch the events of agent %[2]s:

curl -N -H 'Guid: %[1]s' %[7]s/v1/agents/%[2]s/events

and in a third, hold over gRPC:

grpcurl -plaintext -H 'guid: %[1]s' -d '{"agent_id":"%[2]s","address_type":"6","address":"%[3]s","voice_path":"%[4]s"}' %[5]s agentconf.v1.ConferenceService/HoldParticipant

unhold over JSON:

curl -H 'Guid: %[1]s' -H 'Content-Type: application/json; charset=UTF-8' -d '%[6]s' %[7]s/agentgateway/resource/agentconf/%[2]s/unholdparticipant

and read what the gateway was asked:

curl %[8]s/emulator/log
`, d.chair.guid, demoChair, demoPhone, demoVoice, d.grpc, demoUnholdJSON, d.http, d.gateway)
}
