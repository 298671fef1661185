package e2e

import (
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

// vendorClient is a program whose author had the CC-Gateway's documentation and
// nothing else: its paths and methods, the headers Guid and Set-GUID, one event a poll.
// It writes HTTP itself, since a library would hide how headers are spelled.
type vendorClient struct {
	dial       dialer
	guids      map[string]string // the newest, by agent ID
	transcript []exchange
}

// exchange is a request and its answer.
type exchange struct {
	asked   string // method, what follows /agentgateway/resource/, and body
	request string // as it was sent

	head   string // status line and headers, which are in order
	length int    // by Content-Length, which head does not have
	body   string
}

// play does what a step says, with a gateway that the emulator is.
func (c *vendorClient) play(t *testing.T, s dropInStep, gateway *emulator.Gateway) {
	t.Helper()
	time.Sleep(s.pause)
	if s.fault != (emulator.Fault{}) {
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
		time.Sleep(300 * time.Millisecond) // as page 1274 asks
	}
	t.Fatalf("50 polls of %s without %s", s.by, s.until)
}

// send makes the request of a step.
func (c *vendorClient) send(t *testing.T, s dropInStep) exchange {
	t.Helper()
	x := exchange{asked: strings.TrimSpace(s.line + " " + s.body)}
	method, path, _ := strings.Cut(s.line, " ")
	x.request = fmt.Sprintf("%s /agentgateway/resource/%s HTTP/1.1\r\n"+
		"Host: gateway.example:8043\r\n"+
		"Connection: close\r\n"+
		"Content-Type: application/json; charset=UTF-8\r\n"+
		"Content-Length: %d\r\n"+
		"%s\r\n%s", method, path, len(s.body), c.credential(s), s.body)
	conn, err := c.dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, x.request); err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(conn)
	if err != nil {
		t.Fatal(err)
	}
	c.learn(s, string(answer))
	x.split(string(answer))
	c.transcript = append(c.transcript, x)
	return x
}

// credential is the header that a step shows.
func (c *vendorClient) credential(s dropInStep) string {
	guid := c.guids[s.by]
	if s.shows != "" {
		guid = s.shows
	}
	if guid == "" || guid == nothing {
		return ""
	}
	return "Guid: " + guid + "\r\n"
}

var (
	headerGUID = regexp.MustCompile(`\r\nSet-GUID: JSESSIONID=(\S+)\r\n`)
	resultGUID = regexp.MustCompile(`"result":\{"guid":"([^"]+)"\}`)
)

// learn takes a new GUID from an answer (pages 05_4015 and 1225).
func (c *vendorClient) learn(s dropInStep, answer string) {
	for _, issued := range []*regexp.Regexp{headerGUID, resultGUID} {
		if guid := issued.FindStringSubmatch(answer); guid != nil {
			c.guids[s.by] = guid[1]
		}
	}
}

// split takes an answer apart. The header that agentconf adds is left out.
func (x *exchange) split(answer string) {
	head, body, _ := strings.Cut(answer, "\r\n\r\n")
	lines := strings.Split(head, "\r\n")
	fields := slices.DeleteFunc(lines[1:], func(field string) bool {
		length, found := strings.CutPrefix(field, "Content-Length: ")
		if found {
			x.length, _ = strconv.Atoi(length)
		}
		return found || strings.HasPrefix(field, "X-Request-Id: ")
	})
	slices.Sort(fields)
	x.head, x.body = lines[0]+"\n"+strings.Join(fields, "\n"), body
}
