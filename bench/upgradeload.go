//go:build linux

package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"

	"agentconf/emulator"
	agentconfv1 "agentconf/gen/agentconf/v1"
)

const (
	frontGRPC = "gRPC"
	frontJSON = "JSON"

	holdsPerSecond = 500
	lineCount      = 64 // agents, each in a conference with one phone
	clientCount    = 4  // with as many connections over gRPC
	linePhone      = "88887946"
)

// line is a phone that can be held by way of nginx. One call at a time is about it.
type line struct {
	agent, guid string
	call        func(ctx context.Context, l *line, operation, voice string) error
}

// madeHolds are what callers were told: by voice path, which no two holds share, so that
// the gateway's log tells them apart. A hold is taken back before the next.
type madeHolds struct {
	mu     sync.Mutex
	told   map[string]error
	unheld int
	failed []error
	late   time.Duration // the most that one began after its time
	took   time.Duration
}

// makeHolds makes holds at an even pace until ctx is done, and ends when the last one
// is taken back. The callers give up on none.
func makeHolds(ctx context.Context, lines []*line) *madeHolds {
	h := &madeHolds{told: map[string]error{}}
	free := make(chan *line, len(lines))
	for _, l := range lines {
		free <- l
	}
	start := time.Now()
	var calls sync.WaitGroup
	for n := 0; ctx.Err() == nil; n++ {
		due := start.Add(time.Duration(n) * time.Second / holdsPerSecond)
		time.Sleep(time.Until(due))
		l := <-free
		h.late = max(h.late, time.Since(due))
		calls.Go(func() {
			h.make(l, fmt.Sprintf("y:/conf/120/%d.V3", start.UnixMilli()*1_000_000+int64(n)))
			free <- l
		})
	}
	h.took = time.Since(start)
	calls.Wait()
	return h
}

// make holds a phone and takes it back. After a failure the phone is as it may be, and
// so the line is of no more use; any failure fails the test.
func (h *madeHolds) make(l *line, voice string) {
	hold := l.call(context.Background(), l, "holdParticipant", voice)
	unhold := l.call(context.Background(), l, "unholdParticipant", "")
	h.mu.Lock()
	defer h.mu.Unlock()
	h.told[voice] = hold
	if unhold == nil {
		h.unheld++
	}
	if err := errors.Join(hold, unhold); err != nil {
		h.failed = append(h.failed, err)
	}
}

// report compares what was told with the gateway's log.
func (h *madeHolds) report(front string, restarts int, log []emulator.LogEntry) error {
	seen, unheld := map[string]int{}, 0
	for _, entry := range log {
		var body struct{ VoicePath string }
		if err := json.Unmarshal(entry.Body, &body); err != nil {
			return err
		}
		switch {
		case entry.Operation == "holdParticipant":
			seen[body.VoicePath]++
		case entry.Operation == "unholdParticipant" && entry.Applied:
			unheld++
		}
	}
	wrong := 0
	for voice := range h.told {
		if seen[voice] != 1 {
			wrong++
		}
	}
	fmt.Printf("%s: %d holds in %v, %.0f a second, at most %v late; %d restarts; %d failed; %d not exactly once in the gateway's log of %d\n",
		front, len(h.told), h.took.Round(time.Millisecond), float64(len(h.told))/h.took.Seconds(), h.late.Round(time.Millisecond),
		restarts, len(h.failed), wrong, len(seen))
	if len(h.failed) > 0 {
		return fmt.Errorf("%d holds failed, the first so: %w", len(h.failed), h.failed[0])
	}
	if wrong > 0 || len(seen) != len(h.told) || unheld != h.unheld {
		return fmt.Errorf("%d holds told, %d in the log, %d of them wrong; %d taken back, %d in the log", len(h.told), len(seen), wrong, h.unheld, unheld)
	}
	if rate := float64(len(h.told)) / h.took.Seconds(); rate < 0.98*holdsPerSecond {
		return fmt.Errorf("%.0f holds a second, %w", rate, errUnsound)
	}
	return nil
}

// readLog takes the log of the gateway.
func (u *upgrade) readLog(ctx context.Context) (log []emulator.LogEntry, err error) {
	resp, err := u.ask(ctx, "GET", "/emulator/log", "", "")
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	for lines.Scan() {
		var entry emulator.LogEntry
		if err := json.Unmarshal(lines.Bytes(), &entry); err != nil {
			return nil, err
		}
		log = append(log, entry)
	}
	return log, lines.Err()
}

// openLines signs agents in and opens their conferences, at the gateway itself.
func (u *upgrade) openLines(ctx context.Context, front string) (lines []*line, err error) {
	calls, err := u.clients(front)
	if err != nil {
		return nil, err
	}
	for n := range lineCount {
		l := &line{agent: fmt.Sprint(1000 + n), call: calls[n%len(calls)]}
		if err := u.openLine(ctx, l); err != nil {
			return nil, err
		}
		lines = append(lines, l)
	}
	return lines, nil
}

func (u *upgrade) openLine(ctx context.Context, l *line) error {
	resp, err := u.ask(ctx, "PUT", "/agentgateway/resource/onlineagent/"+l.agent+"/forcelogin", "", `{"password":"","phonenum":"4001"}`)
	if err != nil {
		return err
	}
	resp.Body.Close()
	l.guid = strings.TrimPrefix(resp.Header.Get("Set-GUID"), "JSESSIONID=")
	for _, step := range [][2]string{
		{"requestagentconf", `{"memberNum":4}`},
		{"batchaddparticipant", `{"addresses":[{"addressType":"6","address":"` + linePhone + `"}]}`},
		{"holdparticipant", jsonBody}, {"unholdparticipant", `{"addressType":"6","address":"` + linePhone + `"}`},
	} {
		if err := u.insist(ctx, l, step[0], step[1]); err != nil {
			return err
		}
	}
	return nil
}

// insist repeats a call to the gateway while what it needs is still to happen there.
func (u *upgrade) insist(ctx context.Context, l *line, operation, body string) error {
	var answer []byte
	for range 500 {
		resp, err := u.ask(ctx, "POST", "/agentgateway/resource/agentconf/"+l.agent+"/"+operation, l.guid, body)
		if err != nil {
			return err
		}
		answer, err = io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || bytes.Contains(answer, []byte(`"retcode":"0"`)) {
			return err
		}
		time.Sleep(10 * time.Millisecond)
	}
	return fmt.Errorf("%s of agent %s: %s", operation, l.agent, answer)
}

func (u *upgrade) ask(ctx context.Context, method, path, guid, body string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, "http://"+u.gateway+path, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Guid", guid)
	return http.DefaultClient.Do(req)
}

// clients are ordinary ones, which repeat no call by themselves.
func (u *upgrade) clients(front string) (calls []func(context.Context, *line, string, string) error, err error) {
	for range clientCount {
		if front == frontJSON {
			client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: lineCount}}
			calls = append(calls, func(ctx context.Context, l *line, operation, voice string) error {
				return callJSON(ctx, client, u.web, l, operation, voice)
			})
			continue
		}
		conn, err := grpc.NewClient("passthrough:///"+u.grpc, grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithDisableRetry())
		if err != nil {
			return nil, err
		}
		client := agentconfv1.NewConferenceServiceClient(conn)
		calls = append(calls, func(ctx context.Context, l *line, operation, voice string) error {
			return callGRPC(ctx, client, l, operation, voice)
		})
	}
	return calls, nil
}

func callGRPC(ctx context.Context, client agentconfv1.ConferenceServiceClient, l *line, operation, voice string) (err error) {
	ctx = metadata.AppendToOutgoingContext(ctx, "guid", l.guid)
	if operation == "holdParticipant" {
		_, err = client.HoldParticipant(ctx, &agentconfv1.HoldParticipantRequest{AgentId: l.agent, AddressType: "6", Address: linePhone, VoicePath: voice})
	} else {
		_, err = client.UnholdParticipant(ctx, &agentconfv1.UnholdParticipantRequest{AgentId: l.agent, AddressType: "6", Address: linePhone})
	}
	return err
}

func callJSON(ctx context.Context, client *http.Client, address string, l *line, operation, voice string) error {
	body := `{"addressType":"6","address":"` + linePhone + `"}`
	if voice != "" {
		body = `{"addressType":"6","address":"` + linePhone + `","voicePath":"` + voice + `"}`
	}
	req, err := http.NewRequestWithContext(ctx, "POST", "http://"+address+"/v1/agents/"+l.agent+"/conference:"+operation, strings.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Guid", l.guid)
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK || !bytes.Contains(answer, []byte(`"retcode":"0"`)) {
		return fmt.Errorf("HTTP status %d, %s, %v", resp.StatusCode, answer, err)
	}
	return nil
}
