package conformance

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
)

// Script defines what a scripted gateway does with a request.
type Script struct {
	Fault  string  // refuse, close or stall; the gateway answers if it is empty
	Status int     // HTTP status, 200 if zero
	Reply  *string // body; the documented response if nil
	Pad    int     // number of blanks after the body

	SetGUID   string   `json:"set_guid"` // response header
	SetCookie []string // response headers
}

// Gateway is a CC-Gateway that answers by a script and records its requests.
type Gateway struct {
	listener net.Listener
	done     sync.WaitGroup

	HungUp chan struct{} // receives a value when the caller of a stalled request closes the connection

	mu       sync.Mutex
	script   func(Request) Script
	requests []Request
	conns    []net.Conn
}

// Request is a request that the gateway received.
type Request struct {
	Line   string // method and target
	Host   string
	Header http.Header
	Body   string
}

// NewGateway serves on l and answers every request with the documented response.
func NewGateway(l net.Listener) *Gateway {
	g := &Gateway{listener: l, HungUp: make(chan struct{}, 1)}
	g.Play(Script{})
	g.done.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			g.mu.Lock()
			g.conns = append(g.conns, conn)
			g.mu.Unlock()
			g.done.Go(func() { g.serve(conn) })
		}
	})
	return g
}

// Play sets the script of all further requests. The fault "refuse" closes the listener for good.
func (g *Gateway) Play(s Script) {
	if s.Fault == "refuse" {
		g.listener.Close()
	}
	g.PlayEach(func(Request) Script { return s })
}

// PlayEach sets a function that returns the script of each further request.
func (g *Gateway) PlayEach(script func(Request) Script) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.script = script
}

// Received returns the requests since the last call of Received.
func (g *Gateway) Received() []Request {
	g.mu.Lock()
	defer g.mu.Unlock()
	r := g.requests
	g.requests = nil
	return r
}

// Stop closes the listener and all connections, and waits for their goroutines.
func (g *Gateway) Stop() {
	g.listener.Close()
	g.mu.Lock()
	for _, c := range g.conns {
		c.Close()
	}
	g.mu.Unlock()
	g.done.Wait()
}

func (g *Gateway) serve(conn net.Conn) {
	defer conn.Close()
	r := bufio.NewReader(conn)
	for {
		req, err := http.ReadRequest(r)
		if err != nil {
			return
		}
		body, err := io.ReadAll(req.Body)
		if err != nil {
			return
		}
		script := g.record(Request{req.Method + " " + req.RequestURI, req.Host, req.Header, string(body)})
		switch script.Fault {
		case "close":
			return
		case "stall":
			io.Copy(io.Discard, r) // until the caller closes the connection
			select {
			case g.HungUp <- struct{}{}:
			default: // the last value has not been received
			}
			return
		}
		if err := script.Answer(conn); err != nil {
			return
		}
	}
}

func (g *Gateway) record(r Request) Script {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.requests = append(g.requests, r)
	return g.script(r)
}

// Answer writes the response.
func (s Script) Answer(w io.Writer) error {
	status, reply := s.Status, DocumentedReply
	if status == 0 {
		status = http.StatusOK
	}
	if s.Reply != nil {
		reply = *s.Reply
	}
	reply += strings.Repeat(" ", s.Pad)
	header := ""
	if status/100 == 3 { // agentconf must not follow it; the gateway would record the second request
		header = "Location: http://gateway.test:8043/elsewhere\r\n"
	}
	if s.SetGUID != "" {
		header += "Set-GUID: JSESSIONID=" + s.SetGUID + "\r\n"
	}
	for _, cookie := range s.SetCookie {
		header += "Set-Cookie: " + cookie + "\r\n"
	}
	_, err := fmt.Fprintf(w, "HTTP/1.1 %d %s\r\nContent-Type: application/json\r\n%sContent-Length: %d\r\n\r\n%s",
		status, http.StatusText(status), header, len(reply), reply)
	return err
}
