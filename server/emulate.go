package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"agentconf/server/emulator"
)

// emulate runs an emulated gateway. The defaults are those of a real one.
func (p program) emulate(ctx context.Context, args []string) error {
	fs := p.newFlags("emulate", "run an emulated CC-Gateway")
	listen := fs.String("listen", "127.0.0.1:8043", "`address` of its port, which speaks http")
	var c emulator.Config
	fs.IntVar(&c.AuthMode, "auth-mode", emulator.DynamicGUID, "1: the GUID stays; 2: polls replace it (`mode`)")
	fs.DurationVar(&c.GUIDInterval, "guid-interval", 60*time.Second, "`age` at which a poll replaces a GUID, in mode 2")
	fs.DurationVar(&c.GUIDTimeout, "guid-timeout", 120*time.Second, "`age` at which a GUID is no longer valid, in mode 2")
	fs.StringVar(&c.Node, "node", "AgentGateway1", "`name` of this node, in which its GUIDs end")
	fs.DurationVar(&c.SignOutAfter, "sign-out-after", 2*time.Minute, "`time` after which an agent is signed out that nobody polls for; 0 is never")
	fs.Func("inspectors", "`IDs` of the agents that may query every conference, with commas between", func(list string) error {
		c.Inspectors = strings.Split(list, ",")
		return nil
	})
	fs.DurationVar(&c.AnswerDelay, "answer-delay", 300*time.Millisecond, "`time` until a called phone answers")
	if err := p.parse(fs, args); err != nil {
		return err
	}
	var faults []error
	if c.AuthMode != emulator.StaticGUID && c.AuthMode != emulator.DynamicGUID {
		faults = append(faults, errors.New("--auth-mode must be 1 or 2"))
	}
	if c.GUIDInterval <= 0 || c.GUIDTimeout <= c.GUIDInterval {
		faults = append(faults, errors.New("--guid-interval must be above zero and --guid-timeout above --guid-interval"))
	}
	if c.AnswerDelay < 0 || c.SignOutAfter < 0 {
		faults = append(faults, errors.New("--answer-delay and --sign-out-after must not be negative"))
	}
	if faults != nil {
		return usageError{errors.Join(faults...)}
	}
	listener, err := net.Listen("tcp", *listen)
	if err != nil {
		return fmt.Errorf("--listen: %w", err)
	}
	fmt.Fprintf(p.stdout, "emulated CC-Gateway at http://%s; what it was asked: curl http://%[1]s/emulator/log\n", listener.Addr())
	return serveHTTP(ctx, emulator.New(c).Handler(), listener)
}

// serveHTTP serves until ctx is done. Polls that wait are cut off: their events
// stay queued no longer than the emulator lives.
func serveHTTP(ctx context.Context, handler http.Handler, listener net.Listener) error {
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 5 * time.Second}
	stop := context.AfterFunc(ctx, func() { server.Close() })
	defer stop()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
