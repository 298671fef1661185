package telemetry

import (
	"context"
	"log/slog"
	"math"
	"slices"
	"strconv"
	"time"
)

// jsonLines is a handler that appends a plain record to the buffer, byte for byte as slog's
// JSON handler writes it: every call writes one, and slog encodes a float by reflection. A
// record is plain if it has a time, and its attributes are strings of printable ASCII without
// quotes or backslashes, and numbers. slog's handler writes every other record.
type jsonLines struct {
	slog.Handler
	buffer *bufferedWriter
	plain  bool   // the attributes of the handler are plain, and it has no group
	attrs  []byte // they, encoded
}

func (h jsonLines) Handle(ctx context.Context, r slog.Record) error {
	if h.plain && h.buffer.writeRecord(h.attrs, r) {
		return nil
	}
	return h.Handler.Handle(ctx, r)
}

func (h jsonLines) WithAttrs(attrs []slog.Attr) slog.Handler {
	h.Handler = h.Handler.WithAttrs(attrs)
	h.attrs = slices.Clip(h.attrs)
	for _, a := range attrs {
		if h.plain {
			h.attrs, h.plain = appendAttr(h.attrs, a)
		}
	}
	return h
}

func (h jsonLines) WithGroup(name string) slog.Handler {
	h.Handler, h.plain = h.Handler.WithGroup(name), false
	return h
}

// writeRecord writes a record with the encoded attributes of its handler, unless it is not
// plain.
func (b *bufferedWriter) writeRecord(attrs []byte, r slog.Record) (plain bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	line, plain := appendRecord(b.buffer.AvailableBuffer(), attrs, r)
	if plain {
		b.write(line)
	}
	return plain
}

func appendRecord(line, attrs []byte, r slog.Record) (_ []byte, plain bool) {
	if r.Time.IsZero() || uint(r.Time.Year()) > 9999 || !isPlain(r.Message) {
		return nil, false
	}
	line = append(line, `{"time":"`...)
	line = r.Time.AppendFormat(line, time.RFC3339Nano)
	line = append(line, `","level":"`...)
	line = append(line, r.Level.String()...)
	line = append(line, `","msg":"`...)
	line = append(line, r.Message...)
	line = append(line, '"')
	line = append(line, attrs...)
	plain = true
	r.Attrs(func(a slog.Attr) bool {
		line, plain = appendAttr(line, a)
		return plain
	})
	return append(line, "}\n"...), plain
}

// appendAttr appends a comma and an attribute, unless the attribute is not plain.
func appendAttr(line []byte, a slog.Attr) (_ []byte, plain bool) {
	if !isPlain(a.Key) {
		return line, false
	}
	line = append(line, `,"`...)
	line = append(line, a.Key...)
	line = append(line, `":`...)
	switch a.Value.Kind() {
	case slog.KindString:
		line = append(line, '"')
		line = append(line, a.Value.String()...)
		return append(line, '"'), isPlain(a.Value.String())
	case slog.KindFloat64:
		f := a.Value.Float64()
		// Smaller and larger numbers have an exponent.
		return strconv.AppendFloat(line, f, 'f', -1, 64), f == 0 || math.Abs(f) >= 1e-6 && math.Abs(f) < 1e21
	}
	return line, false
}

// isPlain reports whether s is the same in JSON.
func isPlain(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}
