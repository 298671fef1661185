package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// connection carries holds to a target. What it sends is encoded beforehand, so that the
// load costs little CPU time. One goroutine may send while another one reads.
type connection interface {
	// send sends a hold whose latency counts from start.
	send(start time.Time) error

	// read blocks until a hold has ended and returns its reply.
	read() (*reply, error)

	io.Closer
}

func dial(t target) (connection, error) {
	conn, err := net.Dial("tcp", t.address)
	if err != nil {
		return nil, err
	}
	if t.kind == jsonH1 {
		return newH1Connection(conn, t), nil
	}
	return newH2Connection(conn, t)
}

// h1Connection is a connection of HTTP/1.1. It pipelines a hold that is due before the
// one before it has been answered.
type h1Connection struct {
	net.Conn
	reader  *bufio.Reader
	request []byte

	mu     sync.Mutex
	starts []time.Time // of the holds in flight, oldest first
}

func newH1Connection(conn net.Conn, t target) *h1Connection {
	contentType, body := t.encoded()
	request := fmt.Appendf(nil, "POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: %s\r\nGuid: %s\r\nContent-Length: %d\r\n\r\n%s",
		t.path, t.address, contentType, t.guid, len(body), body)
	return &h1Connection{Conn: conn, reader: bufio.NewReader(conn), request: request}
}

func (c *h1Connection) send(start time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.starts = append(c.starts, start)
	_, err := c.Write(c.request)
	return err
}

func (c *h1Connection) read() (*reply, error) {
	resp, err := http.ReadResponse(c.reader, nil)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.starts) == 0 {
		return nil, fmt.Errorf("reply without a request: %s", resp.Status)
	}
	r := &reply{start: c.starts[0], status: strconv.Itoa(resp.StatusCode), body: body}
	c.starts = c.starts[1:]
	return r, nil
}

// The flow control windows for a peer, in bytes, are larger than all that it sends, so
// that the client never has to send a WINDOW_UPDATE.
const (
	streamWindow     = 1 << 20
	connectionWindow = 1 << 30
)

// h2Connection is a connection of HTTP/2 with any number of holds in flight.
type h2Connection struct {
	net.Conn
	framer *http2.Framer // reads, and acknowledges

	mu    sync.Mutex
	next  uint32 // ID of the next stream
	holds map[uint32]*reply
	block []byte // header block of the next hold
	later []byte // header block once the peer's HPACK table has the fields
	body  []byte
	out   bytes.Buffer
	write *http2.Framer // writes to out
}

func newH2Connection(conn net.Conn, t target) (*h2Connection, error) {
	c := &h2Connection{Conn: conn, next: 1, holds: map[uint32]*reply{}}
	c.framer = http2.NewFramer(conn, bufio.NewReader(conn))
	c.framer.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	c.write = http2.NewFramer(&c.out, nil)
	c.block, c.later = headerBlocks(t)
	_, c.body = t.encoded()
	c.out.WriteString(http2.ClientPreface)
	c.write.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: streamWindow})
	c.write.WriteWindowUpdate(0, connectionWindow)
	_, err := conn.Write(c.out.Bytes())
	return c, err
}

// headerBlocks returns the header block of the first hold on a connection, and that of
// the following ones, which refers to the fields of the first.
func headerBlocks(t target) (first, later []byte) {
	contentType, body := t.encoded()
	fields := []hpack.HeaderField{
		{Name: ":method", Value: "POST"}, {Name: ":scheme", Value: "http"}, {Name: ":path", Value: t.path},
		{Name: ":authority", Value: t.address}, {Name: "content-type", Value: contentType}, {Name: "guid", Value: t.guid},
	}
	if t.kind == grpcH2 {
		fields = append(fields, hpack.HeaderField{Name: "te", Value: "trailers"})
	} else {
		fields = append(fields, hpack.HeaderField{Name: "content-length", Value: strconv.Itoa(len(body))})
	}
	var block bytes.Buffer
	encoder := hpack.NewEncoder(&block)
	for range 2 {
		first, later = later, nil
		block.Reset()
		for _, field := range fields {
			encoder.WriteField(field) // into memory
		}
		later = bytes.Clone(block.Bytes())
	}
	return first, later
}

func (c *h2Connection) send(start time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.holds[c.next] = &reply{start: start}
	c.out.Reset()
	c.write.WriteHeaders(http2.HeadersFrameParam{StreamID: c.next, BlockFragment: c.block, EndHeaders: true})
	c.write.WriteData(c.next, true, c.body)
	c.next += 2
	c.block = c.later
	_, err := c.Write(c.out.Bytes())
	return err
}

func (c *h2Connection) read() (*reply, error) {
	for {
		frame, err := c.framer.ReadFrame()
		if err != nil {
			return nil, err
		}
		if r, err := c.receive(frame); r != nil || err != nil {
			return r, err
		}
	}
}

// receive handles a frame. It returns a reply if the frame ends one.
func (c *h2Connection) receive(frame http2.Frame) (*reply, error) {
	switch f := frame.(type) {
	case *http2.SettingsFrame:
		if !f.IsAck() {
			return nil, c.framer.WriteSettingsAck()
		}
	case *http2.PingFrame:
		if !f.IsAck() {
			return nil, c.framer.WritePing(true, f.Data)
		}
	case *http2.MetaHeadersFrame:
		return c.add(f.StreamID, f.StreamEnded(), func(r *reply) { r.addHeader(f.Fields) })
	case *http2.DataFrame:
		return c.add(f.StreamID, f.StreamEnded(), func(r *reply) { r.body = append(r.body, f.Data()...) })
	case *http2.RSTStreamFrame, *http2.GoAwayFrame:
		return nil, fmt.Errorf("the peer sent %v", f.Header())
	}
	return nil, nil
}

// add adds a frame to the reply of its stream, and returns the reply if it has ended.
func (c *h2Connection) add(stream uint32, ended bool, add func(*reply)) (*reply, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	r := c.holds[stream]
	if r == nil {
		return nil, fmt.Errorf("frame of stream %d, which is not open", stream)
	}
	add(r)
	if !ended {
		return nil, nil
	}
	delete(c.holds, stream)
	return r, nil
}

func (r *reply) addHeader(fields []hpack.HeaderField) {
	for _, field := range fields {
		switch field.Name {
		case ":status":
			r.status = field.Value
		case "grpc-status":
			r.grpcStatus = field.Value
		case "grpc-message":
			r.grpcMessage = field.Value
		}
	}
}
