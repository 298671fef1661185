package jsonfront

import (
	"log/slog"
	"net/http"
	"strings"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// toleration is a kind of deviation that the gateway dialect ignores or converts, as the
// gateway does.
type toleration int

const (
	unknownField    toleration = iota // a member that the operation does not have
	agentIDInBody                     // the path counts
	numberForText                     // a number in place of a string
	textForNumber                     // a number in quotes
	leftOut                           // "" or null in place of a number, a truth value or a query parameter
	otherFlag                         // an autoflag other than true and false, which is false
	extraSlash                        // a doubled slash in the path, or one at its end
	contentEncoding                   // a charset in Content-Encoding
	byteOrderMark                     // before the JSON
)

// tolerationNames are the values of the label kind, by toleration.
var tolerationNames = [...]string{
	"unknown_field", "agent_id_in_body", "number_for_text", "text_for_number", "left_out",
	"other_flag", "extra_slash", "content_encoding", "byte_order_mark",
}

// maxTolerationRecords limits the log records of one request. A body can have thousands of
// unknown members.
const maxTolerationRecords = 16

// tolerations counts tolerations by kind. No label is a name that a client has chosen.
type tolerations [len(tolerationNames)]prometheus.Counter

func newTolerations(r prometheus.Registerer) (counters tolerations) {
	byKind := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "agentconf_dialect_tolerated_total",
		Help: "Deviations from the contract in requests of the gateway dialect that were ignored or converted, by kind.",
	}, []string{"kind"})
	r.MustRegister(byKind)
	for kind, name := range tolerationNames {
		counters[kind] = byKind.WithLabelValues(name)
	}
	return counters
}

// tolerate counts a toleration, and logs it at level debug. field is the name of a field, or
// of a part of the request; any other name of the client must not be passed.
func (in *inboundRequest) tolerate(kind toleration, field string) {
	in.front.tolerated[kind].Inc()
	ctx, log := in.original.Context(), in.front.log
	if in.tolerated++; in.tolerated <= maxTolerationRecords && log.Enabled(ctx, slog.LevelDebug) {
		log.LogAttrs(ctx, slog.LevelDebug, "tolerated", slog.String("kind", tolerationNames[kind]),
			slog.String("field", field), slog.String("request_id", in.writer.Header().Get(requestIDHeader)))
	}
}

// tolerateRoute is the middleware for the deviations of a path that has an operation. Every
// autoflag but true is false at the gateway.
func tolerateRoute(next runtime.HandlerFunc) runtime.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request, values map[string]string) {
		in := inboundOf(r.Context())
		if in.extraSlash {
			in.tolerate(extraSlash, "path")
		}
		if flag, found := values["autoflag"]; found && flag != "true" && flag != "false" {
			values["autoflag"] = "false"
			in.tolerate(otherFlag, "autoflag")
		}
		next(w, r, values)
	}
}

// tidyPath returns a path of the gateway without doubled slashes and without a slash at its
// end. Some clients join a base URL that ends in a slash with a path that begins with one.
// Any other path is returned as it is.
func tidyPath(path string) (tidy string, changed bool) {
	if !strings.Contains(path, "//") && !strings.HasSuffix(path, "/") {
		return path, false
	}
	segments := strings.FieldsFunc(path, func(r rune) bool { return r == '/' })
	if tidy = "/" + strings.Join(segments, "/"); strings.HasPrefix(tidy, gatewayRoot) {
		return tidy, true
	}
	return path, false
}

// convert sets a field to a value in a form that only the dialect accepts, and reports
// whether it did. An unusual value of a list or of a message is not converted.
func (in *inboundRequest) convert(
	m protoreflect.Message, field protoreflect.FieldDescriptor, value []byte,
) bool {
	switch kind := field.Kind(); {
	case field.IsList() || kind == protoreflect.MessageKind:
		return false
	case kind == protoreflect.StringKind:
		if !isWholeNumber(value) {
			return false
		}
		m.Set(field, protoreflect.ValueOfString(string(value)))
		in.tolerate(numberForText, field.JSONName())
		return true
	case string(value) == `""` || string(value) == `"null"`:
		in.tolerate(leftOut, field.JSONName())
		return true
	case value[0] == '"' && kind != protoreflect.BoolKind && setFromJSON(m, field, value):
		in.tolerate(textForNumber, field.JSONName())
		return true
	}
	return false
}

// isWholeNumber reports whether a JSON value is a number without fraction and exponent,
// whose text is that of the number.
func isWholeNumber(value []byte) bool {
	for i, c := range value {
		if (c < '0' || c > '9') && (c != '-' || i > 0) {
			return false
		}
	}
	return true
}

// isLeftOut reports whether the gateway takes the value of a query parameter for none. Pages
// send null for a variable without a value.
func isLeftOut(value string) bool { return value == "" || value == "null" }
