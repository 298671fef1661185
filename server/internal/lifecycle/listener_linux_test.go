package lifecycle

import (
	"errors"
	"net"
	"testing"
	"time"
)

// A connection in the accept queue can still be accepted. A later one gets no answer,
// so that its client can try elsewhere.
func TestIgnoreNew(t *testing.T) {
	for _, address := range []string{"127.0.0.1:0", "[::1]:0"} {
		l, err := Listen(address)
		if err != nil {
			t.Logf("%s: not tried: %v", address, err)
			continue
		}
		defer l.Close()
		before, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer before.Close()
		if !ignoreNew(l) {
			t.Fatalf("%s: new connections are not ignored", address)
		}
		_, err = net.DialTimeout("tcp", l.Addr().String(), 100*time.Millisecond)
		if e, ok := errors.AsType[net.Error](err); !ok || !e.Timeout() {
			t.Errorf("%s: a new connection: %v", address, err)
		}
		accepted, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		defer accepted.Close()
		if accepted.RemoteAddr().String() != before.LocalAddr().String() {
			t.Errorf("%s: accepted %v, want %v", address, accepted.RemoteAddr(), before.LocalAddr())
		}
	}
}
