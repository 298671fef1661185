package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// With --log, the emulator writes its request log to the file when it ends.
func TestEmulateLog(t *testing.T) {
	file := filepath.Join(t.TempDir(), "log")
	emulator := start(t, "http://", nil, "emulate", "--listen", "127.0.0.1:0", "--log", file)
	url := regexp.MustCompile(`http://127\.0\.0\.1:\d+`).FindString(emulator.printed)
	mustRequest(t, "POST", url+"/agentgateway/resource/agentconf/1287/requestagentconf", "some", `{"memberNum":4}`)
	_, served := mustRequest(t, "GET", url+"/emulator/log", "", "")
	if code, output := emulator.stop(); code != 0 {
		t.Fatalf("got exit code %d, want 0: %s", code, output)
	}
	written, err := os.ReadFile(file)
	if err != nil || string(written) != served || !strings.Contains(served, `"operation":"requestAgentConf"`) {
		t.Errorf("got the file %q, %v, want %q", written, err, served)
	}
}

// If the emulator cannot write its log, it fails and names the flag.
func TestEmulateReportsUnwritableLog(t *testing.T) {
	emulator := start(t, "http://", nil, "emulate", "--listen", "127.0.0.1:0", "--log", t.TempDir())
	if code, output := emulator.stop(); code != 1 || !strings.Contains(output, "--log") {
		t.Errorf("got exit code %d, output %q, want 1 and --log", code, output)
	}
}

// zeroAsNone converts 0, which means none on the command line, and no other duration.
func TestZeroAsNone(t *testing.T) {
	if got := zeroAsNone(0); got >= 0 {
		t.Errorf("got zeroAsNone(0) = %v, want a negative duration", got)
	}
	if got := zeroAsNone(time.Second); got != time.Second {
		t.Errorf("got zeroAsNone(1s) = %v, want 1s", got)
	}
}
