//go:build linux

package main

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"net"
	"strconv"
	"sync"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// What a peer may send, in bytes: more on a connection than it ever will, so that
// no window has to be opened again.
const (
	streamWindow     = 1 << 20
	connectionWindow = 1 << 30
)

// h2client makes any number of calls at a time over one connection of HTTP/2.
type h2client struct {
	*net.TCPConn
	reader *bufio.Reader
	framer *http2.Framer

	first frames // of the first call
	later frames // of all others, whose header fields the peer has learnt by then

	mu    sync.Mutex // of what follows: one may send while another reads
	next  uint32     // ID of the next stream
	calls map[uint32]*h2reply
	check func(*h2reply) error // of a call that has ended
	data  func(*h2reply) error // of more data in a call, if it is to be looked at
}

// h2reply is what has come of a call so far.
type h2reply struct {
	start       time.Time
	status      string
	grpcStatus  string
	grpcMessage string
	body        []byte
}

func newH2Client(conn *net.TCPConn, path, contentType, guid string, body []byte, check func(*h2reply) error) (*h2client, error) {
	c := &h2client{TCPConn: conn, reader: bufio.NewReader(conn), next: 1, calls: map[uint32]*h2reply{}, check: check}
	c.framer = http2.NewFramer(conn, c.reader)
	c.framer.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	fields := headerFields(conn.RemoteAddr().String(), path, contentType, guid)
	if contentType == "application/grpc" {
		fields = append(fields, hpack.HeaderField{Name: "te", Value: "trailers"})
	} else {
		fields = append(fields, hpack.HeaderField{Name: "content-length", Value: strconv.Itoa(len(body))})
	}
	var block bytes.Buffer
	encoder := hpack.NewEncoder(&block)
	c.first = newFrames(&block, encoder, fields, body)
	c.later = newFrames(&block, encoder, fields, body)
	return c, c.greet()
}

func headerFields(authority, path, contentType, guid string) []hpack.HeaderField {
	return []hpack.HeaderField{
		{Name: ":method", Value: "POST"},
		{Name: ":scheme", Value: "http"},
		{Name: ":path", Value: path},
		{Name: ":authority", Value: authority},
		{Name: "content-type", Value: contentType},
		{Name: "guid", Value: guid},
	}
}

// frames is a call, ready to be sent once the ID of its stream is in it.
type frames struct {
	bytes  []byte // HEADERS and DATA
	second int    // where DATA begins
}

func newFrames(block *bytes.Buffer, encoder *hpack.Encoder, fields []hpack.HeaderField, body []byte) frames {
	block.Reset()
	for _, field := range fields {
		encoder.WriteField(field) // into memory
	}
	var out bytes.Buffer
	framer := http2.NewFramer(&out, nil)
	framer.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: block.Bytes(), EndHeaders: true})
	second := out.Len()
	framer.WriteData(1, true, body)
	return frames{out.Bytes(), second}
}

func (f frames) of(stream uint32) []byte {
	binary.BigEndian.PutUint32(f.bytes[5:], stream)
	binary.BigEndian.PutUint32(f.bytes[f.second+5:], stream)
	return f.bytes
}

func (c *h2client) greet() error {
	var hello bytes.Buffer
	hello.WriteString(http2.ClientPreface)
	framer := http2.NewFramer(&hello, nil)
	framer.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: streamWindow})
	framer.WriteWindowUpdate(0, connectionWindow)
	_, err := c.Write(hello.Bytes())
	return err
}

func (c *h2client) send(start time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	request := c.later
	if c.next == 1 {
		request = c.first
	}
	stream := c.next
	c.next += 2
	c.calls[stream] = &h2reply{start: start}
	_, err := c.Write(request.of(stream))
	return err
}

func (c *h2client) buffered() int { return c.reader.Buffered() }

func (c *h2client) step() (time.Time, bool, error) {
	frame, err := c.framer.ReadFrame()
	if err != nil {
		return time.Time{}, false, err
	}
	switch f := frame.(type) {
	case *http2.SettingsFrame:
		if !f.IsAck() {
			err = c.framer.WriteSettingsAck()
		}
	case *http2.PingFrame:
		if !f.IsAck() {
			err = c.framer.WritePing(true, f.Data)
		}
	case *http2.MetaHeadersFrame:
		return c.took(f.StreamID, f.StreamEnded(), func(r *h2reply) error {
			r.read(f.Fields)
			return nil
		})
	case *http2.DataFrame:
		return c.took(f.StreamID, f.StreamEnded(), func(r *h2reply) error {
			r.body = append(r.body, f.Data()...)
			if c.data == nil {
				return nil
			}
			return c.data(r)
		})
	case *http2.RSTStreamFrame, *http2.GoAwayFrame:
		err = fmt.Errorf("the peer sent %v", f.Header())
	}
	return time.Time{}, false, err
}

// took adds a frame to its call.
func (c *h2client) took(id uint32, ended bool, add func(*h2reply) error) (time.Time, bool, error) {
	c.mu.Lock()
	r := c.calls[id]
	if ended {
		delete(c.calls, id)
	}
	c.mu.Unlock()
	if r == nil {
		return time.Time{}, false, fmt.Errorf("a frame of stream %d, which is not open", id)
	}
	if err := add(r); err != nil || !ended {
		return r.start, false, err
	}
	return r.start, true, c.check(r)
}

func (r *h2reply) read(fields []hpack.HeaderField) {
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
