package e2e

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/net/http2"
)

// http2Abuse is an abuse over HTTP/2. write writes its frames.
type http2Abuse struct {
	name  string
	write func(w *http2Writer)
	want  string
	calls int
}

// encodeAbuses returns the abuses with their bytes.
func encodeAbuses(all []http2Abuse) (cases []abuse) {
	for _, c := range all {
		cases = append(cases, abuse{c.name, http2Bytes(c.write), c.want, c.calls})
	}
	return cases
}

// frameAbuses send malformed frames, or frames that their stream does not allow.
var frameAbuses = []http2Abuse{
	{"call without a message", func(w *http2Writer) { w.headers(1, true, holdHeaders()...) }, "1 × status 13", 0},
	{"two messages", func(w *http2Writer) {
		w.headers(1, false, holdHeaders()...)
		w.WriteData(1, true, append(holdMessage, holdMessage...))
	}, "1 × status 13", 0},
	{"truncated message", func(w *http2Writer) {
		w.headers(1, false, holdHeaders()...)
		w.WriteData(1, true, holdMessage[:20])
	}, "1 × status 13", 0},
	{"message of 4 GiB", func(w *http2Writer) {
		w.headers(1, false, holdHeaders()...)
		w.WriteData(1, false, []byte{0, 0xff, 0xff, 0xff, 0xff, 1, 2, 3})
	}, "1 × status 8", 0},
	{"compressed message", func(w *http2Writer) {
		w.headers(1, false, holdHeaders()...)
		w.WriteData(1, true, append([]byte{1}, holdMessage[1:]...))
	}, "1 × status 13", 0},
	{"data before the headers", func(w *http2Writer) {
		w.WriteData(1, true, holdMessage)
		w.headers(1, true, holdHeaders()...)
	}, "1 × status 13", 0},
	{"data on stream 0", func(w *http2Writer) { w.WriteData(0, true, holdMessage) }, "1 × closed", 0},
	{"headers on stream 0", func(w *http2Writer) { w.hold(0) }, "1 × closed", 0},
	{"stream ID of the server", func(w *http2Writer) { w.hold(2) }, "1 × closed", 0},
	{"lower stream ID", func(w *http2Writer) { w.hold(3); w.hold(1) }, anyReplies, anyCalls},
	{"stream ID twice", func(w *http2Writer) { w.hold(1); w.hold(1) }, anyReplies, anyCalls},
	{"push promise of the client", func(w *http2Writer) {
		block := w.encode(holdHeaders()...)
		w.WritePushPromise(http2.PushPromiseParam{StreamID: 1, PromiseID: 2, BlockFragment: block, EndHeaders: true})
	}, "", 0},
	{"continuation without headers", func(w *http2Writer) {
		w.WriteContinuation(1, true, w.encode(holdHeaders()...))
	}, "1 × closed", 0},
	{"ping between headers and continuation", func(w *http2Writer) {
		w.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: w.encode(holdHeaders()...)})
		w.WritePing(false, lastPing)
		w.WriteContinuation(1, true, nil)
	}, "1 × closed", 0},
	{"frame of 1 MiB", func(w *http2Writer) {
		w.WriteRawFrame(http2.FrameData, 0, 1, make([]byte, 1<<20))
	}, "1 × closed", 0},
	{"malformed HPACK", func(w *http2Writer) {
		block := bytes.Repeat([]byte{0xff}, 6)
		w.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: block, EndHeaders: true})
	}, "1 × closed", 0},
	{"window update of 0", func(w *http2Writer) {
		w.WriteWindowUpdate(0, 0)
		w.hold(1)
	}, "1 × closed", 0},
	{"window over 2^31", func(w *http2Writer) {
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

// http2Floods send many small frames or large header blocks.
var http2Floods = []http2Abuse{
	{"rapid reset after headers", func(w *http2Writer) {
		for n := range uint32(10_000) {
			w.headers(2*n+1, false, holdHeaders()...)
			w.WriteRSTStream(2*n+1, http2.ErrCodeCancel)
		}
	}, anyReplies, anyCalls},
	{"rapid reset of calls", func(w *http2Writer) {
		for n := range uint32(3000) {
			w.hold(2*n + 1)
			w.WriteRSTStream(2*n+1, http2.ErrCodeCancel)
		}
	}, anyReplies, anyCalls},
	{"streams over the limit", func(w *http2Writer) {
		for n := range uint32(1000) {
			w.headers(2*n+1, false, holdHeaders()...)
		}
	}, "750 × REFUSED_STREAM", 0},
	{"endless headers", func(w *http2Writer) {
		w.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: w.encode(holdHeaders()...)})
		for range 100_000 {
			w.WriteContinuation(1, false, w.encode(field{Name: "x", Value: "a"}))
		}
		w.WriteContinuation(1, true, nil)
	}, "1 × closed", 0},
	{"empty continuations", func(w *http2Writer) {
		w.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: w.encode(holdHeaders()...)})
		for range 200_000 {
			w.WriteContinuation(1, false, nil)
		}
		w.WriteContinuation(1, true, nil)
		w.WriteData(1, true, holdMessage)
	}, "1 × status 0", 1},
	{"header bombs", func(w *http2Writer) {
		for n := range uint32(300) {
			bomb := slices.Repeat([]field{{Name: "x", Value: strings.Repeat("a", 4000)}}, 1000)
			w.headers(2*n+1, true, append(holdHeaders(), bomb...)...)
		}
	}, "300 × FRAME_SIZE_ERROR", 0},
	{"one header bomb", func(w *http2Writer) {
		bomb := slices.Repeat([]field{{Name: "x", Value: strings.Repeat("a", 4000)}}, 60_000)
		w.headers(1, true, append(holdHeaders(), bomb...)...)
	}, "1 × closed", 0},
	{"settings", func(w *http2Writer) {
		for n := range uint32(100_000) {
			w.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: n})
		}
		w.hold(1)
	}, "1 × status 0", 1},
	{"unlimited header table", func(w *http2Writer) {
		for n := range uint32(1000) {
			w.WriteSettings(http2.Setting{ID: http2.SettingHeaderTableSize, Val: 1<<32 - 1})
			w.hold(2*n+1, field{Name: ":path", Value: fmt.Sprintf("%d%s", n, strings.Repeat("a", 8000))})
		}
	}, anyReplies, 0},
	{"pings", func(w *http2Writer) {
		for range 100_000 {
			w.WritePing(false, [8]byte{})
		}
	}, "1 × closed", 0},
	{"ping acknowledgements", func(w *http2Writer) {
		for range 100_000 {
			w.WritePing(true, [8]byte{})
		}
		w.hold(1)
	}, "1 × status 0", 1},
	{"window updates", func(w *http2Writer) {
		for range 200_000 {
			w.WriteWindowUpdate(0, 1)
		}
		w.hold(1)
	}, "1 × status 0", 1},
	{"empty data frames", func(w *http2Writer) {
		w.headers(1, false, holdHeaders()...)
		for range 200_000 {
			w.WriteData(1, false, nil)
		}
		w.WriteData(1, true, holdMessage)
	}, "1 × status 0", 1},
	{"padded data frames", func(w *http2Writer) {
		w.headers(1, false, holdHeaders()...)
		for range 20_000 {
			w.WriteDataPadded(1, false, nil, make([]byte, 255))
		}
		w.WriteData(1, true, holdMessage)
	}, "1 × status 0", 1},
	{"priorities", func(w *http2Writer) {
		for n := range uint32(100_000) {
			w.WritePriority(2*n+1, http2.PriorityParam{StreamDep: 2*n + 3})
		}
		w.hold(1)
	}, "1 × status 0", 1},
	{"frames of an unknown type", func(w *http2Writer) {
		for range 100_000 {
			w.WriteRawFrame(0xee, 0xff, 7, []byte("payload"))
		}
		w.hold(1)
	}, "1 × status 0", 1},
	{"resets of unused streams", func(w *http2Writer) {
		for n := range uint32(200_000) {
			w.WriteRSTStream(2*n+1, http2.ErrCodeCancel)
		}
	}, "", 0},
}
