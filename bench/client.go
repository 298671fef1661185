//go:build linux

package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/textproto"
	"strconv"
	"syscall"
	"time"
)

// client is a connection that is cheap to drive: all that it sends was made
// beforehand. It looks at every reply.
type client interface {
	// send sends a call that is said to have begun at start.
	send(start time.Time) error

	// step reads one frame of HTTP/2, or one response of HTTP/1.1. If that ends a
	// call, it returns when the call began.
	step() (start time.Time, ended bool, err error)

	// buffered is how many bytes have been received that step has not read.
	buffered() int

	syscall.Conn
	io.Closer
}

// dialHold opens a connection for holds by way of a variant.
func dialHold(kind kind, address, path string) (client, error) {
	conn, err := dialTCP(address)
	if err != nil {
		return nil, err
	}
	switch kind {
	case jsonH1:
		return newH1Client(conn, path), nil
	case jsonH2:
		return newH2Client(conn, path, "application/json", guid, []byte(jsonBody), checkJSON)
	}
	return newH2Client(conn, path, "application/grpc", guid, grpcFrame(holdRequest()), checkGRPC)
}

func dialTCP(address string) (*net.TCPConn, error) {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return nil, err
	}
	return conn.(*net.TCPConn), nil
}

var successFrame = grpcFrame(holdResponse())

func checkGRPC(r *h2reply) error {
	if r.status != "200" || r.grpcStatus != "0" || !bytes.Equal(r.body, successFrame) {
		return fmt.Errorf("HTTP status %s, grpc-status %q %q, %d bytes", r.status, r.grpcStatus, r.grpcMessage, len(r.body))
	}
	return nil
}

func checkJSON(r *h2reply) error { return checkJSONReply(r.status, r.body) }

func checkJSONReply(status string, body []byte) error {
	if status != "200" || !bytes.Contains(body, []byte(`"retcode":"0"`)) {
		return fmt.Errorf("HTTP status %s, %s", status, body)
	}
	return nil
}

// h1client makes one hold at a time over HTTP/1.1.
type h1client struct {
	*net.TCPConn
	reader  *bufio.Reader
	request []byte
	start   time.Time
}

func newH1Client(conn *net.TCPConn, path string) *h1client {
	request := fmt.Sprintf("POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nGuid: %s\r\n"+
		"Content-Length: %d\r\n\r\n%s", path, conn.RemoteAddr(), guid, len(jsonBody), jsonBody)
	return &h1client{TCPConn: conn, reader: bufio.NewReader(conn), request: []byte(request)}
}

func (c *h1client) send(start time.Time) error {
	c.start = start
	_, err := c.Write(c.request)
	return err
}

func (c *h1client) buffered() int { return c.reader.Buffered() }

func (c *h1client) step() (time.Time, bool, error) {
	status, err := c.line()
	if err != nil {
		return c.start, false, err
	}
	length := -1
	for {
		line, err := c.line()
		if err != nil {
			return c.start, false, err
		}
		if line == "" {
			break
		}
		if name, value, _ := bytes.Cut([]byte(line), []byte(": ")); textproto.CanonicalMIMEHeaderKey(string(name)) == "Content-Length" {
			if length, err = strconv.Atoi(string(value)); err != nil {
				return c.start, false, err
			}
		}
	}
	if length < 0 {
		return c.start, false, errors.New("a reply without Content-Length")
	}
	body := make([]byte, length)
	if _, err := io.ReadFull(c.reader, body); err != nil {
		return c.start, false, err
	}
	if len(status) < 12 {
		return c.start, false, fmt.Errorf("status line %q", status)
	}
	return c.start, true, checkJSONReply(status[9:12], body)
}

func (c *h1client) line() (string, error) {
	line, err := c.reader.ReadSlice('\n')
	return string(bytes.TrimRight(line, "\r\n")), err
}
