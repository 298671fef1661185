package operation

import (
	"context"
	"errors"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"

	"agentconf/server/internal/gateway"
	"agentconf/server/internal/outcome"
)

// IssuedGUIDKey is the key of the response metadata with a GUID that the gateway issued with
// its answer to any operation: a header, or a trailer of an error. The JSON front has the
// header Set-GUID for it.
const IssuedGUIDKey = "set-guid"

// GUID returns the caller's session GUID, from the metadata guid, if gateway.CheckGUID
// accepts it. Clients send the whole value of Set-GUID, JSESSIONID=GUID, by mistake (page
// 05_4015); the error names it. Every error is an *outcome.Error with the operation.
func GUID(ctx context.Context, operation string) (string, error) {
	values := metadata.ValueFromIncomingContext(ctx, "guid")
	switch {
	case len(values) == 0 || values[0] == "" && len(values) == 1:
		return "", outcome.MissingGUID(operation)
	case len(values) > 1:
		return "", outcome.MalformedGUID(operation, "it was sent more than once; send the newest only")
	}
	if err := gateway.CheckGUID(values[0]); err != nil {
		return "", outcome.MalformedGUID(operation, err.Error())
	}
	return values[0], nil
}

// GUIDHook is called for a GUID that the gateway issued to the session of an agent, whose
// caller has shown another one.
type GUIDHook func(agentID, shown, issued string)

// OnGUID sets the hook of all operations but sign-ins, which begin another session, and
// polls, whose GUIDs package events takes together with their events. Call it before the
// first operation.
func (r *Runner) OnGUID(hook GUIDHook) { r.onGUID = hook }

// ReturnGUID returns a GUID that the gateway has issued to the caller of a call that ends with
// err.
func ReturnGUID(ctx context.Context, issued string, err error) {
	if issued != "" {
		returnMetadata(ctx, metadata.Pairs(IssuedGUIDKey, issued), err)
	}
}

// returnMetadata returns md to the caller of a call that ends with err. With an error it is a
// trailer: a gRPC client that retries takes a header for the beginning of the answer, and
// would not retry. The poll of a watch has no caller.
func returnMetadata(ctx context.Context, md metadata.MD, err error) {
	stream := grpc.ServerTransportStreamFromContext(ctx)
	switch {
	case stream == nil:
	case err == nil:
		_ = stream.SetHeader(md) // fails after the headers were sent, or for a value that gRPC cannot carry
	default:
		_ = stream.SetTrailer(md)
	}
}

// reportGUID calls the hook for a GUID that came with an answer. refusal is the error of a
// refused request, or nil.
func (r *Runner) reportGUID(op Operation, shown, issued string, refusal error) {
	if issued == "" || op.NoGUID || op.LongPoll > 0 || r.onGUID == nil || !knowsSession(refusal) {
		return
	}
	r.onGUID(op.Request.GetAgentId(), shown, issued)
}

// knowsSession reports whether an answer shows that the gateway knows the session of the
// caller: it accepted the request, or refused it because of the state or the rights of the
// agent. After any other refusal, the new GUID may belong to an empty session that a servlet
// container began for a caller without a valid one. It must not replace that of the agent.
func knowsSession(refusal error) bool {
	if refusal == nil {
		return true
	}
	answer, ok := errors.AsType[*gateway.Error](refusal)
	if !ok || answer.Kind != gateway.Refused {
		return false
	}
	code := meanings[answer.Retcode].code
	return code == codes.FailedPrecondition || code == codes.PermissionDenied
}
