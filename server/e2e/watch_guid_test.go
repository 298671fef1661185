package e2e

import (
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"

	"agentconf/emulator"
	agentconfv1 "agentconf/gen/agentconf/v1"
)

// A watch with a GUID that is not the agent's current one ends without an event, whether or
// not another watch of the agent exists.
func TestWatchRejectsOtherGUIDs(t *testing.T) {
	inBubble(t, emulator.Config{}, func(t *testing.T, e *emulated) {
		guid := e.signIn(t, "1287")
		other := e.signIn(t, "2002")
		wrong, _ := e.mustWatch(t, "1287", other) // unproven until its first poll
		err := wrong.end()
		checkError(t, err, codes.Unauthenticated, "SIGN_IN_REQUIRED", "not_applied")

		w, started := e.mustWatch(t, "1287", guid)
		w.expect(t, started.GetLastSequence(), inService)
		_, _, err = e.watch(t, "1287", other, nil)
		checkError(t, err, codes.Unauthenticated, "GUID_STALE", "not_applied")
		_, _, err = e.watch(t, "1287", "two words", nil)
		checkError(t, err, codes.Unauthenticated, "GUID_MALFORMED", "not_applied")
		_, _, err = e.watch(t, "01287", guid, nil)
		checkError(t, err, codes.InvalidArgument, "INVALID_ARGUMENT", "not_applied")
		w.expect(t, started.GetLastSequence(), ready)
	})
}

// If two unproven watches have different GUIDs, the watch whose GUID the gateway accepts
// first continues. No event is lost.
func TestUnprovenWatchesWithTwoGUIDs(t *testing.T) {
	inBubble(t, emulator.Config{}, func(t *testing.T, e *emulated) {
		old := e.signIn(t, "1287")
		guid, _ := e.emulator.UpdateGUID("1287", old)
		for range 2 { // takes the events that would end a poll at once
			e.emulator.Poll(t.Context(), "1287", guid)
		}
		watchers := map[*watcher]int64{}
		for _, guid := range []string{guid, old} {
			w, started := e.mustWatch(t, "1287", guid)
			watchers[w] = started.GetLastSequence() - 2
		}
		time.Sleep(time.Second)
		e.call(t, "requestagentconf", "1287", guid, `{"memberNum":4}`)
		ended := make(chan error, 2)
		for w, first := range watchers {
			go func() {
				m, err := w.Recv()
				for n := int64(3); err == nil && n < 7; n++ { // the order of the two polls is random
					if m.GetEvent().GetSequence() != first+n {
						t.Errorf("got %v, want sequence %d", m, first+n)
					}
					m, err = w.Recv()
				}
				ended <- err
			}()
		}
		one, other := <-ended, <-ended
		if one == nil {
			one, other = other, one
		}
		checkError(t, one, codes.Unauthenticated, "GUID_STALE", "not_applied")
		if other != nil {
			t.Errorf("other watch: got %v, want no error", other)
		}
	})
}

// A watch delivers every new GUID, whether a poll or UpdateGuid brought it. A further watch
// must have the newest GUID, or the one before it.
func TestWatchDeliversNewGUID(t *testing.T) {
	config := emulator.Config{AuthMode: emulator.DynamicGUID, GUIDInterval: time.Minute, GUIDTimeout: 2 * time.Minute}
	inBubble(t, config, func(t *testing.T, e *emulated) {
		first := e.signIn(t, "1287")
		w, started := e.mustWatch(t, "1287", first)
		w.expect(t, started.GetLastSequence(), inService, ready)
		second := w.nextGUID(t)
		late, _ := e.mustWatch(t, "1287", first) // a caller that has not seen the new GUID yet
		if got := late.nextGUID(t); got != second {
			t.Errorf("got the GUID %s, want %s", got, second)
		}
		late.leave()

		// The gateway accepts the previous GUID, and issues a new one for it.
		ctx := metadata.AppendToOutgoingContext(t.Context(), "guid", first)
		updated, err := agentconfv1.NewSessionServiceClient(e.conn).UpdateGuid(ctx, &agentconfv1.UpdateGuidRequest{AgentId: "1287"})
		if err != nil {
			t.Fatal(err)
		}
		third := w.nextGUID(t)
		if third != updated.GetResult().GetGuid() || third == second {
			t.Errorf("got the GUID %s, want that of UpdateGuid, %s", third, updated.GetResult().GetGuid())
		}
		again, _ := e.mustWatch(t, "1287", third)
		again.leave()
		_, _, err = e.watch(t, "1287", first, nil)
		checkError(t, err, codes.Unauthenticated, "GUID_STALE", "not_applied")

		// UpdateGuid brings a new GUID while no watch exists.
		w.leave()
		time.Sleep(time.Second)
		ctx = metadata.AppendToOutgoingContext(t.Context(), "guid", third)
		updated, err = agentconfv1.NewSessionServiceClient(e.conn).UpdateGuid(ctx, &agentconfv1.UpdateGuidRequest{AgentId: "1287"})
		if err != nil {
			t.Fatal(err)
		}
		w, _ = e.mustWatch(t, "1287", third)
		if got := w.nextGUID(t); got != updated.GetResult().GetGuid() {
			t.Errorf("got the GUID %s, want that of UpdateGuid, %s", got, updated.GetResult().GetGuid())
		}
		_, _, err = e.watch(t, "1287", second, nil)
		checkError(t, err, codes.Unauthenticated, "GUID_STALE", "not_applied")
	})
}

// nextGUID returns the new GUID in the next message.
func (w *watcher) nextGUID(t *testing.T) string {
	t.Helper()
	m, err := w.Recv()
	if err != nil || m.GetGuidChanged().GetGuid() == "" {
		t.Fatalf("got %v, %v, want a new GUID", m, err)
	}
	return m.GetGuidChanged().GetGuid()
}
