// The gRPC front, with Debian's grpc++ and the code that protoc generates from the proto.
#pragma once

#include <google/protobuf/message.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/impl/codegen/proto_utils.h>  // sends any Message

#include <memory>
#include <nlohmann/json.hpp>

using google::protobuf::Message;
using nlohmann::json;

// A call that receives any number of messages. A unary call receives one.
class Watch {
 public:
  explicit Watch(const json& step);

  // Returns the next message as "reply" and "content", or the final status.
  json Next();

  json Stop();

  // Cancels the call if it receives nothing in so many seconds.
  void CancelAfter(double seconds);

  json Finish();

 private:
  bool Done();  // whether what was begun last went well

  grpc::ClientContext context_;
  grpc::CompletionQueue queue_;
  std::unique_ptr<Message> reply_;
  std::unique_ptr<grpc::ClientAsyncReaderWriter<Message, Message>> stream_;
  std::chrono::system_clock::time_point patience_ = std::chrono::system_clock::time_point::max();
};

// Makes a unary call.
json Call(const json& test);
