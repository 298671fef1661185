//go:build linux

package main

import (
	"os"
	"testing"
	"time"
)

func TestParseSchedstat(t *testing.T) {
	got, err := parseSchedstat("1234567 89 10\n")
	if err != nil || got != 1234567 {
		t.Errorf("got %d, %v", got, err)
	}
	for _, text := range []string{"", "\n", "x 1 2\n"} {
		if got, err := parseSchedstat(text); err == nil {
			t.Errorf("%q: got %d, want an error", text, got)
		}
	}
}

func TestCPUOfThisProcessGrows(t *testing.T) {
	before, err := cpuOf(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	for { // until the scheduler has noticed
		after, err := cpuOf(os.Getpid())
		if err != nil {
			t.Fatal(err)
		}
		if after > before {
			return
		}
	}
}

func TestCPUOfNoProcess(t *testing.T) {
	if got, err := cpuOf(1 << 30); err == nil {
		t.Errorf("got %v, want an error", got)
	}
}

func TestParseIdle(t *testing.T) {
	const text = "cpu  1 1 1 9999 9999 1 1 0 0 0\n" +
		"cpu0 10 0 20 300 4 0 0 0 0 0\n" +
		"cpu1 10 0 20 500 6 0 0 0 0 0\n" +
		"cpu2 10 0 20 7777 7 0 0 0 0 0\n" +
		"intr 5\n"
	got, err := parseIdle(text)
	if want := 8100 * time.Millisecond; err != nil || got != want {
		t.Errorf("got %v, %v, want %v", got, err, want)
	}
	if got, err := parseIdle("cpu  1 1 1 9 9 1\ncpu0 1 1 1 9 9 1\n"); err == nil {
		t.Errorf("one core: got %v, want an error", got)
	}
}

func TestParseMemory(t *testing.T) {
	got, err := parseMemory("Name:\tserver\nVmHWM:\t   40 kB\nVmRSS:\t   30 kB\n")
	if want := (memory{now: 30, peak: 40}); err != nil || got != want {
		t.Errorf("got %v, %v, want %v", got, err, want)
	}
	if got, err := parseMemory("Name:\tserver\nVmRSS:\t   30 kB\n"); err == nil {
		t.Errorf("no peak: got %v, want an error", got)
	}
}
