package main

import (
	"context"
	"crypto/tls"
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
	listen      port
	allowRemote bool
	tls         emulateTLS
	nodes       string
	randomSeed  int
	cannedFile  string
	seedFile    string
	logFile     string
}

// define defines the flags, with the defaults of a real gateway. The port is that of the
// vendor's examples.
func (s *emulateSettings) define(fs *flags) {
	s.listen, s.Config, s.randomSeed = port{"--listen", "127.0.0.1:8043"}, emulator.Config{}.WithDefaults(), 1
	fs.address(&s.listen.address, "listen", "`ADDRESS` of the HTTP port")
	fs.BoolVar(&s.allowRemote, "allow-remote", false, "allow --listen an address that other machines can reach")
	s.tls.define(fs)
	s.defineSessions(fs)
	fs.Func("inspectors", "`IDS` of the agents that may query every conference, with commas between",
		func(list string) error {
			s.Inspectors = strings.Split(list, ",")
			return nil
		})
	fs.duration(&s.AnswerDelay, "answer-delay", 0,
		"`TIME` until a called phone answers, and until a requested conference begins")
	fs.BoolVar(&s.ManualPhones, "manual-phones", false,
		"let phones ring until POST /emulator/phones/NUMBER/answer or a rule answers")
	fs.StringVar(&s.cannedFile, "canned", "", "JSON `FILE` of answers to operations of other families")
	fs.StringVar(&s.seedFile, "seed", "",
		"JSON `FILE` of the state of the start: accounts, agents, conferences, scenario, faults")
	fs.number(&s.randomSeed, "random-seed", 1, 1<<31-1,
		"`NUMBER` from which probabilities and delays of faults are drawn")
	fs.StringVar(&s.logFile, "log", "",
		"`FILE` that gets each conference request as a line, as GET /emulator/log shows it")
}

// defineSessions defines the flags of sign-ins, GUIDs and nodes.
func (s *emulateSettings) defineSessions(fs *flags) {
	fs.number(&s.AuthMode, "auth-mode", emulator.StaticGUID, emulator.DynamicGUID,
		"authentication `MODE`: 1, the GUID of the sign-in stays valid; 2, polls replace it")
	fs.duration(&s.GUIDInterval, "guid-interval", time.Millisecond,
		"`AGE` at which a poll replaces a GUID, in mode 2")
	fs.duration(&s.GUIDTimeout, "guid-timeout", time.Millisecond, "`AGE` at which a GUID expires, in mode 2")
	fs.value("stale-guid", "`RETCODE` for a wrong or expired GUID: 000-003 or 100-006",
		func() string { return s.StaleGUID }, func(text string) error {
			if text != "000-003" && text != "100-006" {
				return errors.New("must be 000-003 or 100-006")
			}
			s.StaleGUID = text
			return nil
		})
	fs.StringVar(&s.nodes, "node", s.Node,
		"`NAMES` of the nodes, the suffixes of their GUIDs, with commas between")
	fs.StringVar(&s.BalancerCookie, "balancer-cookie", "",
		"`NAME` of the cookie by which a load balancer finds the node of a client; empty is no load balancer")
	fs.duration(&s.SignOutAfter, "sign-out-after", 0,
		"`TIME` without a poll after which the emulator signs an agent out; 0 is never")
}

// faults returns the violations of rules between flags. The rule on GUIDs is the gateway's
// own (page 0005).
func (s *emulateSettings) faults() (faults []error) {
	if s.GUIDTimeout <= s.GUIDInterval {
		faults = append(faults, errors.New("--guid-timeout must be above --guid-interval"))
	}
	if !s.allowRemote && !isLoopback(s.listen.address) {
		faults = append(faults, fmt.Errorf("--listen: other machines can reach %s, and the emulator "+
			"lets anybody sign in as any "+
			"agent, read every GUID and set faults; listen on 127.0.0.1, or set --allow-remote", s.listen.address))
	}
	return append(faults, s.tls.faults()...)
}

// isLoopback reports whether only this machine can reach the address HOST:PORT. An address
// that is not valid is left to the listener.
func isLoopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	ip := net.ParseIP(host)
	return err != nil || host == "localhost" || ip != nil && ip.IsLoopback()
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
	closeLog, err := s.openLog()
	if err != nil {
		return err
	}
	defer closeLog()
	s.Warnings = c.stderr
	gateway, err := s.newGateway()
	if err != nil {
		return err
	}
	config, hints, end, err := s.tls.load(s.listen.address)
	if err != nil {
		return err
	}
	defer end()
	listener, err := s.listen.listen()
	if err != nil {
		return err
	}
	scheme := "http"
	if config != nil {
		scheme, listener = "https", tls.NewListener(listener, config)
	}
	const started = "emulated CC-Gateway at %s://%s; its log of requests: curl %[1]s://%[2]s/emulator/log\n"
	fmt.Fprintf(c.stdout, started, scheme, listener.Addr())
	fmt.Fprint(c.stdout, hints)
	return serveHTTP(ctx, gateway.Handler(), listener)
}

// newGateway returns the gateway of the settings, with the contents of their files.
func (s *emulateSettings) newGateway() (*emulator.Gateway, error) {
	s.SignOutAfter, s.AnswerDelay = zeroAsNone(s.SignOutAfter), zeroAsNone(s.AnswerDelay)
	s.Nodes, s.RandomSeed = strings.Split(s.nodes, ","), uint64(s.randomSeed)
	if s.cannedFile != "" {
		text, err := os.ReadFile(s.cannedFile)
		if err == nil {
			s.Canned, err = emulator.ParseCanned(text)
		}
		if err != nil {
			return nil, fmt.Errorf("--canned: %w", err)
		}
	}
	if s.seedFile == "" {
		return emulator.New(s.Config), nil
	}
	text, err := os.ReadFile(s.seedFile)
	var seed emulator.Seed
	if err == nil {
		seed, err = emulator.ParseSeed(text)
	}
	var gateway *emulator.Gateway
	if err == nil {
		gateway, err = emulator.NewSeeded(s.Config, seed)
	}
	if err != nil {
		return nil, fmt.Errorf("--seed: %w", err)
	}
	return gateway, nil
}

// openLog opens the file of the log. The file has phone numbers, so that only its owner may
// read it.
func (s *emulateSettings) openLog() (closeLog func(), err error) {
	if s.logFile == "" {
		return func() {}, nil
	}
	file, err := os.OpenFile(s.logFile, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("--log: %w", err)
	}
	s.Log = file
	return func() { file.Close() }, nil
}

// zeroAsNone converts the value of a flag, where 0 is none, for emulator.Config, where 0
// is the default and a negative duration is none.
func zeroAsNone(d time.Duration) time.Duration {
	if d == 0 {
		return -1
	}
	return d
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
