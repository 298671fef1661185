// Command go puts a participant of a conference on hold and prints the outcome.
package main

import (
	"cmp"
	"context"
	"fmt"
	"log"
	"os"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	pb "agentconf/gen/agentconf/v1"
)

const phone = "88887946"

var agent = cmp.Or(os.Getenv("AGENT"), "1287")

func main() {
	policy := must(os.ReadFile("proto/agentconf/v1/service_config.json"))
	conn := must(grpc.NewClient(cmp.Or(os.Getenv("AGENTCONF_GRPC"), "127.0.0.1:9090"),
		grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithDefaultServiceConfig(string(policy))))
	conferences := pb.NewConferenceServiceClient(conn)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()

	// ForceLogin works even if an earlier run has left the agent signed in.
	signedIn := must(pb.NewSessionServiceClient(conn).ForceLogin(ctx, &pb.ForceLoginRequest{AgentId: agent, Phonenum: "40038"}))
	ctx = metadata.AppendToOutgoingContext(ctx, "guid", signedIn.GetGuid())
	watch := must(pb.NewEventServiceClient(conn).WatchAgentEvents(ctx, &pb.WatchAgentEventsRequest{AgentId: agent}))
	must(conferences.RequestAgentConf(ctx, &pb.RequestAgentConfRequest{AgentId: agent, MemberNum: 4}))
	conf := await(watch, "AgentConf_RequestSuccess").GetRequestSuccess().GetConfId()
	invitation := &pb.Invitation{AddressType: "6", Address: phone}
	must(conferences.BatchAddParticipant(ctx, &pb.BatchAddParticipantRequest{AgentId: agent, Addresses: []*pb.Invitation{invitation}}))
	await(watch, "AgentConf_ParticipantChanged")

	_, err := conferences.HoldParticipant(ctx, &pb.HoldParticipantRequest{
		AgentId: agent, AddressType: "6", Address: phone, VoicePath: "y:/conf/120/1136287.V3",
		ConfirmWithin: durationpb.New(5 * time.Second),
	})
	switch info := errorInfo(err); {
	case err == nil:
		fmt.Println("applied")
	case info.GetMetadata()["outcome"] == "not_applied":
		fmt.Printf("not applied: %s: %v\n", info.GetReason(), err)
		os.Exit(1)
	default: // A second hold could apply twice. A query is safe.
		fmt.Printf("unknown: %s: %v\n", participantState(ctx, conferences, conf), err)
		os.Exit(2)
	}
}

// await returns the next event of a type.
func await(watch grpc.ServerStreamingClient[pb.WatchAgentEventsResponse], eventType string) (event *pb.AgentEvent) {
	for event.GetEventType() != eventType {
		event = must(watch.Recv()).GetEvent()
	}
	return event
}

// errorInfo returns agentconf's ErrorInfo. It is nil if the client or a proxy has made the error.
func errorInfo(err error) *errdetails.ErrorInfo {
	for _, detail := range status.Convert(err).Details() {
		if info, ok := detail.(*errdetails.ErrorInfo); ok && info.GetDomain() == "agentconf" {
			return info
		}
	}
	return nil
}

// participantState queries whether the participant is held.
func participantState(ctx context.Context, conferences pb.ConferenceServiceClient, conf int64) string {
	reply, err := conferences.QueryConfInfos(ctx, &pb.QueryConfInfosRequest{AgentId: agent, ConfIds: []int64{conf}})
	if err != nil {
		return fmt.Sprintf("the query failed, too (%v)", err)
	}
	for _, member := range reply.GetResult().GetConfs()[0].GetAddresses() {
		if member.GetAddress() == phone && member.GetChannelState() == 1 {
			return "the participant is held now"
		}
	}
	return "the participant is not held now"
}

func must[T any](value T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return value
}
