//go:build linux

package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"sync"

	"google.golang.org/grpc/codes"

	"agentconf/emulator"
)

// outcome is what a caller is told of the outcome of a call.
type outcome string

const (
	applied    outcome = "applied"
	notApplied outcome = "not_applied"
	notReached outcome = "not_reached" // not applied, and the gateway was not asked
	unknown    outcome = "unknown"
)

// told is what err says. An error of the client's own says nothing.
func told(err error) outcome {
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

// subject is what one call is told from all others by: every phone is invited, held,
// taken back and removed once.
type subject struct{ operation, phone string }

// account is what was told of a call, and what the gateway's logs say.
type account struct {
	told             outcome
	reached, applied int
}

// lie is what is wrong with it, if anything is.
func (a account) lie() string {
	switch {
	case a.reached > 1:
		return fmt.Sprintf("reached the gateway %d times", a.reached)
	case a.told == "" && a.reached > 0:
		return "reached the gateway, and nobody asked for it"
	case a.told == applied && a.applied != 1,
		a.told == notApplied && a.applied > 0,
		a.told == notReached && a.reached > 0:
		return fmt.Sprintf("told %s; reached the gateway %d times, applied %d times", a.told, a.reached, a.applied)
	}
	return ""
}

// ledger has the accounts of all calls about a phone. It is safe for concurrent use.
type ledger struct {
	mu       sync.Mutex
	accounts map[subject]account
}

func (l *ledger) tell(s subject, o outcome) {
	l.change(s, func(a *account) { a.told = o })
}

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

// read takes the log of a gateway that has ended.
func (l *ledger) read(file string) error {
	log, err := os.Open(file)
	if err != nil {
		return err
	}
	defer log.Close()
	lines := bufio.NewScanner(log)
	for lines.Scan() {
		if err := l.enter(lines.Bytes()); err != nil {
			return fmt.Errorf("%w in %q", err, lines.Text())
		}
	}
	return lines.Err()
}

func (l *ledger) enter(line []byte) error {
	var entry emulator.LogEntry
	if err := json.Unmarshal(line, &entry); err != nil {
		return err
	}
	phone, err := phoneIn(entry.Body)
	if err != nil || phone == "" {
		return err
	}
	l.change(subject{entry.Operation, phone}, func(a *account) {
		a.reached++
		if entry.Applied {
			a.applied++
		}
	})
	return nil
}

// phoneIn is the only phone that a request names, or none.
func phoneIn(body json.RawMessage) (string, error) {
	var named struct {
		Address   string
		Addresses []struct{ Address string }
	}
	if err := json.Unmarshal(body, &named); err != nil {
		return "", err
	}
	switch len(named.Addresses) {
	case 0:
		return named.Address, nil
	case 1:
		return named.Addresses[0].Address, nil
	}
	return "", errors.New("more phones than one")
}

// lies are what is wrong with the calls.
func (l *ledger) lies() (compared int, lies []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for s, a := range l.accounts {
		if lie := a.lie(); lie != "" {
			lies = append(lies, fmt.Sprintf("%s of %s: %s", s.operation, s.phone, lie))
		}
	}
	return len(l.accounts), lies
}
