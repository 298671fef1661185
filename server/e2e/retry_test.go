package e2e

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"agentconf/conformance"
	agentconfv1 "agentconf/gen/agentconf/v1"
)

// retryEverything is a service config that retries calls that change something.
const retryEverything = `{"methodConfig": [{"name": [{}], "retryPolicy": {"maxAttempts": 4,
	"initialBackoff": "0.2s", "maxBackoff": "2s", "backoffMultiplier": 3, "retryableStatusCodes": ["UNAVAILABLE"]}}]}`

func serviceConfig(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../proto/agentconf/v1/service_config.json")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// retryingClient is a gRPC client with the retry policy of a service config.
type retryingClient struct {
	agentconfv1.ConferenceServiceClient
	conns []net.Conn
}

func newRetryingClient(t *testing.T, f *fronts, config string) *retryingClient {
	t.Helper()
	r := &retryingClient{}
	conn, err := grpc.NewClient("passthrough:///agentconf.test", grpc.WithDefaultServiceConfig(config),
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) {
			conn, err := f.dialGRPC(ctx)
			r.conns = append(r.conns, conn)
			return conn, err
		}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	r.ConferenceServiceClient = agentconfv1.NewConferenceServiceClient(conn)
	return r
}

func (r *retryingClient) query(ctx context.Context) error {
	_, err := r.QueryAllConfIds(ctx, &agentconfv1.QueryAllConfIdsRequest{AgentId: "1287"})
	return err
}

func (r *retryingClient) hold(ctx context.Context) error {
	_, err := r.HoldParticipant(ctx, documentedHold("1287"))
	return err
}

// The service config retries only calls that change nothing, and only after UNAVAILABLE.
func TestServiceConfig(t *testing.T) {
	var config struct {
		MethodConfig []struct {
			Name        []struct{ Service, Method string }
			RetryPolicy struct{ RetryableStatusCodes []string }
		}
	}
	if err := json.Unmarshal([]byte(serviceConfig(t)), &config); err != nil {
		t.Fatal(err)
	}
	for _, c := range config.MethodConfig {
		if !slices.Equal(c.RetryPolicy.RetryableStatusCodes, []string{"UNAVAILABLE"}) {
			t.Errorf("retries after %v, want UNAVAILABLE only", c.RetryPolicy.RetryableStatusCodes)
		}
		for _, name := range c.Name {
			if got := string(conformance.Case{RPC: name.Method}.Service().FullName()); got != name.Service {
				t.Errorf("%s has service %s, want %s", name.Method, name.Service, got)
			}
			if !strings.HasPrefix(name.Method, "Query") && name.Method != "WatchAgentEvents" {
				t.Errorf("%s is retried, want only calls that change nothing", name.Method)
			}
		}
	}
}

// With the service config a client retries a query after UNAVAILABLE, and after no other
// error. It never retries a hold.
func TestRetries(t *testing.T) {
	query, hold := (*retryingClient).query, (*retryingClient).hold
	failingOver, exception := `{"message":"","retcode":"000-004"}`, `{"message":"","retcode":"100-007"}`
	unknown := conformance.Script{Fault: "close"}
	for _, c := range []struct {
		name   string
		call   func(*retryingClient, context.Context) error
		script conformance.Script
		code   codes.Code
		calls  int
	}{
		{"query, gateway fails over", query, conformance.Script{Reply: &failingOver}, codes.Unavailable, 4},
		{"query, gateway unreachable", query, conformance.Script{Fault: "refuse"}, codes.Unavailable, 4},
		{"query, exception", query, conformance.Script{Reply: &exception}, codes.Unknown, 1},
		{"query, no reply", query, conformance.Script{Fault: "stall"}, codes.DeadlineExceeded, 1},
		{"query, outcome unknown", query, unknown, codes.Unknown, 1},
		{"hold, gateway fails over", hold, conformance.Script{Reply: &failingOver}, codes.Unavailable, 1},
		{"hold, gateway unreachable", hold, conformance.Script{Fault: "refuse"}, codes.Unavailable, 1},
		{"hold, outcome unknown", hold, unknown, codes.Unknown, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFronts(t, memory)
				f.gateway.Play(c.script)
				err := c.call(newRetryingClient(t, f, serviceConfig(t)), withGUID(t.Context()))
				synctest.Wait()
				calls := strings.Count(f.log.String(), `"msg":"call"`)
				if status.Code(err) != c.code || calls != c.calls {
					t.Errorf("got %d calls, %v, want %d, %v", calls, err, c.calls, c.code)
				}
			})
		})
	}
}

// If the connection to agentconf breaks, the client's gRPC library reports UNAVAILABLE. A
// retry policy cannot distinguish it from an UNAVAILABLE of agentconf. A retried hold then
// reaches the gateway twice. So the service config contains only calls that change nothing.
func TestConnectionBreaks(t *testing.T) {
	query, hold := (*retryingClient).query, (*retryingClient).hold
	for _, c := range []struct {
		name     string
		config   string
		call     func(*retryingClient, context.Context) error
		path     string
		requests int // at the gateway
		code     codes.Code
	}{
		{"query", serviceConfig(t), query, "/queryvdnconfid", 2, codes.PermissionDenied},
		{"hold", serviceConfig(t), hold, "/holdparticipant", 1, codes.Unavailable},
		{"hold with retries of everything", retryEverything, hold, "/holdparticipant", 2, codes.Unknown},
	} {
		t.Run(c.name, func(t *testing.T) {
			inConference(t, func(t *testing.T, e *emulated, guid string, _ *watcher) {
				client := newRetryingClient(t, e.fronts, c.config)
				requests := 0
				e.tampered(func(_ http.ResponseWriter, r *http.Request) bool {
					if strings.HasSuffix(r.URL.Path, c.path) {
						if requests++; requests == 1 {
							client.conns[0].Close() // agentconf awaits the reply of the gateway
						}
					}
					return false
				})
				err := c.call(client, metadata.AppendToOutgoingContext(t.Context(), "guid", guid))
				time.Sleep(time.Second)
				if requests != c.requests || status.Code(err) != c.code {
					t.Errorf("got %d requests at the gateway and %v, want %d and %v", requests, err, c.requests, c.code)
				}
				// Only errors of agentconf have details.
				details, want := status.Convert(err).Details(), c.code != codes.Unavailable
				if got := len(details) > 0; got != want {
					t.Errorf("details %v, want some: %v", details, want)
				}
			})
		})
	}
}
