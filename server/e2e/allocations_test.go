package e2e

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"io"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/net/http2"

	"agentconf/internal/race"
	"agentconf/server/internal/app"
	"agentconf/server/internal/telemetry"
)

// A hold stays within a number of allocations, which includes the client of the gateway and
// the log record. The number does not depend on the machine.
func TestAllocations(t *testing.T) {
	skipWithRaceDetector(t)
	for _, front := range []struct {
		name      string
		limit     float64
		newClient func(*testing.T, *fronts) (hold func())
	}{
		{"gRPC", 70, newRawGRPC(holdMessage)},
		{"gateway dialect", 88, newRawJSON(holdGateway, documentedBody)},
		{"REST", 88, newRawJSON(holdV1, documentedBody)},
	} {
		t.Run(front.name, func(t *testing.T) {
			f := newCountedFronts(t, documentedReply)
			hold := front.newClient(t, f)
			for range 100 { // opens the connections and fills the pools
				hold()
			}
			if n := testing.AllocsPerRun(1000, hold); n > front.limit {
				t.Errorf("got %v allocations, want at most %v", n, front.limit)
			} else {
				t.Logf("%v allocations", n)
			}
		})
	}
}

// A refused hold costs at most one and a half times the allocations of an accepted one, whether the
// gateway refuses it or agentconf: its status is built once.
func TestRefusedAllocations(t *testing.T) {
	skipWithRaceDetector(t)
	wrongBody := strings.Replace(documentedBody, `"6"`, `"7"`, 1)
	wrongMessage := bytes.Replace(holdMessage, []byte("\x016"), []byte("\x017"), 1)
	if wrongBody == documentedBody || bytes.Equal(wrongMessage, holdMessage) {
		t.Fatal("the address type of the hold has not changed")
	}
	for name, clients := range map[string]struct {
		right, wrong func(*testing.T, *fronts) (hold func())
	}{
		"gRPC":            {newRawGRPC(holdMessage), newRawGRPC(wrongMessage)},
		"gateway dialect": {newRawJSON(holdGateway, documentedBody), newRawJSON(holdGateway, wrongBody)},
		"REST":            {newRawJSON(holdV1, documentedBody), newRawJSON(holdV1, wrongBody)},
	} {
		t.Run(name, func(t *testing.T) {
			allocations := func(newClient func(*testing.T, *fronts) func(), reply string) float64 {
				hold := newClient(t, newCountedFronts(t, reply))
				for range 100 {
					hold()
				}
				return testing.AllocsPerRun(1000, hold)
			}
			accepted := allocations(clients.right, documentedReply)
			refused := allocations(clients.right, `{"message":"no","retcode":"101-002","result":{}}`)
			rejected := allocations(clients.wrong, documentedReply)
			t.Logf("%v allocations for an accepted hold, %v for one that the gateway refuses, %v for a wrong one",
				accepted, refused, rejected)
			if most := 1.5 * accepted; refused > most || rejected > most {
				t.Errorf("got %v allocations for a refused hold and %v for a wrong one, want at most 1.5 times %v",
					refused, rejected, accepted)
			}
		})
	}
}

func skipWithRaceDetector(t *testing.T) {
	if race.Enabled {
		t.Skip("the race detector allocates too; run go test without -race")
	}
}

// newCountedFronts returns fronts with the log handler of the program, in front of a gateway
// that answers every hold with reply.
func newCountedFronts(t *testing.T, reply string) *fronts {
	return newChangedFronts(t, sockets, serveWithoutAllocations(t, reply), func(o *app.Options) {
		o.Log, _ = telemetry.NewLog(io.Discard, telemetry.JSON, slog.LevelInfo)
	})
}

// serveWithoutAllocations starts a gateway that answers every hold with reply and allocates
// nothing per request.
func serveWithoutAllocations(t *testing.T, reply string) dialer {
	l, dial := listenTCP(t)
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go replyWithoutAllocations(conn, reply)
		}
	}()
	return dial
}

func replyWithoutAllocations(conn net.Conn, body string) {
	defer conn.Close()
	reply := []byte("HTTP/1.1 200 \r\nContent-Type: application/json;charset=UTF-8\r\nContent-Length: " +
		strconv.Itoa(len(body)) + "\r\nDate: Tue, 24 Nov 2026 12:00:00 GMT\r\n\r\n" + body)
	buffer := make([]byte, 4096)
	for n := 0; ; {
		read, err := conn.Read(buffer[n:])
		if err != nil {
			return
		}
		n += read
		// The first closing brace ends the body of a hold.
		if buffer[n-1] == '}' {
			n = 0
			if _, err := conn.Write(reply); err != nil {
				return
			}
		}
	}
}

// newRawJSON returns a constructor of JSON clients that allocate nothing per hold.
func newRawJSON(path, body string) func(*testing.T, *fronts) (hold func()) {
	return func(t *testing.T, f *fronts) func() {
		conn := f.dial(t, f.dialHTTP)
		request := []byte("POST " + path + " HTTP/1.1\r\nHost: agentconf.test\r\n" +
			"Content-Type: application/json; charset=UTF-8\r\nGuid: " + someGUID + "\r\n" +
			"Content-Length: " + strconv.Itoa(len(body)) + "\r\n\r\n" + body)
		buffer := make([]byte, 4096)
		return func() {
			if _, err := conn.Write(request); err != nil {
				t.Fatal(err)
			}
			n, err := conn.Read(buffer)
			if err != nil || !bytes.HasPrefix(buffer[:n], []byte("HTTP/1.1 ")) || buffer[n-1] != '}' {
				t.Fatalf("reply %s, %v", buffer[:n], err)
			}
		}
	}
}

// newRawGRPC returns a constructor of gRPC clients that send prepared frames and allocate
// nothing per hold.
func newRawGRPC(message []byte) func(*testing.T, *fronts) (hold func()) {
	return func(t *testing.T, f *fronts) func() { return startRawGRPC(t, f, message) }
}

func startRawGRPC(t *testing.T, f *fronts, message []byte) (hold func()) {
	conn := f.dial(t, f.dialGRPC)
	if _, err := io.WriteString(conn, http2.ClientPreface); err != nil {
		t.Fatal(err)
	}
	framer := http2.NewFramer(conn, nil)
	framer.WriteSettings()
	framer.WriteWindowUpdate(0, 1<<30)
	r := bufio.NewReader(conn)
	frames, next := prepareHolds(message)
	stream := uint32(1)
	return func() {
		for _, at := range frames.streamIDs {
			binary.BigEndian.PutUint32(frames.bytes[at:], stream)
		}
		if _, err := conn.Write(frames.bytes); err != nil {
			t.Fatal(err)
		}
		awaitStreamEnd(t, conn, r, stream)
		frames, stream = next, stream+2
	}
}

// preparedFrames holds the frames of a hold, and the offsets of its stream ID in them.
type preparedFrames struct {
	bytes     []byte
	streamIDs []int
}

// prepareHolds returns the first hold of a connection and all others. The headers of the
// others refer to the header table that the first one has filled.
func prepareHolds(message []byte) (first, others preparedFrames) {
	w := newHTTP2Writer()
	for _, p := range []*preparedFrames{&first, &others} {
		w.sent.Reset()
		w.headers(1, false, holdHeaders(field{Name: "user-agent", Value: "grpc-go/1.85.0"})...)
		data := w.sent.Len()
		w.WriteData(1, true, message)
		*p = preparedFrames{bytes.Clone(w.sent.Bytes()), []int{5, data + 5}}
	}
	return first, others
}

// awaitStreamEnd reads until the server ends stream with trailers. It acknowledges pings.
func awaitStreamEnd(t *testing.T, conn net.Conn, r *bufio.Reader, stream uint32) {
	for {
		header, err := r.Peek(9)
		if err != nil {
			t.Fatal(err)
		}
		length := int(header[0])<<16 | int(header[1])<<8 | int(header[2])
		kind, flags, id := http2.FrameType(header[3]), http2.Flags(header[4]), binary.BigEndian.Uint32(header[5:])
		r.Discard(9)
		switch {
		case kind == http2.FramePing && flags == 0:
			var ack [17]byte
			ack[2], ack[3], ack[4] = 8, byte(http2.FramePing), 1
			payload, _ := r.Peek(8)
			copy(ack[9:], payload)
			conn.Write(ack[:])
		case kind == http2.FrameRSTStream || kind == http2.FrameGoAway:
			t.Fatalf("got a frame %v", kind)
		}
		r.Discard(length)
		if id == stream && kind == http2.FrameHeaders && flags.Has(http2.FlagHeadersEndStream) {
			return
		}
	}
}
