package conformance

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"reflect"
)

// CheckSent compares the requests that the gateway at host got with the documentation: exactly one
// request with this method, path, headers and body, or none if the call must not reach the gateway.
func (c Case) CheckSent(got []Request, host string) error {
	if c.Gateway == nil || c.Gateway.Fault == "refuse" {
		if len(got) > 0 {
			return fmt.Errorf("the gateway got %v, want no request", got)
		}
		return nil
	}
	if len(got) != 1 {
		return fmt.Errorf("the gateway got %d requests, want 1", len(got))
	}
	r := got[0]
	var errs []error
	if want := c.RequestLine(); r.Line != want {
		errs = append(errs, fmt.Errorf("the gateway got %q, want %q", r.Line, want))
	}
	if want := c.wantHeader(r); !reflect.DeepEqual(r.Header, want) || r.Host != host {
		errs = append(errs, fmt.Errorf("headers %v of host %s, want %v of %s", r.Header, r.Host, want, host))
	}
	return errors.Join(append(errs, c.checkBody(r.Body))...)
}

func (c Case) wantHeader(r Request) http.Header {
	want := http.Header{
		"Content-Type":   {"application/json; charset=UTF-8"},
		"Content-Length": r.Header["Content-Length"], // the server has read that many bytes
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

// JSONEqual reports whether a and b are the same JSON value.
func JSONEqual(a, b []byte) (bool, error) {
	var x, y any
	err := errors.Join(json.Unmarshal(a, &x), json.Unmarshal(b, &y))
	return err == nil && reflect.DeepEqual(x, y), err
}
