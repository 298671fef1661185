package transport_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
)

// gatewayScript is what a scripted gateway does with every request.
type gatewayScript struct {
	Fault  string  // refuse, close or stall; empty: answer
	Status int     // HTTP status, 200 if zero
	Reply  *string // body, the documented response if nil
	Pad    int     // blanks behind the body

	SetGUID string `json:"set_guid"` // header of the answer
}

const documentedReply = `{"result":{},"message":"success","retcode":"0"}`

// scriptedGateway answers as it is told, and records what it was sent.
type scriptedGateway struct {
	listener net.Listener
	done     sync.WaitGroup

	hungUp chan struct{} // takes a value when the caller of a stalled request gives up

	mu       sync.Mutex
	script   gatewayScript
	requests []recordedRequest
	conns    []net.Conn
}

type recordedRequest struct {
	line   string // method and target
	host   string
	header http.Header
	body   string
}

func newScriptedGateway(l net.Listener) *scriptedGateway {
	g := &scriptedGateway{listener: l, hungUp: make(chan struct{}, 1)}
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

// play sets what is done from now on. A gateway that refuses does so for good.
func (g *scriptedGateway) play(s gatewayScript) {
	if s.Fault == "refuse" {
		g.listener.Close()
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.script = s
}

// received returns the requests so far, and forgets them.
func (g *scriptedGateway) received() []recordedRequest {
	g.mu.Lock()
	defer g.mu.Unlock()
	r := g.requests
	g.requests = nil
	return r
}

func (g *scriptedGateway) stop() {
	g.listener.Close()
	g.mu.Lock()
	for _, c := range g.conns {
		c.Close()
	}
	g.mu.Unlock()
	g.done.Wait()
}

func (g *scriptedGateway) serve(conn net.Conn) {
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
		script := g.record(req, body)
		switch script.Fault {
		case "close":
			return
		case "stall":
			io.Copy(io.Discard, r) // until the caller gives up
			g.hungUp <- struct{}{}
			return
		}
		if err := script.answer(conn); err != nil {
			return
		}
	}
}

func (g *scriptedGateway) record(req *http.Request, body []byte) gatewayScript {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.requests = append(g.requests, recordedRequest{req.Method + " " + req.RequestURI, req.Host, req.Header, string(body)})
	return g.script
}

func (s gatewayScript) answer(w io.Writer) error {
	status, reply := s.Status, documentedReply
	if status == 0 {
		status = http.StatusOK
	}
	if s.Reply != nil {
		reply = *s.Reply
	}
	reply += strings.Repeat(" ", s.Pad)
	header := ""
	if status/100 == 3 { // to the very same gateway, which would record a follower
		header = "Location: http://gateway.test:8043/elsewhere\r\n"
	}
	if s.SetGUID != "" {
		header += "Set-GUID: JSESSIONID=" + s.SetGUID + "\r\n"
	}
	_, err := fmt.Fprintf(w, "HTTP/1.1 %d %s\r\nContent-Type: application/json\r\n%sContent-Length: %d\r\n\r\n%s",
		status, http.StatusText(status), header, len(reply), reply)
	return err
}
