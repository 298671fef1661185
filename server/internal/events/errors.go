package events

import (
	"context"
	"errors"
	"strings"
	"time"

	"agentconf/server/internal/outcome"
)

// watchError returns the error that ends a watch, or refuses one.
func watchError(k outcome.Kind, agentID, text string, cause error) *outcome.Error {
	return k.Error(watchOperation, "The watch of agent "+agentID+" "+text+".", cause)
}

// staleGUID returns the error of a watcher whose GUID is not the watch's. The service
// cannot know whose session is the newer one; UpdateGuid at the gateway proves it.
func staleGUID(agentID string) *outcome.Error {
	return watchError(outcome.GUIDStale, agentID,
		"was refused: the agent is watched with another GUID. Send the current one, or get a new one by UpdateGuid",
		errors.New("another GUID is current"))
}

// tooManyWatches returns the error of a watch or a poll beyond the limit.
func tooManyWatches(operation string) *outcome.Error {
	e := outcome.Overloaded.Error(operation, operation+" was not applied: "+
		"too many watches are open at this agentconf. Wait and try again, or call another one.", nil)
	e.RetryAfter = time.Second
	return e
}

func watcherTooSlow(agentID string) *outcome.Error {
	return watchError(outcome.WatcherTooSlow, agentID,
		"ended: the watcher does not read its messages. Watch again with the last sequence as after_sequence", nil)
}

// watcherLeft returns the end of a watch whose caller has left with cause, the error of the
// stream's context.
func watcherLeft(agentID string, cause error) *outcome.Error {
	if errors.Is(cause, context.DeadlineExceeded) {
		return watchError(outcome.WatchTimedOut, agentID, "ended: the caller's deadline has passed", cause)
	}
	return watchError(outcome.CallCancelled, agentID, "ended: the caller cancelled", cause)
}

// sessionEnded returns the end of a watch whose agent is signed out. poll is the error
// of the poll that showed it, or nil. The watch has the code, reason and retcode of the poll.
// Its outcome is not_applied even if that of the poll is unknown: a watch applies nothing.
func sessionEnded(agentID string, poll *outcome.Error) *outcome.Error {
	if poll == nil {
		return watchError(outcome.SessionEnded, agentID,
			"ended: the agent has signed out, or has signed in again; watch again with the GUID of the new sign-in", nil)
	}
	kind := outcome.Kind{Code: poll.Code, Reason: poll.Reason, Outcome: outcome.NotApplied}
	e := watchError(kind, agentID, "ended: "+strings.TrimSuffix(poll.Error(), "."), poll.Cause)
	e.Retcode, e.GatewayMessage = poll.Retcode, poll.GatewayMessage
	return e
}
