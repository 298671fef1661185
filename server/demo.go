package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"

	agentconfv1 "agentconf/gen/agentconf/v1"
	"agentconf/server/agentgateway"
	"agentconf/server/conference"
	"agentconf/server/emulator"
	"agentconf/server/transport"
)

// The people of the story. Agent and participant are those of page 0473.
const (
	demoAgent    = "1287"
	demoPhone    = "88887946"
	demoStranger = "1288" // an agent without a conference
	demoVoice    = "y:/conf/120/1136287.V3"
)

// demo plays a hold through: everything is real but the gateway, which is
// emulated. It fails if a step does not end as the story says.
func (p program) demo(ctx context.Context, args []string) error {
	fs := p.newFlags("demo", "play a hold through, with an emulated gateway")
	stay := fs.Bool("stay", false, "keep serving afterwards, on 127.0.0.1, and print commands to try")
	if err := p.parse(fs, args); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	d := &demo{out: p.stdout}
	ended, err := d.start(ctx, *stay)
	if err != nil {
		return err
	}
	if err := d.play(ctx); err != nil {
		return err
	}
	if *stay {
		d.printCommands()
		<-ctx.Done()
	}
	cancel()
	return errors.Join(<-ended, <-ended)
}

type demo struct {
	out io.Writer

	gateway, grpc, http string // where they listen
	client              agentconfv1.ConferenceServiceClient
	guid                string // of demoAgent
}

// start runs gateway and service until ctx is done; both then report on ended.
func (d *demo) start(ctx context.Context, fixedPorts bool) (ended <-chan error, err error) {
	addresses := []string{"127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0"}
	if fixedPorts {
		addresses = []string{"127.0.0.1:8043", "127.0.0.1:9090", "127.0.0.1:8080"}
	}
	var listeners [3]net.Listener
	for i, address := range addresses {
		if listeners[i], err = net.Listen("tcp", address); err != nil {
			return nil, err
		}
	}
	d.gateway = "http://" + listeners[0].Addr().String()
	d.grpc = listeners[1].Addr().String()
	d.http = "http://" + listeners[2].Addr().String()

	client, err := agentgateway.New(agentgateway.Config{URL: d.gateway, Timeout: 5 * time.Second})
	if err != nil {
		return nil, err
	}
	// A GUID that stays, so that the printed commands work for as long as they are
	// looked at.
	gateway := emulator.New(emulator.Config{
		AuthMode: emulator.StaticGUID, Node: "AgentGateway1", AnswerDelay: 300 * time.Millisecond,
	})
	server := transport.New(conference.New(client, 59999), slog.New(slog.DiscardHandler))
	conn, err := grpc.NewClient("passthrough:///"+d.grpc, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return nil, err
	}
	d.client = agentconfv1.NewConferenceServiceClient(conn)

	both := make(chan error, 2)
	go func() { both <- serveHTTP(ctx, gateway.Handler(), listeners[0]) }()
	go func() {
		err := server.Serve(ctx, listeners[1], listeners[2])
		client.Close()
		conn.Close()
		both <- err
	}()
	return both, nil
}

func (d *demo) play(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	d.say("An emulated CC-Gateway listens at %s.", d.gateway)
	d.say("agentconf stands in front of it: gRPC at %s, JSON at %s.", d.grpc, d.http)
	steps := []func(context.Context) error{
		d.signIn, d.openConference, d.addPhone, d.holdOverGRPC, d.holdOverJSON, d.holdWithoutConference,
	}
	for _, step := range steps {
		if err := step(ctx); err != nil {
			return err
		}
	}
	d.say("\nDone: one participant, held twice and taken back twice.")
	return nil
}

func (d *demo) signIn(ctx context.Context) (err error) {
	d.say("\n1. Agent %s signs in at the gateway.", demoAgent)
	d.guid, err = d.signInAgent(ctx, demoAgent)
	d.say("   the gateway issues the GUID %s", d.guid)
	return err
}

func (d *demo) openConference(ctx context.Context) error {
	d.say("\n2. The agent applies for a conference of 4 and becomes its chairperson.")
	if err := d.askGateway(ctx, "requestagentconf", `{"memberNum":4}`); err != nil {
		return err
	}
	return d.awaitEvent(ctx, "AgentConf_RequestSuccess", "")
}

func (d *demo) addPhone(ctx context.Context) error {
	d.say("\n3. The agent invites the phone %s, which answers.", demoPhone)
	body := `{"addresses":[{"addressType":"6","address":"` + demoPhone + `"}]}`
	if err := d.askGateway(ctx, "batchaddparticipant", body); err != nil {
		return err
	}
	return d.awaitEvent(ctx, "AgentConf_ParticipantChanged", `"changeType":0`)
}

func (d *demo) holdOverGRPC(ctx context.Context) error {
	d.say("\n4. The agent holds the phone and takes it back, over gRPC.")
	ctx = metadata.AppendToOutgoingContext(ctx, "guid", d.guid)
	hold := &agentconfv1.HoldParticipantRequest{
		AgentId: demoAgent, AddressType: "6", Address: demoPhone, VoicePath: demoVoice,
	}
	d.say("   HoldParticipant %s", protojson.MarshalOptions{UseProtoNames: true}.Format(hold))
	held, err := d.client.HoldParticipant(ctx, hold)
	if err != nil {
		return err
	}
	d.say("   answer: OK, retcode %s, %s", held.GetRetcode(), held.GetMessage())
	if err := d.awaitEvent(ctx, "AgentConf_ParticipantChanged", `"changeType":5`); err != nil {
		return err
	}
	unhold := &agentconfv1.UnholdParticipantRequest{AgentId: demoAgent, AddressType: "6", Address: demoPhone}
	d.say("   UnholdParticipant %s", protojson.MarshalOptions{UseProtoNames: true}.Format(unhold))
	unheld, err := d.client.UnholdParticipant(ctx, unhold)
	if err != nil {
		return err
	}
	d.say("   answer: OK, retcode %s, %s", unheld.GetRetcode(), unheld.GetMessage())
	return d.awaitEvent(ctx, "AgentConf_ParticipantChanged", `"changeType":6`)
}

func (d *demo) holdOverJSON(ctx context.Context) error {
	d.say("\n5. The same over JSON, by the gateway's own path and by the one of REST clients.")
	path := "/agentgateway/resource/agentconf/" + demoAgent + "/holdparticipant"
	if err := d.post(ctx, d.http+path, demoHoldJSON); err != nil {
		return err
	}
	if err := d.awaitEvent(ctx, "AgentConf_ParticipantChanged", `"changeType":5`); err != nil {
		return err
	}
	path = "/v1/agents/" + demoAgent + "/conference:unholdParticipant"
	if err := d.post(ctx, d.http+path, demoUnholdJSON); err != nil {
		return err
	}
	return d.awaitEvent(ctx, "AgentConf_ParticipantChanged", `"changeType":6`)
}

func (d *demo) holdWithoutConference(ctx context.Context) error {
	d.say("\n6. Agent %s, who has no conference, tries to hold the same phone.", demoStranger)
	guid, err := d.signInAgent(ctx, demoStranger)
	if err != nil {
		return err
	}
	ctx = metadata.AppendToOutgoingContext(ctx, "guid", guid)
	_, err = d.client.HoldParticipant(ctx, &agentconfv1.HoldParticipantRequest{
		AgentId: demoStranger, AddressType: "6", Address: demoPhone, VoicePath: demoVoice,
	})
	if status.Code(err) != codes.FailedPrecondition {
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

func (d *demo) say(format string, args ...any) { fmt.Fprintf(d.out, format+"\n", args...) }

const (
	demoHoldJSON   = `{"address":"` + demoPhone + `","addressType":"6","playMode":2,"voicePath":"` + demoVoice + `"}`
	demoUnholdJSON = `{"address":"` + demoPhone + `","addressType":"6"}`
)

// printCommands prints what can be tried while the demo stays.
func (d *demo) printCommands() {
	d.say(`
Everything keeps running until Ctrl-C. In a second terminal, hold over gRPC:

grpcurl -plaintext -H 'guid: %s' -d '{"agent_id":"%s","address_type":"6","address":"%s","voice_path":"%s"}' %s agentconf.v1.ConferenceService/HoldParticipant

unhold over JSON:

curl -H 'Guid: %[1]s' -H 'Content-Type: application/json; charset=UTF-8' -d '%[6]s' %[7]s/agentgateway/resource/agentconf/%[2]s/unholdparticipant

take the next event from the gateway, and read what the gateway was asked:

curl -H 'Guid: %[1]s' %[8]s/agentgateway/resource/agentevent/%[2]s
curl %[8]s/emulator/log
`, d.guid, demoAgent, demoPhone, demoVoice, d.grpc, demoUnholdJSON, d.http, d.gateway)
}
