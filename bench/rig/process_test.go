package rig

import "testing"

// A process ends when it is stopped, and its absence is no error.
func TestStop(t *testing.T) {
	s := &Workspace{Dir: t.TempDir()}
	p, err := s.Launch(t.Context(), "sleep", BothCores, []string{"sleep", "60"})
	if err != nil {
		t.Fatal(err)
	}
	if p.Stop() == nil {
		t.Error("a process that SIGTERM has killed reports success")
	}
	if err := new(Process).Stop(); err != nil {
		t.Error(err)
	}
}
