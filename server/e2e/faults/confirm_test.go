package faults

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc/metadata"

	"agentconf/emulator"
	agentconfv1 "agentconf/gen/agentconf/v1"
)

// awaiting is what happens to a call that awaits its event, and to that event.
type awaiting struct {
	within time.Duration // that the call waits
	answer meddling      // with that to the call; nil is none
	poll   meddling      // with the poll that is under way when the call comes, and
	polls  int           // so many in all
	early  bool          // with those before the call, too
	event  emulator.Fault

	unwatched bool // nobody watches the agent
	busy      bool // another call awaits the event of the same participant
}

// meddling is a hook for the requests of one agent.
type meddling func(m *meeting, w http.ResponseWriter, r *http.Request, carryOut func() *httptest.ResponseRecorder)

// always is more polls than there can be.
const always = 1000

// confirming are the faults of calls that await their event.
func confirming() []*fault {
	lost, late := emulator.Fault{Events: "lose"}, emulator.Fault{Events: "delay", Delay: 4 * pause}
	tooLate, again := emulator.Fault{Events: "delay", Delay: 2 * brief}, emulator.Fault{Events: "repeat"}
	list := []*fault{
		awaited("nothing goes wrong", awaiting{}, confirmed),
		awaited("reply closed before its first byte", awaiting{answer: cutOff}, unknown),
		awaited("reply closed in its body", awaiting{answer: cutInBody}, unknown),
		awaited("reply comes behind the event", awaiting{answer: afterEvent}, confirmed),
		awaited("reply closed behind the event", awaiting{answer: cutOffAfterEvent}, unknown),
		awaited("poll closed with the event", awaiting{poll: cutOff, polls: 1}, notConfirmed),
		awaited("poll closed in the event", awaiting{poll: cutInBody, polls: 1}, notConfirmed),
		awaited("poll stalled with the event", awaiting{poll: holdTongue, polls: 1}, notConfirmed),
		awaited("poll answered with 503", awaiting{poll: turnAway, polls: 1}, confirmed),
		awaited("polls answered with 503", awaiting{poll: turnAway, polls: always}, notConfirmed),
		awaited("connections of polls refused for a while", awaiting{poll: refuseForAWhile, polls: 1}, confirmed),
		awaited("connections of polls refused", awaiting{poll: refuse, polls: 1}, notConfirmed),
		awaited("event lost", awaiting{event: lost}, notConfirmed),
		awaited("event late", awaiting{event: late}, confirmed),
		awaited("event too late", awaiting{event: tooLate}, notConfirmed),
		awaited("event repeated", awaiting{event: again}, confirmed),
		awaited("watcher leaves", awaiting{answer: watcherLeaves}, confirmed),
		awaited("agent signs in anew", awaiting{answer: signInAnew, event: lost}, notConfirmed),
		awaited("nobody watches", awaiting{unwatched: true}, notReached),
		awaited("polls have failed before", awaiting{poll: turnAway, polls: always, early: true}, notReached),
		awaited("another call awaits its event", awaiting{event: lost, busy: true}, notReached),
	}
	for _, f := range list { // a poll may fail before the call, on a busy machine
		if f.awaits.poll != nil && !f.awaits.early {
			f.want = append(f.want, notReached)
		}
	}
	stalled := awaited("reply stalled", awaiting{answer: holdTongue}, unknown)
	stalled.deadline, stalled.want = brief, append(stalled.want, notReached) // on a busy machine
	gone := awaited("caller gives up", awaiting{answer: callerLeaves, event: lost}, notConfirmed)
	gone.gone, gone.awaits.within = true, ample
	short := awaited("caller's deadline comes first", awaiting{event: lost}, notConfirmed)
	short.deadline, short.want = brief, append(short.want, notReached, unknown)
	short.awaits.within = ample
	return append(list, stalled, gone, short)
}

// awaited is a fault after which callers are told want. They wait long for an event that
// comes.
func awaited(name string, a awaiting, want verdict) *fault {
	a.within = brief
	f := &fault{name: "awaiting the event: " + name, deadline: ample, want: []verdict{want}, fresh: true, awaits: &a}
	if want == confirmed {
		a.within = ample
	}
	return f
}

// meeting is one such call, as the gateway sees it.
type meeting struct {
	*awaiting
	world  *world
	call   *call
	giveUp context.CancelFunc // of the caller
	leave  context.CancelFunc // of the watcher
	others sync.WaitGroup     // callers

	meddled              atomic.Int64 // polls
	called, polled, told *signal      // a call and a poll have come, the event went out
}

// signal is given once.
type signal struct {
	given chan struct{}
	once  sync.Once
}

func newSignal() *signal { return &signal{given: make(chan struct{})} }

func (s *signal) give() { s.once.Do(func() { close(s.given) }) }

// awaiting lets a call await its event.
func (w *world) awaiting(k *call) {
	ctx, giveUp := context.WithCancel(context.Background())
	watching, leave := context.WithCancel(metadata.AppendToOutgoingContext(context.Background(), "guid", k.guid))
	defer leave()
	m := &meeting{
		awaiting: w.fault.awaits, world: w, call: k, giveUp: giveUp, leave: leave,
		called: newSignal(), polled: newSignal(), told: newSignal(),
	}
	w.meetings.Store(k.agent, m)
	h := hook(w.meet)
	w.gateway.hook.Store(&h)
	if !m.unwatched {
		m.watch(watching)
	}
	m.disturbEvent()
	if m.busy {
		m.occupy(ctx)
	}
	w.alone(ctx, k)
	giveUp()
	m.others.Wait()
	w.refuses.Store(false)
}

func (m *meeting) disturbEvent() {
	f := m.event
	if f.Events == "" {
		return
	}
	f.AgentID, f.EventType = m.call.agent, changed
	if err := m.world.gateway.SetFault(f); err != nil {
		m.world.t.Error(err)
	}
}

// watch begins a watch of the agent, and returns when it waits for an event, or has
// failed if it is to.
func (m *meeting) watch(ctx context.Context) {
	c := m.world.newCaller()
	req := &agentconfv1.WatchAgentEventsRequest{AgentId: m.call.agent}
	stream, err := agentconfv1.NewEventServiceClient(c.grpc).WatchAgentEvents(ctx, req)
	if err != nil {
		m.world.t.Error(err)
		return
	}
	for {
		got, err := stream.Recv()
		switch {
		case err != nil:
			m.world.t.Errorf("the watch of %v: %v", m.call, err)
			return
		case got.GetPollFailed() != nil:
			return
		case got.GetStarted() != nil && !m.early:
			waitFor(m.polled.given, ample)
			return
		}
	}
}

// occupy makes another call that awaits an event of the same participant.
func (m *meeting) occupy(ctx context.Context) {
	op := mute
	if m.call.op.name == mute.name {
		op = hold
	}
	k := &call{op: op.confirmed(ample), agent: m.call.agent, guid: m.call.guid, deadline: ample, gone: true}
	m.others.Go(func() { m.world.alone(ctx, k) })
	waitFor(m.called.given, ample)
}

// meet is the hook of agents with a call that awaits its event.
func (w *world) meet(rw http.ResponseWriter, r *http.Request, carryOut func() *httptest.ResponseRecorder) {
	op, agent := requested(r)
	found, _ := w.meetings.Load(agent)
	m := found.(*meeting)
	meddle := m.answer
	if op.family == events {
		m.polled.give()
		meddle = m.nextPoll(r)
		carryOut = m.noticing(carryOut)
	} else {
		m.called.give()
	}
	if meddle == nil {
		relay(rw, carryOut())
		return
	}
	meddle(m, rw, r, carryOut)
}

// nextPoll is what is to be done with a poll. If that is something, the call comes first.
func (m *meeting) nextPoll(r *http.Request) meddling {
	if m.meddled.Add(1) > int64(m.polls) {
		return nil
	}
	if !m.early {
		select {
		case <-m.called.given:
		case <-r.Context().Done():
		}
	}
	return m.poll
}

// noticing is carryOut for a poll, which may take the event.
func (m *meeting) noticing(carryOut func() *httptest.ResponseRecorder) func() *httptest.ResponseRecorder {
	return func() *httptest.ResponseRecorder {
		answer := carryOut()
		if strings.Contains(answer.Body.String(), changed) {
			m.told.give()
		}
		return answer
	}
}

// The meddlings.

func cutOff(_ *meeting, _ http.ResponseWriter, _ *http.Request, carryOut func() *httptest.ResponseRecorder) {
	carryOut()
	panic(http.ErrAbortHandler)
}

func cutInBody(_ *meeting, w http.ResponseWriter, _ *http.Request, carryOut func() *httptest.ResponseRecorder) {
	answer := carryOut().Body.Bytes()
	w.Header().Set("Content-Length", strconv.Itoa(len(answer)))
	w.Write(answer[:len(answer)-cutShort])
	w.(http.Flusher).Flush()
	panic(http.ErrAbortHandler)
}

func holdTongue(_ *meeting, _ http.ResponseWriter, r *http.Request, carryOut func() *httptest.ResponseRecorder) {
	carryOut()
	hungUp(r)
}

func afterEvent(m *meeting, w http.ResponseWriter, _ *http.Request, carryOut func() *httptest.ResponseRecorder) {
	answer := carryOut()
	waitFor(m.told.given, ample)
	<-time.After(pause)
	relay(w, answer)
}

func cutOffAfterEvent(m *meeting, w http.ResponseWriter, r *http.Request, carryOut func() *httptest.ResponseRecorder) {
	afterEvent(m, httptest.NewRecorder(), r, carryOut)
	panic(http.ErrAbortHandler)
}

func turnAway(_ *meeting, w http.ResponseWriter, _ *http.Request, _ func() *httptest.ResponseRecorder) {
	http.Error(w, "no", http.StatusServiceUnavailable)
}

// refuse ends all connections once the call is answered, and lets there be no others.
func refuse(m *meeting, _ http.ResponseWriter, _ *http.Request, _ func() *httptest.ResponseRecorder) {
	<-time.After(pause)
	m.world.refuses.Store(true)
	m.world.far.hangUp()
}

func refuseForAWhile(m *meeting, w http.ResponseWriter, r *http.Request, carryOut func() *httptest.ResponseRecorder) {
	refuse(m, w, r, carryOut)
	time.AfterFunc(brief, func() { m.world.refuses.Store(false) })
}

func watcherLeaves(m *meeting, w http.ResponseWriter, _ *http.Request, carryOut func() *httptest.ResponseRecorder) {
	m.leave()
	<-time.After(pause)
	relay(w, carryOut())
}

func callerLeaves(m *meeting, w http.ResponseWriter, _ *http.Request, carryOut func() *httptest.ResponseRecorder) {
	relay(w, carryOut())
	time.AfterFunc(pause, m.giveUp)
}

func signInAnew(m *meeting, w http.ResponseWriter, _ *http.Request, carryOut func() *httptest.ResponseRecorder) {
	relay(w, carryOut())
	m.world.gateway.SignIn(m.call.agent, emulator.SignIn{Phonenum: "4001"}, true)
}
