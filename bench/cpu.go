//go:build linux

package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// cpuOf is the time that the threads of processes have run, by the scheduler's own
// account, which is exact where sampled times are not.
func cpuOf(pids ...int) (time.Duration, error) {
	var sum time.Duration
	for _, pid := range pids {
		files, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
		if err != nil || len(files) == 0 {
			return 0, fmt.Errorf("process %d is gone", pid)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if os.IsNotExist(err) {
				continue // a thread that has just ended
			}
			if err != nil {
				return 0, err
			}
			ran, err := parseSchedstat(string(text))
			if err != nil {
				return 0, fmt.Errorf("%s: %w", file, err)
			}
			sum += ran
		}
	}
	return sum, nil
}

// parseSchedstat reads the first of the three numbers of a schedstat.
func parseSchedstat(text string) (time.Duration, error) {
	first, _, _ := strings.Cut(text, " ")
	ns, err := strconv.ParseInt(first, 10, 64)
	return time.Duration(ns), err
}

// idleCPU is how long the first two processors have been idle, together.
func idleCPU() (time.Duration, error) {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, err
	}
	return parseIdle(string(text))
}

// parseIdle reads the idle and the iowait column of cpu0 and cpu1, which count
// hundredths of a second.
func parseIdle(text string) (time.Duration, error) {
	var ticks int64
	found := 0
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) < 6 || fields[0] != "cpu0" && fields[0] != "cpu1" {
			continue
		}
		found++
		for _, field := range fields[4:6] {
			n, err := strconv.ParseInt(field, 10, 64)
			if err != nil {
				return 0, err
			}
			ticks += n
		}
	}
	if found != 2 {
		return 0, errors.New("the machine needs two cores, cpu0 and cpu1")
	}
	return time.Duration(ticks) * 10 * time.Millisecond, nil
}

// memory is a process's resident memory in KiB, now and at its peak.
type memory struct{ now, peak int }

func memoryOf(pid int) (memory, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return memory{}, err
	}
	return parseMemory(string(text))
}

func parseMemory(text string) (memory, error) {
	var m memory
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) < 2 {
			continue
		}
		switch fields[0] {
		case "VmRSS:":
			m.now, _ = strconv.Atoi(fields[1])
		case "VmHWM:":
			m.peak, _ = strconv.Atoi(fields[1])
		}
	}
	if m.now == 0 || m.peak == 0 {
		return memory{}, fmt.Errorf("no VmRSS or VmHWM in %q", text)
	}
	return m, nil
}
