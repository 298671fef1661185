import agentconf.v1.ConferenceServiceGrpc;
import agentconf.v1.EventServiceGrpc;
import agentconf.v1.SessionServiceGrpc;
import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonNull;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import com.google.protobuf.DescriptorProtos.FileDescriptorProto;
import com.google.protobuf.DescriptorProtos.FileDescriptorSet;
import com.google.protobuf.Descriptors.DescriptorValidationException;
import com.google.protobuf.Descriptors.FileDescriptor;
import com.google.protobuf.DynamicMessage;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Message;
import com.google.protobuf.TypeRegistry;
import com.google.protobuf.util.JsonFormat;
import io.grpc.CallOptions;
import io.grpc.Channel;
import io.grpc.ClientInterceptors;
import io.grpc.Context;
import io.grpc.ManagedChannelBuilder;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.StatusRuntimeException;
import io.grpc.stub.ClientCalls;
import io.grpc.stub.MetadataUtils;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Iterator;
import java.util.Map;
import java.util.Timer;
import java.util.TimerTask;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/** The gRPC front, with Debian's grpc-java and the code that protoc generates from the proto. */
final class Front {
  private static final double MOST = 10; // seconds that a call without a deadline of its own may take

  private static final Channel CHANNEL =
      ManagedChannelBuilder.forTarget(System.getenv("AGENTCONF_GRPC")).usePlaintext().build();

  private static final Map<String, MethodDescriptor<?, ?>> METHODS = new HashMap<>();

  static {
    Stream.of(
            ConferenceServiceGrpc.getServiceDescriptor(),
            EventServiceGrpc.getServiceDescriptor(),
            SessionServiceGrpc.getServiceDescriptor())
        .flatMap(service -> service.getMethods().stream())
        .forEach(method -> METHODS.put(method.getFullMethodName(), method));
  }

  private static final Metadata.Key<byte[]> DETAILS =
      Metadata.Key.of("grpc-status-details-bin", Metadata.BINARY_BYTE_MARSHALLER);

  private static final TypeRegistry GOOGLE_RPC = googleRpc();

  private static final JsonFormat.Printer PRINTER =
      JsonFormat.printer().includingDefaultValueFields().usingTypeRegistry(GOOGLE_RPC);

  /** A call that receives any number of messages. A unary call receives one. */
  static final class Watch {
    private final Context.CancellableContext context = Context.current().withCancellation();
    private Iterator<Message> messages;

    Watch(JsonObject step) {
      context.run(() -> messages = Front.messages(step));
    }

    /** Returns the next message as "reply" and "content", or the final status. */
    JsonObject next() {
      try {
        JsonObject got = new JsonObject();
        JsonObject reply = toJson(messages.next());
        got.add("reply", reply);
        got.add("content", reply.entrySet().iterator().next().getValue());
        return got;
      } catch (StatusRuntimeException error) {
        return status(error);
      }
    }

    JsonObject stop() {
      context.cancel(null);
      return next();
    }
  }

  /** Makes a unary call. */
  static JsonObject call(JsonObject test) {
    Watch call = new Watch(test);
    if (test.has("cancel_after")) cancelAfter(call, test.get("cancel_after").getAsDouble());
    JsonObject got = call.next();
    if (got.has("reply")) got.addProperty("code", 0);
    return got;
  }

  private static void cancelAfter(Watch call, double seconds) {
    TimerTask cancel = new TimerTask() {
      @Override
      public void run() {
        call.context.cancel(null);
      }
    };
    new Timer(true).schedule(cancel, (long) (seconds * 1000));
  }

  @SuppressWarnings("unchecked") // every method has messages of protobuf
  private static Iterator<Message> messages(JsonObject test) {
    MethodDescriptor<Message, Message> method =
        (MethodDescriptor<Message, Message>) METHODS.get(test.get("rpc").getAsString());
    var marshaller = (MethodDescriptor.PrototypeMarshaller<Message>) method.getRequestMarshaller();
    Message.Builder request = marshaller.getMessagePrototype().newBuilderForType();
    fromJson(test.get("request").toString(), request);
    Metadata metadata = new Metadata();
    for (JsonElement pair : test.getAsJsonArray("metadata")) {
      String name = pair.getAsJsonArray().get(0).getAsString();
      String value = pair.getAsJsonArray().get(1).getAsString();
      metadata.put(Metadata.Key.of(name, Metadata.ASCII_STRING_MARSHALLER), value);
    }
    var channel = ClientInterceptors.intercept(CHANNEL, MetadataUtils.newAttachHeadersInterceptor(metadata));
    double timeout = test.has("timeout") ? test.get("timeout").getAsDouble() : MOST;
    var options = CallOptions.DEFAULT.withDeadlineAfter((long) (timeout * 1000), TimeUnit.MILLISECONDS);
    return ClientCalls.blockingServerStreamingCall(channel, method, options, request.build());
  }

  /** Returns an error with its details. */
  private static JsonObject status(StatusRuntimeException error) {
    JsonObject got = new JsonObject();
    JsonArray violations = new JsonArray();
    got.addProperty("code", error.getStatus().getCode().value());
    got.add("violations", violations);
    got.add("retry_delay", JsonNull.INSTANCE);
    for (JsonElement element : details(error.getTrailers())) {
      JsonObject detail = element.getAsJsonObject();
      switch (detail.remove("@type").getAsString()) {
        case "type.googleapis.com/google.rpc.ErrorInfo" -> got.add("error_info", detail);
        case "type.googleapis.com/google.rpc.BadRequest" ->
            detail.getAsJsonArray("fieldViolations")
                .forEach(violation -> violations.add(violation.getAsJsonObject().get("field")));
        case "type.googleapis.com/google.rpc.RetryInfo" ->
            got.addProperty("retry_delay", seconds(detail.get("retryDelay").getAsString()));
        default -> {}
      }
    }
    return got;
  }

  private static double seconds(String duration) {
    return Double.parseDouble(duration.replace("s", ""));
  }

  /** Returns the details of a google.rpc.Status as JSON, each with its type. */
  private static JsonArray details(Metadata trailers) {
    byte[] binary = trailers == null ? null : trailers.get(DETAILS);
    if (binary == null) return new JsonArray();
    try {
      DynamicMessage status = DynamicMessage.parseFrom(GOOGLE_RPC.find("google.rpc.Status"), binary);
      return toJson(status).getAsJsonArray("details");
    } catch (InvalidProtocolBufferException fault) {
      throw new IllegalStateException("the details are no google.rpc.Status", fault);
    }
  }

  /** The messages of google.rpc. Debian's package lacks some of them. */
  private static TypeRegistry googleRpc() {
    try {
      byte[] protoset = Files.readAllBytes(Path.of(System.getenv("AGENTCONF_RPC_PROTOSET")));
      Map<String, FileDescriptor> files = new HashMap<>();
      TypeRegistry.Builder types = TypeRegistry.newBuilder();
      for (FileDescriptorProto file : FileDescriptorSet.parseFrom(protoset).getFileList()) {
        FileDescriptor[] imports =
            file.getDependencyList().stream().map(files::get).toArray(FileDescriptor[]::new);
        files.put(file.getName(), FileDescriptor.buildFrom(file, imports));
        types.add(files.get(file.getName()).getMessageTypes());
      }
      return types.build();
    } catch (java.io.IOException | DescriptorValidationException fault) {
      throw new IllegalStateException("AGENTCONF_RPC_PROTOSET cannot be used", fault);
    }
  }

  private static JsonObject toJson(Message message) {
    try {
      return JsonParser.parseString(PRINTER.print(message)).getAsJsonObject();
    } catch (InvalidProtocolBufferException fault) {
      throw new IllegalStateException(fault);
    }
  }

  private static void fromJson(String text, Message.Builder message) {
    try {
      JsonFormat.parser().merge(text, message);
    } catch (InvalidProtocolBufferException fault) {
      throw new IllegalArgumentException(fault);
    }
  }
}
