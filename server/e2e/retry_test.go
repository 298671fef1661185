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

// retryEverything is what the service config must not be.
const retryEverything = `{"methodConfig": [{"name": [{}], "retryPolicy": {"maxAttempts": 4, "initialBackoff": "0.2s",
	"maxBackoff": "2s", "backoffMultiplier": 3, "retryableStatusCodes": ["UNAVAILABLE"]}}]}`

func serviceConfig(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../proto/agentconf/v1/service_config.json")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// retrying is a caller who retries as a service config says.
type retrying struct {
	agentconfv1.ConferenceServiceClient
	conns []net.Conn
}

func newRetrying(t *testing.T, f *fronts, config string) *retrying {
	t.Helper()
	r := &retrying{}
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

func (r *retrying) query(t *testing.T, guid string) error {
	_, err := r.QueryAllConfIds(metadata.AppendToOutgoingContext(t.Context(), "guid", guid),
		&agentconfv1.QueryAllConfIdsRequest{AgentId: "1287"})
	return err
}

func (r *retrying) hold(t *testing.T, guid string) error {
	_, err := r.HoldParticipant(metadata.AppendToOutgoingContext(t.Context(), "guid", guid), &agentconfv1.HoldParticipantRequest{
		AgentId: "1287", AddressType: "6", Address: "88887946", VoicePath: "y:/conf/120/1136287.V3",
	})
	return err
}

// What the service config retries changes nothing, and is retried after UNAVAILABLE only.
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
			t.Errorf("retried after %v", c.RetryPolicy.RetryableStatusCodes)
		}
		for _, name := range c.Name {
			if got := string(conformance.Case{RPC: name.Method}.Service().FullName()); got != name.Service {
				t.Errorf("%s is of %s, not of %s", name.Method, got, name.Service)
			}
			if !strings.HasPrefix(name.Method, "Query") && name.Method != "WatchAgentEvents" {
				t.Errorf("%s is retried, and changes something", name.Method)
			}
		}
	}
}

// Under the service config a query is made again after UNAVAILABLE, and after nothing
// else; a hold never is.
func TestRetries(t *testing.T) {
	switching, exception := `{"message":"","retcode":"000-004"}`, `{"message":"","retcode":"100-007"}`
	unknown := conformance.Script{Fault: "close"}
	for _, c := range []struct {
		name   string
		call   func(*retrying, *testing.T, string) error
		script conformance.Script
		code   codes.Code
		calls  int
	}{
		{"query, switching over", (*retrying).query, conformance.Script{Reply: &switching}, codes.Unavailable, 4},
		{"query, gateway unreachable", (*retrying).query, conformance.Script{Fault: "refuse"}, codes.Unavailable, 4},
		{"query, exception", (*retrying).query, conformance.Script{Reply: &exception}, codes.Unknown, 1},
		{"query, no answer", (*retrying).query, conformance.Script{Fault: "stall"}, codes.DeadlineExceeded, 1},
		{"query, outcome unknown", (*retrying).query, unknown, codes.Unknown, 1},
		{"hold, switching over", (*retrying).hold, conformance.Script{Reply: &switching}, codes.Unavailable, 1},
		{"hold, gateway unreachable", (*retrying).hold, conformance.Script{Fault: "refuse"}, codes.Unavailable, 1},
		{"hold, outcome unknown", (*retrying).hold, unknown, codes.Unknown, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFronts(t, memory)
				f.gateway.Play(c.script)
				err := c.call(newRetrying(t, f, serviceConfig(t)), t, someGUID)
				synctest.Wait()
				calls := strings.Count(f.log.String(), `"msg":"call"`)
				if status.Code(err) != c.code || calls != c.calls {
					t.Errorf("%d calls, %v; want %d, %v", calls, err, c.calls, c.code)
				}
			})
		})
	}
}

// When the connection to agentconf breaks, the caller's own gRPC says UNAVAILABLE, and
// a retry policy takes it for agentconf's. A hold that is retried then comes twice, which
// is why only what changes nothing is in the service config.
func TestConnectionBreaks(t *testing.T) {
	for _, c := range []struct {
		name   string
		config func(*testing.T) string
		call   func(*retrying, *testing.T, string) error
		path   string
		asked  int // of the gateway
		code   codes.Code
	}{
		{"query", serviceConfig, (*retrying).query, "/queryvdnconfid", 2, codes.PermissionDenied},
		{"hold", serviceConfig, (*retrying).hold, "/holdparticipant", 1, codes.Unavailable},
		{"hold under a policy for everything", func(*testing.T) string { return retryEverything },
			(*retrying).hold, "/holdparticipant", 2, codes.Unknown},
	} {
		t.Run(c.name, func(t *testing.T) {
			inConference(t, func(t *testing.T, e *emulated, guid string, _ *watcher) {
				r := newRetrying(t, e.fronts, c.config(t))
				asked := 0
				e.tampered(func(_ http.ResponseWriter, req *http.Request) bool {
					if !strings.HasSuffix(req.URL.Path, c.path) {
						return false
					}
					if asked++; asked == 1 {
						r.conns[0].Close() // agentconf has sent the request, and has no answer yet
					}
					return false
				})
				err := c.call(r, t, guid)
				time.Sleep(time.Second)
				if asked != c.asked || status.Code(err) != c.code {
					t.Errorf("the gateway was asked %d times, the caller told %v; want %d, %v", asked, err, c.asked, c.code)
				}
				if own := c.code == codes.Unavailable; own != (len(status.Convert(err).Details()) == 0) {
					t.Errorf("details %v; only agentconf's own errors have some", status.Convert(err).Details())
				}
			})
		})
	}
}
