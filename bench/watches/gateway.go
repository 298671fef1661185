package watches

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"agentconf/server/bench/rig"
)

// GatewayCommand is the command of this program that RunGateway runs.
const GatewayCommand = "event-gateway"

// schedule is the schedule of a gateway's events. Its fields are exported for JSON.
type schedule struct {
	Every time.Duration // between the events of an agent
	Hold  time.Duration // for which a poll waits at most
	Warm  int64         // events of an agent that come at once, before those of the schedule
}

// gateway is a stub of the gateway that has events and nothing else. It answers a poll when
// the agent's next event is due, or without an event after the time of a hold.
type gateway struct {
	schedule
	agents  sync.Map // of *source by agent ID
	handed  atomic.Int64
	stopped atomic.Bool // no further events
}

// source has the events of one agent.
type source struct {
	mu   sync.Mutex
	last int64     // number of the last event
	next time.Time // when the next one is due
}

// RunGateway runs a stub gateway. Its arguments are its address, the address for its
// control, and its schedule in JSON. The control returns the number of events that the gateway
// has handed out, and stops them at the path /stop.
func RunGateway(ctx context.Context, args []string) error {
	g := &gateway{}
	if err := json.Unmarshal([]byte(args[2]), &g.schedule); err != nil {
		return err
	}
	polls := http.NewServeMux()
	polls.HandleFunc("GET /agentgateway/resource/agentevent/{agent}", g.servePoll)
	control := http.NewServeMux()
	control.HandleFunc("GET /", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, g.handed.Load()) })
	control.HandleFunc("GET /stop", func(http.ResponseWriter, *http.Request) { g.stopped.Store(true) })
	servers, ctx := errgroup.WithContext(ctx)
	servers.Go(func() error { return rig.ServeUntil(ctx, &http.Server{Addr: args[0], Handler: polls}) })
	servers.Go(func() error { return rig.ServeUntil(ctx, &http.Server{Addr: args[1], Handler: control}) })
	return servers.Wait()
}

func (g *gateway) servePoll(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("agent")
	value, _ := g.agents.LoadOrStore(id, &source{})
	s := value.(*source)
	wait := s.wait(g.schedule, time.Now())
	if !rig.Sleep(r.Context(), min(wait, g.Hold)) {
		return // the event is not handed out
	}
	if wait > g.Hold || g.stopped.Load() {
		fmt.Fprint(w, `{"message":"","retcode":"0"}`)
		return
	}
	number := s.take(g.schedule)
	g.handed.Add(1)
	fmt.Fprint(w, eventReply(id, number, time.Now()))
}

// wait returns how long it is until the next event. The first one of the schedule comes at
// an arbitrary time, so that the events of all agents are spread evenly.
func (s *source) wait(plan schedule, now time.Time) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.last < plan.Warm {
		return 0
	}
	if s.next.IsZero() {
		s.next = now.Add(time.Duration(float64(plan.Every) * rand.Float64()))
	}
	return max(0, s.next.Sub(now))
}

// take returns the number of the next event.
func (s *source) take(plan schedule) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.next.IsZero() {
		s.next = s.next.Add(plan.Every)
	}
	s.last++
	return s.last
}

// eventReply returns the reply to a poll. The conference ID of the event is its number, and
// its time of origin has microseconds in place of milliseconds, so that a client can measure
// its delay.
func eventReply(agent string, number int64, at time.Time) string {
	return fmt.Sprintf(`{"message":"","retcode":"0","event":{"eventType":"AgentConf_ParticipantChanged","workNo":%q,`+
		`"eventGenTime":%d,"content":{"result":0,"changeReason":255,"changeType":5,"confId":%d,"participant":"88887946",`+
		`"participantType":6,"deviceCallType":0,"deviceType":1}}}`, agent, at.UnixMicro(), number)
}
