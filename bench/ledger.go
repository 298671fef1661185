package main

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
type outcome string

const (
	applied    outcome = "applied"
	notApplied outcome = "not_applied"
	notReached outcome = "not_reached" // not applied, and the gateway was not asked
	unknown    outcome = "unknown"
)

// outcomeOf returns the outcome that an error states. An error that the client made states
// none.
func outcomeOf(err error) outcome {
	a := answerOf(err)
	switch {
	case a.code == codes.OK:
		return applied
	case a.outcome != string(notApplied):
		return unknown
	case a.code == codes.Unavailable:
		return notReached
	}
	return notApplied
}

// subject identifies a call: no two calls share an operation, a phone and a voice path.
type subject struct{ operation, phone, voicePath string }

// account is the outcome that a caller knows, and how often the gateways have logged the
// call.
type account struct {
	known            outcome
	reached, applied int
}

// lie returns what is wrong with an account, or "".
func (a account) lie() string {
	switch {
	case a.reached > 1:
		return fmt.Sprintf("reached the gateway %d times", a.reached)
	case a.known == "" && a.reached > 0:
		return "reached the gateway without a caller"
	case a.known == applied && a.applied != 1,
		a.known == notApplied && a.applied > 0,
		a.known == notReached && a.reached > 0:
		return fmt.Sprintf("known as %s, but reached the gateway %d times and was applied %d times",
			a.known, a.reached, a.applied)
	}
	return ""
}

// ledger has the accounts of all calls about a phone. It is safe for concurrent use.
type ledger struct {
	// counted is an operation whose calls share subjects. Only their sums are compared.
	counted string

	mu       sync.Mutex
	accounts map[subject]account
	sum      account
	sumKnown int // calls of counted that their callers know as applied
}

func (l *ledger) record(s subject, o outcome) {
	l.change(s, func(a *account) {
		a.known = o
		if s.operation == l.counted && o == applied {
			l.sumKnown++
		}
	})
}

func (l *ledger) change(s subject, change func(*account)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if s.operation == l.counted {
		change(&l.sum)
		return
	}
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
	switch len(body.Addresses) {
	case 0:
	case 1:
		body.Address = body.Addresses[0].Address
	default:
		return errors.New("more than one phone")
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

// lies returns how many calls were compared, and what is wrong with them.
func (l *ledger) lies() (compared int, lies []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.sum.applied != l.sumKnown {
		lies = append(lies, fmt.Sprintf("%s: %d known as applied, %d applied", l.counted, l.sumKnown, l.sum.applied))
	}
	for s, a := range l.accounts {
		if lie := a.lie(); lie != "" {
			lies = append(lies, fmt.Sprintf("%s of %s %s: %s", s.operation, s.phone, s.voicePath, lie))
		}
	}
	return len(l.accounts) + l.sum.reached, lies
}
