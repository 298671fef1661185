package telemetry_test

import (
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"agentconf/server/internal/servicetest"
	"agentconf/server/internal/telemetry"
)

// levelDebug lets a handler write every record.
var levelDebug = &slog.HandlerOptions{Level: slog.LevelDebug}

// The log of grpc-go is a part of the log, without values of callers. Failed connections are
// one record a minute.
func TestGRPCLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var text servicetest.Buffer
		var log telemetry.GRPCLog
		log.Info("dropped")
		log.To(slog.New(slog.NewJSONHandler(&text, levelDebug)))
		log.Warningf("Failed to decode metadata header (%q, %q): %v", "guid-bin", `a "secret\`, "illegal")
		for range 500 {
			log.Info("[core] grpc: Server.Serve failed to create ServerTransport: ", `desc = "bogus greeting \"GET /secret\""`)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		got := text.String()
		if strings.Contains(got, "secret") || strings.Contains(got, "dropped") || log.V(2) {
			t.Errorf("log\n%s", got)
		}
		for _, want := range []string{
			`"level":"DEBUG","msg":"grpc","cause":"Failed to decode metadata header (\"…\", \"…\"): illegal"`,
			`"level":"INFO","msg":"connections to the gRPC port have failed","count":1,`, `"count":499,"cause":"desc = `,
		} {
			if !strings.Contains(got, want) {
				t.Errorf("no %s in\n%s", want, got)
			}
		}
		if strings.Count(got, "\n") != 3 {
			t.Errorf("want 3 records in\n%s", got)
		}
		time.Sleep(time.Minute)
	})
}

// The log of an HTTP server is a part of the log. Failed connections are one record a
// minute, and so are failed accepts.
func TestHTTPLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var text servicetest.Buffer
		log := telemetry.HTTPLog(slog.New(slog.NewJSONHandler(&text, levelDebug)), "JSON", true)
		for range 500 {
			log.Print("http: TLS handshake error from 192.0.2.1:5: EOF")
			log.Print("http: Accept error: accept tcp: too many open files; retrying in 5ms")
		}
		log.Print("http: response.Write on hijacked connection")
		time.Sleep(time.Minute)
		synctest.Wait()
		got := text.String()
		for _, want := range []string{
			`"level":"INFO","msg":"connections to the JSON port have failed","count":499,"cause":"http: TLS handshake error from 192.0.2.1:5: EOF"`,
			`"level":"WARN","msg":"the JSON port cannot accept connections","count":499,`,
			`"level":"DEBUG","msg":"http","cause":"http: response.Write on hijacked connection"`,
		} {
			if !strings.Contains(got, want) {
				t.Errorf("no %s in\n%s", want, got)
			}
		}
		if strings.Count(got, "\n") != 5 {
			t.Errorf("want 5 records in\n%s", got)
		}
		time.Sleep(time.Minute)
	})
}

// Without peers, no record has the address of a client.
func TestHTTPLogWithoutPeers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var text servicetest.Buffer
		log := telemetry.HTTPLog(slog.New(slog.NewJSONHandler(&text, levelDebug)), "JSON", false)
		log.Print("http: TLS handshake error from [2001:db8::1]:5: EOF")
		log.Print("http2: server: error reading preface from client 192.0.2.1:5: timeout")
		time.Sleep(time.Minute)
		synctest.Wait()
		got := text.String()
		if !strings.Contains(got, "http: TLS handshake error: EOF") || !strings.Contains(got, "reading preface: timeout") {
			t.Errorf("log\n%s", got)
		}
		time.Sleep(time.Minute)
	})
}
