package emulator

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"agentconf/emulator/journal"
)

// pushTimeout limits the delivery of one pushed event.
const pushTimeout = 5 * time.Second

func newPushClient() *http.Client {
	return &http.Client{
		Timeout:       pushTimeout,
		Transport:     &http.Transport{DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// pushes reports whether the gateway pushes the events of a: to pushUrl, or to callBackUri
// with a serviceToken (page 1275).
func (a *agent) pushes() bool {
	return a.signIn.PushURL != "" || a.signIn.CallBackURI != "" && a.signIn.ServiceToken != ""
}

// startPush starts the pushes of a session. They end with the session.
func (a *agent) startPush() {
	if a.pushes() {
		go a.pushEvents()
	}
}

// pushEvents pushes each event once, in order. The documentation has no retries, so that a
// failed push loses the event.
func (a *agent) pushEvents() {
	for {
		event, guid, changed := a.nextPush()
		if event == nil {
			if changed == nil {
				return // the session has ended
			}
			<-changed
			continue
		}
		effect := ""
		if err := a.pushEvent(event.Event, guid); err != nil {
			effect = "lost: " + err.Error()
		}
		a.gateway.journal.Append(journal.Entry{
			Kind: journal.Delivery, AgentID: a.id, EventType: event.EventType, Event: event.seq,
			By: "push", Effect: effect,
		})
	}
}

// nextPush takes the next event of a. Without one, it returns a channel that closes at the next
// change, or nil if the session has ended.
func (a *agent) nextPush() (event *queuedEvent, guid string, changed <-chan struct{}) {
	a.gateway.mu.Lock()
	defer a.gateway.mu.Unlock()
	if len(a.queue) > 0 {
		first := a.queue[0]
		a.queue = a.queue[1:]
		return &first, a.guids[len(a.guids)-1].guid, nil
	}
	if a.gateway.agents[a.id] != a {
		return nil, "", nil
	}
	return nil, "", a.changed
}

// pushEvent posts an event. Its errors have no URL, which may have a secret.
func (a *agent) pushEvent(event Event, guid string) error {
	url, body := a.signIn.PushURL, any(envelope{Retcode: success, Event: &event})
	if url == "" {
		url, body = a.signIn.CallBackURI, map[string]any{"workNo": a.id, "eventList": []Event{event}}
	}
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	req, err := http.NewRequest(http.MethodPost, url, bytes.NewReader(text))
	if err != nil {
		return fmt.Errorf("the URL for pushed events is not valid")
	}
	req.Header.Set("Content-Type", "application/json;charset=UTF-8")
	req.Header.Set("Guid", guid)
	if a.signIn.ServiceToken != "" {
		req.Header["service_token"] = []string{a.signIn.ServiceToken}
	}
	resp, err := a.gateway.push.Do(req)
	if err != nil {
		return fmt.Errorf("the receiver of pushed events does not answer")
	}
	defer resp.Body.Close()
	_, _ = io.CopyN(io.Discard, resp.Body, maxBody) // the documentation defines no use of the answer
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("the receiver of pushed events answers HTTP %d", resp.StatusCode)
	}
	return nil
}
