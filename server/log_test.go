package main

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// pieces are what was written, a piece for each write.
type pieces struct {
	written []string
	full    bool
}

func (p *pieces) Write(b []byte) (int, error) {
	if p.full {
		return 0, errors.New("no space left")
	}
	p.written = append(p.written, string(b))
	return len(b), nil
}

// Lines that come together are written together, none waits for long, and a write
// that fails loses its lines only.
func TestBufferedLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var file pieces
		log := newBufferedLog(&file)
		for _, line := range []string{"one\n", "two\n"} {
			log.Write([]byte(line))
		}
		log.mu.Lock()
		if file.written != nil {
			t.Errorf("written at once: %q", file.written)
		}
		log.mu.Unlock()
		time.Sleep(logDelay)
		synctest.Wait()
		file.full = true
		log.Write([]byte("three\n"))
		time.Sleep(logDelay)
		synctest.Wait()
		file.full = false
		log.Write([]byte("four\n"))
		log.flush()
		if got := strings.Join(file.written, "|"); got != "one\ntwo\n|four\n" {
			t.Errorf("written: %q", got)
		}
	})
}
