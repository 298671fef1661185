package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	"agentconf/emulator"
	agentconfv1 "agentconf/gen/agentconf/v1"
	"agentconf/server/internal/app"
)

// The participants of the demo. The chairperson and the phone are from page 0473.
const (
	demoChair = "1287"
	demoGuest = "2002"
	demoPhone = "88887946"
	demoVoice = "y:/conf/120/1136287.V3"
)

// demo plays a conference with a real service and an emulated gateway. It fails if a step
// has an unexpected result.
func (c cli) demo(ctx context.Context, args []string) error {
	fs := newFlags("demo", "play a conference with an emulated gateway")
	stay := fs.Bool("stay", false, "keep serving afterwards, on 127.0.0.1, and print commands to try")
	if err := c.parse(fs, args); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	d := &demo{out: c.stdout}
	ended, err := d.start(ctx, *stay)
	if err != nil {
		return err
	}
	timeout := time.AfterFunc(10*time.Second, cancel) // the conference takes 2 s
	if err := d.play(ctx); err != nil {
		return err
	}
	if timeout.Stop(); *stay {
		d.printCommands()
		<-ctx.Done()
	}
	cancel()
	return errors.Join(<-ended, <-ended)
}

// demo is the state of a demo: the addresses and clients of the service, and its agents.
type demo struct {
	out io.Writer

	gateway, grpc, http string // URL, HOST:PORT, URL

	sessions    agentconfv1.SessionServiceClient
	conferences agentconfv1.ConferenceServiceClient
	events      agentconfv1.EventServiceClient

	chair, guest demoAgent
}

// start runs the emulator and the service until ctx is done. Each then sends its error,
// or nil, on ended.
func (d *demo) start(ctx context.Context, fixedPorts bool) (ended <-chan error, err error) {
	ports := []port{{"--stay", "127.0.0.1:0"}, {"--stay", "127.0.0.1:0"}, {"--stay", "127.0.0.1:0"}}
	if fixedPorts {
		ports = []port{{"--stay", "127.0.0.1:8043"}, {"--stay", "127.0.0.1:9090"}, {"--stay", "127.0.0.1:8080"}}
	}
	listeners, err := listenAll(ports)
	if err != nil {
		return nil, err
	}
	d.gateway = "http://" + listeners[0].Addr().String()
	d.grpc = listeners[1].Addr().String()
	d.http = "http://" + listeners[2].Addr().String()

	options := app.Defaults()
	options.Gateway.URL = d.gateway
	options.Lifecycle.ProbeInterval, options.Lifecycle.DrainDelay = 0, 0
	service, err := app.New(options)
	if err != nil {
		return nil, err
	}
	closeConn, err := d.connect()
	if err != nil {
		return nil, err
	}
	// A static GUID keeps the printed commands valid.
	gateway := emulator.New(emulator.Config{
		AuthMode: emulator.StaticGUID, SignOutAfter: -1, AnswerDelay: 300 * time.Millisecond,
	})
	results := make(chan error, 2)
	go func() { results <- serveHTTP(ctx, gateway.Handler(), listeners[0]) }()
	go func() {
		err := service.Serve(ctx, listeners[1], listeners[2])
		closeConn()
		results <- err
	}()
	return results, nil
}

// connect creates the gRPC clients for d.grpc.
func (d *demo) connect() (closeConn func() error, err error) {
	conn, err := grpc.NewClient("passthrough:///"+d.grpc, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return nil, err
	}
	d.sessions = agentconfv1.NewSessionServiceClient(conn)
	d.conferences = agentconfv1.NewConferenceServiceClient(conn)
	d.events = agentconfv1.NewEventServiceClient(conn)
	return conn.Close, nil
}

// play runs the steps of the conference.
func (d *demo) play(ctx context.Context) error {
	d.printf("An emulated CC-Gateway listens at %s.", d.gateway)
	d.printf("agentconf stands in front of it: gRPC at %s, JSON at %s.", d.grpc, d.http)
	steps := []func(context.Context) error{
		d.signIn, d.openConference, d.invite, d.holdAgent, d.holdPhone, d.showRefusal, d.changeChairperson,
	}
	for _, step := range steps {
		if err := step(ctx); err != nil {
			return err
		}
	}
	d.printf("\nDone: an agent and a phone, each held and unheld.")
	return nil
}

func (d *demo) signIn(ctx context.Context) (err error) {
	d.printf("\n1. Agents %s and %s sign in and watch their events.", demoChair, demoGuest)
	if d.chair, err = d.signInAgent(ctx, demoChair); err != nil {
		return err
	}
	d.guest, err = d.signInAgent(ctx, demoGuest)
	return err
}

func (d *demo) openConference(ctx context.Context) error {
	d.printf("\n2. Agent %s requests a conference of 4 and becomes its chairperson.", demoChair)
	_, err := d.conferences.RequestAgentConf(d.chair.withGUID(ctx),
		&agentconfv1.RequestAgentConfRequest{AgentId: demoChair, MemberNum: 4})
	if err != nil {
		return err
	}
	return d.chair.await(d, "AgentConf_RequestSuccess")
}

func (d *demo) invite(ctx context.Context) error {
	d.printf("\n3. Agent 1287 invites the phone %s and agent %s. Both ring and answer.", demoPhone, demoGuest)
	_, err := d.conferences.BatchAddParticipant(d.chair.withGUID(ctx), &agentconfv1.BatchAddParticipantRequest{
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
	_, err = d.conferences.AnswerAgentConf(d.guest.withGUID(ctx), &agentconfv1.AnswerAgentConfRequest{AgentId: demoGuest})
	if err != nil {
		return err
	}
	return errors.Join(
		d.guest.await(d, "AgentConf_SelfJoinResult"),
		d.chair.await(d, "AgentConf_ParticipantChanged"), d.chair.await(d, "AgentConf_ParticipantChanged"))
}

func (d *demo) holdAgent(ctx context.Context) error {
	d.printf("\n4. Agent 1287 holds agent %s and unholds it, over gRPC. Each call returns once its event confirms it.", demoGuest)
	hold := &agentconfv1.HoldParticipantRequest{
		AgentId: demoChair, AddressType: "9", Address: demoGuest, VoicePath: demoVoice,
		ConfirmWithin: durationpb.New(5 * time.Second),
	}
	d.printf("   HoldParticipant %s", compact(hold))
	held, err := d.conferences.HoldParticipant(d.chair.withGUID(ctx), hold)
	if err != nil {
		return err
	}
	d.printf("   response: OK, %s", compact(held))
	unhold := &agentconfv1.UnholdParticipantRequest{
		AgentId: demoChair, AddressType: "9", Address: demoGuest, ConfirmWithin: durationpb.New(5 * time.Second),
	}
	d.printf("   UnholdParticipant %s", compact(unhold))
	unheld, err := d.conferences.UnholdParticipant(d.chair.withGUID(ctx), unhold)
	if err != nil {
		return err
	}
	d.printf("   response: OK, %s", compact(unheld))
	return errors.Join(d.chair.skip("AgentConf_ParticipantChanged"), d.chair.skip("AgentConf_ParticipantChanged"))
}

func (d *demo) holdPhone(ctx context.Context) error {
	d.printf("\n5. Agent 1287 holds the phone over JSON, by the gateway's own path, and unholds it by the REST path.")
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

func (d *demo) showRefusal(ctx context.Context) error {
	d.printf("\n6. Agent %s, who is not the chairperson, tries to hold the phone.", demoGuest)
	_, err := d.conferences.HoldParticipant(d.guest.withGUID(ctx), &agentconfv1.HoldParticipantRequest{
		AgentId: demoGuest, AddressType: "6", Address: demoPhone, VoicePath: demoVoice,
	})
	if status.Code(err) != codes.PermissionDenied {
		return fmt.Errorf("got %v, want a refused hold", err)
	}
	d.printf("   response: %s, %s", status.Code(err), status.Convert(err).Message())
	for _, detail := range status.Convert(err).Details() {
		if info, ok := detail.(*errdetails.ErrorInfo); ok {
			d.printf("   reason %s, outcome %s", info.GetReason(), info.GetMetadata()["outcome"])
		}
	}
	return nil
}

func (d *demo) changeChairperson(ctx context.Context) error {
	d.printf("\n7. Agent %s becomes the chairperson, and passes the role back.", demoGuest)
	for _, pass := range []struct{ from, to *demoAgent }{{&d.chair, &d.guest}, {&d.guest, &d.chair}} {
		_, err := d.conferences.ApplyToShiftPresident(pass.from.withGUID(ctx),
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

func (d *demo) printf(format string, args ...any) { fmt.Fprintf(d.out, format+"\n", args...) }

const (
	demoHoldJSON   = `{"address":"` + demoPhone + `","addressType":"6","playMode":2,"voicePath":"` + demoVoice + `"}`
	demoUnholdJSON = `{"address":"` + demoPhone + `","addressType":"6"}`
)

// printCommands prints the commands to try while the demo keeps running.
func (d *demo) printCommands() {
	d.printf(`
The demo runs until Ctrl-C. The commands of the README need this variable; the commands below do not:

export GUID=%[1]s

In a second terminal, watch the events of agent %[2]s:

curl -N -H 'Guid: %[1]s' %[7]s/v1/agents/%[2]s/events

In a third, hold the phone over gRPC:

grpcurl -plaintext -H 'guid: %[1]s' -d '{"agent_id":"%[2]s","address_type":"6","address":"%[3]s","voice_path":"%[4]s"}' %[5]s agentconf.v1.ConferenceService/HoldParticipant

Unhold it over JSON:

curl -H 'Guid: %[1]s' -H 'Content-Type: application/json; charset=UTF-8' -d '%[6]s' %[7]s/agentgateway/resource/agentconf/%[2]s/unholdparticipant

Read the request log of the gateway:

curl %[8]s/emulator/log
`, d.chair.guid, demoChair, demoPhone, demoVoice, d.grpc, demoUnholdJSON, d.http, d.gateway)
}
