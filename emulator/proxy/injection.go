package proxy

import (
	"time"

	"agentconf/internal/signal"
)

// Point is a position in an exchange. The constants are in the order of time.
type Point int

const (
	OnAccept       Point = iota + 1 // before any byte
	ClientHello                     // before the client's first byte of the TLS handshake
	ServerHello                     // after 50 bytes of the server's TLS handshake
	ClientFinished                  // before the client's last record of the TLS handshake
	RequestStart                    // after the first byte
	RequestHead                     // after the headers
	RequestBody                     // CutShort bytes before the end
	RequestEnd
	ReplyStart // the request is complete, and the proxy has forwarded nothing of the reply
	ReplyHead  // after the first bytes of the headers
	ReplyBody  // CutShort bytes before the end
	ReplyEnd
)

// CutShort is the number of bytes that are missing from a message that is cut in its body.
const CutShort = 5

// direction returns the direction of the bytes before which or after which p lies.
func (p Point) direction() Direction {
	if p == ServerHello || p >= ReplyStart {
		return Downstream
	}
	return Upstream
}

func (p Point) inHandshake() bool { return ClientHello <= p && p <= ClientFinished }

// afterByte reports whether the proxy forwards the byte at which it detects p.
func (p Point) afterByte() bool {
	return p != ClientHello && p != ClientFinished && p != ReplyStart
}

// Action is a proxy's action at a fault point.
type Action int

const (
	CloseConn         Action = iota + 1 // sends FIN to both sides and discards their bytes
	ResetConn                           // sends RST to both sides
	Stall                               // sends nothing more and discards the bytes of both sides
	StopReading                         // neither reads nor sends
	HalfClose                           // sends FIN to the client and continues upstream
	Delay                               // continues after a delay
	SendByteByByte                      // continues, with a delay after each byte
	DeliverAfterClose                   // sends the withheld request after the client has closed the connection
)

// Injection is an action at a fault point. A proxy performs it once.
type Injection struct {
	Point           Point
	Action          Action
	Delay           time.Duration // before the action, or after each byte
	WithholdRequest bool          // the proxy forwards nothing of the request before the fault point

	size ExchangeSize  // of the exchange that has the fault point
	done signal.Signal // set after the action
}

// ForExchange returns a copy of n for one exchange.
func (n *Injection) ForExchange(size ExchangeSize) *Injection {
	prepared := *n
	prepared.size, prepared.done = size, signal.New()
	return &prepared
}

// Done is closed after the action. n must come from ForExchange.
func (n *Injection) Done() <-chan struct{} { return n.done.IsSet }

// MessageSize is the size of a request or a reply: of its headers, and of all of it, in bytes of
// payload.
type MessageSize struct{ Head, Total int }

// ExchangeSize has the sizes of a request (Upstream) and its reply (Downstream). Fault points
// depend on it. The Payload of an exchange without a fault shows the totals.
type ExchangeSize [2]MessageSize

// reached reports whether the last byte in direction d, which c has counted, is the one at the fault point.
func (n *Injection) reached(d Direction, handshake bool, c *byteCounter) bool {
	if d != n.Point.direction() || handshake != n.Point.inHandshake() {
		return false
	}
	switch size := n.size[d]; n.Point {
	case ClientHello, RequestStart, ReplyStart:
		return true
	case ServerHello:
		return c.wire > 50
	case ClientFinished:
		return c.encrypted && c.headerBytes == 1
	case RequestHead, ReplyHead:
		return c.payload >= size.Head
	case RequestBody, ReplyBody:
		return c.payload >= size.Total-CutShort
	case RequestEnd, ReplyEnd:
		return c.complete(size.Total)
	}
	return false
}
