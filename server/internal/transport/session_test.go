package transport_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"agentconf/conformance"
)

// The header that some clients compare byte by byte, spelled as the gateway's.
func TestSetGUIDIsSpelledAsByTheGateway(t *testing.T) {
	f := newFronts(t, sockets)
	reply := `{"message":"","retcode":"0"}`
	f.gateway.Play(conformance.Script{Reply: &reply, SetGUID: someGUID})
	conn, err := f.http.Transport.(*http.Transport).DialContext(t.Context(), "", "")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "POST /agentgateway/resource/onlineagent/1287/handshake HTTP/1.1\r\nHost: a\r\nGuid: %s\r\nservice_token: crm-1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", someGUID)
	answer, err := io.ReadAll(conn)
	if err != nil || !bytes.Contains(answer, []byte("\r\nSet-GUID: JSESSIONID="+someGUID+"\r\n")) {
		t.Errorf("%v: %s", err, answer)
	}
	got := f.gateway.Received()
	if len(got) != 1 || got[0].Header.Get("service_token") != "crm-1" {
		t.Errorf("the gateway got %v, want the service token as a header", got)
	}
}

// A list of skills as the documentation has it, with bare semicolons; and values
// of the wrong type in the URL, which are named.
func TestValuesInURL(t *testing.T) {
	f := newFronts(t, sockets)
	f.gateway.Play(conformance.Script{})
	skills := "/agentgateway/resource/onlineagent/1287/resetskill/"
	httpStatus, _, body := f.send(t, "POST", skills+"false?skillid=1;2;3", nil)
	if got := f.gateway.Received(); httpStatus != http.StatusOK || len(got) != 1 || !strings.HasSuffix(got[0].Line, "/resetskill/false?skillid=1%3B2%3B3") {
		t.Errorf("HTTP status %d, %s; the gateway got %v", httpStatus, body, got)
	}
	for path, field := range map[string]string{
		skills + "perhaps":               "autoflag",
		skills + "true?phonelinkage=yes": "phonelinkage",
		"/agentgateway/resource/onlineagent/1287/forcelogoutwithreason/x": "reason",
	} {
		method := "POST"
		if field == "reason" {
			method = "DELETE"
		}
		_, _, body := f.send(t, method, path, nil)
		if !bytes.Contains(body, []byte(field)) || !bytes.Contains(body, []byte("000-002")) {
			t.Errorf("%s: %s", path, body)
		}
	}
	if got := f.gateway.Received(); got != nil {
		t.Errorf("the gateway got %v", got)
	}
}
