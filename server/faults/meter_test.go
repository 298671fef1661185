package faults

const (
	recordHeader   = 5  // bytes before the content of a TLS record
	recordOverhead = 17 // bytes behind it, in TLS 1.3: its type and the tag
	sealed         = 23 // the type of every record that is encrypted
)

// traffic is how many bytes a request or a reply has, beneath TLS its records.
type traffic struct{ head, all int }

// meter follows one direction of a connection byte by byte, and knows how far the
// message in it has come. It reads no more of TLS than the headers of records.
type meter struct {
	tls   bool
	wire  int // bytes
	plain int // of them, those of the message

	header [recordHeader]byte
	have   int // bytes of header
	left   int // bytes of the record that are still to come
	sealed int // sealed records that are complete
}

// restart counts from zero again.
func (m *meter) restart() { m.wire, m.plain = 0, 0 }

func (m *meter) step(b byte) {
	m.wire++
	switch {
	case !m.tls:
		m.plain++
	case m.left == 0:
		m.stepHeader(b)
	default:
		if m.left--; m.left >= recordOverhead {
			m.plain++
		}
		if m.left == 0 && m.header[0] == sealed {
			m.sealed++
		}
	}
}

// count is step for many bytes, in less time.
func (m *meter) count(chunk []byte) {
	for len(chunk) > 0 {
		n := len(chunk)
		if m.tls {
			n = min(n, m.left-recordOverhead)
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
