package telemetry

import (
	"bufio"
	"context"
	"io"
	"log/slog"
	"sync"
	"time"
)

// flushDelay is the longest time that a log record below WARN waits to be written.
const flushDelay = 100 * time.Millisecond

// Log formats.
const (
	JSON = "json"
	Text = "text"
)

// NewLog returns a logger that writes records in a format to w. Records below WARN are
// written together: a system call for each costs a good part of a call. A process that
// is killed loses the records that wait. flush writes them.
func NewLog(w io.Writer, format string, level slog.Leveler) (log *slog.Logger, flush func()) {
	buffer := newBufferedWriter(w)
	options := &slog.HandlerOptions{Level: level}
	var handler slog.Handler = slog.NewJSONHandler(buffer, options)
	if format == Text {
		handler = slog.NewTextHandler(buffer, options)
	}
	return slog.New(writeThrough{handler, buffer}), buffer.flush
}

// writeThrough is a handler that writes warnings and errors at once.
type writeThrough struct {
	slog.Handler
	buffer *bufferedWriter
}

func (h writeThrough) Handle(ctx context.Context, r slog.Record) error {
	err := h.Handler.Handle(ctx, r)
	if r.Level >= slog.LevelWarn {
		h.buffer.flush()
	}
	return err
}

func (h writeThrough) WithAttrs(attrs []slog.Attr) slog.Handler {
	return writeThrough{h.Handler.WithAttrs(attrs), h.buffer}
}

func (h writeThrough) WithGroup(name string) slog.Handler {
	return writeThrough{h.Handler.WithGroup(name), h.buffer}
}

// bufferedWriter writes what it gets at most flushDelay later.
type bufferedWriter struct {
	mu        sync.Mutex
	to        io.Writer
	buffer    *bufio.Writer
	scheduled bool // a flush is scheduled
}

func newBufferedWriter(to io.Writer) *bufferedWriter {
	return &bufferedWriter{to: to, buffer: bufio.NewWriterSize(to, 64<<10)}
}

func (b *bufferedWriter) Write(record []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.scheduled {
		b.scheduled = true
		time.AfterFunc(flushDelay, b.flush)
	}
	return b.buffer.Write(record)
}

func (b *bufferedWriter) flush() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.scheduled = false
	if b.buffer.Flush() != nil {
		b.buffer.Reset(b.to) // the error would stay; the disk may have room again
	}
}
