package e2e

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	"agentconf/emulator"
	agentconfv1 "agentconf/gen/agentconf/v1"
)

var long = flag.Bool("long", false, "let callers hold and unhold ten times as often")

// told is what a caller was told of one call, and which part of the gateway's log it
// can be in.
type told struct {
	voice       string // tells this hold from all others; empty for an unhold
	ok          bool
	outcome     string // of an error
	retcode     string // of an error, if the gateway refused
	first, last int    // lengths of the log before and after the call
}

// Many callers hold one participant and take it back, half of them waiting for events
// that come late: what each is told fits one order of the gateway's log.
func TestConcurrentHolds(t *testing.T) {
	callers, rounds := 50, 100
	if *long {
		rounds = 1000
	}
	inConference(t, func(t *testing.T, e *emulated, guid string, w *watcher) {
		go w.end() // somebody watches, and reads
		var mu sync.Mutex
		var all []told
		var running sync.WaitGroup
		for n := range callers {
			running.Go(func() {
				for round := range rounds {
					if round%4 == 0 {
						delay := time.Duration(rand.IntN(3000)) * time.Millisecond
						e.emulator.SetFault(emulator.Fault{Events: "delay", Delay: delay})
					}
					call := e.holdOrUnhold(t.Context(), guid, n, round)
					mu.Lock()
					all = append(all, call)
					mu.Unlock()
				}
			})
		}
		running.Wait()
		checkOrder(t, e.emulator.Log(), all)
	})
}

func (e *emulated) holdOrUnhold(ctx context.Context, guid string, n, round int) (call told) {
	ctx = metadata.AppendToOutgoingContext(ctx, "guid", guid)
	var within *durationpb.Duration
	if n%2 == 0 {
		within = durationpb.New(time.Second)
	}
	client := agentconfv1.NewConferenceServiceClient(e.conn)
	call.first = len(e.emulator.Log())
	var err error
	if (n+round)%4 < 2 {
		call.voice = fmt.Sprintf("y:/conf/120/%d-%d.V3", n, round)
		_, err = client.HoldParticipant(ctx, &agentconfv1.HoldParticipantRequest{
			AgentId: "1287", AddressType: "6", Address: "88887946", VoicePath: call.voice, ConfirmWithin: within,
		})
	} else {
		_, err = client.UnholdParticipant(ctx, &agentconfv1.UnholdParticipantRequest{
			AgentId: "1287", AddressType: "6", Address: "88887946", ConfirmWithin: within,
		})
	}
	call.last = len(e.emulator.Log())
	call.ok = err == nil
	for _, detail := range status.Convert(err).Details() {
		if info, ok := detail.(*errdetails.ErrorInfo); ok {
			call.outcome, call.retcode = info.GetMetadata()["outcome"], info.GetMetadata()["retcode"]
		}
	}
	return call
}

// checkOrder compares what callers were told with the log. Unholds cannot be told
// from each other there, so they are counted.
func checkOrder(t *testing.T, log []emulator.LogEntry, all []told) {
	t.Helper()
	holds := map[string]emulator.LogEntry{}
	unholds, unheld, unsure := 0, 0, 0
	for _, entry := range log {
		switch entry.Operation {
		case "holdParticipant":
			var body struct{ VoicePath string }
			if err := json.Unmarshal(entry.Body, &body); err != nil {
				t.Fatal(err)
			}
			if _, twice := holds[body.VoicePath]; twice {
				t.Errorf("the gateway got %s twice", body.VoicePath)
			}
			holds[body.VoicePath] = entry
		case "unholdParticipant":
			if entry.Applied {
				unheld++
			}
		}
	}
	kinds := map[string]int{}
	for _, call := range all {
		kinds[fmt.Sprintf("ok %v, outcome %s, retcode %s", call.ok, call.outcome, call.retcode)]++
		switch {
		case call.voice != "":
			call.checkHold(t, holds[call.voice])
		case call.ok:
			unholds++
		case call.outcome == "unknown" && call.retcode == "":
			unsure++
		}
	}
	if unheld < unholds || unheld > unholds+unsure {
		t.Errorf("%d unholds were applied, callers know of %d and do not know of %d", unheld, unholds, unsure)
	}
	for _, kind := range []string{
		"ok true, outcome , retcode ", "ok false, outcome unknown, retcode 100-007", // the participant was held already
		"ok false, outcome not_applied, retcode ", // somebody else awaited an event
	} {
		if kinds[kind] < 10 {
			t.Errorf("too few calls that ended with %s: %v", kind, kinds)
		}
	}
}

func (call told) checkHold(t *testing.T, entry emulator.LogEntry) {
	t.Helper()
	asked := entry.Seq > 0
	switch {
	case asked && (entry.Seq <= call.first || entry.Seq > call.last):
		t.Errorf("%+v stands in the log as %d", call, entry.Seq)
	case call.ok && !entry.Applied,
		call.outcome == "not_applied" && asked,
		call.outcome == "unknown" && call.retcode != "" && entry.Applied,
		call.outcome == "" && !call.ok:
		t.Errorf("%+v, but the log has %+v", call, entry)
	}
}
