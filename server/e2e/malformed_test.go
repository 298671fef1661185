package e2e

import (
	"fmt"
	"io"
	"testing"

	"golang.org/x/net/http2"
)

// malformedRequests are the first lines of HTTP/1.1 connections. They are malformed or
// have secrets in unusual places.
var malformedRequests = []string{
	"5ec2e7f0",
	"POST 70265318495 HTTP/1.1",
	"POST /promptfoxtrot HTTP/5ec2e7f0",
	"s3samePa55 " + holdV1 + " HTTP/1.1",
	"GET /5ec2e7f0/70265318495 HTTP/1.1",
	"GET /v1/agents/5ec2e7f0/70265318495:s3samePa55 HTTP/1.1",
	"GET http://s3samePa55:5ec2e7f0@agentconf.test/promptfoxtrot HTTP/1.1",
	"GET /%zz5ec2e7f0 HTTP/1.1",
	"POST /v1/agents/70265318495/conference:holdParticipant HTTP/1.1",
	"POST " + holdV1 + "?5ec2e7f0=70265318495&guid=5ec2e7f0&%zz=s3samePa55 HTTP/1.1",
	"GET /v1/agents/1287/events?after_sequence=70265318495x HTTP/1.1",
	"GET /v1/agents/1287/events?after_sequence=1&after_sequence=70265318495 HTTP/1.1",
	"POST /agentgateway/resource/onlineagent/1287/resetskill/s3samePa55?phonelinkage=70265318495 HTTP/1.1",
	"DELETE /agentgateway/resource/onlineagent/1287/forcelogoutwithreason/70265318495 HTTP/1.1",
	"POST " + holdV1 + " HTTP/1.1\r\nGuid: 5ec2e7f0\r\nGrpc-Timeout: 70265318495",
	"POST " + holdV1 + " HTTP/1.1\r\nGuid: 5ec2e7f0\r\nContent-Length: 70265318495x",
	"POST " + holdV1 + " HTTP/1.1\r\nGuid: 5ec2e7f0\r\nTransfer-Encoding: s3samePa55",
	"POST " + holdV1 + " HTTP/1.1\r\nGuid: 5ec2e7f0\r\nExpect: s3samePa55",
	"POST " + holdV1 + " HTTP/1.1\r\nGuid: 5ec2e7f0\r\nGuid: 5ec2e7f0",
	"POST " + holdV1 + " HTTP/1.1\r\n5ec2e7f0",
	"POST " + holdV1 + " HTTP/1.1\r\n5ec2e7f0: 70265318495\r\nX 5ec2e7f0: s3samePa55",
	"GET /v1/agents/1287/events HTTP/1.1\r\nGuid: a\r\nLast-Event-ID: 5ec2e7f0",
	"GET / HTTP/1.1\r\nHost: 5ec2e7f0 s3samePa55",
	"PRI * HTTP/2.0\r\n\r\n5ec2e7f0",
}

// malformedFields are HTTP/2 header fields that are malformed or have a secret in an
// unusual place.
var malformedFields = []field{
	{Name: ":path", Value: "5ec2e7f0"},
	{Name: ":path", Value: "/5ec2e7f0"},
	{Name: ":path", Value: "/5ec2e7f0/70265318495"},
	{Name: ":method", Value: "s3samePa55"},
	{Name: ":authority", Value: "5ec2e7f0"},
	{Name: "content-type", Value: "text/s3samePa55"},
	{Name: "content-type", Value: "application/grpc+s3samePa55"},
	{Name: "grpc-encoding", Value: "s3samePa55"},
	{Name: "grpc-timeout", Value: "70265318495"},
	{Name: "guid-bin", Value: "!5ec2e7f0!"},
	{Name: "5ec2e7f0", Value: "70265318495"},
	{Name: "5EC2E7F0", Value: "70265318495"},
	{Name: "connection", Value: "5ec2e7f0"},
	{Name: "user-agent", Value: "5ec2e7f0"},
}

// sendMalformed sends every malformed request and field, and adds the HTTP replies to
// replies. The replies to the fields are left out: grpc-go may repeat a malformed field to
// its sender.
func (f *fronts) sendMalformed(t *testing.T, replies *transcript) {
	t.Helper()
	for _, text := range malformedRequests {
		conn := f.dial(t, f.dialHTTP)
		io.WriteString(conn, text+"\r\nHost: a\r\nConnection: close\r\n\r\n")
		reply, err := io.ReadAll(conn)
		replies.add(fmt.Sprint(string(reply), err))
		conn.Close()
	}
	for _, malformed := range malformedFields {
		f.sendField(t, malformed)
	}
}

// sendField sends a hold over gRPC with one changed field and waits for the reply.
func (f *fronts) sendField(t *testing.T, changed field) {
	t.Helper()
	conn := f.dial(t, f.dialGRPC)
	defer conn.Close()
	io.WriteString(conn, http2Bytes(func(w *http2Writer) {
		w.headers(1, false, holdHeaders(field{Name: "guid", Value: mark(someGUID)}, changed)...)
		w.WriteData(1, true, []byte{1, 0, 0, 0, 0})
	}))
	for r := http2.NewFramer(nil, conn); ; {
		frame, err := r.ReadFrame()
		if err != nil || frame.Header().StreamID == 1 || frame.Header().Type == http2.FrameGoAway {
			return
		}
	}
}
