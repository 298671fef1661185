package e2e

import (
	"cmp"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"testing"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"agentconf/conformance"
	agentconfv1 "agentconf/gen/agentconf/v1"
)

// secretForms maps the name of a confidential field to the form of its secrets, where %d
// is a number from 1 to 255. A field without an entry gets a phone number, which is valid
// for every field with a limit of 14 characters or more and no syntax.
var secretForms = map[protoreflect.Name]string{
	"password":      `s3"same/+&Pa55%d`,
	"voice_path":    "y:/conf/120/promptfoxtrot%d.V3",
	"ip":            "203.0.113.%d",
	"service_token": "t0kenfoxtrot%d",
	"calldata":      "calldatafoxtrot%d",
}

const phoneForm = "70265318495%03d"

// secretCase is a valid call with a unique secret in every confidential field.
type secretCase struct {
	contractCase
	secrets []string
}

// secretCases returns a case for every RPC of the contract. The option
// (agentconf.v1.confidential) determines the fields with secrets.
func secretCases(t *testing.T) (cases []secretCase) {
	t.Helper()
	rpcs := contractRPCs()
	filler := secretFiller{t: t}
	for _, operation := range slices.Sorted(maps.Keys(rpcs)) {
		rpc := rpcs[operation]
		if !rpc.IsStreamingServer() {
			cases = append(cases, filler.fillCase(exampleOf(t, rpc), rpc))
		} else if hasConfidential(rpc.Input()) {
			t.Errorf("got confidential fields in the request of the stream %s, want a call with them in abandonCalls", rpc.Name())
		}
	}
	return cases
}

// exampleOf returns a case in which an RPC succeeds.
func exampleOf(t *testing.T, rpc protoreflect.MethodDescriptor) contractCase {
	t.Helper()
	cases := readCases(t)
	i := slices.IndexFunc(cases, func(c contractCase) bool {
		return c.RPC == string(rpc.Name()) && c.Want.Code == "OK" && c.Over(conformance.FrontGRPC)
	})
	if i < 0 {
		t.Fatalf("got no case with code OK for %s over gRPC, want one in conformance/cases.json", rpc.Name())
	}
	return cases[i]
}

// secretFiller makes unique secrets.
type secretFiller struct {
	t       *testing.T
	secrets []string
}

func (s *secretFiller) fillCase(c contractCase, rpc protoreflect.MethodDescriptor) secretCase {
	s.t.Helper()
	c = c.marked()
	c.Name, c.Gateway = "secrets of "+c.Operation(), &conformance.Script{}
	if !hasConfidential(rpc.Input()) {
		return secretCase{contractCase: c}
	}
	request := newMessage(s.t, rpc.Input().FullName())
	if err := protojson.Unmarshal(c.Body, request); err != nil {
		s.t.Fatal(err)
	}
	first := len(s.secrets)
	s.fill(request.ProtoReflect())
	body, err := protojson.Marshal(request)
	if err != nil {
		s.t.Fatal(err)
	}
	c.Body = body
	if string(c.Sent) == "null" {
		c.moveToRequestLine(request.ProtoReflect())
	}
	return secretCase{c, s.secrets[first:]}
}

// fill sets every confidential field of m and of its nested messages.
func (s *secretFiller) fill(m protoreflect.Message) {
	s.t.Helper()
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		switch f := fields.Get(i); {
		case isConfidential(f) && f.Kind() == protoreflect.StringKind && !f.IsList():
			m.Set(f, s.next(f))
		case isConfidential(f) && f.Kind() == protoreflect.StringKind:
			list := m.Mutable(f).List()
			list.Truncate(0)
			list.Append(s.next(f))
			list.Append(s.next(f))
		case isConfidential(f) || f.IsMap() && hasConfidential(f.MapValue().Message()):
			s.t.Errorf("got the confidential field %s of kind %v, want secretFiller to fill it", f.FullName(), f.Kind())
		case f.IsList() && hasConfidential(f.Message()):
			list := m.Mutable(f).List()
			if list.Len() == 0 {
				s.t.Errorf("got no entry of %s in the first case with code OK, want one", f.FullName())
			}
			for j := range list.Len() {
				s.fill(list.Get(j).Message())
			}
		case hasConfidential(f.Message()):
			s.fill(m.Mutable(f).Message())
		}
	}
}

// next returns a secret for f.
func (s *secretFiller) next(f protoreflect.FieldDescriptor) protoreflect.Value {
	secret := fmt.Sprintf(cmp.Or(secretForms[f.Name()], phoneForm), len(s.secrets)+1)
	s.secrets = append(s.secrets, secret)
	return protoreflect.ValueOfString(secret)
}

// moveToRequestLine puts the confidential fields of an operation without a body in the
// gateway dialect where its clients put them: the service token in a header (page 1204),
// all others in the query.
func (c *contractCase) moveToRequestLine(m protoreflect.Message) {
	line, query, _ := strings.Cut(c.Line, "?")
	values, _ := url.ParseQuery(query)
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		switch f := fields.Get(i); {
		case f.Name() == "service_token":
			c.ServiceToken = m.Get(f).String()
		case isConfidential(f):
			values.Set(f.JSONName(), m.Get(f).String())
		}
	}
	if len(values) > 0 {
		c.Line = line + "?" + values.Encode()
	}
}

// isConfidential reports whether f has the option (agentconf.v1.confidential).
func isConfidential(f protoreflect.FieldDescriptor) bool {
	return proto.GetExtension(f.Options(), agentconfv1.E_Confidential).(bool)
}

// hasConfidential reports whether m or a message of the contract in it has a confidential
// field.
func hasConfidential(m protoreflect.MessageDescriptor) bool {
	if m == nil || m.ParentFile().Package() != "agentconf.v1" {
		return false
	}
	for i := range m.Fields().Len() {
		f := m.Fields().Get(i)
		if isConfidential(f) || hasConfidential(f.Message()) || f.IsMap() && hasConfidential(f.MapValue().Message()) {
			return true
		}
	}
	return false
}

// checkAccepted reports an error unless the service sends the request of c to the gateway,
// on every front.
func (c secretCase) checkAccepted(t *testing.T, f *fronts, g *echoGateway) {
	t.Helper()
	g.respond(refusal("101-001", func(string) string { return "" }), "")
	_, err := c.invoke(t.Context(), t, f)
	retcode := ""
	for _, detail := range status.Convert(err).Details() {
		if info, ok := detail.(*errdetails.ErrorInfo); ok {
			retcode = info.GetMetadata()["retcode"]
		}
	}
	if retcode != "101-001" {
		t.Errorf("%s over gRPC: got %v, want retcode 101-001; a field with a syntax needs an entry in secretForms", c.Name, err)
	}
	for _, line := range []string{c.V1(), c.RequestLine()} {
		method, path, _ := strings.Cut(line, " ")
		if _, _, body := f.do(t, c.request(t, method, path)); !strings.Contains(string(body), "101-001") {
			t.Errorf("%s: got %s, want retcode 101-001", line, body)
		}
	}
}

// findSecrets finds every form of a secret.
func TestSecretForms(t *testing.T) {
	for _, form := range append(slices.Collect(maps.Values(secretForms)), phoneForm) {
		if !slices.ContainsFunc(secrets, func(s string) bool { return strings.Contains(form, s) }) {
			t.Errorf("got the form %s without a string of secrets, want one", form)
		}
	}
}
