package e2e

import (
	"bytes"
	"io"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"google.golang.org/protobuf/proto"

	"agentconf/emulator"
	agentconfv1 "agentconf/gen/agentconf/v1"
)

// A client that keeps its window at 0 takes no byte of a reply. It delays a stop by a few
// seconds, and does not make it fail: its calls have ended.
func TestStopWithoutWindow(t *testing.T) {
	for name, open := range map[string]struct {
		grpc  bool
		calls func(w *http2Writer, guid string)
	}{
		"watch over gRPC": {true, func(w *http2Writer, guid string) {
			w.headers(1, false, holdHeaders(field{Name: "guid", Value: guid},
				field{Name: ":path", Value: agentconfv1.EventService_WatchAgentEvents_FullMethodName})...)
			w.WriteData(1, true, agentMessage())
		}},
		"handshake over gRPC": {true, func(w *http2Writer, guid string) {
			w.headers(1, false, holdHeaders(field{Name: "guid", Value: guid},
				field{Name: ":path", Value: agentconfv1.SessionService_Handshake_FullMethodName})...)
			w.WriteData(1, true, agentMessage())
		}},
		"watch over JSON": {false, func(w *http2Writer, guid string) {
			w.headers(1, true, getHeaders("/v1/agents/1287/events", guid)...)
		}},
		"query over JSON": {false, func(w *http2Writer, guid string) {
			w.headers(1, true, getHeaders("/v1/agents/1287/conference", guid)...)
		}},
		"page": {false, func(w *http2Writer, guid string) { w.headers(1, true, getHeaders("/docs/", guid)...) }},
	} {
		t.Run(name, func(t *testing.T) {
			inBubbleOn(t, securedMemory, emulator.Config{}, func(t *testing.T, e *emulated) {
				guid := e.signIn(t, "1287")
				conn := e.dialPort(t, open.grpc)
				w := newHTTP2Writer()
				w.sent.WriteString(http2.ClientPreface)
				w.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 0})
				open.calls(w, guid)
				go io.Copy(io.Discard, conn)
				io.Copy(conn, bytes.NewReader(w.sent.Bytes()))
				time.Sleep(time.Second)
				start := time.Now()
				e.stop()
				err := <-e.ended
				// A watch waits up to 10 s for the poll in flight.
				if took := time.Since(start); err != nil || took > 17*time.Second {
					t.Errorf("Serve: %v after %v, want nil within 17s", err, took)
				}
			})
		})
	}
}

func getHeaders(path, guid string) []field {
	return []field{
		{Name: ":method", Value: "GET"}, {Name: ":scheme", Value: "https"}, {Name: ":path", Value: path},
		{Name: ":authority", Value: "agentconf.test"}, {Name: "guid", Value: guid},
	}
}

// agentMessage is the request of a watch or a handshake as a gRPC message: they differ in no byte.
func agentMessage() []byte {
	m, err := proto.Marshal(&agentconfv1.WatchAgentEventsRequest{AgentId: "1287"})
	if err != nil {
		panic(err)
	}
	return append([]byte{0, 0, 0, 0, byte(len(m))}, m...)
}
