package faults

import "time"

// faultPoint is a position in an exchange. The constants are in the order of time.
type faultPoint int

const (
	onAccept       faultPoint = iota + 1 // before any byte
	clientHello                          // before the client's first byte of the TLS handshake
	serverHello                          // after 50 bytes of the server's TLS handshake
	clientFinished                       // before the client's last record of the TLS handshake
	requestStart                         // after the first byte
	requestHead                          // after the headers
	requestBody                          // cutShort bytes before the end
	requestEnd
	replyStart // the request is complete, and the proxy has forwarded nothing of the reply
	replyHead  // after the first bytes of the headers
	replyBody  // cutShort bytes before the end
	replyEnd
)

// cutShort is the number of bytes that are missing from a message that is cut in its body.
const cutShort = 5

// direction returns the direction of the bytes before which or after which p lies.
func (p faultPoint) direction() direction {
	if p == serverHello || p >= replyStart {
		return downstream
	}
	return upstream
}

func (p faultPoint) inHandshake() bool { return clientHello <= p && p <= clientFinished }

// afterByte reports whether the proxy forwards the byte at which it detects p.
func (p faultPoint) afterByte() bool {
	return p != clientHello && p != clientFinished && p != replyStart
}

// action is a proxy's action at a fault point.
type action int

const (
	closeConn         action = iota + 1 // sends FIN to both sides and discards their bytes
	resetConn                           // sends RST to both sides
	stall                               // sends nothing more and discards the bytes of both sides
	stopReading                         // neither reads nor sends
	halfClose                           // sends FIN to the client and continues upstream
	delay                               // continues after a delay
	sendByteByByte                      // continues, with a delay after each byte
	deliverAfterClose                   // sends the withheld request after the client has closed the connection
)

// injection is an action at a fault point. A proxy performs it once.
type injection struct {
	point           faultPoint
	action          action
	delay           time.Duration // before the action, or after each byte
	withholdRequest bool          // the proxy forwards nothing of the request before the fault point

	size exchangeSize // of the exchange that has the fault point
	done signal       // set after the action
}

// forExchange returns a copy of n for one exchange.
func (n *injection) forExchange(size exchangeSize) *injection {
	prepared := *n
	prepared.size, prepared.done = size, newSignal()
	return &prepared
}

// reached reports whether the last byte in direction d, which c has counted, is the one at the fault point.
func (n *injection) reached(d direction, handshake bool, c *byteCounter) bool {
	if d != n.point.direction() || handshake != n.point.inHandshake() {
		return false
	}
	switch size := n.size[d]; n.point {
	case clientHello, requestStart, replyStart:
		return true
	case serverHello:
		return c.wire > 50
	case clientFinished:
		return c.encrypted && c.headerBytes == 1
	case requestHead, replyHead:
		return c.payload >= size.head
	case requestBody, replyBody:
		return c.payload >= size.total-cutShort
	case requestEnd, replyEnd:
		return c.complete(size.total)
	}
	return false
}
