package e2e

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"net"
	"strconv"
	"testing"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
	"google.golang.org/protobuf/proto"

	agentconfv1 "agentconf/gen/agentconf/v1"
)

// A hold allocates so often, in the service, with its layers, and in the client of
// the gateway together. Counts do not depend on the machine, so they are a gate.
func TestAllocations(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates by itself; go test without -race counts")
	}
	for _, front := range []struct {
		name  string
		most  float64
		begin func(*testing.T, *fronts) (hold func())
	}{
		{"gRPC", 78, rawGRPC},
		{"JSON, the gateway's dialect", 96, rawJSON(holdGateway)},
		{"JSON, v1", 96, rawJSON(holdV1)},
	} {
		t.Run(front.name, func(t *testing.T) {
			f := newFrontsOf(t, sockets, quietGateway(t))
			hold := front.begin(t, f)
			for range 100 { // connections are open, pools are full
				hold()
			}
			if n := testing.AllocsPerRun(1000, hold); n > front.most {
				t.Errorf("%v allocations, want at most %v", n, front.most)
			} else {
				t.Logf("%v allocations", n)
			}
		})
	}
}

// quietGateway is a gateway that accepts everything and allocates nothing.
func quietGateway(t *testing.T) dialer {
	l, dial := listenTCP(t)
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go answerQuietly(conn)
		}
	}()
	return dial
}

func answerQuietly(conn net.Conn) {
	defer conn.Close()
	answer := []byte("HTTP/1.1 200 \r\nContent-Type: application/json;charset=UTF-8\r\nContent-Length: " +
		strconv.Itoa(len(documentedReply)) + "\r\nDate: Tue, 24 Nov 2026 12:00:00 GMT\r\n\r\n" + documentedReply)
	buffer := make([]byte, 4096)
	for n := 0; ; {
		read, err := conn.Read(buffer[n:])
		if err != nil {
			return
		}
		n += read
		// The body of a hold ends with the first brace that closes.
		if buffer[n-1] == '}' {
			n = 0
			if _, err := conn.Write(answer); err != nil {
				return
			}
		}
	}
}

func rawJSON(path string) func(*testing.T, *fronts) func() {
	return func(t *testing.T, f *fronts) func() {
		conn := f.dial(t, f.dialHTTP)
		request := []byte("POST " + path + " HTTP/1.1\r\nHost: agentconf.test\r\nContent-Type: application/json; charset=UTF-8\r\nGuid: " +
			someGUID + "\r\nContent-Length: " + strconv.Itoa(len(documentedBody)) + "\r\n\r\n" + documentedBody)
		buffer := make([]byte, 4096)
		return func() {
			if _, err := conn.Write(request); err != nil {
				t.Fatal(err)
			}
			n, err := conn.Read(buffer)
			if err != nil || !bytes.HasPrefix(buffer[:n], []byte("HTTP/1.1 200")) || buffer[n-1] != '}' {
				t.Fatalf("%v: %s", err, buffer[:n])
			}
		}
	}
}

// rawGRPC is a client of gRPC that allocates nothing, from prepared frames.
func rawGRPC(t *testing.T, f *fronts) func() {
	conn := f.dial(t, f.dialGRPC)
	if _, err := io.WriteString(conn, http2.ClientPreface); err != nil {
		t.Fatal(err)
	}
	framer := http2.NewFramer(conn, nil)
	framer.WriteSettings()
	framer.WriteWindowUpdate(0, 1<<30)
	r := bufio.NewReader(conn)
	first, next := holdFrames(t)
	frames, stream := first, uint32(1)
	return func() {
		for _, at := range frames.streams {
			binary.BigEndian.PutUint32(frames.bytes[at:], stream)
		}
		if _, err := conn.Write(frames.bytes); err != nil {
			t.Fatal(err)
		}
		awaitEnd(t, conn, r, stream)
		frames, stream = next, stream+2
	}
}

// preparedFrames are those of a hold, and where in them the stream's ID stands.
type preparedFrames struct {
	bytes   []byte
	streams []int
}

// holdFrames are the first hold of a connection and every other, whose headers
// refer to those of the first.
func holdFrames(t *testing.T) (first, next preparedFrames) {
	t.Helper()
	message, err := proto.Marshal(&agentconfv1.HoldParticipantRequest{
		AgentId: "1287", AddressType: "6", Address: "88887946", VoicePath: "y:/conf/120/1136287.V3",
	})
	if err != nil {
		t.Fatal(err)
	}
	body := append(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(message))), message...)
	var head bytes.Buffer
	enc := hpack.NewEncoder(&head)
	for _, p := range []*preparedFrames{&first, &next} {
		head.Reset()
		for _, field := range [][2]string{
			{":method", "POST"}, {":scheme", "http"}, {":path", "/agentconf.v1.ConferenceService/HoldParticipant"},
			{":authority", "agentconf.test"}, {"content-type", "application/grpc"}, {"user-agent", "grpc-go/1.85.0"},
			{"te", "trailers"}, {"guid", someGUID},
		} {
			enc.WriteField(hpack.HeaderField{Name: field[0], Value: field[1]})
		}
		var out bytes.Buffer
		framer := http2.NewFramer(&out, nil)
		framer.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: head.Bytes(), EndHeaders: true})
		data := out.Len()
		framer.WriteData(1, true, body)
		*p = preparedFrames{out.Bytes(), []int{5, data + 5}}
	}
	return first, next
}

// awaitEnd reads to the end of stream, which must be that of a call that is OK.
func awaitEnd(t *testing.T, conn net.Conn, r *bufio.Reader, stream uint32) {
	for {
		head, err := r.Peek(9)
		if err != nil {
			t.Fatal(err)
		}
		length := int(head[0])<<16 | int(head[1])<<8 | int(head[2])
		kind, flags, id := http2.FrameType(head[3]), http2.Flags(head[4]), binary.BigEndian.Uint32(head[5:])
		r.Discard(9)
		switch {
		case kind == http2.FramePing && flags == 0:
			var ack [17]byte
			ack[2], ack[3], ack[4] = 8, byte(http2.FramePing), 1
			payload, _ := r.Peek(8)
			copy(ack[9:], payload)
			conn.Write(ack[:])
		case kind == http2.FrameRSTStream || kind == http2.FrameGoAway:
			t.Fatalf("%v", kind)
		}
		r.Discard(length)
		if id == stream && kind == http2.FrameHeaders && flags.Has(http2.FlagHeadersEndStream) {
			return
		}
	}
}

func (f *fronts) dial(t *testing.T, dial dialer) net.Conn {
	t.Helper()
	conn, err := dial(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}
