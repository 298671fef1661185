package jsonfront

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"

	"agentconf/server/internal/interceptor"
	"agentconf/server/internal/outcome"
	"agentconf/server/internal/telemetry"
)

// requestIDHeader is the header of a request ID, in both directions.
const requestIDHeader = "X-Request-Id"

// inboundRequest is the state of a request that its http.Request has no place for. The
// codec gets it as the body, everything else in the context. It carries the violations,
// since the generated code reduces errors to their text.
type inboundRequest struct {
	io.ReadCloser       // the body, limited in size
	length        int64 // announced length of the body in bytes, or -1
	bodyEnded     bool  // the body was read to its end or to its fault
	writer        http.ResponseWriter

	front    *front
	original *http.Request      // as the client sent it; its body is the same
	cancel   context.CancelFunc // of the deadline; nil without one

	dialect    dialect
	extraSlash bool   // the path had slashes that were removed
	query      string // not parsed; semicolons, which net/url rejects, are encoded

	bodyDecoded bool // the operation takes its fields from the body
	unsupported bool // the body cannot be read; a violation has the reason
	violations  []outcome.Violation
	tolerated   int // number of tolerations
}

// inboundOf returns the inboundRequest of a request's context. It is there as the stream of
// the call, so that a service can set a header of the response.
func inboundOf(ctx context.Context) *inboundRequest {
	return grpc.ServerTransportStreamFromContext(ctx).(*inboundRequest)
}

// errRejected stands for the violations of an inboundRequest.
var errRejected = errors.New("the request has violations")

// utf8Mark is the byte order mark that some programs put before UTF-8.
var utf8Mark = []byte("\xef\xbb\xbf")

// noForm is the parsed query of every request, so that the generated code binds no
// query parameters: bindQuery does.
var noForm = url.Values{}

// newInboundRequest returns r with its inboundRequest and the metadata of its call. The
// result has no header: the generated code would make metadata, trailers and another method
// of them. The response has its request ID already.
func (f *front) newInboundRequest(w http.ResponseWriter, original *http.Request) *http.Request {
	path, extraSlash := tidyPath(original.URL.Path)
	in := &inboundRequest{
		ReadCloser: http.MaxBytesReader(w, original.Body, f.maxRequest),
		length:     min(original.ContentLength, f.maxRequest),
		writer:     w,
		front:      f,
		original:   original,
		dialect:    dialectOf(path),
		extraSlash: extraSlash,
		query:      strings.ReplaceAll(original.URL.RawQuery, ";", "%3B"),
	}
	if original.ContentLength == 0 {
		in.bodyEnded = true
		in.clearReadDeadline()
	}
	if in.dialect == rest {
		in.checkMedia(original.Header)
	}
	md := callMetadata(original.Header, w.Header()[requestIDHeader])
	ctx := metadata.NewIncomingContext(in.withDeadline(original.Context()), md)

	r := original.WithContext(grpc.NewContextWithServerTransportStream(ctx, in))
	r.Header, r.Host, r.RemoteAddr = nil, "", ""
	r.Body, r.Form, r.PostForm = in, noForm, noForm
	if extraSlash {
		r.URL = &url.URL{Path: path}
	}
	return r
}

// withDeadline returns the context of the request with the deadline of its Grpc-Timeout.
func (in *inboundRequest) withDeadline(ctx context.Context) context.Context {
	header := in.original.Header["Grpc-Timeout"]
	if header == nil {
		return ctx
	}
	timeout, ok := parseTimeout(header)
	if !ok {
		in.addViolation("Grpc-Timeout",
			"must be a number of at most 8 digits and one of H M S m u n, such as 500m")
		return ctx
	}
	ctx, in.cancel = context.WithTimeout(ctx, timeout)
	return ctx
}

// callMetadata returns the metadata of a call. Of the client's headers it holds those
// that the gateway knows, and the trace context.
func callMetadata(header http.Header, requestID []string) metadata.MD {
	md := metadata.MD{"guid": header["Guid"], interceptor.RequestIDKey: requestID}
	if token := header["Service_token"]; token != nil {
		md["service_token"] = token
	}
	if cookies := header["Cookie"]; cookies != nil {
		md["cookie"] = cookies
	}
	for _, key := range telemetry.TraceKeys {
		if values := header[http.CanonicalHeaderKey(key)]; values != nil {
			md[key] = values
		}
	}
	return md
}

// Read implements io.Reader. Whoever reads the body, its end ends the read deadline, and a
// fault is a violation: the generated code reads the body of an operation that has none, and
// ignores the fault. The connection of such a body keeps its deadline.
func (in *inboundRequest) Read(p []byte) (int, error) {
	n, err := in.ReadCloser.Read(p)
	if err == nil || in.bodyEnded {
		return n, err
	}
	in.bodyEnded = true
	if err == io.EOF {
		in.clearReadDeadline()
	} else if tooLarge, ok := errors.AsType[*http.MaxBytesError](err); ok {
		in.addViolation("body", fmt.Sprintf("is larger than %d bytes", tooLarge.Limit))
	} else {
		in.addViolation("body", "is incomplete")
	}
	return n, err
}

// clearReadDeadline ends the deadline of the request once its body has arrived. net/http
// keeps reading, to notice a client that leaves. The deadline would end that read, and with
// it a call that takes longer.
func (in *inboundRequest) clearReadDeadline() {
	_ = http.NewResponseController(in.writer).SetReadDeadline(time.Time{}) // every connection has one
}

// limitWrite gives what is written next a deadline. A client of HTTP/2 that keeps its window
// at 0 would hold the write back for ever, and with it a stop. A connection of HTTP/1 has a
// deadline for each write.
func (in *inboundRequest) limitWrite() {
	if in.original.ProtoMajor == 2 {
		setWriteDeadline(in.writer, time.Now().Add(in.front.writeTimeout))
	}
}

func setWriteDeadline(w http.ResponseWriter, t time.Time) {
	_ = http.NewResponseController(w).SetWriteDeadline(t) // only a recorder of a test has none
}

// decodeBody reads the body into m, which is new. It returns errRejected if the request
// has violations.
func (in *inboundRequest) decodeBody(m proto.Message) error {
	in.bodyDecoded = true
	if in.dialect == gateway {
		in.checkCoding(in.original.Header)
	}
	if in.unsupported {
		return errRejected
	}
	if data, err := in.readBody(); err == nil {
		in.decode(data, m)
	}
	return in.rejected()
}

// decode sets the fields of m from a JSON body, by the rules of the dialect.
func (in *inboundRequest) decode(data []byte, m proto.Message) {
	var d decoder
	if in.dialect == gateway {
		d.tolerant = in
		if rest, found := bytes.CutPrefix(data, utf8Mark); found {
			data = rest
			in.tolerate(byteOrderMark, "body")
		}
	}
	d.decode(data, m)
	in.violations = append(in.violations, d.violations...)
}

// rejected returns errRejected if the request has violations.
func (in *inboundRequest) rejected() error {
	if in.violations == nil {
		return nil
	}
	return errRejected
}

func (in *inboundRequest) addViolation(field, description string) {
	in.violations = append(in.violations, outcome.Violation{Field: field, Description: description})
}

// readBody returns the body. ReadFrom needs bytes.MinRead more than the body to find its
// end without growing the buffer.
func (in *inboundRequest) readBody() ([]byte, error) {
	data := bytes.NewBuffer(make([]byte, 0, max(in.length, 0)+bytes.MinRead))
	_, err := data.ReadFrom(in)
	return data.Bytes(), err
}
