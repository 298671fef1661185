package proxy

import "crypto/tls"

// Transport is the version of TLS of the connections through a proxy.
type Transport uint16

const (
	Plaintext Transport = 0
	TLS12     Transport = tls.VersionTLS12
	TLS13     Transport = tls.VersionTLS13
)

// String implements fmt.Stringer.
func (t Transport) String() string {
	if t == Plaintext {
		return "no TLS"
	}
	return tls.VersionName(uint16(t))
}

const (
	recordHeader     = 5  // length of the header of a TLS record
	changeCipherSpec = 20 // type of the record after which all records are encrypted
)

// recordOverhead returns the bytes of a record that are not payload: type and tag in TLS 1.3, nonce and
// tag in TLS 1.2 with AES-GCM. Their position does not matter, because a receiver can decrypt only complete
// records.
func (t Transport) recordOverhead() int {
	if t == TLS12 {
		return 24
	}
	return 17
}

// finalDirection returns the direction of the record that completes the handshake.
func (t Transport) finalDirection() Direction {
	if t == TLS12 {
		return Downstream
	}
	return Upstream
}

// byteCounter counts the bytes of one direction of a connection. Of TLS, it reads only the headers of
// records.
type byteCounter struct {
	transport Transport
	wire      int // bytes
	payload   int // bytes of HTTP among them

	header           [recordHeader]byte
	headerBytes      int  // bytes of an incomplete header
	recordLeft       int  // bytes that are missing from the record
	encrypted        bool // all further records are encrypted
	encryptedRecords int  // complete encrypted records
}

// restart sets the counts to zero for the next exchange.
func (c *byteCounter) restart() { c.wire, c.payload = 0, 0 }

// countByte counts b.
func (c *byteCounter) countByte(b byte) {
	c.wire++
	switch {
	case c.transport == Plaintext:
		c.payload++
	case c.recordLeft == 0:
		c.countHeader(b)
	default:
		if c.recordLeft--; c.recordLeft >= c.transport.recordOverhead() {
			c.payload++
		}
		if c.recordLeft == 0 {
			c.endRecord()
		}
	}
}

func (c *byteCounter) countHeader(b byte) {
	c.header[c.headerBytes] = b
	if c.headerBytes++; c.headerBytes == recordHeader {
		c.headerBytes, c.recordLeft = 0, int(c.header[3])<<8|int(c.header[4])
	}
}

func (c *byteCounter) endRecord() {
	switch {
	case c.header[0] == changeCipherSpec:
		c.encrypted = true
	case c.encrypted:
		c.encryptedRecords++
	}
}

// complete reports whether the message of n bytes of payload and its last record are complete.
func (c *byteCounter) complete(n int) bool {
	return c.payload >= n && c.recordLeft == 0 && c.headerBytes == 0
}
