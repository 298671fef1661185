package main

import (
	"bufio"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"

	agentconfv1 "agentconf/gen/agentconf/v1"
	"agentconf/internal/program"
	"agentconf/internal/race"
)

const (
	measuredWatches = 300 // each takes two open files of this process with server-sent events
	watchesPerConn  = 100 // over gRPC
	eventsPerWatch  = 3   // before a measurement, so that polls have used connections again
)

// A watched agent takes a bounded number of bytes of heap and stacks beside its kept events.
// They are those of the process of the service, after collections, while a poll of every agent
// waits. The gateway and the clients are in the process of the test. One watch begins after
// another, or the stacks of their first calls would leave gaps. bench/README.md lists what
// takes the bytes.
func TestWatchMemory(t *testing.T) {
	if race.Enabled {
		t.Skip("the race detector enlarges stacks and objects; run go test without -race")
	}
	for _, front := range []struct {
		name  string
		limit int
		watch func(t *testing.T, service *program.Process, agents []string) []receiveFunc
	}{
		{"gRPC", 20 << 10, watchOverGRPC},
		{"server-sent events", 41 << 10, watchOverSSE},
	} {
		t.Run(front.name, func(t *testing.T) {
			gateway := newPolledGateway(t)
			service := gateway.serve(t)
			watch := func(first, n int) {
				var agents []string
				for i := range n {
					agents = append(agents, strconv.Itoa(first+i))
				}
				for _, receive := range front.watch(t, service, agents) {
					mustReceive(t, receive, eventsPerWatch)
				}
				gateway.awaitPolls(n)
			}
			watch(1000, 1) // creates what all watches share
			before := liveMemory(t, service)
			watch(2000, measuredWatches)
			each := (liveMemory(t, service) - before) / measuredWatches
			if each > front.limit {
				t.Errorf("got %d bytes for each watched agent, want at most %d", each, front.limit)
			} else {
				t.Logf("%d bytes for each watched agent", each)
			}
		})
	}
}

// liveMemory returns the bytes of heap and stacks after two collections, without the kept
// events. The second collection frees what pools held at the first. The profile in text has
// the statistics of the time before the profile itself took memory.
func liveMemory(t *testing.T, service *program.Process) int {
	t.Helper()
	url := "http://" + service.Admin
	mustRequest(t, "GET", url+"/debug/pprof/heap?gc=1", "", "")
	_, profile := mustRequest(t, "GET", url+"/debug/pprof/heap?gc=1&debug=1", "", "")
	_, metrics := mustRequest(t, "GET", url+"/metrics", "", "")
	number := func(text, pattern string) int {
		t.Helper()
		match := regexp.MustCompile(pattern).FindStringSubmatch(text)
		if match == nil {
			t.Fatalf("got no %s in\n%s", pattern, text)
		}
		n, err := strconv.ParseFloat(match[1], 64)
		if err != nil {
			t.Fatal(err)
		}
		return int(n)
	}
	heap, stacks := number(profile, `# HeapAlloc = (\d+)`), number(profile, `# Stack = (\d+)`)
	kept := number(metrics, `(?m)^agentconf_kept_event_bytes (\S+)`)
	t.Logf("%d bytes of heap, of them %d of kept events, and %d of stacks", heap, kept, stacks)
	return heap + stacks - kept
}

// receiveFunc returns when a watch has delivered another message.
type receiveFunc func() error

func mustReceive(t *testing.T, receive receiveFunc, messages int) {
	t.Helper()
	for range messages {
		if err := receive(); err != nil {
			t.Fatal(err)
		}
	}
}

// watchOverGRPC watches agents until the end of the test. Every watch has begun.
func watchOverGRPC(t *testing.T, service *program.Process, agents []string) (watches []receiveFunc) {
	ctx := metadata.AppendToOutgoingContext(t.Context(), "guid", "some")
	for some := range slices.Chunk(agents, watchesPerConn) {
		conn, err := dial(service.GRPC, insecure.NewCredentials())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		for _, agent := range some {
			req := &agentconfv1.WatchAgentEventsRequest{AgentId: agent}
			watch, err := agentconfv1.NewEventServiceClient(conn).WatchAgentEvents(ctx, req)
			if err != nil {
				t.Fatal(err)
			}
			receive := func() error {
				_, err := watch.Recv()
				return err
			}
			mustReceive(t, receive, 1)
			watches = append(watches, receive)
		}
	}
	return watches
}

// watchOverSSE is watchOverGRPC by server-sent events. Each watch has a connection.
func watchOverSSE(t *testing.T, service *program.Process, agents []string) (watches []receiveFunc) {
	transport := &http.Transport{}
	for _, agent := range agents {
		url := "http://" + service.HTTP + "/v1/agents/" + agent + "/events"
		req, err := http.NewRequestWithContext(t.Context(), "GET", url, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Guid", "some")
		resp, err := transport.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { resp.Body.Close() })
		lines := bufio.NewReader(resp.Body)
		receive := func() error {
			for {
				line, err := lines.ReadString('\n')
				if err != nil || strings.HasPrefix(line, "data: ") {
					return err
				}
			}
		}
		mustReceive(t, receive, 1)
		watches = append(watches, receive)
	}
	return watches
}

// polledGateway answers the first polls of each agent with an event, and lets the next one wait.
type polledGateway struct {
	url     string
	waiting chan struct{} // has a value for each poll that waits

	mu    sync.Mutex
	polls map[string]int // by agent
}

func newPolledGateway(t *testing.T) *polledGateway {
	g := &polledGateway{polls: map[string]int{}, waiting: make(chan struct{}, 1+measuredWatches)}
	server := httptest.NewServer(g)
	t.Cleanup(server.Close)
	g.url = server.URL
	return g
}

// serve starts a service with two cores, each of which has caches. No poll ends before the
// measurement, however slow the machine is.
func (g *polledGateway) serve(t *testing.T) *program.Process {
	cmd := exec.Command(os.Args[0], append([]string{"serve", "--gateway", g.url, "--probe-interval", "0",
		"--gateway-timeout", "5m", "--drain-timeout", "10m"}, program.LocalPorts...)...)
	cmd.Env = []string{"GOMAXPROCS=2"}
	return startCommand(t, cmd)
}

// ServeHTTP implements http.Handler for polls.
func (g *polledGateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	agent := path.Base(r.URL.Path)
	g.mu.Lock()
	g.polls[agent]++
	poll := g.polls[agent]
	g.mu.Unlock()
	if poll > eventsPerWatch {
		g.waiting <- struct{}{}
		<-r.Context().Done()
		return
	}
	fmt.Fprintf(w, `{"message":"","retcode":"0","event":{"eventType":"AgentConf_ParticipantChanged","workNo":%q,`+
		`"content":{"result":0,"changeReason":255,"changeType":5,"confId":1,"participant":"88887946","participantType":6}}}`,
		agent)
}

// awaitPolls returns when n further polls wait.
func (g *polledGateway) awaitPolls(n int) {
	for range n {
		<-g.waiting
	}
}
