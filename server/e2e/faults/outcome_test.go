package faults

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc/codes"

	"agentconf/emulator/journal"
)

// outcome is a statement about the effect of a call: the reported outcome in a reply, or the logged
// outcome in agentconf's log record.
type outcome string

const (
	applied      outcome = "OK"
	confirmed    outcome = "OK with its event"
	notApplied   outcome = "not_applied"
	notSent      outcome = "not_applied, not sent"   // the gateway received no request
	kept         outcome = "not_applied, event kept" // the event of a poll is there for the next call
	notConfirmed outcome = "unknown, not confirmed"  // the gateway received the request once
	unknown      outcome = "unknown"
	noOutcome    outcome = "no outcome" // no reply, or a reply without a statement of agentconf
)

// effect is the effect of a call according to the emulator's log.
type effect struct {
	requests int // number of requests that the gateway received
	applied  int // number of requests that it applied; it applied a poll if the poll took an event
	events   int // number of deliveries of the event that confirms the call
}

// effectOf returns the effect of the call with the key.
func effectOf(key callKey, log []journal.Entry) (e effect) {
	for _, r := range log {
		if r.AgentID != key.agent {
			continue
		}
		if r.EventType == participantChanged {
			e.events++
		}
		if r.Operation == key.operation {
			e.requests++
			if r.Applied {
				e.applied++
			}
		}
	}
	return e
}

// repeated reports whether the gateway received the call more than once.
func (e effect) repeated() bool { return e.requests > 1 }

// agreesWith reports whether o is true of a call with the effect e.
func (o outcome) agreesWith(e effect) bool {
	switch o {
	case applied:
		return e.requests == 1 && e.applied == 1
	case confirmed:
		return e.requests == 1 && e.applied == 1 && e.events >= 1
	case notApplied:
		return e.applied == 0
	case notSent:
		return e.requests == 0 && e.applied == 0
	case notConfirmed:
		return e.requests == 1
	case kept: // e includes the poll after it
		return e.requests <= 2 && e.applied == 1
	}
	return true
}

// mismatch returns how o contradicts e, or "".
func (o outcome) mismatch(e effect) string {
	if o.agreesWith(e) {
		return ""
	}
	return fmt.Sprintf("%q, but the gateway received %d requests, applied %d and delivered %d events",
		o, e.requests, e.applied, e.events)
}

// logRecord is agentconf's log record of a call.
type logRecord struct {
	Msg, Operation, Agent, Code, Outcome, Reason string
	Took                                         time.Duration
}

// outcome returns the strictest statement that the record makes.
func (r logRecord) outcome() outcome {
	switch {
	case r.Code == codes.OK.String():
		return applied
	case r.Operation == "getAgentEvent" && slices.Contains(keptReasons, r.Reason):
		return kept
	case r.Code == codes.Unavailable.String(), slices.Contains(notSentReasons, r.Reason):
		return notSent
	case r.Reason == "NOT_CONFIRMED" && r.Outcome == string(unknown):
		return notConfirmed
	}
	return outcomeMetadata(r.Outcome)
}

// notSentReasons are the reasons of errors that agentconf returns before it sends a request.
var notSentReasons = []string{"CALL_CANCELLED", "NO_EVENT_SOURCE", "CONFIRMATION_UNDER_WAY"}

// keptReasons are the reasons of a poll whose caller has left. agentconf may have polled the gateway: it
// keeps the event for the next poll, which checkKept makes.
var keptReasons = []string{"CALL_CANCELLED", "WATCH_TIMED_OUT"}

// outcomeMetadata returns the outcome in the metadata of an error.
func outcomeMetadata(text string) outcome {
	if o := outcome(text); o == notApplied || o == unknown {
		return o
	}
	return noOutcome
}

// errorOutcome returns the outcome of an error with google.rpc.ErrorInfo.
func errorOutcome(code codes.Code, reason string, metadata map[string]string) outcome {
	return logRecord{
		Code: code.String(), Reason: reason, Outcome: metadata["outcome"], Operation: metadata["operation"],
	}.outcome()
}

// parseLog returns the log records of calls, the first of each.
func parseLog(log string) map[callKey]logRecord {
	records := map[callKey]logRecord{}
	for line := range strings.Lines(log) {
		var r logRecord
		if json.Unmarshal([]byte(line), &r) != nil || r.Msg != "call" || r.Agent == "" {
			continue
		}
		if _, seen := records[callKey{r.Operation, r.Agent}]; !seen {
			records[callKey{r.Operation, r.Agent}] = r
		}
	}
	return records
}

// dialectOutcome returns the outcome of an error in the gateway dialect. With HTTP 200 it is that
// of the headers. The retcode alone may say less, but nothing else: a client that reads no
// headers must not take an unknown outcome for not_applied.
func dialectOutcome(operation string, httpStatus int, retcode string, header http.Header) outcome {
	if o, known := statusOutcomes[httpStatus]; known && retcode == "100-007" {
		return o
	}
	reason, stated := header.Get("Agentconf-Reason"), header.Get("Agentconf-Outcome")
	o := errorOutcome(codes.Unknown, reason, map[string]string{"outcome": stated, "operation": operation})
	if httpStatus != http.StatusOK || retcode == "" || o == unknown && retcodeOutcome(retcode) == notApplied {
		return noOutcome
	}
	return o
}

// statusOutcomes are the outcomes of the HTTP statuses that only agentconf uses, not the gateway.
var statusOutcomes = map[int]outcome{
	http.StatusServiceUnavailable: notSent,
	http.StatusBadGateway:         unknown, http.StatusGatewayTimeout: unknown,
}

// retcodeOutcome returns the outcome of a retcode. It is unknown if the contract does not have the retcode.
func retcodeOutcome(retcode string) outcome {
	for line := range strings.Lines(retcodeTable()) {
		if columns := strings.Fields(line); columns[0] == retcode {
			return outcomeMetadata(columns[len(columns)-1])
		}
	}
	return unknown
}

var retcodeTable = sync.OnceValue(func() string {
	text, err := os.ReadFile("../../../conformance/retcodes.tsv")
	if err != nil {
		panic(err)
	}
	return string(text)
})
