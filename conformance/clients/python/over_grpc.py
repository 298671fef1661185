"""The gRPC front, with grpcio and the code that protoc generates from the proto."""
import os
import sys
import threading

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, json_format
from google.protobuf import message_factory, symbol_database

sys.path.append("gen")
from agentconf.v1 import conference_pb2_grpc, event_service_pb2_grpc, session_pb2_grpc  # noqa: E402

MOST = 10  # seconds that a call without a deadline of its own may take

channel = grpc.insecure_channel(os.environ["AGENTCONF_GRPC"])
STUBS = {
    "agentconf.v1.ConferenceService": conference_pb2_grpc.ConferenceServiceStub(channel),
    "agentconf.v1.EventService": event_service_pb2_grpc.EventServiceStub(channel),
    "agentconf.v1.SessionService": session_pb2_grpc.SessionServiceStub(channel),
}


def google_rpc():
    """Return the messages of google.rpc by name. Debian has no package of them."""
    with open(os.environ["AGENTCONF_RPC_PROTOSET"], "rb") as file:
        protoset = descriptor_pb2.FileDescriptorSet.FromString(file.read())
    return message_factory.GetMessages(protoset.file)


GOOGLE = google_rpc()


def prepare(test):
    """Return the stub's method for the call, and its arguments."""
    service, name = test["rpc"].split("/")
    method = descriptor_pool.Default().FindMethodByName(f"{service}.{name}")
    request = symbol_database.Default().GetPrototype(method.input_type)()
    json_format.ParseDict(test["request"], request)
    options = {"metadata": [tuple(pair) for pair in test["metadata"]], "timeout": test.get("timeout", MOST)}
    return getattr(STUBS[service], name), request, options


def call(test):
    method, request, options = prepare(test)
    made = method.future(request, **options)
    if "cancel_after" in test:
        threading.Timer(test["cancel_after"], made.cancel).start()
    if made.code() != grpc.StatusCode.OK:
        return status(made)
    return {"code": 0, "reply": to_json(made.result())}


class Watch:
    def __init__(self, step):
        method, request, options = prepare(step)
        self.stream = method(request, **options)

    def next(self):
        try:
            reply = to_json(next(self.stream))
        except grpc.RpcError as error:
            return status(error)
        [content] = reply.values()
        return {"reply": reply, "content": content}

    def stop(self):
        self.stream.cancel()
        return self.next()


def status(error):
    """Return an error with its details."""
    details = {}
    for key, value in error.trailing_metadata():
        if key == "grpc-status-details-bin":
            for packed in GOOGLE["google.rpc.Status"].FromString(value).details:
                details[packed.TypeName()] = GOOGLE[packed.TypeName()].FromString(packed.value)
    info = details.get("google.rpc.ErrorInfo")
    bad = details.get("google.rpc.BadRequest")
    retry = details.get("google.rpc.RetryInfo")
    return {
        "code": error.code().value[0],
        "error_info": info and to_json(info),
        "violations": [violation.field for violation in bad.field_violations] if bad else [],
        "retry_delay": retry and retry.retry_delay.ToNanoseconds() / 1e9,
    }


def to_json(message):
    return json_format.MessageToDict(message, including_default_value_fields=True)
