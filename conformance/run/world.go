package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"syscall"
	"time"

	"agentconf/conformance"
	"agentconf/emulator"
)

// service is agentconf as a process of its own.
type service struct {
	grpc, http string // where it listens

	cmd *exec.Cmd
	log *bytes.Buffer // whole once the process has ended
	end chan error    // of reading the log
}

// startService starts agentconf in front of the gateway at address.
func startService(ctx context.Context, file, address string) (*service, error) {
	s := &service{log: &bytes.Buffer{}, end: make(chan error, 1)}
	s.cmd = exec.CommandContext(ctx, file, "serve", "--gateway", "http://"+address, "--drain-delay", "0",
		"--gateway-node", "Down=http://127.0.0.1:1", // where nobody listens
		"--cors-origin", "http://page.test", // of the client in a browser
		"--gateway-timeout", "2s", "--grpc-listen", "127.0.0.1:0", "--http-listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0")
	s.cmd.Cancel = func() error { return s.cmd.Process.Signal(syscall.SIGTERM) }
	stderr, err := s.cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	lines := bufio.NewReader(io.TeeReader(stderr, s.log))
	for s.grpc == "" {
		text, err := lines.ReadBytes('\n')
		if err != nil {
			return nil, errors.Join(fmt.Errorf("the service does not start: %s", s.log), s.cmd.Wait())
		}
		var line struct{ GRPC, HTTP string }
		if json.Unmarshal(text, &line) == nil && line.GRPC != "" {
			s.grpc, s.http = line.GRPC, "http://"+line.HTTP
		}
	}
	go func() {
		_, err := io.Copy(io.Discard, lines)
		s.end <- err
	}()
	return s, nil
}

// stop ends the service and returns its log.
func (s *service) stop() ([]logLine, error) {
	err := errors.Join(s.cmd.Process.Signal(syscall.SIGTERM), <-s.end, s.cmd.Wait())
	var lines []logLine
	for text := range bytes.Lines(s.log.Bytes()) {
		var line logLine
		err = errors.Join(err, json.Unmarshal(text, &line))
		lines = append(lines, line)
	}
	return lines, err
}

// logLine is what the log has of a call.
type logLine struct {
	Msg, Agent, Code, Reason, Outcome string
}

// listen opens a port of 127.0.0.1.
func listen() (net.Listener, error) { return net.Listen("tcp", "127.0.0.1:0") }

// scriptedGateway is a CC-Gateway that does with the request of an agent what the
// case of that agent says.
func scriptedGateway(tests []test) (*conformance.Gateway, string, error) {
	l, err := listen()
	if err != nil {
		return nil, "", err
	}
	scripts := map[string]conformance.Script{}
	for _, t := range tests {
		if t.Gateway != nil {
			scripts[t.AgentID] = *t.Gateway
		}
	}
	g := conformance.NewGateway(l)
	g.PlayEach(func(r conformance.Request) conformance.Script { return scripts[agentOf(r)] })
	return g, l.Addr().String(), nil
}

// emulatedGateway is the emulator, at address until it is stopped.
func emulatedGateway(tests []test) (address string, stop func() error, err error) {
	l, err := listen()
	if err != nil {
		return "", nil, err
	}
	e := emulator.New(emulator.Config{
		AuthMode: emulator.DynamicGUID, Node: "AgentGateway1", AnswerDelay: 100 * time.Millisecond,
		GUIDInterval: time.Minute, GUIDTimeout: 2 * time.Minute, SignOutAfter: -1,
	})
	for _, t := range tests {
		if !t.Unconfirmed {
			continue
		}
		if err := e.SetFault(emulator.Fault{Operation: "holdParticipant", Retcode: "0"}); err != nil {
			return "", nil, err
		}
	}
	server := &http.Server{Handler: e.Handler(), ReadHeaderTimeout: 5 * time.Second}
	go server.Serve(l)
	return l.Addr().String(), server.Close, nil
}
