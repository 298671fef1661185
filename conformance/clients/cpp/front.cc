#include "front.h"

#include <google/protobuf/descriptor.pb.h>
#include <google/protobuf/dynamic_message.h>
#include <google/protobuf/util/json_util.h>

#include <chrono>
#include <fstream>
#include <regex>
#include <stdexcept>

using google::protobuf::Descriptor;
using google::protobuf::DescriptorPool;

namespace {

constexpr double kMost = 10;  // seconds that a call without a deadline of its own may take

// Returns the time in so many seconds.
std::chrono::system_clock::time_point In(double seconds) {
  return std::chrono::system_clock::now() + std::chrono::milliseconds(int64_t(seconds * 1000));
}

grpc::TemplatedGenericStub<Message, Message>& Stub() {
  static grpc::TemplatedGenericStub<Message, Message> stub(
      grpc::CreateChannel(getenv("AGENTCONF_GRPC"), grpc::InsecureChannelCredentials()));
  return stub;
}

std::unique_ptr<Message> New(const Descriptor* type) {
  auto* factory = google::protobuf::MessageFactory::generated_factory();
  return std::unique_ptr<Message>(factory->GetPrototype(type)->New());
}

json ToJson(const Message& message) {
  google::protobuf::util::JsonPrintOptions options;
  options.always_print_primitive_fields = true;
  std::string text;
  const auto status = MessageToJsonString(message, &text, options);
  if (!status.ok()) throw std::runtime_error(status.ToString());
  return json::parse(text);
}

// The messages of google.rpc. Debian has no package of them.
const DescriptorPool& GoogleRpc() {
  static const DescriptorPool* pool = [] {
    google::protobuf::FileDescriptorSet protoset;
    std::ifstream file(getenv("AGENTCONF_RPC_PROTOSET"), std::ios::binary);
    if (!protoset.ParseFromIstream(&file)) throw std::runtime_error("AGENTCONF_RPC_PROTOSET is no such file");
    auto* pool = new DescriptorPool;
    for (const auto& one : protoset.file()) pool->BuildFile(one);
    return pool;
  }();
  return *pool;
}

// Returns a google.rpc.Status as JSON, each detail with its type.
json StatusToJson(const std::string& binary) {
  google::protobuf::DynamicMessageFactory factory;
  const auto* type = GoogleRpc().FindMessageTypeByName("google.rpc.Status");
  std::unique_ptr<Message> status(factory.GetPrototype(type)->New());
  if (!status->ParseFromString(binary)) throw std::runtime_error("the details are no google.rpc.Status");
  return ToJson(*status);
}

// Returns an error with its details.
json ErrorToJson(const grpc::Status& error) {
  json got = {{"code", error.error_code()}, {"violations", json::array()}, {"retry_delay", nullptr}};
  auto status = StatusToJson(error.error_details());
  for (auto& detail : status["details"]) {
    const std::string type = detail["@type"];
    detail.erase("@type");
    if (type == "type.googleapis.com/google.rpc.ErrorInfo") got["error_info"] = detail;
    if (type == "type.googleapis.com/google.rpc.RetryInfo")
      got["retry_delay"] = std::stod(detail["retryDelay"].get<std::string>());  // up to the "s"
    if (type == "type.googleapis.com/google.rpc.BadRequest")
      for (const auto& one : detail["fieldViolations"]) got["violations"].push_back(one["field"]);
  }
  return got;
}

}  // namespace

Watch::Watch(const json& step) {
  const std::string rpc = step["rpc"];
  const auto* method =
      DescriptorPool::generated_pool()->FindMethodByName(std::regex_replace(rpc, std::regex("/"), "."));
  auto request = New(method->input_type());
  reply_ = New(method->output_type());
  const auto parsed = google::protobuf::util::JsonStringToMessage(step["request"].dump(), request.get());
  if (!parsed.ok()) throw std::runtime_error(parsed.ToString());
  for (const auto& pair : step["metadata"]) context_.AddMetadata(pair[0], pair[1]);
  context_.set_deadline(In(step.value("timeout", kMost)));
  stream_ = Stub().PrepareCall(&context_, "/" + rpc, &queue_);
  stream_->StartCall(nullptr);
  if (!Done()) return;  // Next says why
  stream_->WriteLast(*request, grpc::WriteOptions(), nullptr);
  Done();
}

json Watch::Next() {
  stream_->Read(reply_.get(), nullptr);
  if (!Done()) return Finish();
  const json reply = ToJson(*reply_);
  return {{"reply", reply}, {"content", *reply.begin()}};
}

json Watch::Finish() {
  grpc::Status status;
  stream_->Finish(&status, nullptr);
  Done();
  return status.ok() ? json{{"code", 0}} : ErrorToJson(status);
}

json Watch::Stop() {
  context_.TryCancel();
  return Next();
}

void Watch::CancelAfter(double seconds) { patience_ = In(seconds); }

bool Watch::Done() {
  void* tag;
  bool ok;
  if (queue_.AsyncNext(&tag, &ok, patience_) == grpc::CompletionQueue::TIMEOUT) {
    context_.TryCancel();
    queue_.Next(&tag, &ok);
  }
  return ok;
}

json Call(const json& test) {
  Watch call(test);
  if (test.contains("cancel_after")) call.CancelAfter(test["cancel_after"]);
  json got = call.Next();
  if (got.contains("reply")) got.update(call.Finish());
  return got;
}
