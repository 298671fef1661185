//go:build linux

package main

import (
	"bytes"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// slowSenders send a byte a second, each over a connection of its own, and come back when
// they are cut off.
type slowSenders struct {
	end     chan struct{}
	running sync.WaitGroup
	cut     atomic.Int64 // how often one was cut off
}

// slowly is how somebody sends who is slow.
type slowly struct {
	address string
	first   []byte // sent at once
	each    []byte // sent every second
}

func newSlowSenders(n int, grpc, http string) *slowSenders {
	a := []byte("a")
	kinds := []slowly{
		{http, []byte("POST " + ownPath + " HTTP/1.1\r\nHost: agentconf\r\nX: "), a},
		{http, fmt.Appendf(nil, "POST %s HTTP/1.1\r\nHost: agentconf\r\nGuid: %s\r\nContent-Length: 60000\r\n\r\n{", ownPath, guid), a},
		{grpc, []byte(http2.ClientPreface[:1]), []byte(http2.ClientPreface[1:2])},
		{grpc, slowHeaders(), a},
		{grpc, slowBody(grpc), oneByteFrame()},
	}
	s := &slowSenders{end: make(chan struct{})}
	for i := range n {
		s.running.Go(func() { s.send(kinds[i%len(kinds)]) })
	}
	return s
}

// greeting is what an HTTP/2 connection begins with.
func greeting() []byte {
	var out bytes.Buffer
	out.WriteString(http2.ClientPreface)
	http2.NewFramer(&out, nil).WriteSettings() // into memory, as all that follows
	return out.Bytes()
}

// slowHeaders promise 16,000 bytes of headers.
func slowHeaders() []byte {
	return append(greeting(), 0, 0x3e, 0x80, byte(http2.FrameHeaders), 0, 0, 0, 0, 1)
}

// slowBody is a call whose message is said to have 16,000 bytes.
func slowBody(address string) []byte {
	var block bytes.Buffer
	fields := headerFields(address, grpcPath, "application/grpc", guid)
	call := newFrames(&block, hpack.NewEncoder(&block), fields, nil)
	out := bytes.NewBuffer(append(greeting(), call.bytes[:call.second]...))
	http2.NewFramer(out, nil).WriteData(1, false, []byte{0, 0, 0, 0x3e, 0x80})
	return out.Bytes()
}

func oneByteFrame() []byte {
	var out bytes.Buffer
	http2.NewFramer(&out, nil).WriteData(1, false, []byte("a"))
	return out.Bytes()
}

func (s *slowSenders) send(kind slowly) {
	for s.once(kind) != nil {
		s.cut.Add(1)
		select {
		case <-s.end:
			return
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// once sends over one connection until it breaks, or until all is over.
func (s *slowSenders) once(kind slowly) error {
	conn, err := net.Dial("tcp", kind.address)
	if err != nil {
		return err
	}
	defer conn.Close()
	for _, err = conn.Write(kind.first); err == nil; _, err = conn.Write(kind.each) {
		select {
		case <-s.end:
			return nil
		case <-time.After(time.Second):
		}
	}
	return err
}

func (s *slowSenders) stop() {
	close(s.end)
	s.running.Wait()
}
