import agentconf.v1.*;
import com.google.gson.Gson;
import com.google.protobuf.Any;
import com.google.protobuf.Duration;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.rpc.ErrorInfo;
import io.grpc.*;
import io.grpc.protobuf.StatusProto;
import io.grpc.stub.MetadataUtils;
import java.nio.file.*;
import java.util.*;
import java.util.concurrent.TimeUnit;

/** Puts a participant of a conference on hold and prints the outcome. */
final class Hold {
  private static final String AGENT = System.getenv().getOrDefault("AGENT", "1287");
  private static final String PHONE = "88887946";
  private static final Path POLICY = Path.of("../../proto/agentconf/v1/service_config.json");

  @SuppressWarnings("unchecked") // the keys of a JSON object are strings
  public static void main(String[] args) throws Exception {
    Map<String, ?> policy = new Gson().fromJson(Files.readString(POLICY), Map.class);
    String address = System.getenv().getOrDefault("AGENTCONF_GRPC", "127.0.0.1:9090");
    Channel channel = ManagedChannelBuilder.forTarget(address).usePlaintext()
        .enableRetry().defaultServiceConfig(policy).build();
    System.exit(hold(channel));
  }

  private static int hold(Channel channel) throws InvalidProtocolBufferException {
    // ForceLogin works even if an earlier run has left the agent signed in.
    String guid = SessionServiceGrpc.newBlockingStub(channel).withDeadlineAfter(10, TimeUnit.SECONDS)
        .forceLogin(ForceLoginRequest.newBuilder().setAgentId(AGENT).setPhonenum("40038").build()).getGuid();
    Metadata metadata = new Metadata();
    metadata.put(Metadata.Key.of("guid", Metadata.ASCII_STRING_MARSHALLER), guid);
    channel = ClientInterceptors.intercept(channel, MetadataUtils.newAttachHeadersInterceptor(metadata));
    Iterator<WatchAgentEventsResponse> watch = EventServiceGrpc.newBlockingStub(channel)
        .watchAgentEvents(WatchAgentEventsRequest.newBuilder().setAgentId(AGENT).build());
    var conferences = ConferenceServiceGrpc.newBlockingStub(channel).withDeadlineAfter(60, TimeUnit.SECONDS);
    conferences.requestAgentConf(
        RequestAgentConfRequest.newBuilder().setAgentId(AGENT).setMemberNum(4).build());
    long confId = await(watch, "AgentConf_RequestSuccess").getRequestSuccess().getConfId();
    Invitation phone = Invitation.newBuilder().setAddressType("6").setAddress(PHONE).build();
    conferences.batchAddParticipant(
        BatchAddParticipantRequest.newBuilder().setAgentId(AGENT).addAddresses(phone).build());
    await(watch, "AgentConf_ParticipantChanged");

    try {
      conferences.holdParticipant(HoldParticipantRequest.newBuilder().setAgentId(AGENT)
          .setAddressType("6").setAddress(PHONE).setVoicePath("y:/conf/120/1136287.V3")
          .setConfirmWithin(Duration.newBuilder().setSeconds(5)).build());
    } catch (StatusRuntimeException error) {
      ErrorInfo info = errorInfo(error);
      String message = error.getStatus().getDescription();
      String outcome = info.getMetadataOrDefault("outcome", "unknown");
      if (info.getDomain().equals("agentconf") && outcome.equals("not_applied")) {
        System.out.println("not applied: " + info.getReason() + ": " + message);
        return 1;
      }
      // A second hold could apply twice. A query is safe.
      System.out.println("unknown: " + participantState(conferences, confId) + ": " + message);
      return 2;
    }
    System.out.println("applied");
    return 0;
  }

  private static AgentEvent await(Iterator<WatchAgentEventsResponse> watch, String eventType) {
    AgentEvent event;
    do event = watch.next().getEvent(); while (!event.getEventType().equals(eventType));
    return event;
  }

  /** Returns agentconf's ErrorInfo. It is empty if the client or a proxy has made the error. */
  private static ErrorInfo errorInfo(StatusRuntimeException error) throws InvalidProtocolBufferException {
    com.google.rpc.Status status = StatusProto.fromThrowable(error);
    for (Any detail : status == null ? List.<Any>of() : status.getDetailsList()) {
      if (detail.is(ErrorInfo.class)) return detail.unpack(ErrorInfo.class);
    }
    return ErrorInfo.getDefaultInstance();
  }

  private static String participantState(ConferenceServiceGrpc.ConferenceServiceBlockingStub conferences, long confId) {
    try {
      boolean held = conferences.queryConfInfos(
              QueryConfInfosRequest.newBuilder().setAgentId(AGENT).addConfIds(confId).build())
          .getResult().getConfs(0).getAddressesList().stream()
          .anyMatch(member -> member.getAddress().equals(PHONE) && member.getChannelState() == 1);
      return held ? "the participant is held now" : "the participant is not held now";
    } catch (StatusRuntimeException error) {
      return "the query failed, too (" + error.getStatus().getDescription() + ")";
    }
  }
}
