package faults

import (
	"net"
	"sync"
	"time"
)

// lastWait is how long a server may take for a request that was held back.
const lastWait = 5 * time.Second

// link is one connection through a proxy.
type link struct {
	conns [2]*net.TCPConn // towards which up and down lead: server and client
	leg   leg
	ended chan struct{} // closed with the connection
	end   sync.Once

	mu        sync.Mutex
	script    *script // nil once it has acted
	meters    [2]meter
	handshake bool          // of TLS is going on
	deaf      bool          // what comes is dropped
	kept      []byte        // of a request that is not let through
	owed      *script       // that wants it delivered in the end
	replied   chan struct{} // closed when the first byte of a reply comes
}

func newLink(client, server *net.TCPConn, leg leg, s *script) *link {
	l := &link{
		conns: [2]*net.TCPConn{up: server, down: client}, ended: make(chan struct{}),
		script: s, leg: leg, handshake: leg != inTheClear, replied: make(chan struct{}),
	}
	l.meters[up].leg, l.meters[down].leg = leg, leg
	return l
}

// arm is for a connection that is at rest.
func (l *link) arm(s *script) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.script, l.kept, l.replied = s, nil, make(chan struct{})
	l.meters[up].restart()
	l.meters[down].restart()
}

func (l *link) run() {
	defer l.close()
	l.mu.Lock()
	s := l.script
	l.mu.Unlock()
	if s != nil && s.at == accepted && !l.act(s, up, nil) {
		return
	}
	var pumps sync.WaitGroup
	pumps.Go(func() { l.pump(up) })
	pumps.Go(func() { l.pump(down) })
	pumps.Wait()
}

// pump passes on what goes into direction d, until either side ends it.
func (l *link) pump(d direction) {
	from, to := l.conns[1-d], l.conns[d]
	buffer := make([]byte, 16<<10)
	for {
		n, err := from.Read(buffer)
		if n > 0 && !l.pass(d, buffer[:n]) {
			return
		}
		if err != nil {
			if d == up {
				l.deliver()
			}
			to.CloseWrite()
			return
		}
	}
}

// pass passes chunk on, up to where the script acts. It reports whether the pump goes
// on.
func (l *link) pass(d direction, chunk []byte) bool {
	l.mu.Lock()
	s := l.script
	cut, here := 0, false
	if !l.deaf {
		cut, here = l.scan(d, chunk)
	}
	l.mu.Unlock()
	l.conns[d].Write(chunk[:cut]) // if that side has gone, the other pump finds out
	return !here || l.act(s, d, chunk[cut:])
}

// scan counts chunk, and finds how much of it goes on before the script acts.
func (l *link) scan(d direction, chunk []byte) (cut int, here bool) {
	m, s, message := &l.meters[d], l.script, 0
	if d == down && !l.handshake && m.wire == 0 {
		close(l.replied)
	}
	if s == nil && !l.handshake {
		m.count(chunk)
		return len(chunk), false
	}
	for i, b := range chunk {
		m.step(b)
		if here = s != nil && s.here(d, l.handshake, m); here {
			cut, l.script = i, nil
			if s.lets() {
				cut++
			}
			break
		}
		if l.handshake && d == l.leg.lastWord() && m.sealed == 1 {
			l.handshake, message = false, i+1
			l.meters[up].restart()
			l.meters[down].restart()
		}
		cut = i + 1
	}
	if s != nil && s.all && d == up && !l.handshake {
		l.kept = append(l.kept, chunk[message:]...)
		cut = message
	}
	return cut, here
}

// act does what s says, rest being what came behind the place. It reports whether the
// pump goes on.
func (l *link) act(s *script, d direction, rest []byte) bool {
	if s.do != drip && s.after > 0 && !l.pause(s.after) {
		return false
	}
	if s.do == holdBack {
		l.mu.Lock()
		l.owed = s
		l.mu.Unlock()
		return true
	}
	defer s.isDone()
	switch s.do {
	case reset:
		l.breakOff()
		return false
	case finish, stall:
		l.goDeaf(s.do == finish)
		return true
	case halfClose:
		l.conns[down].CloseWrite()
		return true
	case stopReading:
		<-l.ended
		return false
	case drip:
		return l.drip(d, rest, s.after)
	}
	_, err := l.conns[d].Write(rest)
	return err == nil
}

// goDeaf drops what comes from now on, and may say that nothing goes out any more.
func (l *link) goDeaf(farewell bool) {
	l.mu.Lock()
	l.deaf = true
	l.mu.Unlock()
	if farewell {
		l.conns[down].CloseWrite()
		l.conns[up].CloseWrite()
	}
}

// deliver sends the server what was held back, now that the client has gone.
func (l *link) deliver() {
	l.mu.Lock()
	s, kept, replied := l.owed, l.kept, l.replied
	l.owed = nil
	l.mu.Unlock()
	if s == nil {
		return
	}
	defer s.isDone()
	l.conns[up].Write(kept)
	timer := time.NewTimer(lastWait)
	defer timer.Stop()
	select {
	case <-replied:
	case <-timer.C:
	case <-l.ended:
	}
}

// pause reports whether the connection was there to the end of it.
func (l *link) pause(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-l.ended:
		return false
	}
}

func (l *link) drip(d direction, rest []byte, between time.Duration) bool {
	for i := range rest {
		if _, err := l.conns[d].Write(rest[i : i+1]); err != nil || !l.pause(between) {
			return false
		}
	}
	return true
}

// breakOff ends the connection by a reset on both sides.
func (l *link) breakOff() {
	l.conns[down].SetLinger(0)
	l.conns[up].SetLinger(0)
	l.close()
}

func (l *link) close() {
	l.end.Do(func() {
		close(l.ended)
		l.conns[down].Close()
		l.conns[up].Close()
	})
}
