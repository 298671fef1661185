package telemetry

import (
	"context"
	"fmt"
	"log"
	"log/slog"
	"os"
	"regexp"
	"strings"
	"sync/atomic"
)

// GRPCLog receives the log of grpc-go and grpc-gateway, which is one for the process. It
// drops everything until To is called. It implements grpclog.LoggerV2.
//
// Connections that never become one of gRPC, of scanners for example, are summarised.
// Everything else is of level DEBUG, without the quoted parts: the libraries quote headers
// and parameters of callers.
type GRPCLog struct{ to atomic.Pointer[grpcTarget] }

type grpcTarget struct {
	log         *slog.Logger
	connections *Summary
}

// To sets the log. A later call replaces it.
func (g *GRPCLog) To(log *slog.Logger) {
	g.to.Store(&grpcTarget{log, NewSummary(log, slog.LevelInfo, "connections to the gRPC port have failed")})
}

// quoted matches what the libraries print with %q.
var quoted = regexp.MustCompile(`"(?:[^"\\]|\\.)*"`)

func withoutQuotes(text string) string {
	return quoted.ReplaceAllLiteralString(strings.TrimSpace(text), `"…"`)
}

func (g *GRPCLog) write(text string) {
	to := g.to.Load()
	if to == nil {
		return
	}
	if _, cause, failed := strings.Cut(text, "failed to create ServerTransport: "); failed {
		to.connections.Add(slog.String("cause", withoutQuotes(cause)))
		return
	}
	to.log.LogAttrs(context.Background(), slog.LevelDebug, "grpc", slog.String("cause", withoutQuotes(text)))
}

func (g *GRPCLog) Info(args ...any)                    { g.write(fmt.Sprint(args...)) }
func (g *GRPCLog) Infoln(args ...any)                  { g.write(fmt.Sprintln(args...)) }
func (g *GRPCLog) Infof(format string, args ...any)    { g.write(fmt.Sprintf(format, args...)) }
func (g *GRPCLog) Warning(args ...any)                 { g.Info(args...) }
func (g *GRPCLog) Warningln(args ...any)               { g.Infoln(args...) }
func (g *GRPCLog) Warningf(format string, args ...any) { g.Infof(format, args...) }
func (g *GRPCLog) Error(args ...any)                   { g.Info(args...) }
func (g *GRPCLog) Errorln(args ...any)                 { g.Infoln(args...) }
func (g *GRPCLog) Errorf(format string, args ...any)   { g.Infof(format, args...) }

// Fatal ends the process, as the interface asks. grpc-go calls it only if a service is
// registered twice.
func (g *GRPCLog) Fatal(args ...any)                 { g.Info(args...); os.Exit(1) }
func (g *GRPCLog) Fatalln(args ...any)               { g.Infoln(args...); os.Exit(1) }
func (g *GRPCLog) Fatalf(format string, args ...any) { g.Infof(format, args...); os.Exit(1) }

// V switches the verbose messages off, which would cost every call.
func (g *GRPCLog) V(int) bool { return false }

// HTTPLog returns the error log of an HTTP server. Its records name the port. Connections
// that never become one of HTTP are summarised, and so are failures to accept any. What
// else net/http logs is of level DEBUG. Without peers no record has an address of a client.
func HTTPLog(to *slog.Logger, port string, peers bool) *log.Logger {
	connections := NewSummary(to, slog.LevelInfo, "connections to the "+port+" port have failed")
	accepts := NewSummary(to, slog.LevelWarn, "the "+port+" port cannot accept connections")
	return log.New(lineWriter(func(line string) {
		if !peers {
			line = fromPeer.ReplaceAllLiteralString(line, "")
		}
		cause := slog.String("cause", withoutQuotes(line))
		switch {
		case strings.Contains(line, "TLS handshake error"), strings.Contains(line, "reading preface"):
			connections.Add(cause)
		case strings.Contains(line, "Accept error"):
			accepts.Add(cause)
		default:
			to.LogAttrs(context.Background(), slog.LevelDebug, "http", cause)
		}
	}), "", 0)
}

// fromPeer matches the address of a client in the lines of net/http.
var fromPeer = regexp.MustCompile(` from (?:client )?\S+:\d+`)

// lineWriter is a function that receives every line of a log.Logger.
type lineWriter func(line string)

func (w lineWriter) Write(line []byte) (int, error) {
	w(strings.TrimSpace(string(line)))
	return len(line), nil
}
