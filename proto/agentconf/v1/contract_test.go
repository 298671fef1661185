package agentconfv1_test

import (
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"

	agentconfv1 "agentconf/gen/agentconf/v1"
)

var files = []protoreflect.FileDescriptor{
	agentconfv1.File_agentconf_v1_conference_proto,
	agentconfv1.File_agentconf_v1_session_proto,
	agentconfv1.File_agentconf_v1_event_service_proto,
	agentconfv1.File_agentconf_v1_event_proto,
}

// confidential lists the fields that are confidential in every message.
var confidential = []protoreflect.Name{
	"guid", "password", "service_token", "call_back_uri", "push_url", "calldata", "ip", "entry_ip",
	"address", "participant", "phonenum", "vc_phone_number", "conf_caller_no", "caller", "voice_path",
	"other", "raw_json",
}

func TestConfidentialFields(t *testing.T) {
	for _, file := range files {
		for i := range file.Messages().Len() {
			fields := file.Messages().Get(i).Fields()
			for j := range fields.Len() {
				field := fields.Get(j)
				want := slices.Contains(confidential, field.Name()) || field.FullName() == "agentconf.v1.PolledEvent.content"
				if got := proto.GetExtension(field.Options(), agentconfv1.E_Confidential); got != want {
					t.Errorf("%s: confidential is %v, want %v", field.FullName(), got, want)
				}
			}
		}
	}
}

// Only the queries have no side effects: every other operation changes a conference or
// a session, or takes an event from the queue of the gateway.
func TestIdempotencyLevels(t *testing.T) {
	for _, file := range files {
		for i := range file.Services().Len() {
			methods := file.Services().Get(i).Methods()
			for j := range methods.Len() {
				method := methods.Get(j)
				want := descriptorpb.MethodOptions_IDEMPOTENCY_UNKNOWN
				if strings.HasPrefix(string(method.Name()), "Query") {
					want = descriptorpb.MethodOptions_NO_SIDE_EFFECTS
				}
				if got := method.Options().(*descriptorpb.MethodOptions).GetIdempotencyLevel(); got != want {
					t.Errorf("%s: %v, want %v", method.FullName(), got, want)
				}
			}
		}
	}
}

// A client compiles the proto without files of other packages (protoc -I proto).
func TestImports(t *testing.T) {
	for _, file := range files {
		for i := range file.Imports().Len() {
			path := file.Imports().Get(i).Path()
			if !strings.HasPrefix(path, "google/protobuf/") && !strings.HasPrefix(path, "agentconf/v1/") {
				t.Errorf("%s imports %s", file.Path(), path)
			}
		}
	}
}
