package main

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// slowSender describes one kind of slow client.
type slowSender struct {
	address string
	first   []byte // sent at once
	each    []byte // sent every second
}

// slowSenders returns one sender for every part of a request: head and body of HTTP/1.1,
// preface, headers and message of gRPC.
func slowSenders(grpc, http string) []slowSender {
	a := []byte("a")
	return []slowSender{
		{http, []byte("POST " + ownPath + " HTTP/1.1\r\nHost: agentconf\r\nX: "), a},
		{http, fmt.Appendf(nil, "POST %s HTTP/1.1\r\nHost: agentconf\r\nGuid: %s\r\nContent-Length: 60000\r\n\r\n{", ownPath, guid), a},
		{grpc, []byte(http2.ClientPreface[:1]), []byte(http2.ClientPreface[1:2])},
		{grpc, frames(true, func(f *http2.Framer, out *bytes.Buffer) {
			out.Write([]byte{0, 0x3e, 0x80, byte(http2.FrameHeaders), 0, 0, 0, 0, 1}) // promises 16,000 bytes
		}), a},
		{grpc, frames(true, func(f *http2.Framer, _ *bytes.Buffer) {
			f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: holdHeaders(grpc), EndHeaders: true})
			f.WriteData(1, false, []byte{0, 0, 0, 0x3e, 0x80}) // promises 16,000 bytes
		}), frames(false, func(f *http2.Framer, _ *bytes.Buffer) { f.WriteData(1, false, a) })},
	}
}

// holdHeaders returns the header block of a hold over gRPC.
func holdHeaders(address string) []byte {
	var block bytes.Buffer
	encoder := hpack.NewEncoder(&block)
	for _, field := range [][2]string{
		{":method", "POST"}, {":scheme", "http"}, {":path", grpcPath}, {":authority", address},
		{"content-type", "application/grpc"}, {"te", "trailers"}, {"guid", guid},
	} {
		encoder.WriteField(hpack.HeaderField{Name: field[0], Value: field[1]}) // into memory
	}
	return block.Bytes()
}

// frames returns frames of HTTP/2, after the client's preface if the connection is new.
func frames(isNew bool, write func(f *http2.Framer, out *bytes.Buffer)) []byte {
	var out bytes.Buffer
	f := http2.NewFramer(&out, nil)
	if isNew {
		out.WriteString(http2.ClientPreface)
		f.WriteSettings()
	}
	write(f, &out)
	return out.Bytes()
}

// sendSlowly runs n slow senders until ctx is done. A sender connects again after it has
// been cut off. It returns how often that happened.
func sendSlowly(ctx context.Context, n int, grpc, http string) int64 {
	kinds := slowSenders(grpc, http)
	var senders sync.WaitGroup
	var cut atomic.Int64
	for i := range n {
		senders.Go(func() {
			for kinds[i%len(kinds)].send(ctx) != nil && ctx.Err() == nil {
				cut.Add(1)
				sleep(ctx, 100*time.Millisecond)
			}
		})
	}
	senders.Wait()
	return cut.Load()
}

// send sends over one connection until it breaks, which is an error, or ctx is done.
func (s slowSender) send(ctx context.Context) error {
	conn, err := net.Dial("tcp", s.address)
	if err != nil {
		return err
	}
	defer conn.Close()
	for _, err = conn.Write(s.first); err == nil; _, err = conn.Write(s.each) {
		if !sleep(ctx, time.Second) {
			return nil
		}
	}
	return err
}
