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

// emulateSettings holds the values of the flags of emulate.
type emulateSettings struct {
	emulator.Config
	listen  port
	logFile string
}

// define defines the flags, with the defaults of a real gateway. The port is that of the
// vendor's examples.
func (s *emulateSettings) define(fs *flags) {
	s.listen.flag, s.Config = "--listen", emulator.Config{}.WithDefaults()
	fs.StringVar(&s.listen.address, "listen", "127.0.0.1:8043", "`ADDRESS` of the HTTP port")
	fs.number(&s.AuthMode, "auth-mode", emulator.StaticGUID, emulator.DynamicGUID,
		"authentication `MODE`: 1, the GUID of the sign-in stays valid; 2, polls replace it")
	fs.duration(&s.GUIDInterval, "guid-interval", time.Millisecond,
		"`AGE` at which a poll replaces a GUID, in mode 2")
	fs.duration(&s.GUIDTimeout, "guid-timeout", time.Millisecond, "`AGE` at which a GUID expires, in mode 2")
	fs.StringVar(&s.Node, "node", s.Node, "`NAME` of the node, the suffix of its GUIDs")
	fs.duration(&s.SignOutAfter, "sign-out-after", 0,
		"`TIME` without a poll after which the emulator signs an agent out; 0 is never")
	fs.Func("inspectors", "`IDS` of the agents that may query every conference, with commas between",
		func(list string) error {
			s.Inspectors = strings.Split(list, ",")
			return nil
		})
	fs.duration(&s.AnswerDelay, "answer-delay", 0,
		"`TIME` until a called phone answers, and until a requested conference begins")
	fs.StringVar(&s.logFile, "log", "",
		"`FILE` that gets the log of GET /emulator/log when the emulator ends")
}

// faults returns the violations of rules between flags. The rule is the gateway's own
// (page 0005).
func (s *emulateSettings) faults() []error {
	if s.GUIDTimeout > s.GUIDInterval {
		return nil
	}
	return []error{errors.New("--guid-timeout must be above --guid-interval")}
}

// emulate runs an emulated gateway until ctx is done. Its first line of output names the
// address, for scripts that let it choose a free port.
func (c cli) emulate(ctx context.Context, args []string) error {
	var s emulateSettings
	fs := newFlags("emulate", "run an emulated CC-Gateway")
	s.define(fs)
	if err := c.parse(fs, args, s.faults); err != nil {
		return err
	}
	listener, err := s.listen.listen()
	if err != nil {
		return err
	}
	const started = "emulated CC-Gateway at http://%s; its log of requests: curl http://%[1]s/emulator/log\n"
	fmt.Fprintf(c.stdout, started, listener.Addr())
	s.SignOutAfter, s.AnswerDelay = zeroAsNone(s.SignOutAfter), zeroAsNone(s.AnswerDelay)
	gateway := emulator.New(s.Config)
	if err := serveHTTP(ctx, gateway.Handler(), listener); err != nil {
		return err
	}
	return writeLog(gateway, s.logFile)
}

// zeroAsNone converts the value of a flag, where 0 is none, for emulator.Config, where 0
// is the default and a negative duration is none.
func zeroAsNone(d time.Duration) time.Duration {
	if d == 0 {
		return -1
	}
	return d
}

// writeLog writes the log of requests to the file name, unless name is empty. The file has
// phone numbers, so that only its owner may read it.
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

// serveHTTP serves until ctx is done. It then closes all connections, even those of polls:
// the emulator loses their events anyway. It sends no response after it has returned.
func serveHTTP(ctx context.Context, handler http.Handler, listener net.Listener) error {
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 5 * time.Second}
	stop := context.AfterFunc(ctx, func() { server.Close() })
	defer stop()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	server.Close() // Serve returns before it has closed the connections
	return nil
}
