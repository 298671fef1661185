package faults

import (
	"context"
	"net/http"
	"sync/atomic"
	"testing"

	"agentconf/emulator/proxy"
)

// Status 503 of a request that passes through means that the gateway has not received it. After
// 502 and 504 it may have.
func TestPassThrough(t *testing.T) {
	for _, c := range []struct {
		name     string
		refuse   bool
		at       proxy.Point
		do       proxy.Action
		status   int
		received int64
	}{
		{"refused", true, proxy.OnAccept, proxy.CloseConn, 503, 0},
		{"closed in the request", false, proxy.RequestStart, proxy.CloseConn, 502, 0},
		{"reset before the reply", false, proxy.ReplyStart, proxy.ResetConn, 502, 1},
		{"stalled before the reply", false, proxy.ReplyStart, proxy.Stall, 504, 1},
		{"closed in the reply", false, proxy.ReplyHead, proxy.CloseConn, 502, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := newTestbed(t, &fault{name: c.name, refuse: c.refuse}, proxy.Plaintext)
			t.Cleanup(b.shutDown)
			var received atomic.Int64
			n := proxy.Injection{Point: c.at, Action: c.do}
			b.gatewayHop.Arm(n.ForExchange(exchangeSize(100, 150, 100)))
			var status int
			b.withHook(func(_ gatewayRequest, handle func()) {
				received.Add(1)
				handle()
			}, func() { status = b.passThrough(t) })
			if status != c.status || received.Load() != c.received {
				t.Errorf("HTTP status %d after %d requests, want %d after %d", status, received.Load(), c.status, c.received)
			}
		})
	}
}

// passThrough makes a request that no operation has, and returns its HTTP status.
func (b *testbed) passThrough(t *testing.T) (status int) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*longTimeout)
	defer cancel()
	url := "http://" + b.addresses[1] + "/agentgateway/resource/voicecall/10001/alerting"
	r, err := http.NewRequestWithContext(ctx, http.MethodPut, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Grpc-Timeout", "1S")
	resp, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	return resp.StatusCode
}
