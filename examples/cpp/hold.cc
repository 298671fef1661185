// Puts a participant of a conference on hold and prints the outcome.
#include <grpcpp/grpcpp.h>

#include <cstdlib>
#include <fstream>
#include <iostream>
#include <sstream>

#include "agentconf/v1/conference.grpc.pb.h"
#include "agentconf/v1/event_service.grpc.pb.h"
#include "agentconf/v1/session.grpc.pb.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"

using namespace agentconf::v1;
using Conferences = ConferenceService::Stub;
using Watch = grpc::ClientReader<WatchAgentEventsResponse>;

std::string Env(const char* name, const char* otherwise) {
  return std::getenv(name) ? std::getenv(name) : otherwise;
}

const std::string agent = Env("AGENT", "1287"), phone = "88887946";
std::string guid;

std::shared_ptr<grpc::Channel> Connect() {
  std::stringstream policy;
  policy << std::ifstream("../../proto/agentconf/v1/service_config.json").rdbuf();
  grpc::ChannelArguments arguments;
  arguments.SetServiceConfigJSON(policy.str());
  const auto address = Env("AGENTCONF_GRPC", "127.0.0.1:9090");
  return grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments);
}

template <class Service, class Request, class Response>
using Method = grpc::Status (Service::*)(grpc::ClientContext*, const Request&, Response*);

template <class Service, class Request, class Response>
grpc::Status Call(Service& service, Method<Service, Request, Response> method, Request request,
                  Response* response) {
  grpc::ClientContext context;
  if (!guid.empty()) context.AddMetadata("guid", guid);
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(20));
  request.set_agent_id(agent);
  return (service.*method)(&context, request, response);
}

// Makes a call that must succeed before the hold.
template <class Service, class Request, class Response>
Response Must(Service& service, Method<Service, Request, Response> method, const Request& request) {
  Response response;
  const auto status = Call(service, method, request, &response);
  if (!status.ok()) throw std::runtime_error(status.error_message());
  return response;
}

AgentEvent Await(Watch& watch, const std::string& event_type) {
  WatchAgentEventsResponse message;
  while (watch.Read(&message))
    if (message.event().event_type() == event_type) return message.event();
  throw std::runtime_error("the watch ended: " + watch.Finish().error_message());
}

// Returns agentconf's ErrorInfo. It is empty if the client or a proxy has made the error.
google::rpc::ErrorInfo InfoOf(const grpc::Status& error) {
  google::rpc::Status status;
  google::rpc::ErrorInfo info;
  status.ParseFromString(error.error_details());
  for (const auto& detail : status.details()) detail.UnpackTo(&info);  // changes nothing if the type differs
  return info;
}

std::string ParticipantState(Conferences& conferences, int64_t conf_id) {
  QueryConfInfosRequest query;
  QueryConfInfosResponse found;
  query.add_conf_ids(conf_id);
  const auto status = Call(conferences, &Conferences::QueryConfInfos, query, &found);
  if (!status.ok()) return "the query failed, too (" + status.error_message() + ")";
  for (const auto& member : found.result().confs(0).addresses())
    if (member.address() == phone && member.channel_state() == 1) return "the participant is held now";
  return "the participant is not held now";
}

int main() {
  const auto channel = Connect();
  SessionService::Stub sessions(channel);
  Conferences conferences(channel);

  ForceLoginRequest sign_in;  // works even if an earlier run has left the agent signed in
  sign_in.set_phonenum("40038");
  guid = Must(sessions, &SessionService::Stub::ForceLogin, sign_in).guid();
  grpc::ClientContext watching;
  watching.AddMetadata("guid", guid);
  WatchAgentEventsRequest watched;
  watched.set_agent_id(agent);
  const auto watch = EventService::NewStub(channel)->WatchAgentEvents(&watching, watched);

  RequestAgentConfRequest request;
  request.set_member_num(4);
  Must(conferences, &Conferences::RequestAgentConf, request);
  const auto conf_id = Await(*watch, "AgentConf_RequestSuccess").request_success().conf_id();
  BatchAddParticipantRequest invitations;
  auto* invitation = invitations.add_addresses();
  invitation->set_address_type("6");
  invitation->set_address(phone);
  Must(conferences, &Conferences::BatchAddParticipant, invitations);
  Await(*watch, "AgentConf_ParticipantChanged");

  HoldParticipantRequest hold;
  HoldParticipantResponse held;
  hold.set_address_type("6");
  hold.set_address(phone);
  hold.set_voice_path("y:/conf/120/1136287.V3");
  hold.mutable_confirm_within()->set_seconds(5);
  const auto status = Call(conferences, &Conferences::HoldParticipant, hold, &held);
  if (status.ok()) {
    std::cout << "applied" << std::endl;
    return 0;
  }
  auto info = InfoOf(status);
  if (info.domain() == "agentconf" && (*info.mutable_metadata())["outcome"] == "not_applied") {
    std::cout << "not applied: " << info.reason() << ": " << status.error_message() << std::endl;
    return 1;
  }
  // A second hold could apply twice. A query is safe.
  std::cout << "unknown: " << ParticipantState(conferences, conf_id) << ": " << status.error_message() << std::endl;
  return 2;
}
