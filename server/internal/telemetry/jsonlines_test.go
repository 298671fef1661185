package telemetry

import (
	"bytes"
	"context"
	"log/slog"
	"math"
	"testing"
	"time"
)

// A record is written byte for byte as slog writes it, whether it is plain or not, and with
// the attributes of derived handlers.
func TestJSONLines(t *testing.T) {
	now := time.Date(2026, 11, 29, 8, 0, 0, 123_450_000, time.FixedZone("", 3600))
	var attrs []slog.Attr
	for c := range rune(0x180) {
		attrs = append(attrs, slog.String("string", "a"+string(c)+"b"), slog.String("key"+string(c), ""))
	}
	for _, f := range []float64{
		0, math.Copysign(0, -1), 1, -1, 0.001, 12.345, 1e-6, 9.9e-7, 5e-324, 1e20, 1e21, -1e21, math.MaxFloat64, 1.0 / 3,
	} {
		attrs = append(attrs, slog.Float64("float", f))
	}
	attrs = append(attrs, slog.Attr{}, slog.String("", "x"), slog.String("broken", "\xff"), slog.Int("int", 7),
		slog.Any("list", []string{"a"}), slog.Any("nil", nil), slog.Group("group", "a", 1), slog.Bool("bool", true))
	for _, a := range attrs {
		for _, r := range []slog.Record{
			slog.NewRecord(now, slog.LevelInfo, "call", 0), slog.NewRecord(now.UTC(), slog.LevelWarn+1, `"quoted"`, 0),
			slog.NewRecord(time.Time{}, slog.LevelError, "", 0), slog.NewRecord(now.AddDate(9000, 0, 0), slog.LevelInfo, "", 0),
		} {
			checkSame(t, r, a)
		}
	}
}

// checkSame compares what both handlers write of r with a, as an attribute of the record, of
// the handler, and in a group.
func checkSame(t *testing.T, r slog.Record, a slog.Attr) {
	t.Helper()
	of := r.Clone()
	of.AddAttrs(slog.String("before", "x"), a, slog.Float64("after", 1.5))
	for name, write := range map[string]func(slog.Handler) error{
		"record":  func(h slog.Handler) error { return h.Handle(context.Background(), of) },
		"handler": func(h slog.Handler) error { return h.WithAttrs([]slog.Attr{a}).Handle(context.Background(), r) },
		"group":   func(h slog.Handler) error { return h.WithGroup("g").Handle(context.Background(), of) },
	} {
		var got, want bytes.Buffer
		log, flush := NewLog(&got, JSON, slog.LevelInfo)
		gotErr, wantErr := write(log.Handler()), write(slog.NewJSONHandler(&want, nil))
		flush()
		if got.String() != want.String() || (gotErr == nil) != (wantErr == nil) {
			t.Errorf("%s of %v: %v\n%swant %v\n%s", name, a, gotErr, &got, wantErr, &want)
		}
	}
}

// Two handlers that are derived from one keep their attributes apart.
func TestJSONLinesOfSiblings(t *testing.T) {
	var got, want bytes.Buffer
	log, flush := NewLog(&got, JSON, slog.LevelInfo)
	for _, h := range []slog.Handler{log.Handler(), slog.NewJSONHandler(&want, nil)} {
		parent := h.WithAttrs([]slog.Attr{slog.String("a", "1")})
		b, c := parent.WithAttrs([]slog.Attr{slog.String("b", "2")}), parent.WithAttrs([]slog.Attr{slog.String("c", "3")})
		for _, each := range []slog.Handler{b, c, parent} {
			each.Handle(context.Background(), slog.NewRecord(time.Unix(0, 0).UTC(), slog.LevelInfo, "call", 0))
		}
	}
	flush()
	if got.String() != want.String() {
		t.Errorf("%swant\n%s", &got, &want)
	}
}

// The record of a call is plain, so that it costs no allocation.
func TestJSONLinesOfCall(t *testing.T) {
	log, _ := NewLog(&bytes.Buffer{}, JSON, slog.LevelInfo)
	handler := log.Handler().WithAttrs([]slog.Attr{slog.String("operation", "holdParticipant")})
	r := slog.NewRecord(time.Now(), slog.LevelInfo, "call", 0)
	r.AddAttrs(slog.String("agent", "1287"), slog.Float64("duration_ms", 1.234), slog.String("request_id", "5f2b8e0c-1"))
	if n := testing.AllocsPerRun(100, func() { handler.Handle(context.Background(), r) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
