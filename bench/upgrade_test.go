//go:build linux

package main

import (
	"encoding/json"
	"errors"
	"slices"
	"testing"
	"time"

	"agentconf/emulator"
)

// What is told has to be what the gateway's log says: a hold that failed, is missing,
// is there twice or was never made is found.
func TestUpgradeReport(t *testing.T) {
	hold := func(voice string) emulator.LogEntry {
		return emulator.LogEntry{Operation: "holdParticipant", Applied: true, Body: json.RawMessage(`{"voicePath":"` + voice + `"}`)}
	}
	unhold := emulator.LogEntry{Operation: "unholdParticipant", Applied: true, Body: json.RawMessage(`{}`)}
	all := []emulator.LogEntry{hold("a"), unhold, hold("b"), unhold}
	made := func() *madeHolds {
		return &madeHolds{told: map[string]error{"a": nil, "b": nil}, unheld: 2, took: time.Millisecond}
	}
	if err := made().report(frontGRPC, 2, all); err != nil {
		t.Error(err)
	}
	for name, log := range map[string][]emulator.LogEntry{
		"missing": all[1:], "twice": append(slices.Clone(all), hold("a")), "never made": append(slices.Clone(all), hold("c")),
		"not taken back": all[:3],
	} {
		if made().report(frontGRPC, 2, log) == nil {
			t.Errorf("a hold that is %s is not found", name)
		}
	}
	failed, slow := made(), made()
	failed.failed = []error{errors.New("502")}
	slow.took = time.Second
	for _, m := range []*madeHolds{failed, slow} {
		if m.report(frontGRPC, 2, all) == nil {
			t.Errorf("no error of %+v", m)
		}
	}
}
