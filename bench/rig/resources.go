// Package rig has what all measurements share: processes, clients, the load, a slow gateway,
// and readings of CPU time and memory.
package rig

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/procfs"
)

// cpuOf returns the time that the threads of a process and its descendants have run, by the
// scheduler's own account, which is exact where sampled times are not. Threads and processes
// that have ended do not count.
func cpuOf(pid int) (sum time.Duration, err error) {
	threads, err := Proc.AllThreads(pid)
	if err != nil {
		return 0, fmt.Errorf("process %d: %w", pid, err)
	}
	for _, thread := range threads {
		ran, err := thread.Schedstat()
		if err != nil && !errors.Is(err, fs.ErrNotExist) { // such a thread has just ended
			return 0, fmt.Errorf("process %d: %w", pid, err)
		}
		sum += time.Duration(ran.RunningNanoseconds)
		children, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, thread.PID))
		for field := range strings.FieldsSeq(string(children)) {
			child, _ := strconv.Atoi(field) // the kernel writes numbers
			ran, err := cpuOf(child)
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				return 0, err
			}
			sum += ran
		}
	}
	return sum, nil
}

// Proc is /proc. An error recurs when a file is read.
var Proc, _ = procfs.NewDefaultFS()

// Clocks is a reading of the CPU time that has been used so far.
type Clocks struct {
	at     time.Time
	idle   float64       // seconds of both cores
	ours   time.Duration // of this program and the processes that it has started
	target time.Duration // of the measured process and its children
}

// MaxForeign is the share of the two cores that foreign processes may have.
const MaxForeign = 0.10

// CheckQuiet returns an error if foreign processes had more than MaxForeign of the cores.
func CheckQuiet(foreign float64) error {
	if foreign > MaxForeign {
		return fmt.Errorf("foreign processes had %.0f %% of the cores; %w", 100*foreign, ErrUnsound)
	}
	return nil
}

// ReadClocks reads the clocks with those of the measured process. It fails on a machine with
// one core.
func ReadClocks(target int) (c Clocks, err error) {
	c.at = time.Now()
	stat, err := Proc.Stat()
	if err != nil {
		return c, err
	}
	if len(stat.CPU) < 2 {
		return c, errors.New("the machine needs two cores, cpu0 and cpu1")
	}
	for _, cpu := range []procfs.CPUStat{stat.CPU[0], stat.CPU[1]} {
		c.idle += cpu.Idle + cpu.Iowait
	}
	var targetErr, oursErr error
	c.target, targetErr = cpuOf(target)
	c.ours, oursErr = cpuOf(os.Getpid())
	return c, errors.Join(targetErr, oursErr)
}

// Usage is the use of the two cores between two readings.
type Usage struct {
	Took    time.Duration
	CPU     time.Duration // of the measured process
	Foreign float64       // share of both cores that foreign processes had
}

// Since returns the usage since a reading. ended is the CPU time of a load that has ended
// in the meantime.
func (c Clocks) Since(before Clocks, ended time.Duration) Usage {
	took := c.at.Sub(before.at)
	both := 2 * took.Seconds()
	others := both - (c.idle - before.idle) - (c.ours - before.ours + ended).Seconds()
	return Usage{took, c.target - before.target, max(0, others/both)}
}

// Memory is the resident memory of a process in bytes, now and at its peak.
type Memory struct{ Now, Peak float64 } // VmRSS and VmHWM

func MemoryOf(p *Process) (Memory, error) {
	self, err := Proc.Proc(p.Pid())
	if err != nil {
		return Memory{}, err
	}
	status, err := self.NewStatus()
	return Memory{float64(status.VmRSS), float64(status.VmHWM)}, err
}
