package peers

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"strings"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/structpb"

	agentconfv1 "agentconf/gen/agentconf/v1"
)

// notSignedIn is the gateway's retcode for a wrong GUID.
const notSignedIn = "100-006"

// holdBody is the body of a hold at the gateway.
type holdBody struct {
	AddressType string `json:"addressType"`
	Address     string `json:"address"`
	PlayMode    int32  `json:"playMode,omitempty"`
	VoicePath   string `json:"voicePath,omitempty"`
}

// envelope is the gateway's reply.
type envelope struct {
	Message string          `json:"message"`
	Retcode string          `json:"retcode"`
	Result  json.RawMessage `json:"result,omitempty"`
}

// exchangeFunc sends a hold to the gateway.
type exchangeFunc func(ctx context.Context, agent, guid string, body holdBody) (envelope, error)

// service is the generated service with a hold that neither validates, logs nor counts.
type service struct {
	agentconfv1.UnimplementedConferenceServiceServer
	exchange exchangeFunc
}

func (s service) HoldParticipant(
	ctx context.Context, req *agentconfv1.HoldParticipantRequest,
) (*agentconfv1.HoldParticipantResponse, error) {
	md, _ := metadata.FromIncomingContext(ctx)
	body := holdBody{req.GetAddressType(), req.GetAddress(), req.GetPlayMode(), req.GetVoicePath()}
	reply, err := s.exchange(ctx, req.GetAgentId(), strings.Join(md.Get("guid"), ""), body)
	switch {
	case err != nil:
		return nil, status.Error(codes.Unknown, err.Error())
	case reply.Retcode == notSignedIn:
		return nil, status.Error(codes.Unauthenticated, reply.Message)
	}
	resp := &agentconfv1.HoldParticipantResponse{Message: reply.Message, Retcode: reply.Retcode}
	if string(reply.Result) == "{}" {
		resp.Result = &structpb.Struct{}
	}
	return resp, nil
}

// handler returns a handler of net/http for holds by the gateway's path.
func (s service) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /agentgateway/resource/agentconf/{agent}/holdparticipant", s.serveHold)
	return mux
}

func (s service) serveHold(w http.ResponseWriter, r *http.Request) {
	var body holdBody
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	reply, err := s.exchange(r.Context(), r.PathValue("agent"), r.Header.Get("Guid"), body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(reply)
}

// serveGRPC serves s until ctx is done.
func (s service) serveGRPC(ctx context.Context, address string, options ...grpc.ServerOption) error {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	server := grpc.NewServer(options...)
	agentconfv1.RegisterConferenceServiceServer(server, s)
	defer context.AfterFunc(ctx, server.Stop)()
	return server.Serve(l)
}

// newMux returns a mux of grpc-gateway with its defaults. It lets the header Guid through.
func newMux() *runtime.ServeMux {
	return runtime.NewServeMux(runtime.WithIncomingHeaderMatcher(func(key string) (string, bool) {
		if key == "Guid" {
			return "guid", true
		}
		return runtime.DefaultHeaderMatcher(key)
	}))
}
