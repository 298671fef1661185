package e2e

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"agentconf/emulator"
	agentconfv1 "agentconf/gen/agentconf/v1"
)

// emulated is the service in front of the emulator, in a bubble of synctest.
type emulated struct {
	*fronts
	emulator    *emulator.Gateway
	gateway     http.Handler // handler of the emulator
	dialGateway dialer       // dials the emulator

	mu     sync.Mutex
	polls  []poll
	tamper func(w http.ResponseWriter, r *http.Request) (done bool) // runs before the emulator, unless nil
}

// poll holds the start and the end of one poll at the emulator.
type poll struct{ start, end time.Time }

// inBubble runs test with an emulator. By default its GUIDs are static, its agents stay
// signed in, and phones answer at once.
func inBubble(t *testing.T, config emulator.Config, test func(*testing.T, *emulated)) {
	t.Helper()
	inBubbleOn(t, memory, config, test)
}

// inBubbleOn is inBubble with the fronts on n.
func inBubbleOn(t *testing.T, n network, config emulator.Config, test func(*testing.T, *emulated)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		if config.AuthMode == 0 {
			config.AuthMode = emulator.StaticGUID
		}
		config.SignOutAfter = cmp.Or(config.SignOutAfter, -1) // never
		config.AnswerDelay = cmp.Or(config.AnswerDelay, -1)   // none
		gateway := emulator.New(config)
		l, dial := listenPipe(t)
		e := &emulated{emulator: gateway, gateway: gateway.Handler(), dialGateway: dial}
		server := &http.Server{Handler: e}
		go server.Serve(l)
		e.fronts = newFrontsOf(t, n, dial)
		t.Cleanup(func() {
			server.Close()
			e.stop()
			time.Sleep(time.Minute) // until the last polls have ended
		})
		test(t, e)
	})
}

func (e *emulated) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	e.mu.Lock()
	tamper := e.tamper
	e.mu.Unlock()
	if tamper != nil && tamper(w, r) {
		return
	}
	start := time.Now()
	e.gateway.ServeHTTP(w, r)
	if strings.Contains(r.URL.Path, "/agentevent/") {
		e.mu.Lock()
		defer e.mu.Unlock()
		e.polls = append(e.polls, poll{start, time.Now()})
	}
}

// tampered sets a handler that runs before the emulator, or instead of it if it returns
// true. nil removes it.
func (e *emulated) tampered(f func(w http.ResponseWriter, r *http.Request) bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.tamper = f
}

// signIn signs an agent in at the emulator.
func (e *emulated) signIn(t *testing.T, agentID string) (guid string) {
	t.Helper()
	guid, retcode := e.emulator.SignIn(agentID, emulator.SignIn{Phonenum: "4001"}, true)
	if retcode != "0" {
		t.Fatalf("sign-in of %s: got retcode %s, want 0", agentID, retcode)
	}
	return guid
}

// call calls an operation at the emulator, without the service.
func (e *emulated) call(t *testing.T, operation, agentID, guid, body string) {
	t.Helper()
	_, retcode := e.emulator.Do(emulator.Request{Operation: operation, AgentID: agentID, GUID: guid, Body: []byte(body)})
	if retcode != "0" {
		t.Fatalf("%s by %s: got retcode %s, want 0", operation, agentID, retcode)
	}
}

// watcher is the client of one watch.
type watcher struct {
	grpc.ServerStreamingClient[agentconfv1.WatchAgentEventsResponse]
	leave context.CancelFunc
}

// Recv returns the next message that is no heartbeat.
func (w *watcher) Recv() (*agentconfv1.WatchAgentEventsResponse, error) {
	for {
		m, err := w.ServerStreamingClient.Recv()
		if m.GetHeartbeat() == nil {
			return m, err
		}
	}
}

// watch starts a watch and returns it with its first message, or the error that the service
// returns instead.
func (f *fronts) watch(t *testing.T, agentID, guid string, after *int64) (*watcher, *agentconfv1.WatchStarted, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(metadata.AppendToOutgoingContext(t.Context(), "guid", guid), time.Hour)
	stream, err := agentconfv1.NewEventServiceClient(f.conn).WatchAgentEvents(ctx,
		&agentconfv1.WatchAgentEventsRequest{AgentId: agentID, AfterSequence: after})
	if err != nil {
		t.Fatal(err)
	}
	w := &watcher{stream, cancel}
	first, err := w.Recv()
	if err != nil {
		return nil, nil, err
	}
	if first.GetStarted() == nil {
		t.Fatalf("got the first message %v, want started", first)
	}
	return w, first.GetStarted(), nil
}

// mustWatch starts a watch and fails the test on an error.
func (f *fronts) mustWatch(t *testing.T, agentID, guid string) (*watcher, *agentconfv1.WatchStarted) {
	t.Helper()
	w, started, err := f.watch(t, agentID, guid, nil)
	if err != nil {
		t.Fatal(err)
	}
	return w, started
}

// expect compares the next messages with messages in JSON. $1 to $9 stand for the sequences
// after first.
func (w *watcher) expect(t *testing.T, first int64, want ...string) {
	t.Helper()
	for _, text := range want {
		got, err := w.Recv()
		if err != nil {
			t.Fatalf("got %v, want %s", err, text)
		}
		for n := int64(9); n > 0; n-- {
			text = strings.ReplaceAll(text, fmt.Sprintf("$%d", n), fmt.Sprint(first+n))
		}
		message := &agentconfv1.WatchAgentEventsResponse{}
		if err := protojson.Unmarshal([]byte(text), message); err != nil {
			t.Fatalf("%v in %s", err, text)
		}
		if event := got.GetEvent(); event != nil {
			if !strings.Contains(event.GetRawJson(), `"`+event.GetEventType()+`"`) {
				t.Errorf("got the event %q as the gateway sent it", event.GetRawJson())
			}
			event.RawJson = ""
		}
		if !proto.Equal(got, message) {
			t.Fatalf("got %v, want %v", got, message)
		}
	}
}

// end reads the watch until it ends, and returns its error.
func (w *watcher) end() (err error) {
	for err == nil {
		_, err = w.Recv()
	}
	return err
}
