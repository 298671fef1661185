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

// emulated is the service in front of the emulator, in a bubble where time is free.
type emulated struct {
	*fronts
	emulator    *emulator.Gateway
	gateway     http.Handler // of the emulator
	dialGateway dialer       // past the service

	mu     sync.Mutex
	polls  []poll
	tamper func(w http.ResponseWriter, r *http.Request) (done bool) // before the emulator, if set
}

// poll is one request for an event, and when it came and was answered.
type poll struct{ asked, answered time.Time }

// inBubble runs test with an emulated gateway whose agents stay signed in.
func inBubble(t *testing.T, config emulator.Config, test func(*testing.T, *emulated)) {
	t.Helper()
	inBubbleOn(t, memory, config, test)
}

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
			time.Sleep(time.Minute) // polls end, which nobody waits for
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
	asked := time.Now()
	e.gateway.ServeHTTP(w, r)
	if strings.Contains(r.URL.Path, "/agentevent/") {
		e.mu.Lock()
		defer e.mu.Unlock()
		e.polls = append(e.polls, poll{asked, time.Now()})
	}
}

// tampered sets what is done with requests from now on.
func (e *emulated) tampered(f func(w http.ResponseWriter, r *http.Request) bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.tamper = f
}

func (e *emulated) signIn(t *testing.T, agentID string) (guid string) {
	t.Helper()
	guid, retcode := e.emulator.SignIn(agentID, emulator.SignIn{Phonenum: "4001"}, true)
	if retcode != "0" {
		t.Fatalf("sign-in of %s: retcode %s", agentID, retcode)
	}
	return guid
}

// call calls an operation at the gateway itself.
func (e *emulated) call(t *testing.T, operation, agentID, guid, body string) {
	t.Helper()
	_, retcode := e.emulator.Do(emulator.Request{Operation: operation, AgentID: agentID, GUID: guid, Body: []byte(body)})
	if retcode != "0" {
		t.Fatalf("%s by %s: retcode %s", operation, agentID, retcode)
	}
}

// watcher reads one stream.
type watcher struct {
	grpc.ServerStreamingClient[agentconfv1.WatchAgentEventsResponse]
	leave context.CancelFunc
}

// watch begins a stream and returns it with its first message, or with the error
// that it ends with instead.
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
		t.Fatalf("the first message is %v", first)
	}
	return w, first.GetStarted(), nil
}

// mustWatch is watch for one that is not refused.
func (f *fronts) mustWatch(t *testing.T, agentID, guid string) (*watcher, *agentconfv1.WatchStarted) {
	t.Helper()
	w, started, err := f.watch(t, agentID, guid, nil)
	if err != nil {
		t.Fatal(err)
	}
	return w, started
}

// expect compares the next messages with what they are in JSON, where $1, $2 and
// so on stand for the sequences after first.
func (w *watcher) expect(t *testing.T, first int64, want ...string) {
	t.Helper()
	for _, text := range want {
		got, err := w.Recv()
		if err != nil {
			t.Fatalf("%v, want %s", err, text)
		}
		for n := int64(9); n > 0; n-- {
			text = strings.ReplaceAll(text, fmt.Sprintf("$%d", n), fmt.Sprint(first+n))
		}
		message := &agentconfv1.WatchAgentEventsResponse{}
		if err := protojson.Unmarshal([]byte(text), message); err != nil {
			t.Fatalf("%v in %s", err, text)
		}
		if !proto.Equal(got, message) {
			t.Fatalf("message %v, want %v", got, message)
		}
	}
}

// end reads to the end of the stream, past messages that do not matter.
func (w *watcher) end() (err error) {
	for err == nil {
		_, err = w.Recv()
	}
	return err
}
