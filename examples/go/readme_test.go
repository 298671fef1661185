package main

import (
	"os"
	"strings"
	"testing"
)

// The README's excerpt of the example is a part of main.go.
func TestReadme(t *testing.T) {
	readme, program := read(t, "../../README.md"), read(t, "main.go")
	_, excerpt, _ := strings.Cut(readme, "## Call it")
	_, excerpt, _ = strings.Cut(excerpt, ":\n\n")
	excerpt, _, _ = strings.Cut(excerpt, "\n\n")
	if !strings.Contains(excerpt, "HoldParticipant") || !strings.Contains(program, excerpt) {
		t.Errorf("not in main.go: %s", excerpt)
	}
}

// read returns a file without indentation.
func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(text), "\n")
	for i, line := range lines {
		lines[i] = strings.TrimSpace(line)
	}
	return strings.Join(lines, "\n")
}
