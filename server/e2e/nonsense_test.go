package e2e

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"testing"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// noRequests are what stands at the begin of a connection instead of a request, with
// secrets wherever there is a place.
var noRequests = []string{
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

// noHeads are a field each that makes the head of a call over gRPC a wrong one, or has
// a secret where nobody looks for one.
var noHeads = []hpack.HeaderField{
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

// sendNonsense sends what is no call.
func (f *fronts) sendNonsense(t *testing.T, told *transcript) {
	t.Helper()
	for _, text := range noRequests {
		conn := f.dial(t, f.dialHTTP)
		io.WriteString(conn, text+"\r\nHost: a\r\nConnection: close\r\n\r\n")
		answer, err := io.ReadAll(conn)
		told.add(fmt.Sprint(string(answer), err))
		conn.Close()
	}
	for _, field := range noHeads {
		f.sendHead(t, field)
	}
}

// sendHead makes a hold over gRPC of which one field is another. The answer is that of
// grpc-go, which may repeat to its sender what it could not read.
func (f *fronts) sendHead(t *testing.T, other hpack.HeaderField) {
	t.Helper()
	fields := []hpack.HeaderField{
		{Name: ":method", Value: "POST"}, {Name: ":scheme", Value: "http"}, {Name: ":authority", Value: "agentconf.test"},
		{Name: ":path", Value: "/agentconf.v1.ConferenceService/HoldParticipant"},
		{Name: "content-type", Value: "application/grpc"}, {Name: "te", Value: "trailers"}, {Name: "guid", Value: mark(someGUID)},
	}
	at := slices.IndexFunc(fields, func(f hpack.HeaderField) bool { return f.Name == other.Name })
	if at >= 0 {
		fields[at] = other
	} else {
		fields = append(fields, other)
	}
	var head bytes.Buffer
	enc := hpack.NewEncoder(&head)
	for _, field := range fields {
		enc.WriteField(field)
	}
	conn := f.dial(t, f.dialGRPC)
	defer conn.Close()
	io.WriteString(conn, http2.ClientPreface)
	framer := http2.NewFramer(conn, conn)
	framer.WriteSettings()
	framer.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: head.Bytes(), EndHeaders: true})
	framer.WriteData(1, true, []byte{1, 0, 0, 0, 0})
	for {
		frame, err := framer.ReadFrame()
		if err != nil || frame.Header().StreamID == 1 || frame.Header().Type == http2.FrameGoAway {
			return
		}
	}
}
