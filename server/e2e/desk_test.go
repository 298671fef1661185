package e2e

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
)

// A desk works through agentconf as it does with the gateway: both answer every request of the
// scenario alike, and the gateway receives what passes through as it was sent. The differences
// are those of docs/drop-in.md.
func TestDesk(t *testing.T) {
	direct := playDesk(t, func(f *fronts, gateway dialer) dialer { return gateway })
	proxied := playDesk(t, func(f *fronts, gateway dialer) dialer { return f.dialHTTP })
	seen := map[string]bool{}
	for i, step := range deskScenario {
		d, p := direct[i], proxied[i]
		for kind, remove := range deskDifferences {
			before := d.String() + p.String()
			remove(step, &d)
			remove(step, &p)
			seen[kind] = seen[kind] || d.String()+p.String() != before
		}
		if d.String() != p.String() {
			t.Errorf("%s\ngot through agentconf\n%v\nwant\n%v", step.line, p, d)
		}
	}
	page, err := os.ReadFile("../../docs/drop-in.md")
	if err != nil {
		t.Fatal(err)
	}
	for kind := range deskDifferences {
		if !seen[kind] {
			t.Errorf("got no difference of the kind %q, want one, or no entry in deskDifferences", kind)
		}
		if !strings.Contains(string(page), "\n| "+kind+" |") {
			t.Errorf("docs/drop-in.md: got no row for %q, want one", kind)
		}
	}
}

// deskDifferences has the intended kinds of differences, each with a function that removes it
// from an exchange.
var deskDifferences = map[string]func(deskStep, *deskExchange){
	"the header `X-Request-Id`": func(_ deskStep, x *deskExchange) { delete(x.header, "X-Request-Id") },
	"the spelling of header names": func(_ deskStep, x *deskExchange) {
		for _, name := range slices.Collect(maps.Keys(x.header)) {
			if canonical := http.CanonicalHeaderKey(name); name != "Set-GUID" && canonical != name {
				x.header[canonical] = x.header[name]
				delete(x.header, name)
			}
		}
	},
	"the order of keys": func(step deskStep, x *deskExchange) {
		if step.modelled {
			x.body = sortKeys(x.body)
		}
	},
	"the HTTP status of a refusal": func(step deskStep, x *deskExchange) {
		if step.modelled && strings.Contains(x.body, `"retcode":"100-006"`) {
			x.status = ""
		}
	},
	"an empty body": func(_ deskStep, x *deskExchange) {
		x.received = strings.Replace(x.received, "\nContent-Length: [\"0\"]", "", 1)
	},
	"a chunked request": func(step deskStep, x *deskExchange) {
		if step.chunked {
			delete(x.header, "Connection")
		}
	},
	"the request that the gateway gets": func(step deskStep, x *deskExchange) {
		if step.modelled {
			x.received = ""
		}
	},
}

// deskExchange is the response to a request of a desk, and what the gateway received.
type deskExchange struct {
	status   string
	header   http.Header
	body     string
	received string
}

func (x deskExchange) String() string {
	var lines []string
	for name, values := range x.header {
		lines = append(lines, fmt.Sprintf("%s: %q", name, values))
	}
	slices.Sort(lines)
	return fmt.Sprintf("%s\n%s\n\n%.300q (%d bytes)\nthe gateway received %.1000q",
		x.status, strings.Join(lines, "\n"), x.body, len(x.body), x.received)
}

// playDesk plays the scenario over the dialer that choose returns.
func playDesk(t *testing.T, choose func(f *fronts, gateway dialer) dialer) (transcript []deskExchange) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		gateway := &deskGateway{}
		dialGateway := serveHandler(t, gateway.ServeHTTP)
		f := newFrontsOf(t, memory, dialGateway)
		dial := choose(f, dialGateway)
		for _, step := range deskScenario {
			x := playDeskStep(t, dial, step)
			x.received = strings.Join(gateway.take(), "\n")
			transcript = append(transcript, x)
		}
	})
	return transcript
}

// playDeskStep sends a request without a library, which would hide the spelling of headers.
func playDeskStep(t *testing.T, dial dialer, step deskStep) deskExchange {
	t.Helper()
	conn, err := dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	body, length := step.body, ""
	switch {
	case step.chunked:
		body, length = fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(body), body), "Transfer-Encoding: chunked\r\n"
	case body != "":
		length = fmt.Sprintf("Content-Length: %d\r\n", len(body))
	}
	head := step.line + " HTTP/1.1\r\nHost: gateway.test:8043\r\nUser-Agent: desk\r\n" + step.header + length + "\r\n"
	go io.WriteString(conn, head+body)
	return readDeskResponse(t, conn, step)
}

// readDeskResponse reads a response. Its head is read as bytes first, for the spelling.
func readDeskResponse(t *testing.T, conn io.Reader, step deskStep) deskExchange {
	t.Helper()
	var head strings.Builder
	r := bufio.NewReader(conn)
	x := deskExchange{header: http.Header{}}
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			t.Fatalf("%s: %v behind %q", step.line, err, head.String())
		}
		head.WriteString(line)
		name, value, found := strings.Cut(strings.TrimSpace(line), ": ")
		switch {
		case found:
			x.header[name] = append(x.header[name], value)
		case x.status == "":
			x.status = name
		}
		if line == "\r\n" {
			break
		}
	}
	method, _, _ := strings.Cut(step.line, " ")
	request := &http.Request{Method: method}
	resp, err := http.ReadResponse(bufio.NewReader(io.MultiReader(strings.NewReader(head.String()), r)), request)
	if err != nil {
		t.Fatalf("%s: %v", step.line, err)
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatalf("%s: %v", step.line, err)
	}
	x.body = string(body)
	return x
}

// sortKeys returns JSON with its keys in alphabetical order, or text if it is no JSON.
func sortKeys(text string) string {
	var v any
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		return text
	}
	out, _ := json.Marshal(v)
	return string(out)
}
