//go:build linux

package main

import (
	"sync/atomic"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	agentconfv1 "agentconf/gen/agentconf/v1"
)

// Every call is told as what it was: answered, refused, or failed.
func TestCallers(t *testing.T) {
	var n atomic.Int64
	v := serveGRPC(t, func(got string) (*agentconfv1.HoldParticipantResponse, error) {
		switch i := n.Add(1); {
		case got != nodeGUID:
			return nil, status.Error(codes.Unauthenticated, got)
		case i%3 == 1:
			return nil, status.Error(codes.ResourceExhausted, "")
		case i%3 == 2:
			return nil, status.Error(codes.Unavailable, "")
		}
		return holdResponse(), nil
	})
	c, err := newCallers(v.address, nodeGUID, 2)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 30 {
		if err := c.call(c.clients[i%2]); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.settle(); err != nil {
		t.Error(err)
	}
	c.close()
	if got := c.take(); len(got.ok) != 10 || len(got.refused) != 10 || got.failures() != "10 × status 14 " {
		t.Errorf("%d OK, %d refused, failed %s", len(got.ok), len(got.refused), got.failures())
	}
}

// Calls whose connection breaks have failed.
func TestCallersCutOff(t *testing.T) {
	asked, end := make(chan struct{}), make(chan struct{})
	v := serveGRPC(t, func(string) (*agentconfv1.HoldParticipantResponse, error) {
		asked <- struct{}{}
		<-end
		return holdResponse(), nil
	})
	defer close(end)
	c, err := newCallers(v.address, guid, 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.call(c.clients[0]); err != nil {
		t.Fatal(err)
	}
	<-asked
	c.close()
	if got := c.take(); len(got.failed) != 1 || len(got.ok) != 0 || c.settle() != nil {
		t.Errorf("failed %s, %d OK", got.failures(), len(got.ok))
	}
}

// Who keeps calling goes on after an answer, and ends with the time.
func TestCallersAgain(t *testing.T) {
	var n atomic.Int64
	end := make(chan struct{})
	v := serveGRPC(t, func(string) (*agentconfv1.HoldParticipantResponse, error) {
		if n.Add(1) == 100 {
			close(end)
		}
		return holdResponse(), nil
	})
	c, err := newCallers(v.address, guid, 2)
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	if err := c.keep(4, end); err != nil {
		t.Error(err)
	}
	if err := c.settle(); err != nil {
		t.Error(err)
	}
	if got := c.take(); len(got.ok) < 100 || int64(len(got.ok)) != n.Load() {
		t.Errorf("%d answers to %d calls", len(got.ok), n.Load())
	}
}
