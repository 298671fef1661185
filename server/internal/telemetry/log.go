// Package telemetry writes the log records of the process, exports its traces, and sets its
// garbage collector.
package telemetry

import (
	"bufio"
	"context"
	"io"
	"log/slog"
	"sync"
	"time"
)

const (
	// flushDelay is the longest time that a log record below WARN waits to be written.
	flushDelay = 100 * time.Millisecond

	// logBuffer is the size in bytes at which waiting records are written at once.
	logBuffer = 64 << 10
)

// The formats of log records: one JSON object a line, or key=value pairs.
const (
	JSON = "json"
	Text = "text"
)

// NewLog returns a logger that writes records of at least level to w, in format JSON or
// Text. Records below WARN wait at most 100 ms and are written together: a system call for
// each costs a good part of a call. A process that is killed loses the records that wait;
// one that ends calls flush, which writes them.
//
// A record that cannot be written is lost without an error. w needs no lock.
func NewLog(w io.Writer, format string, level slog.Leveler) (log *slog.Logger, flush func()) {
	buffer := &bufferedWriter{to: w, buffer: bufio.NewWriterSize(w, logBuffer)}
	options := &slog.HandlerOptions{Level: level}
	var handler slog.Handler = jsonLines{Handler: slog.NewJSONHandler(buffer, options), buffer: buffer, plain: true}
	if format == Text {
		handler = slog.NewTextHandler(buffer, options)
	}
	return slog.New(writeThrough{handler, buffer}), buffer.flush
}

// writeThrough is a handler that writes warnings and errors at once, together with the
// records that wait before them. The handlers that are derived from it do so too.
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
	scheduled bool // a flush is scheduled; without records no timer runs
}

func (b *bufferedWriter) Write(record []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.write(record)
}

// write needs the lock.
func (b *bufferedWriter) write(record []byte) (int, error) {
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
