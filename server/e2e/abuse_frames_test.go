package e2e

import (
	"fmt"
	"slices"
	"strings"

	"golang.org/x/net/http2"
)

// http2Abuse is an abuse as it is written.
type http2Abuse struct {
	name  string
	write func(w *http2Writer)
	want  string
	calls int
}

func written(all []http2Abuse) (cases []abuse) {
	for _, c := range all {
		cases = append(cases, abuse{c.name, http2Sent(c.write), c.want, c.calls})
	}
	return cases
}

// frameAbuses are of frames that have no business where they are.
var frameAbuses = []http2Abuse{
	{"a call without a message", func(w *http2Writer) { w.headers(1, true, head()...) }, "1 × status 13", 0},
	{"two messages", func(w *http2Writer) {
		w.headers(1, false, head()...)
		w.WriteData(1, true, append(goodMessage, goodMessage...))
	}, "1 × status 13", 0},
	{"a message cut short", func(w *http2Writer) {
		w.headers(1, false, head()...)
		w.WriteData(1, true, goodMessage[:20])
	}, "1 × status 13", 0},
	{"a message of 4 GiB", func(w *http2Writer) {
		w.headers(1, false, head()...)
		w.WriteData(1, false, []byte{0, 0xff, 0xff, 0xff, 0xff, 1, 2, 3})
	}, "1 × status 8", 0},
	{"a compressed message", func(w *http2Writer) {
		w.headers(1, false, head()...)
		w.WriteData(1, true, append([]byte{1}, goodMessage[1:]...))
	}, "1 × status 13", 0},
	{"data before the headers", func(w *http2Writer) {
		w.WriteData(1, true, goodMessage)
		w.headers(1, true, head()...)
	}, "1 × status 13", 0},
	{"data on the connection", func(w *http2Writer) { w.WriteData(0, true, goodMessage) }, "1 × closed", 0},
	{"headers on the connection", func(w *http2Writer) { w.hold(0) }, "1 × closed", 0},
	{"a stream of the server's", func(w *http2Writer) { w.hold(2) }, "1 × closed", 0},
	{"a stream gone by", func(w *http2Writer) { w.hold(3); w.hold(1) }, anything, someCalls},
	{"a stream twice", func(w *http2Writer) { w.hold(1); w.hold(1) }, anything, someCalls},
	{"a promise of the client's", func(w *http2Writer) {
		w.WritePushPromise(http2.PushPromiseParam{StreamID: 1, PromiseID: 2, BlockFragment: w.encoded(head()...), EndHeaders: true})
	}, "", 0},
	{"continuation of nothing", func(w *http2Writer) { w.WriteContinuation(1, true, w.encoded(head()...)) }, "1 × closed", 0},
	{"something between the headers", func(w *http2Writer) {
		w.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: w.encoded(head()...)})
		w.WritePing(false, farewell)
		w.WriteContinuation(1, true, nil)
	}, "1 × closed", 0},
	{"a frame of 1 MiB", func(w *http2Writer) { w.WriteRawFrame(http2.FrameData, 0, 1, make([]byte, 1<<20)) }, "1 × closed", 0},
	{"headers that cannot be decoded", func(w *http2Writer) {
		w.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, EndHeaders: true})
	}, "1 × closed", 0},
	{"no window at all", func(w *http2Writer) {
		w.WriteWindowUpdate(0, 0)
		w.hold(1)
	}, "1 × closed", 0},
	{"a window of 2^31 and more", func(w *http2Writer) {
		for range 1000 {
			w.WriteWindowUpdate(0, 1<<31-1)
		}
		w.hold(1)
	}, "1 × status 0", 1},
	{"settings out of range", func(w *http2Writer) {
		w.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1<<32 - 1})
		w.hold(1)
	}, "1 × closed", 0},
}

// http2Floods are of much that is little each.
var http2Floods = []http2Abuse{
	{"rapid reset of heads", func(w *http2Writer) {
		for n := range uint32(10_000) {
			w.headers(2*n+1, false, head()...)
			w.WriteRSTStream(2*n+1, http2.ErrCodeCancel)
		}
	}, anything, someCalls},
	{"rapid reset of calls", func(w *http2Writer) {
		for n := range uint32(3000) {
			w.hold(2*n + 1)
			w.WriteRSTStream(2*n+1, http2.ErrCodeCancel)
		}
	}, anything, someCalls},
	{"more streams than there may be", func(w *http2Writer) {
		for n := range uint32(1000) {
			w.headers(2*n+1, false, head()...)
		}
	}, "750 × REFUSED_STREAM", 0},
	{"endless headers", func(w *http2Writer) {
		w.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: w.encoded(head()...)})
		for range 100_000 {
			w.WriteContinuation(1, false, w.encoded(field{Name: "x", Value: "a"}))
		}
		w.WriteContinuation(1, true, nil)
	}, "1 × closed", 0},
	{"endless continuation of nothing", func(w *http2Writer) {
		w.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: w.encoded(head()...)})
		for range 200_000 {
			w.WriteContinuation(1, false, nil)
		}
		w.WriteContinuation(1, true, nil)
		w.WriteData(1, true, goodMessage)
	}, "1 × status 0", 1},
	{"bomb of headers", func(w *http2Writer) {
		for n := range uint32(300) {
			bomb := slices.Repeat([]field{{Name: "x", Value: strings.Repeat("a", 4000)}}, 1000)
			w.headers(2*n+1, true, append(head(), bomb...)...)
		}
	}, "300 × FRAME_SIZE_ERROR", 0},
	{"bomb of headers in one", func(w *http2Writer) {
		bomb := slices.Repeat([]field{{Name: "x", Value: strings.Repeat("a", 4000)}}, 60_000)
		w.headers(1, true, append(head(), bomb...)...)
	}, "1 × closed", 0},
	{"settings", func(w *http2Writer) {
		for n := range uint32(100_000) {
			w.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: n})
		}
		w.hold(1)
	}, "1 × status 0", 1},
	{"table of headers without an end", func(w *http2Writer) {
		for n := range uint32(1000) {
			w.WriteSettings(http2.Setting{ID: http2.SettingHeaderTableSize, Val: 1<<32 - 1})
			w.hold(2*n+1, field{Name: ":path", Value: fmt.Sprintf("%d%s", n, strings.Repeat("a", 8000))})
		}
	}, anything, 0},
	{"pings", func(w *http2Writer) {
		for range 100_000 {
			w.WritePing(false, [8]byte{})
		}
	}, "1 × closed", 0},
	{"answers to pings", func(w *http2Writer) {
		for range 100_000 {
			w.WritePing(true, [8]byte{})
		}
		w.hold(1)
	}, "1 × status 0", 1},
	{"windows", func(w *http2Writer) {
		for range 200_000 {
			w.WriteWindowUpdate(0, 1)
		}
		w.hold(1)
	}, "1 × status 0", 1},
	{"empty data", func(w *http2Writer) {
		w.headers(1, false, head()...)
		for range 200_000 {
			w.WriteData(1, false, nil)
		}
		w.WriteData(1, true, goodMessage)
	}, "1 × status 0", 1},
	{"padding", func(w *http2Writer) {
		w.headers(1, false, head()...)
		for range 20_000 {
			w.WriteDataPadded(1, false, nil, make([]byte, 255))
		}
		w.WriteData(1, true, goodMessage)
	}, "1 × status 0", 1},
	{"priorities", func(w *http2Writer) {
		for n := range uint32(100_000) {
			w.WritePriority(2*n+1, http2.PriorityParam{StreamDep: 2*n + 3})
		}
		w.hold(1)
	}, "1 × status 0", 1},
	{"frames of no kind", func(w *http2Writer) {
		for range 100_000 {
			w.WriteRawFrame(0xee, 0xff, 7, []byte("nothing"))
		}
		w.hold(1)
	}, "1 × status 0", 1},
	{"resets of nothing", func(w *http2Writer) {
		for n := range uint32(200_000) {
			w.WriteRSTStream(2*n+1, http2.ErrCodeCancel)
		}
	}, "", 0},
}
