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

var long = flag.Bool("long", false, "make ten times as many calls in TestConcurrentHolds")

// callResult is the result of one call, and the range of the emulator's log that can have
// its request.
type callResult struct {
	voice       string // unique voice path of a hold; empty for an unhold
	ok          bool
	outcome     string // of an error
	retcode     string // of an error of the gateway
	first, last int    // lengths of the log before and after the call
}

// Many callers hold and unhold one participant at once, and half of them wait for delayed
// events. The result of every call agrees with the order of the gateway's log.
func TestConcurrentHolds(t *testing.T) {
	callers, rounds := 50, 100
	if *long {
		rounds = 1000
	}
	inConference(t, func(t *testing.T, e *emulated, guid string, w *watcher) {
		go w.end() // a consumer that reads
		var mu sync.Mutex
		var results []callResult
		var running sync.WaitGroup
		for n := range callers {
			running.Go(func() {
				for round := range rounds {
					if round%4 == 0 {
						delay := time.Duration(rand.IntN(3000)) * time.Millisecond
						e.emulator.SetFault(emulator.Fault{Events: "delay", Delay: delay})
					}
					result := e.holdOrUnhold(t.Context(), guid, n, round)
					mu.Lock()
					results = append(results, result)
					mu.Unlock()
				}
			})
		}
		running.Wait()
		checkOrder(t, e.emulator.Log(), results)
	})
}

// holdOrUnhold makes one call of caller n. Callers with an even number wait for its event.
func (e *emulated) holdOrUnhold(ctx context.Context, guid string, n, round int) (result callResult) {
	ctx = metadata.AppendToOutgoingContext(ctx, "guid", guid)
	var within *durationpb.Duration
	if n%2 == 0 {
		within = durationpb.New(time.Second)
	}
	client := agentconfv1.NewConferenceServiceClient(e.conn)
	result.first = e.emulator.Logged()
	var err error
	if (n+round)%4 < 2 {
		result.voice = fmt.Sprintf("y:/conf/120/%d-%d.V3", n, round)
		_, err = client.HoldParticipant(ctx, &agentconfv1.HoldParticipantRequest{
			AgentId: "1287", AddressType: "6", Address: "88887946", VoicePath: result.voice, ConfirmWithin: within,
		})
	} else {
		_, err = client.UnholdParticipant(ctx, &agentconfv1.UnholdParticipantRequest{
			AgentId: "1287", AddressType: "6", Address: "88887946", ConfirmWithin: within,
		})
	}
	result.last = e.emulator.Logged()
	result.ok = err == nil
	for _, detail := range status.Convert(err).Details() {
		if info, ok := detail.(*errdetails.ErrorInfo); ok {
			result.outcome, result.retcode = info.GetMetadata()["outcome"], info.GetMetadata()["retcode"]
		}
	}
	return result
}

// checkOrder compares the results with the log. The entries of unholds are equal, so it
// compares their number.
func checkOrder(t *testing.T, log []emulator.LogEntry, results []callResult) {
	t.Helper()
	holds := map[string]emulator.LogEntry{}
	applied, confirmed, unknown := 0, 0, 0
	for _, entry := range log {
		switch entry.Operation {
		case "holdParticipant":
			var body struct{ VoicePath string }
			if err := json.Unmarshal(entry.Body, &body); err != nil {
				t.Fatal(err)
			}
			if _, twice := holds[body.VoicePath]; twice {
				t.Errorf("got the hold with %s twice, want it once", body.VoicePath)
			}
			holds[body.VoicePath] = entry
		case "unholdParticipant":
			if entry.Applied {
				applied++
			}
		}
	}
	kinds := map[string]int{}
	for _, result := range results {
		kinds[fmt.Sprintf("ok %v, outcome %s, retcode %s", result.ok, result.outcome, result.retcode)]++
		switch {
		case result.voice != "":
			result.checkHold(t, holds[result.voice])
		case result.ok:
			confirmed++
		case result.outcome == "unknown" && result.retcode == "":
			unknown++
		}
	}
	if applied < confirmed || applied > confirmed+unknown {
		t.Errorf("got %d applied unholds, want %d to %d by the results", applied, confirmed, confirmed+unknown)
	}
	for _, kind := range []string{
		"ok true, outcome , retcode ", "ok false, outcome unknown, retcode 100-007", // the participant is on hold
		"ok false, outcome not_applied, retcode ", // another call waits for an event of the participant
	} {
		if kinds[kind] < 10 {
			t.Errorf("got %d calls with %s, want at least 10: %v", kinds[kind], kind, kinds)
		}
	}
}

// checkHold compares the result of a hold with its log entry, which is zero if the gateway
// got no request.
func (r callResult) checkHold(t *testing.T, entry emulator.LogEntry) {
	t.Helper()
	sent := entry.Seq > 0
	switch {
	case sent && (entry.Seq <= r.first || entry.Seq > r.last):
		t.Errorf("got log entry %d, want one within the range of %+v", entry.Seq, r)
	case r.ok && !entry.Applied,
		r.outcome == "not_applied" && sent,
		r.outcome == "unknown" && r.retcode != "" && entry.Applied,
		r.outcome == "" && !r.ok:
		t.Errorf("got the result %+v, want one that agrees with %+v", r, entry)
	}
}
