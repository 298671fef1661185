package overload

import (
	"context"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"agentconf/server/bench/rig"
)

// slowSender describes one kind of slow client.
type slowSender struct {
	address string
	first   string // sent at once
	each    string // sent every second
}

// slowSenders returns one sender for every part of a request: head and body of HTTP/1.1,
// preface, headers and message of gRPC. The latter two promise 16,000 bytes.
func slowSenders(grpc, http string) []slowSender {
	const head = "POST " + rig.OwnPath + " HTTP/1.1\r\nHost: agentconf\r\n"
	const promise = "\x00\x3e\x80" // 16,000, as a frame and a message of gRPC have it
	preface := http2.ClientPreface + frame(http2.FrameSettings, 0, 0, "")
	return []slowSender{
		{http, head + "X: ", "a"},
		{http, head + "Guid: " + rig.GUID + "\r\nContent-Length: 60000\r\n\r\n{", "a"},
		{grpc, preface[:1], preface[1:2]},
		{grpc, preface + promise + frame(http2.FrameHeaders, 0, 1, "")[3:], "a"},
		{grpc, preface + frame(http2.FrameHeaders, http2.FlagHeadersEndHeaders, 1, holdHeaders(grpc)) +
			frame(http2.FrameData, 0, 1, "\x00\x00"+promise), frame(http2.FrameData, 0, 1, "a")},
	}
}

// holdHeaders returns the header block of a hold over gRPC.
func holdHeaders(address string) string {
	var block strings.Builder
	encoder := hpack.NewEncoder(&block)
	for _, field := range []hpack.HeaderField{
		{Name: ":method", Value: "POST"}, {Name: ":scheme", Value: "http"}, {Name: ":path", Value: rig.GRPCPath},
		{Name: ":authority", Value: address}, {Name: "content-type", Value: "application/grpc"},
		{Name: "te", Value: "trailers"}, {Name: "guid", Value: rig.GUID},
	} {
		encoder.WriteField(field) // into memory
	}
	return block.String()
}

// frame returns a frame of HTTP/2 with a payload of up to 255 bytes.
func frame(kind http2.FrameType, flags http2.Flags, stream byte, payload string) string {
	return string([]byte{0, 0, byte(len(payload)), byte(kind), byte(flags), 0, 0, 0, stream}) + payload
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
				rig.Sleep(ctx, 100*time.Millisecond)
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
	for _, err = io.WriteString(conn, s.first); err == nil; _, err = io.WriteString(conn, s.each) {
		if !rig.Sleep(ctx, time.Second) {
			return nil
		}
	}
	return err
}
