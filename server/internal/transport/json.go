package transport

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	agentconfv1 "agentconf/gen/agentconf/v1"
	"agentconf/server/internal/conference"
)

// jsonFront is the HTTP side of the contract, after the bindings of http.yaml.
type jsonFront struct {
	mux    *runtime.ServeMux
	routes routes
	docs   *http.ServeMux
	log    *slog.Logger

	maxRequest int64 // bytes of a body
}

func newJSONFront(conn grpc.ClientConnInterface, log *slog.Logger, maxRequest int64) *jsonFront {
	f := &jsonFront{log: log, routes: routes{byEnd: map[end]route{}}, docs: newDocs(), maxRequest: maxRequest}
	f.mux = runtime.NewServeMux(
		runtime.WithMarshalerOption(runtime.MIMEWildcard, &codec{}),
		runtime.WithForwardResponseOption(setGatewayHeaders),
		runtime.WithForwardResponseOption(streamHeader),
		runtime.WithForwardResponseRewriter(write),
		runtime.WithErrorHandler(f.failed),
		runtime.WithRoutingErrorHandler(f.noRoute),
		runtime.WithMiddlewares(stopProbe, f.routes.remember),
		runtime.WithDisablePathLengthFallback(), // nor does a form make a POST another method
		runtime.WithWriteContentLength(),
	)
	ctx := context.Background()
	err := errors.Join(
		agentconfv1.RegisterConferenceServiceHandlerClient(ctx, f.mux, agentconfv1.NewConferenceServiceClient(conn)),
		agentconfv1.RegisterSessionServiceHandlerClient(ctx, f.mux, agentconfv1.NewSessionServiceClient(conn)),
		agentconfv1.RegisterEventServiceHandlerClient(ctx, f.mux, agentconfv1.NewEventServiceClient(conn)),
	)
	if err != nil { // a binding that does not parse: http.yaml is broken
		panic(err)
	}
	return f
}

// setGatewayHeaders makes the headers of an answer those of the gateway. A GUID that it
// issued is passed on with the header's name spelled as the gateway spells it, since
// some clients compare that byte by byte.
func setGatewayHeaders(ctx context.Context, w http.ResponseWriter, m proto.Message) error {
	if inDialect(ctx) {
		w.Header()["Content-Type"] = gatewayContentTypes
	}
	if issued, ok := m.(interface{ GetGuid() string }); ok && issued.GetGuid() != "" {
		w.Header()["Set-GUID"] = []string{"JSESSIONID=" + issued.GetGuid()}
	}
	return nil
}

// lastIfChunked has a chunked request be the last of its connection. net/http takes out a
// Content-Length beside the chunks without a word, and to a proxy that goes by that, what
// would be the next request here is part of the body.
func lastIfChunked(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.TransferEncoding != nil {
			w.Header().Set("Connection", "close")
		}
		h.ServeHTTP(w, r)
	})
}

func (f *jsonFront) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.Contains(strings.ToUpper(r.URL.RawPath), "%2F") {
		f.noRoute(r.Context(), nil, nil, w, r, http.StatusNotFound) // it separates nothing
		return
	}
	if strings.HasPrefix(r.URL.Path, docsRoot) && f.serveDocs(w, r) {
		return
	}
	body := &requestBody{
		ReadCloser: http.MaxBytesReader(w, r.Body, f.maxRequest), length: min(r.ContentLength, f.maxRequest),
		control: http.NewResponseController(w),
	}
	if r.ContentLength == 0 {
		body.hasCome()
	}
	r = asCall(r, setRequestID(w, r))
	r.Body = body
	defer f.abort(r)
	// The gateway takes the ; of a list of skills as it stands, net/url does not.
	r.URL.RawQuery = strings.ReplaceAll(r.URL.RawQuery, ";", "%3B")
	resume(r)
	if handle, values := f.routes.find(r); handle != nil {
		handle(w, r, values)
		return
	}
	f.mux.ServeHTTP(w, r)
}

// serveDocs answers r if it is for the documentation.
func (f *jsonFront) serveDocs(w http.ResponseWriter, r *http.Request) bool {
	handler, pattern := f.docs.Handler(r)
	if pattern == "" {
		return false
	}
	handler.ServeHTTP(w, r)
	return true
}

// abort breaks off the answer to r after a panic outside of the call itself, which its
// interceptor would have told. net/http logs every other panic with all that it says.
func (f *jsonFront) abort(r *http.Request) {
	if p := recover(); p != nil {
		f.logFailure(r.Context(), panicked("", p))
		panic(http.ErrAbortHandler)
	}
}

// asCall is r with what a call is made of, and nothing else that the mux would make
// metadata of: of a client's headers only those that the gateway knows are metadata, and
// the IDs of the request.
func asCall(r *http.Request, requestID []string) *http.Request {
	md := metadata.MD{"guid": r.Header["Guid"], requestIDKey: requestID}
	if token := r.Header["Service_token"]; token != nil {
		md["service_token"] = token
	}
	for _, key := range traceKeys {
		if values := r.Header[http.CanonicalHeaderKey(key)]; values != nil {
			md[key] = values
		}
	}
	var header http.Header
	if timeout, id := r.Header["Grpc-Timeout"], r.Header["Last-Event-Id"]; timeout != nil || id != nil {
		header = http.Header{"Grpc-Timeout": timeout, "Last-Event-Id": id}
	}
	r = r.WithContext(metadata.NewIncomingContext(r.Context(), md))
	r.Header, r.Host, r.RemoteAddr = header, "", ""
	return r
}

// requestBody is the body of a request. What is wrong with it is kept here for
// failed, since the generated code in between passes on no more than a text.
type requestBody struct {
	io.ReadCloser
	length  int64 // as announced, or -1
	control *http.ResponseController
	faults  []conference.Violation
}

// hasCome ends the deadline of the request. It would go on to end a call that takes
// longer, since net/http reads on to see whether the client is still there.
func (b *requestBody) hasCome() error { return b.control.SetReadDeadline(time.Time{}) }

// all reads the body.
func (b *requestBody) all() ([]byte, error) {
	data := bytes.NewBuffer(make([]byte, 0, max(b.length, 0)+bytes.MinRead))
	if _, err := data.ReadFrom(b); err != nil {
		return nil, err
	}
	return data.Bytes(), b.hasCome()
}

// codec is JSON as the contract has it: strict in, plain out. What it embeds does
// for it what is never asked.
type codec struct{ runtime.JSONPb }

func (*codec) Marshal(v any) ([]byte, error) {
	switch v := v.(type) {
	case written:
		return v, nil
	case map[string]any: // a message of a stream, as the generated code wraps it
		return v["result"].(written), nil
	case map[string]proto.Message: // its end
		return ending(v["error"])
	}
	return nil, fmt.Errorf("no JSON of %T", v)
}

func (*codec) NewDecoder(r io.Reader) runtime.Decoder {
	return runtime.DecoderFunc(func(v any) error {
		body := r.(*requestBody)
		body.faults = decode(body.all, v.(proto.Message))
		if body.faults != nil {
			return errors.New("the body is not what this operation takes")
		}
		return nil
	})
}

// failed writes the error of a request that has an operation.
func (f *jsonFront) failed(ctx context.Context, _ *runtime.ServeMux, _ runtime.Marshaler, w http.ResponseWriter, r *http.Request, err error) {
	method, _ := runtime.RPCMethod(ctx)
	var e *conference.Error
	if errors.As(err, &e) {
		writeError(w, r, inJSON(e), 0)
		return
	}
	e = rejected(operationOf(method), r, err) // before it came to the interceptor
	f.logFailure(ctx, e)
	writeError(w, r, e, 0)
}

// logFailure writes the line of a request that did not become a call.
func (f *jsonFront) logFailure(ctx context.Context, e *conference.Error) {
	call{requestID: requestIDOf(ctx), start: time.Now()}.logFailure(ctx, f.log, e.Operation, e)
}

// fieldOfURL finds the field in the generated code's error of a value in a path
// or a query.
var fieldOfURL = regexp.MustCompile(`(?:parameter: |field "(?:[A-Za-z0-9]+\.)*)([a-z_]+)`)

// rejected is the error of a request that the generated code turned away.
func rejected(operation string, r *http.Request, err error) *conference.Error {
	if body, ok := r.Body.(*requestBody); ok && body.faults != nil {
		return conference.InvalidArgument(operation, body.faults...)
	}
	if field := fieldOfURL.FindStringSubmatch(err.Error()); field != nil {
		return conference.InvalidArgument(operation, conference.Violation{Field: field[1], Description: "has a value of the wrong type in the URL"})
	}
	if status.Code(err) == codes.InvalidArgument {
		return conference.InvalidArgument(operation, conference.Violation{
			Field: "Grpc-Timeout", Description: "must be a number of at most 8 digits and one of H M S m u n, such as 500m",
		})
	}
	return conference.Internal(operation, err)
}

// noRoute writes the error of a request that names no operation.
func (f *jsonFront) noRoute(ctx context.Context, _ *runtime.ServeMux, _ runtime.Marshaler, w http.ResponseWriter, r *http.Request, httpStatus int) {
	if _, probing := ctx.Value(probe{}).(*bool); probing {
		return
	}
	text := "No operation has this path; the README lists them."
	if httpStatus == http.StatusMethodNotAllowed {
		allowed := strings.Join(f.methods(r), ", ")
		text = "This operation takes " + allowed + " only."
		w.Header().Set("Allow", allowed)
	}
	e := conference.NoSuchOperation(text)
	f.logFailure(ctx, e)
	writeError(w, r, e, httpStatus)
}

// probe is the context key of a request that only asks whether it has a route.
type probe struct{}

// methods are those that the path of r has an operation for. The mux has no way
// to ask, so each is tried, and stopProbe keeps it from being done.
func (f *jsonFront) methods(r *http.Request) (allowed []string) {
	for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete} {
		found := false
		asked := r.Clone(context.WithValue(r.Context(), probe{}, &found))
		asked.Method = method
		f.mux.ServeHTTP(nil, asked)
		if found {
			allowed = append(allowed, method)
		}
	}
	return allowed
}

func stopProbe(next runtime.HandlerFunc) runtime.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request, pathParams map[string]string) {
		if found, probing := r.Context().Value(probe{}).(*bool); probing {
			*found = true
			return
		}
		next(w, r, pathParams)
	}
}
