package conformance

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"reflect"
)

// CheckSent holds what the gateway at host got against the documentation: method,
// path, headers and body, once; or nothing at all.
func (c Case) CheckSent(got []Request, host string) error {
	if c.Gateway == nil || c.Gateway.Fault == "refuse" {
		if len(got) > 0 {
			return fmt.Errorf("the gateway was reached: %v", got)
		}
		return nil
	}
	if len(got) != 1 {
		return fmt.Errorf("the gateway got %d requests, want 1", len(got))
	}
	r := got[0]
	var faults []error
	if want := c.RequestLine(); r.Line != want {
		faults = append(faults, fmt.Errorf("the gateway got %q, want %q", r.Line, want))
	}
	if want := c.wantHeader(r); !reflect.DeepEqual(r.Header, want) || r.Host != host {
		faults = append(faults, fmt.Errorf("headers %v of host %s, want %v of %s", r.Header, r.Host, want, host))
	}
	return errors.Join(append(faults, c.checkBody(r.Body))...)
}

func (c Case) wantHeader(r Request) http.Header {
	want := http.Header{
		"Content-Type":   {"application/json; charset=UTF-8"},
		"Content-Length": r.Header["Content-Length"], // read by the server, or the body would not be whole
	}
	if len(c.GUID) > 0 {
		want["Guid"] = c.GUID
	}
	if c.ServiceToken != "" {
		want["Service_token"] = []string{c.ServiceToken}
	}
	return want
}

func (c Case) checkBody(body string) error {
	if string(c.Sent) == "null" {
		if body != "" {
			return fmt.Errorf("the gateway got %s, want no body", body)
		}
		return nil
	}
	if equal, err := JSONEqual([]byte(body), c.Sent); err != nil || !equal {
		return fmt.Errorf("the gateway got %s, want %s (%v)", body, c.Sent, err)
	}
	return nil
}

// JSONEqual reports whether a and b are the same JSON.
func JSONEqual(a, b []byte) (bool, error) {
	var x, y any
	err := errors.Join(json.Unmarshal(a, &x), json.Unmarshal(b, &y))
	return err == nil && reflect.DeepEqual(x, y), err
}
