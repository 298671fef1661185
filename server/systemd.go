package main

import (
	"fmt"
	"log/slog"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

// notifyTimeout bounds the time to send a datagram. The queue of a socket that nobody reads is
// full after a few.
const notifyTimeout = time.Second

// stopMargin is the time that a stop may take beyond the drain: the last traces and log
// records are flushed in it.
const stopMargin = 5 * time.Second

// supervisor reports the state of the service to systemd, by datagrams to the socket in
// NOTIFY_SOCKET (sd_notify(3)). It does nothing for a process that systemd did not start.
type supervisor struct {
	socket   string        // a path, or an abstract name that begins with @
	watchdog time.Duration // systemd kills a service that is silent for so long; 0 is never
	log      *slog.Logger
}

// newSupervisor reads the variables that systemd sets for a unit of Type=notify. Those of
// the watchdog may be inherited from another process, whose ID they then have.
func newSupervisor(lookupEnv func(string) (string, bool), log *slog.Logger) supervisor {
	s := supervisor{log: log}
	s.socket, _ = lookupEnv("NOTIFY_SOCKET")
	text, _ := lookupEnv("WATCHDOG_USEC")
	pid, hasPID := lookupEnv("WATCHDOG_PID")
	if µs, err := strconv.ParseInt(text, 10, 64); err == nil && (!hasPID || pid == strconv.Itoa(os.Getpid())) {
		s.watchdog = time.Duration(µs) * time.Microsecond
	}
	return s
}

// run reports READY with a status for people, then WATCHDOG twice in each watchdog time,
// and STOPPING when stopping is done. longestStop is the time that the drain may take: a unit
// whose TimeoutStopSec is shorter would cut it off. The caller calls end when the service
// has ended.
//
// The watchdog restarts a process whose goroutines do not run. It reports neither overload nor
// a gateway that is down, because a restart would mend neither.
func (s supervisor) run(stopping <-chan struct{}, status string, longestStop time.Duration) (end func()) {
	if s.socket == "" {
		return func() {}
	}
	s.send("READY=1", "STATUS="+status)
	stop := []string{"STOPPING=1", fmt.Sprintf("EXTEND_TIMEOUT_USEC=%d", (longestStop + stopMargin).Microseconds())}
	ended := make(chan struct{})
	var loop sync.WaitGroup
	loop.Go(func() { s.loop(stopping, ended, stop) })
	return func() {
		close(ended)
		loop.Wait()
	}
}

// loop sends WATCHDOG until ended is closed, and stop once.
func (s supervisor) loop(stopping, ended <-chan struct{}, stop []string) {
	var tick <-chan time.Time // never, without a watchdog
	if s.watchdog > 0 {
		ticker := time.NewTicker(max(s.watchdog/2, time.Millisecond))
		defer ticker.Stop()
		tick = ticker.C
	}
	for {
		select {
		case <-tick:
			s.send("WATCHDOG=1")
		case <-stopping:
			s.send(stop...)
			stopping, stop = nil, nil
		case <-ended:
			if stop != nil { // the service has ended by itself
				s.send(stop...)
			}
			return
		}
	}
}

// send sends one datagram. An error is logged and changes nothing: the service works
// without systemd.
func (s supervisor) send(assignments ...string) {
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: s.socket, Net: "unixgram"})
	if err == nil {
		defer conn.Close()
		conn.SetWriteDeadline(time.Now().Add(notifyTimeout))
		_, err = conn.Write([]byte(strings.Join(assignments, "\n")))
	}
	if err != nil {
		s.log.Warn("systemd was not notified", "state", assignments[0], "cause", err.Error())
	}
}
