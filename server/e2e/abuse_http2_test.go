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

	agentconfv1 "agentconf/gen/agentconf/v1"
)

// What is no call never becomes one on the gRPC port.
func TestAbuseOfHTTP2(t *testing.T) {
	suffer(t, func(f *fronts) dialer { return f.dialGRPC }, answersOfHTTP2,
		slices.Concat(callAbuses(), written(frameAbuses), written(http2Floods)))
}

// anything is wanted where it depends on who is faster.
const anything = "anything"

// farewell is the ping that ends whatever is sent over HTTP/2.
var farewell = [8]byte{'f', 'a', 'r', 'e', 'w', 'e', 'l', 'l'}

// answersOfHTTP2 are the ends of calls and how often each was, until all that are
// wanted have come and the farewell has been answered, or until the connection ends.
func answersOfHTTP2(conn net.Conn, c abuse) string {
	r := http2.NewFramer(nil, conn)
	r.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	ends := map[string]int{}
	add := func(end string) {
		if c.want != anything {
			ends[end]++
		}
	}
	for answered := false; !answered || c.want != anything && summary(ends) != c.want; {
		frame, err := r.ReadFrame()
		if err != nil {
			add("closed")
			break
		}
		switch f := frame.(type) {
		case *http2.PingFrame:
			answered = answered || f.Data == farewell
		case *http2.RSTStreamFrame:
			if f.ErrCode != http2.ErrCodeNo { // which follows the end of an answer
				add(f.ErrCode.String())
			}
		case *http2.MetaHeadersFrame:
			if f.StreamEnded() {
				add(endOfCall(f))
			}
		}
	}
	if c.want == anything {
		return anything
	}
	return summary(ends)
}

func endOfCall(f *http2.MetaHeadersFrame) string {
	for _, field := range f.Fields {
		if field.Name == "grpc-status" {
			return "status " + field.Value
		}
	}
	return "no status"
}

func summary(ends map[string]int) string {
	var all []string
	for end, n := range ends {
		all = append(all, fmt.Sprintf("%d × %s", n, end))
	}
	slices.Sort(all)
	return strings.Join(all, ", ")
}

// http2Writer writes what a client sends.
type http2Writer struct {
	*http2.Framer
	sent, block *bytes.Buffer
	enc         *hpack.Encoder
}

// http2Sent is what a client sends from the beginning to its farewell.
func http2Sent(write func(w *http2Writer)) string {
	w := &http2Writer{sent: &bytes.Buffer{}, block: &bytes.Buffer{}}
	w.sent.WriteString(http2.ClientPreface)
	w.Framer, w.enc = http2.NewFramer(w.sent, nil), hpack.NewEncoder(w.block)
	w.AllowIllegalWrites = true
	w.WriteSettings()
	w.WriteWindowUpdate(0, 1<<30)
	write(w)
	w.WritePing(false, farewell)
	return w.sent.String()
}

type field = hpack.HeaderField

// head is that of a good hold, with some fields changed or left out.
func head(changed ...field) (fields []field) {
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
	return slices.DeleteFunc(fields, func(f field) bool { return f.Value == left })
}

// left is the value of a field that is left out.
const left = "\x00"

// headers writes a head.
func (w *http2Writer) headers(stream uint32, end bool, fields ...field) {
	w.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: w.encoded(fields...), EndHeaders: true, EndStream: end})
}

func (w *http2Writer) encoded(fields ...field) []byte {
	w.block.Reset()
	for _, f := range fields {
		w.enc.WriteField(f)
	}
	return w.block.Bytes()
}

// hold writes a whole call.
func (w *http2Writer) hold(stream uint32, changed ...field) {
	w.headers(stream, false, head(changed...)...)
	w.WriteData(stream, true, goodMessage)
}

// goodMessage is the message of a good hold, behind its length.
var goodMessage = func() []byte {
	m, err := proto.Marshal(&agentconfv1.HoldParticipantRequest{
		AgentId: "1287", AddressType: "6", Address: "88887946", VoicePath: "y:/conf/120/1136287.V3",
	})
	if err != nil {
		panic(err)
	}
	return append([]byte{0, 0, 0, 0, byte(len(m))}, m...)
}()

// callAbuses are of one call each.
func callAbuses() (cases []abuse) {
	const service = "/agentconf.v1.ConferenceService/"
	for _, path := range []string{
		service[1:] + "HoldParticipant", "/" + service + "HoldParticipant", service + "holdParticipant",
		strings.ToLower(service) + "HoldParticipant", service + "HoldParticipant/", service + "HoldParticipant?",
		service + "../ConferenceService/HoldParticipant", "/agentconf.v1.ConferenceService%2FHoldParticipant",
		service + "Hold%50articipant", service, "/HoldParticipant", "/", "", "*", left,
		"http://agentconf.test" + service + "HoldParticipant", holdV1, holdGateway,
	} {
		cases = append(cases, abuse{"path " + path, http2Sent(func(w *http2Writer) { w.hold(1, field{Name: ":path", Value: path}) }), "1 × status 12", 0})
	}
	for _, c := range headAbusesOfHTTP2 {
		cases = append(cases, abuse{c.name, http2Sent(func(w *http2Writer) {
			w.headers(1, false, c.fields...)
			w.WriteData(1, true, goodMessage)
		}), c.want, c.calls})
	}
	return cases
}

// headAbusesOfHTTP2 are heads, most of them not as they should be.
var headAbusesOfHTTP2 = []struct {
	name   string
	fields []field
	want   string
	calls  int
}{
	{"nothing wrong", head(), "1 × status 0", 1},
	{"no method", head(field{Name: ":method", Value: left}), "1 × status 13", 0},
	{"GET", head(field{Name: ":method", Value: "GET"}), "1 × status 13", 0},
	{"post", head(field{Name: ":method", Value: "post"}), "1 × status 13", 0},
	{"no scheme", head(field{Name: ":scheme", Value: left}), "1 × status 0", 1},
	{"no authority", head(field{Name: ":authority", Value: left}), "1 × status 13", 0},
	{"two hosts", append(head(field{Name: ":authority", Value: left}), field{Name: "host", Value: "a"}, field{Name: "host", Value: "b"}), "1 × status 13", 0},
	{"two paths", append([]field{{Name: ":path", Value: "/"}}, head()...), "1 × PROTOCOL_ERROR", 0},
	{"pseudo header of a response", append([]field{{Name: ":status", Value: "200"}}, head()...), "1 × PROTOCOL_ERROR", 0},
	{"pseudo header of nothing", append([]field{{Name: ":x", Value: "1"}}, head()...), "1 × PROTOCOL_ERROR", 0},
	{"pseudo header behind others", append(head(), field{Name: ":path", Value: "/"}), "1 × PROTOCOL_ERROR", 0},
	{"no headers at all", nil, "1 × status 3", 0},
	{"upper case", append(head(), field{Name: "Guid", Value: someGUID}), "1 × PROTOCOL_ERROR", 0},
	{"line feed in a value", append(head(), field{Name: "x", Value: "a\r\nguid: b"}), "1 × PROTOCOL_ERROR", 0},
	{"header of a connection", append(head(), field{Name: "connection", Value: "close"}), "1 × PROTOCOL_ERROR", 0},
	{"chunks", append(head(), field{Name: "transfer-encoding", Value: "chunked"}), "1 × status 0", 1},
	{"another length", append(head(), field{Name: "content-length", Value: "1"}), "1 × status 0", 1},
	{"two GUIDs", append(head(), field{Name: "guid", Value: "x.AgentGateway1"}), "1 × status 16", 0},
	{"JSON", head(field{Name: "content-type", Value: "application/json"}), "1 × status 3", 0},
	{"a coding that is not known", append(head(), field{Name: "grpc-encoding", Value: "none-such"}), "1 × status 12", 0},
	{"a time that is none", append(head(), field{Name: "grpc-timeout", Value: "-1S"}), "1 × status 13", 0},
	{"no time", append(head(), field{Name: "grpc-timeout", Value: "0n"}), "1 × status 4", 0},
	{"huge header", append(head(), field{Name: "x", Value: strings.Repeat("a", 15<<10)}, field{Name: "y", Value: strings.Repeat("b", 15<<10)}), "1 × closed", 0},
	{"many headers", append(head(), slices.Repeat([]field{{Name: "x", Value: "a"}}, 10_000)...), "1 × FRAME_SIZE_ERROR", 0},
}
