package jsonfront

import (
	"bytes"
	"context"
	"errors"
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
	writer        http.ResponseWriter

	dialect     dialect
	query       string // not parsed; semicolons, which net/url rejects, are encoded
	lastEventID string

	bodyDecoded bool // the operation takes its fields from the body
	violations  []outcome.Violation
}

// inboundOf returns the inboundRequest of a request's context. It is there as the stream of
// the call, so that a service can set a header of the response.
func inboundOf(ctx context.Context) *inboundRequest {
	return grpc.ServerTransportStreamFromContext(ctx).(*inboundRequest)
}

// errRejected stands for the violations of an inboundRequest.
var errRejected = errors.New("the request has violations")

// noForm is the parsed query of every request, so that the generated code binds no
// query parameters: bindQuery does.
var noForm = url.Values{}

// newInboundRequest returns r with its inboundRequest and the metadata of its call. The
// result has no other header: the generated code would make metadata, trailers and
// another method of them.
func newInboundRequest(w http.ResponseWriter, r *http.Request, maxBody int64) *http.Request {
	in := &inboundRequest{
		ReadCloser:  http.MaxBytesReader(w, r.Body, maxBody),
		length:      min(r.ContentLength, maxBody),
		writer:      w,
		dialect:     dialectOf(r.URL.Path),
		query:       strings.ReplaceAll(r.URL.RawQuery, ";", "%3B"),
		lastEventID: r.Header.Get("Last-Event-ID"),
	}
	if r.ContentLength == 0 {
		in.clearReadDeadline()
	}
	requestID := []string{interceptor.RequestID(r.Header[requestIDHeader])}
	w.Header()[requestIDHeader] = requestID
	ctx := metadata.NewIncomingContext(r.Context(), callMetadata(r.Header, requestID))
	timeout := r.Header["Grpc-Timeout"]

	r = r.WithContext(grpc.NewContextWithServerTransportStream(ctx, in))
	r.Header, r.Host, r.RemoteAddr = nil, "", ""
	if timeout != nil {
		r.Header = http.Header{"Grpc-Timeout": timeout}
	}
	r.Body, r.Form, r.PostForm = in, noForm, noForm
	return r
}

// callMetadata returns the metadata of a call. Of the client's headers it holds those
// that the gateway knows, and the trace context.
func callMetadata(header http.Header, requestID []string) metadata.MD {
	md := metadata.MD{"guid": header["Guid"], interceptor.RequestIDKey: requestID}
	if token := header["Service_token"]; token != nil {
		md["service_token"] = token
	}
	for _, key := range telemetry.TraceKeys {
		if values := header[http.CanonicalHeaderKey(key)]; values != nil {
			md[key] = values
		}
	}
	return md
}

// clearReadDeadline ends the deadline of the request once its body has arrived.
// net/http keeps reading, to notice a client that leaves. The deadline would end that
// read, and with it a call that takes longer.
func (in *inboundRequest) clearReadDeadline() error {
	return http.NewResponseController(in.writer).SetReadDeadline(time.Time{})
}

// decodeBody reads the body into m, which is new. It returns errRejected if the body
// has violations.
func (in *inboundRequest) decodeBody(m proto.Message) error {
	in.bodyDecoded = true
	data, err := in.readBody()
	switch tooLarge, ok := errors.AsType[*http.MaxBytesError](err); {
	case ok:
		in.violations = violateBody("is larger than %d bytes", tooLarge.Limit)
	case err != nil:
		in.violations = violateBody("is incomplete")
	default:
		in.violations = decode(data, m)
	}
	return in.rejected()
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
	if _, err := data.ReadFrom(in); err != nil {
		return nil, err
	}
	return data.Bytes(), in.clearReadDeadline()
}
