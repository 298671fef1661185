"""Puts a participant of a conference on hold and prints the outcome."""
import os
import sys

import grpc
from agentconf.v1 import conference_pb2, conference_pb2_grpc, event_service_pb2, event_service_pb2_grpc
from agentconf.v1 import session_pb2, session_pb2_grpc
from google.protobuf import duration_pb2
from google.rpc import error_details_pb2, status_pb2

AGENT = os.environ.get("AGENT", "1287")
PHONE = {"address_type": "6", "address": "88887946"}
POLICY = os.path.join(os.path.dirname(__file__), "../../proto/agentconf/v1/service_config.json")

with open(POLICY, encoding="utf-8") as policy:
    policy_option = [("grpc.service_config", policy.read())]
channel = grpc.insecure_channel(os.environ.get("AGENTCONF_GRPC", "127.0.0.1:9090"), policy_option)
sessions = session_pb2_grpc.SessionServiceStub(channel)
events = event_service_pb2_grpc.EventServiceStub(channel)
conferences = conference_pb2_grpc.ConferenceServiceStub(channel)


def main():
    # ForceLogin works even if an earlier run has left the agent signed in.
    sign_in = session_pb2.ForceLoginRequest(agent_id=AGENT, phonenum="40038")
    guid = [("guid", sessions.ForceLogin(sign_in, timeout=10).guid)]
    watch = events.WatchAgentEvents(event_service_pb2.WatchAgentEventsRequest(agent_id=AGENT), metadata=guid)
    options = {"metadata": guid, "timeout": 20}
    conferences.RequestAgentConf(conference_pb2.RequestAgentConfRequest(agent_id=AGENT, member_num=4), **options)
    conf_id = await_event(watch, "AgentConf_RequestSuccess").request_success.conf_id
    conferences.BatchAddParticipant(
        conference_pb2.BatchAddParticipantRequest(agent_id=AGENT, addresses=[PHONE]), **options)
    await_event(watch, "AgentConf_ParticipantChanged")

    try:
        conferences.HoldParticipant(conference_pb2.HoldParticipantRequest(
            agent_id=AGENT, voice_path="y:/conf/120/1136287.V3",
            confirm_within=duration_pb2.Duration(seconds=5), **PHONE), **options)
    except grpc.RpcError as error:
        info = error_info(error)
        if info.domain == "agentconf" and info.metadata["outcome"] == "not_applied":
            print(f"not applied: {info.reason}: {error.details()}")
            return 1
        # A second hold could apply twice. A query is safe.
        print(f"unknown: {participant_state(conf_id, options)}: {error.details()}")
        return 2
    print("applied")
    return 0


def await_event(watch, event_type):
    return next(message.event for message in watch if message.event.event_type == event_type)


def error_info(error):
    """Return agentconf's ErrorInfo. It is empty if the client or a proxy has made the error."""
    info = error_details_pb2.ErrorInfo()
    for key, value in error.trailing_metadata():
        if key == "grpc-status-details-bin":
            for detail in status_pb2.Status.FromString(value).details:
                detail.Unpack(info)  # changes nothing if the type differs
    return info


def participant_state(conf_id, options):
    try:
        query = conference_pb2.QueryConfInfosRequest(agent_id=AGENT, conf_ids=[conf_id])
        members = conferences.QueryConfInfos(query, **options).result.confs[0].addresses
    except grpc.RpcError as error:
        return f"the query failed, too ({error.details()})"
    held = any(member.address == PHONE["address"] and member.channel_state == 1 for member in members)
    return "the participant is held now" if held else "the participant is not held now"


sys.exit(main())
