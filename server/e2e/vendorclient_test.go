package e2e

import (
	"cmp"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"agentconf/emulator"
)

// vendorClient is a client that follows the documentation of the CC-Gateway: its paths and
// methods, the headers Guid and Set-GUID, one event per poll. It writes HTTP without a
// library, which would hide the spelling of headers.
type vendorClient struct {
	dial       dialer
	guids      map[string]string // newest GUID by agent ID
	transcript []exchange
}

// exchange is a request and its response.
type exchange struct {
	line    string // method, path after /agentgateway/resource/, and body
	request string // all bytes sent

	head   string // status line, and sorted headers without Content-Length
	length int    // value of Content-Length
	body   string
}

// play runs a step against gateway, or against agentconf in front of it.
func (c *vendorClient) play(t *testing.T, s dropInStep, gateway *emulator.Gateway) {
	t.Helper()
	time.Sleep(s.pause)
	if s.fault.Operation != "" {
		if err := gateway.SetFault(s.fault); err != nil {
			t.Fatal(err)
		}
	}
	if s.until == "" {
		c.send(t, s)
		return
	}
	for range 50 {
		if x := c.send(t, s); strings.Contains(x.body, `"eventType":"`+s.until+`"`) {
			return
		}
		time.Sleep(300 * time.Millisecond) // the interval of page 1274
	}
	t.Fatalf("got no %s in 50 polls of %s, want one", s.until, s.by)
}

// send sends the request of a step and records the exchange.
func (c *vendorClient) send(t *testing.T, s dropInStep) exchange {
	t.Helper()
	x := exchange{line: strings.TrimSpace(s.line + " " + s.body)}
	method, path, _ := strings.Cut(s.line, " ")
	x.request = fmt.Sprintf("%s /agentgateway/resource/%s HTTP/1.1\r\n"+
		"Host: gateway.example:8043\r\n"+
		"Connection: close\r\n"+
		"Content-Type: application/json; charset=UTF-8\r\n"+
		"Content-Length: %d\r\n"+
		"%s\r\n%s", method, path, len(s.body), c.guidHeader(s), s.body)
	conn, err := c.dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, x.request); err != nil {
		t.Fatal(err)
	}
	response, err := io.ReadAll(conn)
	if err != nil {
		t.Fatal(err)
	}
	c.storeGUID(s, string(response))
	x.split(string(response))
	c.transcript = append(c.transcript, x)
	return x
}

// guidHeader returns the header line Guid of a step, or nothing.
func (c *vendorClient) guidHeader(s dropInStep) string {
	guid := cmp.Or(s.guid, c.guids[s.by])
	if guid == "" || guid == noGUID {
		return ""
	}
	return "Guid: " + guid + "\r\n"
}

var (
	headerGUID = regexp.MustCompile(`\r\nSet-GUID: JSESSIONID=(\S+)\r\n`)
	resultGUID = regexp.MustCompile(`"result":\{"guid":"([^"]+)"\}`)
)

// storeGUID stores a GUID that a response issues (pages 05_4015 and 1225).
func (c *vendorClient) storeGUID(s dropInStep, response string) {
	for _, issued := range []*regexp.Regexp{headerGUID, resultGUID} {
		if guid := issued.FindStringSubmatch(response); guid != nil {
			c.guids[s.by] = guid[1]
		}
	}
}

// addedHeaders matches the headers that agentconf adds to an answer of the gateway.
var addedHeaders = regexp.MustCompile(`^(X-Request-Id|Agentconf-Outcome|Agentconf-Reason|Retry-After): `)

// split stores the parts of a response. It omits the headers that agentconf adds.
func (x *exchange) split(response string) {
	head, body, _ := strings.Cut(response, "\r\n\r\n")
	lines := strings.Split(head, "\r\n")
	fields := slices.DeleteFunc(lines[1:], func(field string) bool {
		length, found := strings.CutPrefix(field, "Content-Length: ")
		if found {
			x.length, _ = strconv.Atoi(length)
		}
		return found || addedHeaders.MatchString(field)
	})
	slices.Sort(fields)
	x.head, x.body = lines[0]+"\n"+strings.Join(fields, "\n"), body
}
