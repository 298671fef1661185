package rig

import (
	"os"
	"os/exec"
	"testing"
	"time"
)

// The CPU time of this process grows, and a process that does not exist has none.
func TestCPUOf(t *testing.T) {
	before, err := cpuOf(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	for after := before; after <= before; { // until the scheduler has updated it
		if after, err = cpuOf(os.Getpid()); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := cpuOf(1 << 30); err == nil {
		t.Errorf("got %v, want an error", got)
	}
}

// Since subtracts the CPU time of all processes that are known from that of both cores.
func TestSince(t *testing.T) {
	start := time.Unix(0, 0)
	before := Clocks{at: start}
	after := Clocks{at: start.Add(10 * time.Second), idle: 9, ours: 5 * time.Second, target: 2 * time.Second}
	want := Usage{Took: 10 * time.Second, CPU: 2 * time.Second, Foreign: 0.1}
	if got := after.Since(before, 4*time.Second); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

// The clocks contain the processes that this one has started, whose threads may be young.
func TestReadClocks(t *testing.T) {
	child := exec.Command("sh", "-c", "while :; do :; done")
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { child.Process.Kill(); child.Wait() })
	for c := (Clocks{}); c.target == 0; { // until the scheduler has updated it
		var err error
		if c, err = ReadClocks(child.Process.Pid); err != nil {
			t.Fatal(err)
		}
		if c.idle <= 0 || c.ours < c.target {
			t.Fatalf("%+v", c)
		}
	}
}

func TestCheckQuiet(t *testing.T) {
	if err := CheckQuiet(MaxForeign); err != nil {
		t.Error(err)
	}
	if CheckQuiet(MaxForeign+0.01) == nil {
		t.Error("a busy machine is no error")
	}
}
