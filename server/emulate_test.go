package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// What an emulated gateway was asked can be read when it has ended.
func TestEmulateLog(t *testing.T) {
	file := filepath.Join(t.TempDir(), "log")
	e := start(t, "http://", nil, "emulate", "--listen", "127.0.0.1:0", "--log", file)
	url := regexp.MustCompile(`http://127\.0\.0\.1:\d+`).FindString(e.printed)
	ask(t, "POST", url+"/agentgateway/resource/agentconf/1287/requestagentconf", "some", `{"memberNum":4}`)
	_, served := ask(t, "GET", url+"/emulator/log", "", "")
	if code, rest := e.stop(); code != 0 {
		t.Fatalf("exit code %d: %s", code, rest)
	}
	written, err := os.ReadFile(file)
	if err != nil || string(written) != served || !strings.Contains(served, `"operation":"requestAgentConf"`) {
		t.Errorf("the file has %q, %v, want %q", written, err, served)
	}
}

// A log that cannot be written is an error, not silence.
func TestEmulateLogFails(t *testing.T) {
	e := start(t, "http://", nil, "emulate", "--listen", "127.0.0.1:0", "--log", t.TempDir())
	if code, rest := e.stop(); code != 1 || !strings.Contains(rest, "--log") {
		t.Errorf("exit code %d: %s", code, rest)
	}
}

// On the command line 0 means none; for emulator.Config 0 means the default.
func TestZeroAsNone(t *testing.T) {
	if got := zeroAsNone(0); got >= 0 {
		t.Errorf("zeroAsNone(0) = %v, want a negative duration", got)
	}
	if got := zeroAsNone(time.Second); got != time.Second {
		t.Errorf("zeroAsNone(1s) = %v", got)
	}
}
