package faults

import "crypto/tls"

// leg is how agentconf talks with the gateway: a version of TLS, or without.
type leg uint16

const (
	inTheClear leg = 0
	byTLS12    leg = tls.VersionTLS12
	byTLS13    leg = tls.VersionTLS13
)

func (l leg) String() string {
	if l == inTheClear {
		return "no TLS"
	}
	return tls.VersionName(uint16(l))
}

const (
	recordHeader     = 5  // bytes before the content of a TLS record
	changeCipherSpec = 20 // the type of the record behind which all are encrypted
)

// overhead is how many bytes of a record are not the message: the type and the tag in
// TLS 1.3, the nonce and the tag in TLS 1.2 with AES-GCM. Nothing of a record can be
// decrypted before it is complete, so it does not matter where in it they are.
func (l leg) overhead() int {
	if l == byTLS12 {
		return 24
	}
	return 17
}

// lastWord is the direction of the record that ends the handshake.
func (l leg) lastWord() direction {
	if l == byTLS12 {
		return down
	}
	return up
}

// traffic is how many bytes a request or a reply has, beneath TLS its records.
type traffic struct{ head, all int }

// meter follows one direction of a connection byte by byte, and knows how far the
// message in it has come. It reads no more of TLS than the headers of records.
type meter struct {
	leg   leg
	wire  int // bytes
	plain int // of them, those of the message

	header [recordHeader]byte
	have   int  // bytes of header
	left   int  // bytes of the record that are still to come
	secret bool // records are encrypted from now on
	sealed int  // of those, how many are complete
}

// restart counts from zero again.
func (m *meter) restart() { m.wire, m.plain = 0, 0 }

func (m *meter) step(b byte) {
	m.wire++
	switch {
	case m.leg == inTheClear:
		m.plain++
	case m.left == 0:
		m.stepHeader(b)
	default:
		if m.left--; m.left >= m.leg.overhead() {
			m.plain++
		}
		if m.left == 0 {
			m.endRecord()
		}
	}
}

func (m *meter) endRecord() {
	switch {
	case m.header[0] == changeCipherSpec:
		m.secret = true
	case m.secret:
		m.sealed++
	}
}

// count is step for many bytes, in less time.
func (m *meter) count(chunk []byte) {
	for len(chunk) > 0 {
		n := len(chunk)
		if m.leg != inTheClear {
			n = min(n, m.left-m.leg.overhead())
		}
		if n > 0 {
			m.wire, m.plain, m.left = m.wire+n, m.plain+n, max(m.left-n, 0)
		} else {
			n = 1
			m.step(chunk[0])
		}
		chunk = chunk[n:]
	}
}

func (m *meter) stepHeader(b byte) {
	m.header[m.have] = b
	if m.have++; m.have == recordHeader {
		m.have, m.left = 0, int(m.header[3])<<8|int(m.header[4])
	}
}

// complete reports whether n bytes of the message have come, and what TLS has behind
// them.
func (m *meter) complete(n int) bool { return m.plain >= n && m.left == 0 && m.have == 0 }
