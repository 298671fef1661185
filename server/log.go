package main

import (
	"bufio"
	"errors"
	"io"
	"log/slog"
	"strings"
	"sync"
	"time"
)

// logDelay is the longest that a line of log waits to be written.
const logDelay = 100 * time.Millisecond

// bufferedLog writes lines together: a system call for each costs a good part of
// what a call does. A process that is killed loses the lines that wait.
type bufferedLog struct {
	mu      sync.Mutex
	to      io.Writer
	lines   *bufio.Writer
	waiting bool // for a flush that is due
}

func newBufferedLog(to io.Writer) *bufferedLog {
	return &bufferedLog{to: to, lines: bufio.NewWriterSize(to, 64<<10)}
}

func (l *bufferedLog) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.waiting {
		l.waiting = true
		time.AfterFunc(logDelay, l.flush)
	}
	return l.lines.Write(line)
}

// flush writes what waits.
func (l *bufferedLog) flush() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.waiting = false
	if l.lines.Flush() != nil {
		l.lines.Reset(l.to) // or the error would stay; the disk may have room again
	}
}

// logFormat is the value of --log-format.
type logFormat string

const (
	logJSON logFormat = "json"
	logText logFormat = "text"
)

func (f *logFormat) String() string { return string(*f) }

func (f *logFormat) Set(s string) error {
	if s := logFormat(s); s != logJSON && s != logText {
		return errors.New("must be json or text")
	}
	*f = logFormat(s)
	return nil
}

func (f logFormat) handler(w io.Writer, level slog.Leveler) slog.Handler {
	options := &slog.HandlerOptions{Level: level}
	if f == logText {
		return slog.NewTextHandler(w, options)
	}
	return slog.NewJSONHandler(w, options)
}

// logLevel is the value of --log-level. It can change while the program runs.
type logLevel struct{ slog.LevelVar }

func (l *logLevel) String() string { return strings.ToLower(l.Level().String()) }

func (l *logLevel) Set(s string) error {
	if l.UnmarshalText([]byte(s)) != nil {
		return errors.New("must be debug, info, warn or error")
	}
	return nil
}
