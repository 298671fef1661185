package test

import (
	"bufio"
	"io"
	"net/http"
	"strings"
	"testing"
)

// request makes an HTTP request and returns the status, the headers and the body.
func request(t *testing.T, method, url, guid, body string) (int, http.Header, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Guid", guid)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, resp.Header, string(text)
}

// mustRequest is request, and fails the test if the status is not 200.
func mustRequest(t *testing.T, method, url, guid, body string) (http.Header, string) {
	t.Helper()
	status, header, text := request(t, method, url, guid, body)
	if status != http.StatusOK {
		t.Fatalf("%s %s: HTTP status %d: %s", method, url, status, text)
	}
	return header, text
}

// scrape returns the metrics of the service with this admin address.
func scrape(t *testing.T, admin string) string {
	t.Helper()
	_, text := mustRequest(t, "GET", "http://"+admin+"/metrics", "", "")
	return text
}

// login signs an agent in over the JSON front at base and returns the GUID.
func login(t *testing.T, base, agent string) string {
	t.Helper()
	header, _ := mustRequest(t, "POST", base+"/v1/agents/"+agent+"/session:login", "", `{"password":"","phonenum":"40038"}`)
	return strings.TrimPrefix(header.Get("Set-GUID"), "JSESSIONID=")
}

// watch starts a watch of an agent and returns after its first message. The watch lives until the
// stream or the test ends.
func watch(t *testing.T, base, agent, guid string) (ended <-chan struct{}) {
	t.Helper()
	lines := watchLines(t, base, agent, guid)
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = io.Copy(io.Discard, lines)
	}()
	t.Cleanup(func() { <-done })
	return done
}

// watchLines starts a watch of an agent and returns its lines after the first message.
func watchLines(t *testing.T, base, agent, guid string) *bufio.Reader {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), "GET", base+"/v1/agents/"+agent+"/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Guid", guid)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { resp.Body.Close() })
	lines := bufio.NewReader(resp.Body)
	for line := ""; line != "event: started\n"; {
		if line, err = lines.ReadString('\n'); err != nil {
			t.Fatalf("the watch of agent %s does not start: HTTP status %d, %q, %v", agent, resp.StatusCode, line, err)
		}
	}
	return lines
}
