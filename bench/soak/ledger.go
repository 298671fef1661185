package soak

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"

	"google.golang.org/grpc/codes"

	"agentconf/emulator"
)

// outcome is the outcome of a call, as its caller knows it.
type outcome int

const (
	unknown    outcome = iota
	applied            // exactly once
	notApplied         // but the gateway may have been asked
	notReached         // not applied, and the gateway was not asked

	outcomeCount
)

// outcomeOf returns the outcome that an error states. An error that the client made states
// none.
func outcomeOf(err error) outcome {
	a := answerOf(err)
	switch {
	case a.code == codes.OK:
		return applied
	case a.outcome != "not_applied":
		return unknown
	case a.code == codes.Unavailable:
		return notReached
	}
	return notApplied
}

// subject identifies a call, or a few calls that the gateway's log cannot distinguish.
type subject struct{ operation, phone, voicePath string } // voicePath of a hold only

// account has the calls of a subject: the outcomes that their callers know, and how often
// the gateways have logged them.
type account struct {
	known            [outcomeCount]int
	reached, applied int
}

func (a account) calls() (n int) {
	for _, of := range a.known {
		n += of
	}
	return n
}

// mismatch returns what is wrong with an account, or "". Calls with an unknown outcome may have
// been applied, each once at most.
func (a account) mismatch() string {
	atLeast := a.known[applied]
	atMost := atLeast + a.known[unknown]
	if a.reached > a.calls()-a.known[notReached] || a.applied < atLeast || a.applied > atMost {
		return fmt.Sprintf("%d calls, of them known as applied %d, as not applied %d, as not sent %d, "+
			"but %d reached the gateway and %d were applied",
			a.calls(), atLeast, a.known[notApplied], a.known[notReached], a.reached, a.applied)
	}
	return ""
}

// ledger has the accounts of all calls about a phone. It is safe for concurrent use.
type ledger struct {
	mu       sync.Mutex
	accounts map[subject]account
}

// record enters the outcome that a caller knows.
func (l *ledger) record(s subject, o outcome) { l.change(s, func(a *account) { a.known[o]++ }) }

// change changes the account of a subject, which may be new.
func (l *ledger) change(s subject, change func(*account)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.accounts == nil {
		l.accounts = map[subject]account{}
	}
	a := l.accounts[s]
	change(&a)
	l.accounts[s] = a
}

// read enters the log of a gateway.
func (l *ledger) read(log io.Reader) error {
	lines := json.NewDecoder(log)
	for {
		var entry emulator.LogEntry
		err := lines.Decode(&entry)
		if err == io.EOF {
			return nil
		}
		if err == nil {
			err = l.enter(entry)
		}
		if err != nil {
			return fmt.Errorf("log of the gateway: %w in %+v", err, entry)
		}
	}
}

// enter counts a log entry that names one phone.
func (l *ledger) enter(entry emulator.LogEntry) error {
	var body struct {
		Address, VoicePath string
		Addresses          []struct{ Address string }
	}
	if err := json.Unmarshal(entry.Body, &body); err != nil {
		return err
	}
	if len(body.Addresses) > 1 {
		return errors.New("more than one phone")
	}
	for _, each := range body.Addresses {
		body.Address = each.Address
	}
	if body.Address == "" {
		return nil
	}
	l.change(subject{entry.Operation, body.Address, body.VoicePath}, func(a *account) {
		a.reached++
		if entry.Applied {
			a.applied++
		}
	})
	return nil
}

// mismatches returns how many calls were compared, and what is wrong with them.
func (l *ledger) mismatches() (compared int, mismatches []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for s, a := range l.accounts {
		compared += max(a.calls(), a.reached)
		if mismatch := a.mismatch(); mismatch != "" {
			mismatches = append(mismatches, fmt.Sprintf("%s of %s %s: %s", s.operation, s.phone, s.voicePath, mismatch))
		}
	}
	return compared, mismatches
}
