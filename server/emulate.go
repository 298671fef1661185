package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"agentconf/emulator"
)

// emulate runs an emulated gateway. The defaults are those of a real one.
func (p program) emulate(ctx context.Context, args []string) error {
	fs := p.newFlags("emulate", "run an emulated CC-Gateway")
	listen := fs.String("listen", "127.0.0.1:8043", "`address` of its port, which speaks http")
	c := emulator.Config{}.WithDefaults()
	fs.whole(&c.AuthMode, "auth-mode", c.AuthMode, emulator.StaticGUID, emulator.DynamicGUID, "`mode` of authentication: 1, the GUID stays; 2, polls replace it")
	fs.period(&c.GUIDInterval, "guid-interval", c.GUIDInterval, time.Millisecond, "`age` at which a poll replaces a GUID, in mode 2")
	fs.period(&c.GUIDTimeout, "guid-timeout", c.GUIDTimeout, time.Millisecond, "`age` at which a GUID is no longer valid, in mode 2")
	fs.StringVar(&c.Node, "node", c.Node, "`name` of this node, in which its GUIDs end")
	fs.period(&c.SignOutAfter, "sign-out-after", c.SignOutAfter, 0, "`time` after which an agent is signed out that nobody polls for; 0 is never")
	fs.Func("inspectors", "`IDs` of the agents that may query every conference, with commas between", func(list string) error {
		c.Inspectors = strings.Split(list, ",")
		return nil
	})
	fs.period(&c.AnswerDelay, "answer-delay", c.AnswerDelay, 0, "`time` until a called phone answers")
	logFile := fs.String("log", "", "`file` that gets at the end what GET /emulator/log tells")
	if err := p.parse(fs, args, func() []error { return emulatorFaults(c) }); err != nil {
		return err
	}
	listener, err := listenAt("--listen", *listen)
	if err != nil {
		return err
	}
	fmt.Fprintf(p.stdout, "emulated CC-Gateway at http://%s; what it was asked: curl http://%[1]s/emulator/log\n", listener.Addr())
	c.SignOutAfter, c.AnswerDelay = zeroAsNone(c.SignOutAfter), zeroAsNone(c.AnswerDelay)
	gateway := emulator.New(c)
	if err := serveHTTP(ctx, gateway.Handler(), listener); err != nil {
		return err
	}
	return writeLog(gateway, *logFile)
}

// writeLog writes what gateway was asked to a file, if one is named.
func writeLog(gateway *emulator.Gateway, name string) error {
	if name == "" {
		return nil
	}
	var log bytes.Buffer
	err := gateway.WriteLog(&log)
	if err == nil {
		err = os.WriteFile(name, log.Bytes(), 0o600)
	}
	if err != nil {
		return fmt.Errorf("--log: %w", err)
	}
	return nil
}

// zeroAsNone returns d for emulator.Config, where 0 is the default and a negative
// duration is none.
func zeroAsNone(d time.Duration) time.Duration {
	if d == 0 {
		return -1
	}
	return d
}

func emulatorFaults(c emulator.Config) (faults []error) {
	if c.GUIDTimeout <= c.GUIDInterval {
		faults = append(faults, errors.New("--guid-timeout must be above --guid-interval"))
	}
	return faults
}

// serveHTTP serves until ctx is done. Polls that wait are cut off: their events
// stay queued no longer than the emulator lives. Once it has returned, no answer
// leaves any more.
func serveHTTP(ctx context.Context, handler http.Handler, listener net.Listener) error {
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 5 * time.Second}
	stop := context.AfterFunc(ctx, func() { server.Close() })
	defer stop()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	server.Close() // Serve returns before the connections are closed
	return nil
}
