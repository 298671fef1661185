package e2e

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// What is no request, or is two requests to some and one to others, never becomes a
// call on the JSON port.
func TestAbuseOfHTTP1(t *testing.T) {
	suffer(t, func(f *fronts) dialer { return f.dialHTTP }, answersOfHTTP1,
		slices.Concat(framingAbuses, headAbuses, targetAbuses(), floodAbuses))
}

// answersOfHTTP1 are the statuses of all that is answered before the connection is
// closed.
func answersOfHTTP1(conn net.Conn, _ abuse) string {
	var statuses []string
	for r := bufio.NewReader(conn); ; {
		resp, err := http.ReadResponse(r, nil)
		if err != nil {
			return strings.Join(statuses, " ")
		}
		io.Copy(io.Discard, resp.Body)
		statuses = append(statuses, strconv.Itoa(resp.StatusCode))
	}
}

const (
	hostLine = "Host: agentconf.test\r\n"

	// smuggled is a call of another agent, which is a request only to who has counted wrong.
	smuggled = "POST /v1/agents/1288/conference:holdParticipant HTTP/1.1\r\n" + hostLine + "Guid: " + someGUID + "\r\n" +
		"Content-Length: 90\r\n\r\n" + documentedBody

	// lastRequest has the server close the connection.
	lastRequest = "GET /last HTTP/1.1\r\n" + hostLine + "Connection: close\r\n\r\n"
)

// http1Hold is a good hold, with more lines in its head, and another body than the
// documented one.
func http1Hold(lines, body string) string {
	return "POST " + holdV1 + " HTTP/1.1\r\n" + hostLine + "Guid: " + someGUID + "\r\n" + lines + "\r\n" + body
}

const (
	lengthLine  = "Content-Length: 90\r\n" // of the documented body
	chunkedLine = "Transfer-Encoding: chunked\r\n"

	goodChunks = "5a\r\n" + documentedBody + "\r\n" + lastChunk
	lastChunk  = "0\r\n\r\n"
)

var goodHTTP1 = http1Hold(lengthLine, documentedBody)

// framingAbuses are of where a request ends.
var framingAbuses = []abuse{
	{"length and chunks", http1Hold("Content-Length: 6\r\n"+chunkedLine, "0\r\n\r\nX"+smuggled), "400", 0},
	{"nothing wrong", goodHTTP1 + lastRequest, "200 404", 1},
	{"chunks and length", http1Hold(chunkedLine+lengthLine, goodChunks+smuggled), "200", 1},
	{"two lengths", http1Hold(lengthLine+"Content-Length: 0\r\n", documentedBody+smuggled), "400", 0},
	{"same length twice", http1Hold(lengthLine+lengthLine, documentedBody) + lastRequest, "200 404", 1},
	{"list of lengths", http1Hold("Content-Length: 90, 90\r\n", documentedBody+smuggled), "400", 0},
	{"signed length", http1Hold("Content-Length: +90\r\n", documentedBody+smuggled), "400", 0},
	{"negative length", http1Hold("Content-Length: -1\r\n", documentedBody+smuggled), "400", 0},
	{"length in hex", http1Hold("Content-Length: 0x5a\r\n", documentedBody+smuggled), "400", 0},
	{"endless length", http1Hold("Content-Length: 99999999999999999999\r\n", documentedBody+smuggled), "400", 0},
	{"empty length", http1Hold("Content-Length: \r\n", documentedBody+smuggled), "400", 0},
	{"chunked twice", http1Hold(chunkedLine+chunkedLine, goodChunks+smuggled), "501", 0},
	{"list of codings", http1Hold("Transfer-Encoding: chunked, chunked\r\n", goodChunks+smuggled), "501", 0},
	{"chunked, identity", http1Hold("Transfer-Encoding: chunked, identity\r\n", goodChunks+smuggled), "501", 0},
	{"identity", http1Hold("Transfer-Encoding: identity\r\n"+lengthLine, documentedBody+smuggled), "501", 0},
	{"xchunked", http1Hold("Transfer-Encoding: xchunked\r\n"+lengthLine, documentedBody+smuggled), "501", 0},
	{"vertical tab chunked", http1Hold("Transfer-Encoding: \vchunked\r\n"+lengthLine, documentedBody+smuggled), "400", 0},
	{"blank before colon", http1Hold("Transfer-Encoding : chunked\r\n"+lengthLine, documentedBody+smuggled), "400", 0},
	{"blank before name", http1Hold(" Transfer-Encoding: chunked\r\n"+lengthLine, documentedBody) + lastRequest, "401 404", 0},
	{"folded line", http1Hold("Transfer-Encoding:\r\n chunked\r\n"+lengthLine, documentedBody+smuggled), "400", 0},
	{"folded line of no meaning", http1Hold("X: a\r\n b\r\n"+lengthLine, documentedBody) + lastRequest, "200 404", 1},
	{"no colon", http1Hold("Content-Length\r\n", documentedBody+smuggled), "400", 0},
	{"bare LF", strings.ReplaceAll(goodHTTP1, "\r\n", "\n") + lastRequest, "200 404", 1},
	{"bare LF in chunks", http1Hold(chunkedLine, strings.ReplaceAll(goodChunks, "\r\n", "\n")+smuggled), "400", 0},
	{"HTTP/1.0 with chunks", strings.Replace(http1Hold(chunkedLine, goodChunks+smuggled), "HTTP/1.1", "HTTP/1.0", 1), "400", 0},
}

// headAbuses are of lines of a head.
var headAbuses = []abuse{
	{"NUL in a header", http1Hold("X: \x00\r\n"+lengthLine, documentedBody), "400", 0},
	{"bare CR in a header", http1Hold("X: a\rContent-Length: 0\r\n"+lengthLine, documentedBody), "400", 0},
	{"two hosts", http1Hold("Host: other.test\r\n"+lengthLine, documentedBody), "400", 0},
	{"no host", strings.Replace(goodHTTP1, hostLine, "", 1), "400", 0},
	{"slash in the host", strings.Replace(goodHTTP1, "agentconf.test", "agentconf.test/x", 1), "400", 0},
	{"HTTP/0.9", "POST " + holdV1 + "\r\n\r\n", "400", 0},
	{"HTTP/2.0", strings.Replace(goodHTTP1, "HTTP/1.1", "HTTP/2.0", 1), "505", 0},
	{"HTTP/1.2", strings.Replace(goodHTTP1, "HTTP/1.1", "HTTP/1.2", 1) + lastRequest, "200 404", 1},
	{"prior knowledge of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "400", 0},
	{"asks to upgrade to HTTP/2", http1Hold("Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n"+lengthLine, documentedBody) + lastRequest, "200 404", 1},
	{"TLS", "\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03\n", "400", 0},
}

// targetAbuses are of paths and methods, each in a good hold before the last request.
func targetAbuses() (cases []abuse) {
	for _, c := range []struct {
		target, want string
		calls        int
	}{
		{holdV1[1:], "400", 0},
		{"/" + holdV1, "404 404", 0},
		{strings.Replace(holdV1, "/1287/", "//1287/", 1), "404 404", 0},
		{"/v1/agents/1288/../1287/conference:holdParticipant", "404 404", 0},
		{"/v1/agents/1288/%2e%2e/1287/conference:holdParticipant", "404 404", 0},
		{"/v1/agents/1288%2f..%2f1287/conference:holdParticipant", "404 404", 0},
		{"/v1%2Fagents/1287/conference:holdParticipant", "404 404", 0},
		{"/V1/agents/1287/conference:holdParticipant", "404 404", 0},
		{"/v1/agents/1287/conference:HoldParticipant", "404 404", 0},
		{"/v1/agents/1287/conference:hold%50articipant", "200 404", 1}, // which is the same path
		{holdV1 + "?agent_id=1288", "400 404", 0},
		{holdV1 + "#1288", "404 404", 0},
		{"http://agentconf.test" + holdV1, "200 404", 1},
		{"http://other.test" + holdV1, "200 404", 1},
		{"*", "400 404", 0},
		{"agentconf.test:80", "400 404", 0},
		{"http://agentconf.test", "400 404", 0},
		{holdV1 + " ", "400", 0},
		{holdV1 + "%", "400", 0},
		{holdV1 + "\x00", "400", 0},
		{holdV1 + "\xff", "404 404", 0},
	} {
		cases = append(cases, abuse{"target " + c.target, strings.Replace(goodHTTP1, holdV1, c.target, 1) + lastRequest, c.want, c.calls})
	}
	for method, want := range map[string]string{
		"post": "405 404", "Post": "405 404", "PRI": "405 404", "CONNECT": "405 404", "TRACE": "405 404",
		"HEAD": "405", "P(ST": "400", "": "400",
	} {
		cases = append(cases, abuse{"method " + method, strings.Replace(goodHTTP1, "POST", method, 1) + lastRequest, want, 0})
	}
	return cases
}

// floodAbuses are of much that is little each.
var floodAbuses = []abuse{
	{"huge header", http1Hold("X: "+strings.Repeat("a", 1<<20)+"\r\n"+lengthLine, documentedBody), "431", 0},
	{"header without an end", http1Hold("X: "+strings.Repeat("a", 16<<20), ""), "431", 0},
	{"many headers", http1Hold(strings.Repeat("X: a\r\n", 100_000)+lengthLine, documentedBody), "431", 0},
	{"huge target", strings.Replace(goodHTTP1, holdV1, "/"+strings.Repeat("a", 1<<20), 1), "431", 0},
	{"trailers without an end", http1Hold(chunkedLine, goodChunks[:len(goodChunks)-2]+strings.Repeat("X: a\r\n", 100_000)), "400", 0},
	{"chunk extensions", http1Hold(chunkedLine, strings.Repeat("1;"+strings.Repeat("a", 3000)+"\r\n \r\n", 10_000)), "400", 0},
	{"one byte in a chunk", http1Hold(chunkedLine, strings.Repeat("1\r\n \r\n", 300_000)), "400", 0},
	{"zeros before the size of a chunk", http1Hold(chunkedLine, strings.Repeat("0", 1000)+goodChunks), "400", 0},
	{"a chunk of 2^64", http1Hold(chunkedLine, "10000000000000000\r\n"+smuggled), "400", 0},
	{"empty lines", strings.Repeat("\r\n", 300_000) + goodHTTP1, "400", 0},
	{"pipelining", strings.Repeat(goodHTTP1, 500) + lastRequest, strings.Repeat("200 ", 500) + "404", 500},
	{"pipelining of what is refused", strings.Repeat("GET /nothing HTTP/1.1\r\n"+hostLine+"\r\n", 1000) + lastRequest, strings.Repeat("404 ", 1000) + "404", 0},
}
