package e2e

import (
	"bytes"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
	"google.golang.org/protobuf/proto"
)

// The gRPC port executes no malformed call.
func TestAbuseOfHTTP2(t *testing.T) {
	testAbuses(t, func(f *fronts) dialer { return f.dialGRPC }, readHTTP2,
		slices.Concat(pathAbuses(), headerAbuses(), encodeAbuses(frameAbuses), encodeAbuses(http2Floods)))
}

// anyReplies is the wanted result where the replies depend on timing.
const anyReplies = "any replies"

// lastPing is the payload of the ping that ends everything that an http2Writer sends.
var lastPing = [8]byte{'l', 'a', 's', 't', 'p', 'i', 'n', 'g'}

// readHTTP2 returns how calls ended, and how often each way. It reads until the server has
// acknowledged lastPing and the wanted results have arrived, or until the connection ends.
func readHTTP2(conn net.Conn, c abuse) string {
	r := http2.NewFramer(nil, conn)
	r.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	results := map[string]int{}
	for acknowledged := false; !acknowledged || c.want != anyReplies && summarize(results) != c.want; {
		frame, err := r.ReadFrame()
		if err != nil {
			results["closed"]++
			break
		}
		switch frame := frame.(type) {
		case *http2.PingFrame:
			acknowledged = acknowledged || frame.Data == lastPing
		case *http2.RSTStreamFrame:
			if frame.ErrCode != http2.ErrCodeNo { // NO_ERROR follows the end of a reply
				results[frame.ErrCode.String()]++
			}
		case *http2.MetaHeadersFrame:
			if frame.StreamEnded() {
				results[callStatus(frame)]++
			}
		}
	}
	if c.want == anyReplies {
		return anyReplies
	}
	return summarize(results)
}

func callStatus(frame *http2.MetaHeadersFrame) string {
	for _, field := range frame.Fields {
		if field.Name == "grpc-status" {
			return "status " + field.Value
		}
	}
	return "no status"
}

func summarize(results map[string]int) string {
	var all []string
	for result, n := range results {
		all = append(all, fmt.Sprintf("%d × %s", n, result))
	}
	slices.Sort(all)
	return strings.Join(all, ", ")
}

// http2Writer collects the frames of a client.
type http2Writer struct {
	*http2.Framer
	sent, block *bytes.Buffer
	enc         *hpack.Encoder
}

func newHTTP2Writer() *http2Writer {
	w := &http2Writer{sent: &bytes.Buffer{}, block: &bytes.Buffer{}}
	w.Framer, w.enc = http2.NewFramer(w.sent, nil), hpack.NewEncoder(w.block)
	w.AllowIllegalWrites = true
	return w
}

// http2Bytes returns the bytes of a whole connection, from the preface to lastPing.
func http2Bytes(write func(w *http2Writer)) string {
	w := newHTTP2Writer()
	w.sent.WriteString(http2.ClientPreface)
	w.WriteSettings()
	w.WriteWindowUpdate(0, 1<<30)
	write(w)
	w.WritePing(false, lastPing)
	return w.sent.String()
}

type field = hpack.HeaderField

// omitted is the value of a field that holdHeaders leaves out.
const omitted = "\x00"

// holdHeaders returns the headers of a hold. A field in changed replaces the field of its
// name, or is appended.
func holdHeaders(changed ...field) (fields []field) {
	fields = []field{
		{Name: ":method", Value: "POST"}, {Name: ":scheme", Value: "http"},
		{Name: ":path", Value: "/agentconf.v1.ConferenceService/HoldParticipant"},
		{Name: ":authority", Value: "agentconf.test"}, {Name: "content-type", Value: "application/grpc"},
		{Name: "te", Value: "trailers"}, {Name: "guid", Value: someGUID},
	}
	for _, c := range changed {
		if i := slices.IndexFunc(fields, func(f field) bool { return f.Name == c.Name }); i >= 0 {
			fields[i] = c
		} else {
			fields = append(fields, c)
		}
	}
	return slices.DeleteFunc(fields, func(f field) bool { return f.Value == omitted })
}

// headers writes a complete header block.
func (w *http2Writer) headers(stream uint32, endStream bool, fields ...field) {
	w.WriteHeaders(http2.HeadersFrameParam{
		StreamID: stream, BlockFragment: w.encode(fields...), EndHeaders: true, EndStream: endStream,
	})
}

// encode returns the header block of fields, which is valid until the next call.
func (w *http2Writer) encode(fields ...field) []byte {
	w.block.Reset()
	for _, f := range fields {
		w.enc.WriteField(f)
	}
	return w.block.Bytes()
}

// hold writes a complete hold.
func (w *http2Writer) hold(stream uint32, changed ...field) {
	w.headers(stream, false, holdHeaders(changed...)...)
	w.WriteData(stream, true, holdMessage)
}

// holdMessage is the documented hold as a gRPC message: flag, length and request.
var holdMessage = func() []byte {
	m, err := proto.Marshal(documentedHold("1287"))
	if err != nil {
		panic(err)
	}
	return append([]byte{0, 0, 0, 0, byte(len(m))}, m...)
}()

// pathAbuses send a hold to paths that resemble its path.
func pathAbuses() (cases []abuse) {
	const service = "/agentconf.v1.ConferenceService/"
	for _, path := range []string{
		service[1:] + "HoldParticipant", "/" + service + "HoldParticipant", service + "holdParticipant",
		strings.ToLower(service) + "HoldParticipant", service + "HoldParticipant/", service + "HoldParticipant?",
		service + "../ConferenceService/HoldParticipant", "/agentconf.v1.ConferenceService%2FHoldParticipant",
		service + "Hold%50articipant", service, "/HoldParticipant", "/", "", "*", omitted,
		"http://agentconf.test" + service + "HoldParticipant", holdV1, holdGateway,
	} {
		sent := http2Bytes(func(w *http2Writer) { w.hold(1, field{Name: ":path", Value: path}) })
		cases = append(cases, abuse{"path " + path, sent, "1 × status 12", 0})
	}
	return cases
}

// headerAbuses send a hold with unusual headers, most of them malformed.
func headerAbuses() (cases []abuse) {
	for _, c := range unusualHeaders {
		sent := http2Bytes(func(w *http2Writer) {
			w.headers(1, false, c.fields...)
			w.WriteData(1, true, holdMessage)
		})
		cases = append(cases, abuse{c.name, sent, c.want, c.calls})
	}
	return cases
}

var unusualHeaders = []struct {
	name   string
	fields []field
	want   string
	calls  int
}{
	{"valid call", holdHeaders(), "1 × status 0", 1},
	{"no method", holdHeaders(field{Name: ":method", Value: omitted}), "1 × status 13", 0},
	{"GET", holdHeaders(field{Name: ":method", Value: "GET"}), "1 × status 13", 0},
	{"post", holdHeaders(field{Name: ":method", Value: "post"}), "1 × status 13", 0},
	{"no scheme", holdHeaders(field{Name: ":scheme", Value: omitted}), "1 × status 0", 1},
	{"no authority", holdHeaders(field{Name: ":authority", Value: omitted}), "1 × status 13", 0},
	{"two hosts", append(holdHeaders(field{Name: ":authority", Value: omitted}),
		field{Name: "host", Value: "a"}, field{Name: "host", Value: "b"}), "1 × status 13", 0},
	{"two paths", prependField(":path", "/"), "1 × PROTOCOL_ERROR", 0},
	{"pseudo-header of a response", prependField(":status", "200"), "1 × PROTOCOL_ERROR", 0},
	{"unknown pseudo-header", prependField(":x", "1"), "1 × PROTOCOL_ERROR", 0},
	{"pseudo-header after other headers", appendField(":path", "/"), "1 × PROTOCOL_ERROR", 0},
	{"no headers at all", nil, "1 × status 3", 0},
	{"upper-case name", appendField("Guid", someGUID), "1 × PROTOCOL_ERROR", 0},
	{"line feed in a value", appendField("x", "a\r\nguid: b"), "1 × PROTOCOL_ERROR", 0},
	{"connection header", appendField("connection", "close"), "1 × PROTOCOL_ERROR", 0},
	{"chunked", appendField("transfer-encoding", "chunked"), "1 × status 0", 1},
	{"wrong content length", appendField("content-length", "1"), "1 × status 0", 1},
	{"two GUIDs", appendField("guid", "x.AgentGateway1"), "1 × status 16", 0},
	{"JSON", holdHeaders(field{Name: "content-type", Value: "application/json"}), "1 × status 3", 0},
	{"unknown compression", appendField("grpc-encoding", "none-such"), "1 × status 12", 0},
	{"negative timeout", appendField("grpc-timeout", "-1S"), "1 × status 13", 0},
	{"timeout of 0", appendField("grpc-timeout", "0n"), "1 × status 4", 0},
	{"huge headers", append(holdHeaders(), field{Name: "x", Value: strings.Repeat("a", 15<<10)},
		field{Name: "y", Value: strings.Repeat("b", 15<<10)}), "1 × closed", 0},
	{"many headers", append(holdHeaders(), slices.Repeat([]field{{Name: "x", Value: "a"}}, 10_000)...),
		"1 × FRAME_SIZE_ERROR", 0},
}

// appendField returns the headers of a hold with another field behind them.
func appendField(name, value string) []field {
	return append(holdHeaders(), field{Name: name, Value: value})
}

// prependField returns the headers of a hold with another field before them.
func prependField(name, value string) []field {
	return append([]field{{Name: name, Value: value}}, holdHeaders()...)
}
