package rig

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// Schedule says when a stub gateway answers.
type Schedule struct {
	Delay time.Duration // of the answer to a hold
	Every time.Duration // between the events of an agent
	Hold  time.Duration // for which a poll waits at most
	Warm  int64         // events of an agent that come at once, before those of the schedule
}

// Counters count the holds that a stub gateway has received, and the events that it has
// handed out.
type Counters struct{ Holds, Events int64 }

// maxExact is the longest delay that is exact, at the price of an open file for each request.
const maxExact = 10 * time.Millisecond

// refusedPoll is the answer to a poll with another GUID than that of the watches.
const refusedPoll = `{"message":"the agent is not signed in","retcode":"100-006"}`

// stubGateway answers holds after a delay. It answers a poll when the agent's next event is
// due, or without an event after the time of a poll.
type stubGateway struct {
	Schedule
	agents        sync.Map // of *source by agent ID
	holds, events atomic.Int64
	stopped       atomic.Bool // no further events
}

// source has the events of one agent.
type source struct {
	mu   sync.Mutex
	last int64     // number of the last event
	next time.Time // when the next one is due
}

// gatewayCommand is the command of this program that RunGateway runs.
const gatewayCommand = "gateway"

// RunGateway runs a stub gateway. Its arguments are its address, the address of its control,
// and its schedule in JSON. The control returns the counters, and stops the events at the path
// /stop. Its port is another one, so that its connections do not disturb.
func RunGateway(ctx context.Context, args []string) error {
	g := &stubGateway{}
	if err := json.Unmarshal([]byte(args[2]), &g.Schedule); err != nil {
		return err
	}
	front, control := http.NewServeMux(), http.NewServeMux()
	front.HandleFunc("POST "+OwnPath, g.serveHold)
	front.HandleFunc("GET /agentgateway/resource/agentevent/{agent}", g.servePoll)
	control.HandleFunc("GET /stop", func(http.ResponseWriter, *http.Request) { g.stopped.Store(true) })
	control.HandleFunc("GET /", func(w http.ResponseWriter, _ *http.Request) {
		json.NewEncoder(w).Encode(Counters{g.holds.Load(), g.events.Load()})
	})
	servers, ctx := errgroup.WithContext(ctx)
	servers.Go(func() error { return ServeUntil(ctx, &http.Server{Addr: args[0], Handler: front}) })
	servers.Go(func() error { return ServeUntil(ctx, &http.Server{Addr: args[1], Handler: control}) })
	return servers.Wait()
}

func (g *stubGateway) serveHold(w http.ResponseWriter, r *http.Request) {
	g.holds.Add(1)
	io.Copy(io.Discard, r.Body)
	if g.Delay > maxExact {
		time.Sleep(g.Delay)
	} else if err := sleepExactly(g.Delay); err != nil {
		panic(err) // the handler cannot answer in time
	}
	io.WriteString(w, StubReply)
}

func (g *stubGateway) servePoll(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Guid") != GUID {
		fmt.Fprint(w, refusedPoll)
		return
	}
	id := r.PathValue("agent")
	value, _ := g.agents.LoadOrStore(id, &source{})
	s := value.(*source)
	wait := s.wait(g.Schedule, time.Now())
	if !Sleep(r.Context(), min(wait, g.Hold)) {
		return // the event is not handed out
	}
	if wait > g.Hold || g.stopped.Load() {
		fmt.Fprint(w, `{"message":"","retcode":"0"}`)
		return
	}
	number := s.take(g.Every)
	g.events.Add(1)
	fmt.Fprint(w, eventReply(id, number, time.Now()))
}

// wait returns how long it is until the next event. The first one of the schedule comes at
// an arbitrary time, so that the events of all agents are spread evenly.
func (s *source) wait(plan Schedule, now time.Time) time.Duration {
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
func (s *source) take(every time.Duration) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.next.IsZero() {
		s.next = s.next.Add(every)
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

// Gateway is a stub gateway in a process of its own.
type Gateway struct {
	*Process
	Address, control string
}

// LaunchGateway starts a stub gateway.
func (s *Workspace) LaunchGateway(ctx context.Context, on Cores, plan Schedule) (Gateway, error) {
	g := Gateway{Address: s.Address(), control: s.Address()}
	text, err := json.Marshal(plan)
	if err != nil {
		return g, err
	}
	g.Process, err = s.LaunchSelf(ctx, on, gatewayCommand, []string{g.Address, g.control}, string(text))
	return g, err
}

// Count returns the counters of the gateway.
func (g Gateway) Count(ctx context.Context) (c Counters, err error) {
	text, err := Fetch(ctx, g.control, "/")
	if err != nil {
		return c, err
	}
	return c, json.Unmarshal([]byte(text), &c)
}

// StopEvents stops the events. A poll that waits has no event.
func (g Gateway) StopEvents(ctx context.Context) error {
	_, err := Fetch(ctx, g.control, "/stop")
	return err
}

// ServeUntil serves until ctx is done.
func ServeUntil(ctx context.Context, server *http.Server) error {
	defer context.AfterFunc(ctx, func() { server.Close() })()
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
