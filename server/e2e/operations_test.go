package e2e

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/dynamicpb"

	"agentconf/conformance"
	"agentconf/emulator"
	"agentconf/server/internal/interceptor"
)

// places are the five places of an operation. Their keys are the method names of the
// gateway.
type places struct {
	rpcs     map[string]protoreflect.MethodDescriptor
	bindings map[string][]string // HTTP method and path
	emulated []string
	cases    []string
}

// Every operation has an RPC, two bindings, a method, a handler in the emulator, and cases.
// The test names the missing place.
func TestOperationsAreComplete(t *testing.T) {
	p := places{rpcs: contractRPCs(), bindings: httpBindings(t), emulated: emulator.Operations(), cases: caseOperations(t)}
	f := newFronts(t, sockets)
	for _, operation := range p.names() {
		rpc := p.rpcs[operation]
		if rpc == nil {
			t.Errorf("%s has no RPC: add it, with its messages, to the proto file of its service in proto/agentconf/v1", operation)
			continue
		}
		p.checkBindings(t, operation, rpc)
		if !isImplemented(t, f, rpc) {
			t.Errorf("%s has no method: add %s to its service in server/internal", operation, rpc.Name())
		}
		if rpc.IsStreamingServer() {
			continue // a watch polls by getAgentEvent, and has tests instead of cases
		}
		if !slices.Contains(p.emulated, operation) {
			t.Errorf("%s has no handler in the emulator: add it to the operations of package emulator", operation)
		}
		if !slices.Contains(p.cases, operation) {
			t.Errorf("%s has no case: add its cases to conformance/cases.json", operation)
		}
	}
}

// names returns the operations of all places.
func (p places) names() []string {
	names := append(slices.Clone(p.emulated), p.cases...)
	for name := range p.rpcs {
		names = append(names, name)
	}
	for name := range p.bindings {
		names = append(names, name)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// checkBindings reports a missing binding of an operation.
func (p places) checkBindings(t *testing.T, operation string, rpc protoreflect.MethodDescriptor) {
	t.Helper()
	for front, prefix := range map[string]string{"gateway": "/agentgateway/resource/", "REST": "/v1/agents/{agent_id}/"} {
		if rpc.IsStreamingServer() && front == "gateway" {
			continue // the gateway has no streams
		}
		if !slices.ContainsFunc(p.bindings[operation], func(binding string) bool { return strings.Contains(binding, " "+prefix) }) {
			t.Errorf("%s has no binding for the %s path: add it to proto/agentconf/v1/http.yaml", operation, front)
		}
	}
}

// contractRPCs returns the RPCs of the contract by operation.
func contractRPCs() map[string]protoreflect.MethodDescriptor {
	rpcs := map[string]protoreflect.MethodDescriptor{}
	protoregistry.GlobalFiles.RangeFilesByPackage("agentconf.v1", func(file protoreflect.FileDescriptor) bool {
		for i := range file.Services().Len() {
			methods := file.Services().Get(i).Methods()
			for j := range methods.Len() {
				rpcs[interceptor.OperationName(string(methods.Get(j).Name()))] = methods.Get(j)
			}
		}
		return true
	})
	return rpcs
}

// httpBindings returns the bindings of http.yaml by operation, such as
// "POST /v1/agents/{agent_id}/conference:holdParticipant".
func httpBindings(t *testing.T) map[string][]string {
	t.Helper()
	text, err := os.ReadFile("../../proto/agentconf/v1/http.yaml")
	if err != nil {
		t.Fatal(err)
	}
	bindings, operation := map[string][]string{}, ""
	rule := regexp.MustCompile(`selector: \S+\.(\w+)|(get|put|post|delete): (\S+)`)
	for _, match := range rule.FindAllStringSubmatch(string(text), -1) {
		if match[1] != "" {
			operation = interceptor.OperationName(match[1])
			bindings[operation] = nil
			continue
		}
		bindings[operation] = append(bindings[operation], strings.ToUpper(match[2])+" "+match[3])
	}
	return bindings
}

// caseOperations returns the operation of every case.
func caseOperations(t *testing.T) (operations []string) {
	t.Helper()
	cases, err := conformance.Cases()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		operations = append(operations, c.Operation())
	}
	return operations
}

// isImplemented calls an RPC without arguments. An existing method rejects the call, and a
// missing method is UNIMPLEMENTED.
func isImplemented(t *testing.T, f *fronts, rpc protoreflect.MethodDescriptor) bool {
	t.Helper()
	method := "/" + string(rpc.Parent().FullName()) + "/" + string(rpc.Name())
	request, response := dynamicpb.NewMessage(rpc.Input()), dynamicpb.NewMessage(rpc.Output())
	err := f.conn.Invoke(t.Context(), method, request, response)
	return status.Code(err) != codes.Unimplemented
}
