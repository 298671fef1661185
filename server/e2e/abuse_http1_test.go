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

// The JSON port executes no malformed request. If a proxy could see the end of a request in
// another place, the port executes nothing behind it.
func TestAbuseOfHTTP1(t *testing.T) {
	testAbuses(t, func(f *fronts) dialer { return f.dialHTTP }, readHTTP1,
		slices.Concat(framingAbuses, headAbuses, targetAbuses(), methodAbuses(), floodAbuses))
}

// readHTTP1 returns the HTTP statuses of all replies until the server closes the
// connection.
func readHTTP1(conn net.Conn, _ abuse) string {
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
	hostHeader = "Host: agentconf.test\r\n"

	// smuggledHold is a hold of another agent. A server executes it only if it puts the end
	// of the request before it in the wrong place.
	smuggledHold = "POST /v1/agents/1288/conference:holdParticipant HTTP/1.1\r\n" + hostHeader +
		"Guid: " + someGUID + "\r\nContent-Length: 90\r\n\r\n" + documentedBody

	// lastRequest makes the server close the connection after the reply 404.
	lastRequest = "GET /last HTTP/1.1\r\n" + hostHeader + "Connection: close\r\n\r\n"
)

// http1Hold returns a hold with additional header lines and with body. The lines must
// announce the length of body.
func http1Hold(lines, body string) string {
	return "POST " + holdV1 + " HTTP/1.1\r\n" + hostHeader + "Guid: " + someGUID + "\r\n" + lines + "\r\n" + body
}

const (
	lengthHeader  = "Content-Length: 90\r\n" // of documentedBody
	chunkedHeader = "Transfer-Encoding: chunked\r\n"

	validChunks = "5a\r\n" + documentedBody + "\r\n" + lastChunk
	lastChunk   = "0\r\n\r\n"
)

var validHTTP1 = http1Hold(lengthHeader, documentedBody)

// framingAbuses place the end of a request ambiguously.
var framingAbuses = []abuse{
	{"Content-Length before chunked",
		http1Hold("Content-Length: 6\r\n"+chunkedHeader, "0\r\n\r\nX"+smuggledHold), "400", 0},
	{"valid request", validHTTP1 + lastRequest, "200 404", 1},
	{"Content-Length after chunked",
		http1Hold(chunkedHeader+lengthHeader, validChunks+smuggledHold), "200", 1},
	{"two lengths", http1Hold(lengthHeader+"Content-Length: 0\r\n", documentedBody+smuggledHold), "400", 0},
	{"same length twice", http1Hold(lengthHeader+lengthHeader, documentedBody) + lastRequest, "200 404", 1},
	{"list of lengths", http1Hold("Content-Length: 90, 90\r\n", documentedBody+smuggledHold), "400", 0},
	{"signed length", http1Hold("Content-Length: +90\r\n", documentedBody+smuggledHold), "400", 0},
	{"negative length", http1Hold("Content-Length: -1\r\n", documentedBody+smuggledHold), "400", 0},
	{"length in hex", http1Hold("Content-Length: 0x5a\r\n", documentedBody+smuggledHold), "400", 0},
	{"length over 64 bits",
		http1Hold("Content-Length: 99999999999999999999\r\n", documentedBody+smuggledHold), "400", 0},
	{"empty length", http1Hold("Content-Length: \r\n", documentedBody+smuggledHold), "400", 0},
	{"chunked twice", http1Hold(chunkedHeader+chunkedHeader, validChunks+smuggledHold), "501", 0},
	{"list of transfer codings",
		http1Hold("Transfer-Encoding: chunked, chunked\r\n", validChunks+smuggledHold), "501", 0},
	{"chunked, identity",
		http1Hold("Transfer-Encoding: chunked, identity\r\n", validChunks+smuggledHold), "501", 0},
	{"identity",
		http1Hold("Transfer-Encoding: identity\r\n"+lengthHeader, documentedBody+smuggledHold), "501", 0},
	{"xchunked",
		http1Hold("Transfer-Encoding: xchunked\r\n"+lengthHeader, documentedBody+smuggledHold), "501", 0},
	{"vertical tab chunked",
		http1Hold("Transfer-Encoding: \vchunked\r\n"+lengthHeader, documentedBody+smuggledHold), "400", 0},
	{"space before the colon",
		http1Hold("Transfer-Encoding : chunked\r\n"+lengthHeader, documentedBody+smuggledHold), "400", 0},
	{"space before the name",
		http1Hold(" Transfer-Encoding: chunked\r\n"+lengthHeader, documentedBody) + lastRequest, "401 404", 0},
	{"folded line",
		http1Hold("Transfer-Encoding:\r\n chunked\r\n"+lengthHeader, documentedBody+smuggledHold), "400", 0},
	{"folded line of an unknown header",
		http1Hold("X: a\r\n b\r\n"+lengthHeader, documentedBody) + lastRequest, "200 404", 1},
	{"no colon", http1Hold("Content-Length\r\n", documentedBody+smuggledHold), "400", 0},
	{"bare LF", strings.ReplaceAll(validHTTP1, "\r\n", "\n") + lastRequest, "200 404", 1},
	{"bare LF in chunks",
		http1Hold(chunkedHeader, strings.ReplaceAll(validChunks, "\r\n", "\n")+smuggledHold), "400", 0},
	{"chunks in HTTP/1.0",
		strings.Replace(http1Hold(chunkedHeader, validChunks+smuggledHold), "HTTP/1.1", "HTTP/1.0", 1), "400", 0},
}

// headAbuses have a malformed request line or header.
var headAbuses = []abuse{
	{"NUL in a header", http1Hold("X: \x00\r\n"+lengthHeader, documentedBody), "400", 0},
	{"bare CR in a header", http1Hold("X: a\rContent-Length: 0\r\n"+lengthHeader, documentedBody), "400", 0},
	{"two Host headers", http1Hold("Host: other.test\r\n"+lengthHeader, documentedBody), "400", 0},
	{"no Host header", strings.Replace(validHTTP1, hostHeader, "", 1), "400", 0},
	{"slash in the Host header",
		strings.Replace(validHTTP1, "agentconf.test", "agentconf.test/x", 1), "400", 0},
	{"HTTP/0.9", "POST " + holdV1 + "\r\n\r\n", "400", 0},
	{"HTTP/2.0", strings.Replace(validHTTP1, "HTTP/1.1", "HTTP/2.0", 1), "505", 0},
	{"HTTP/1.2", strings.Replace(validHTTP1, "HTTP/1.1", "HTTP/1.2", 1) + lastRequest, "200 404", 1},
	{"HTTP/2 with prior knowledge", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "400", 0},
	{"upgrade to HTTP/2",
		http1Hold("Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"+
			"HTTP2-Settings: AAMAAABkAAQAAP__\r\n"+lengthHeader, documentedBody) + lastRequest, "200 404", 1},
	{"TLS handshake", "\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03\n", "400", 0},
}

// targetAbuses replace the target of a valid hold.
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
		{"/v1/agents/1287/conference:hold%50articipant", "200 404", 1}, // the same path, escaped
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
		sent := strings.Replace(validHTTP1, holdV1, c.target, 1) + lastRequest
		cases = append(cases, abuse{"target " + c.target, sent, c.want, c.calls})
	}
	return cases
}

// methodAbuses replace the method of a valid hold.
func methodAbuses() (cases []abuse) {
	for method, want := range map[string]string{
		"post": "405 404", "Post": "405 404", "PRI": "405 404", "CONNECT": "405 404", "TRACE": "405 404",
		"HEAD": "405", "P(ST": "400", "": "400",
	} {
		sent := strings.Replace(validHTTP1, "POST", method, 1) + lastRequest
		cases = append(cases, abuse{"method " + method, sent, want, 0})
	}
	return cases
}

// floodAbuses send many small parts or one huge part.
var floodAbuses = []abuse{
	{"huge header",
		http1Hold("X: "+strings.Repeat("a", 1<<20)+"\r\n"+lengthHeader, documentedBody), "431", 0},
	{"endless header", http1Hold("X: "+strings.Repeat("a", 16<<20), ""), "431", 0},
	{"many headers", http1Hold(strings.Repeat("X: a\r\n", 100_000)+lengthHeader, documentedBody), "431", 0},
	{"huge target", strings.Replace(validHTTP1, holdV1, "/"+strings.Repeat("a", 1<<20), 1), "431", 0},
	{"endless trailers",
		http1Hold(chunkedHeader, validChunks[:len(validChunks)-2]+strings.Repeat("X: a\r\n", 100_000)), "400", 0},
	{"chunk extensions",
		http1Hold(chunkedHeader, strings.Repeat("1;"+strings.Repeat("a", 3000)+"\r\n \r\n", 10_000)), "400", 0},
	{"chunks of one byte", http1Hold(chunkedHeader, strings.Repeat("1\r\n \r\n", 300_000)), "400", 0},
	{"chunk size with leading zeros",
		http1Hold(chunkedHeader, strings.Repeat("0", 1000)+validChunks), "400", 0},
	{"chunk size of 2^64", http1Hold(chunkedHeader, "10000000000000000\r\n"+smuggledHold), "400", 0},
	{"empty lines before the request", strings.Repeat("\r\n", 300_000) + validHTTP1, "400", 0},
	{"pipelined holds",
		strings.Repeat(validHTTP1, 500) + lastRequest, strings.Repeat("200 ", 500) + "404", 500},
	{"pipelined unknown paths",
		strings.Repeat("GET /nothing HTTP/1.1\r\n"+hostHeader+"\r\n", 1000) + lastRequest,
		strings.Repeat("404 ", 1000) + "404", 0},
}
