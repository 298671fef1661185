// The gRPC front, by Debian's grpc++ and what protoc makes of the proto alone.
#pragma once

#include <google/protobuf/message.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/impl/codegen/proto_utils.h>  // how to send any Message

#include <memory>
#include <nlohmann/json.hpp>

using google::protobuf::Message;
using nlohmann::json;

// A call with any number of messages to come, of which a unary call has one.
class Watch {
 public:
  explicit Watch(const json& step);

  // The next message as "reply" and "content", or the status that ends it.
  json Next();

  json Stop();

  // Gives up after so many seconds if nothing has come.
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
