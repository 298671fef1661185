package faults

import (
	"encoding/json"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

// call is one call, by an agent of its own, so that both logs tell it from all others.
type call struct {
	op       operation
	front    front
	agent    string
	guid     string
	deadline time.Duration
	gone     bool      // the caller does not wait for the answer
	want     []verdict // what the caller may be told; nil is anything

	told   verdict // to the caller
	text   string  // in full
	took   time.Duration
	rang   atomic.Int64  // after how long a clock rang that was set to when k is late
	logged verdict       // by agentconf
	spent  time.Duration // by agentconf, as logged
}

func (k *call) String() string { return k.op.name + " by " + k.front.name() }

// key tells k from all other calls.
func (k *call) key() [2]string { return [2]string{k.op.name, k.agent} }

// expected reports whether k may be told v. In the gateway's dialect some verdicts look
// like others.
func (k *call) expected(v verdict) bool {
	if k.want == nil || v == silence {
		return true
	}
	return slices.ContainsFunc(k.want, func(want verdict) bool {
		return want == v || k.front == overDialect && inDialectLike[want] == v
	})
}

var inDialectLike = map[verdict]verdict{notReached: notApplied, notConfirmed: unknown}

// setClock sets a clock to when k is late, in two steps, as k has to take some after its
// deadline. A busy machine is late with both. It rings when the caller has gone, too, as
// agentconf may still be at it.
func (k *call) setClock(start time.Time) {
	time.AfterFunc(k.deadline, func() {
		time.AfterFunc(lateness, func() { k.rang.Store(int64(time.Since(start))) })
	})
}

// late reports whether k ended long after its deadline, for a caller that waited or for
// agentconf.
func (k *call) late() bool {
	end := max(k.deadline+lateness, time.Duration(k.rang.Load()))
	return k.spent > end || !k.gone && k.took > end
}

// lie is what is wrong with k, of which the gateway knows t. An error that does not say
// the outcome is a lie, too, unless the caller did not wait for it.
func (k *call) lie(t truth) string {
	if k.told == silence && !k.gone {
		return "no outcome was told: " + k.text
	}
	if lie := k.told.lie(t); lie != "" {
		return "told " + lie
	}
	if lie := k.logged.lie(t); lie != "" {
		return "logged " + lie
	}
	return ""
}

// access is agentconf's line of log about a call.
type access struct {
	Msg, Operation, Agent, Code, Outcome, Reason string
	Took                                         time.Duration
}

// verdict is what the line says.
func (a access) verdict() verdict {
	switch {
	case a.Code == "OK":
		return applied
	case a.Code == "Unavailable", slices.Contains(beforeSending, a.Reason):
		return notReached
	case a.Reason == "NOT_CONFIRMED" && a.Outcome == string(unknown):
		return notConfirmed
	}
	return outcome(a.Outcome)
}

// beforeSending are the reasons that say that the gateway was never asked.
var beforeSending = []string{"CALL_CANCELLED", "NO_EVENT_SOURCE", "CONFIRMATION_UNDER_WAY"}

// outcome is the verdict that the metadata of an error has.
func outcome(text string) verdict {
	if v := verdict(text); v == notApplied || v == unknown {
		return v
	}
	return silence
}

// accessLog is what log says of the calls of each operation, by agent.
func accessLog(log string) map[[2]string]access {
	said := map[[2]string]access{}
	for line := range strings.Lines(log) {
		var a access
		if json.Unmarshal([]byte(line), &a) == nil && a.Msg == "call" && a.Agent != "" {
			said[[2]string{a.Operation, a.Agent}] = a
		}
	}
	return said
}
