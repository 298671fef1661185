package faults

import "crypto/tls"

// transport is the version of TLS between agentconf and the gateway.
type transport uint16

const (
	plaintext transport = 0
	tls12     transport = tls.VersionTLS12
	tls13     transport = tls.VersionTLS13
)

func (t transport) String() string {
	if t == plaintext {
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
func (t transport) recordOverhead() int {
	if t == tls12 {
		return 24
	}
	return 17
}

// finalDirection returns the direction of the record that completes the handshake.
func (t transport) finalDirection() direction {
	if t == tls12 {
		return downstream
	}
	return upstream
}

// byteCounter counts the bytes of one direction of a connection. Of TLS, it reads only the headers of
// records.
type byteCounter struct {
	transport transport
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
	case c.transport == plaintext:
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
