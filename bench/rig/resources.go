// Package rig has what all measurements share: processes, clients, the load, a slow gateway,
// and readings of CPU time and memory.
package rig

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/prometheus/procfs"
)

// cpuOf returns the time that the threads of processes have run, by the scheduler's own
// account, which is exact where sampled times are not.
func cpuOf(pids ...int) (sum time.Duration, err error) {
	for _, pid := range pids {
		threads, err := Proc.AllThreads(pid)
		if err != nil {
			return 0, fmt.Errorf("process %d: %w", pid, err)
		}
		for _, thread := range threads {
			ran, err := thread.Schedstat()
			if err != nil && !os.IsNotExist(err) { // such a thread has just ended
				return 0, fmt.Errorf("process %d: %w", pid, err)
			}
			sum += time.Duration(ran.RunningNanoseconds)
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
	target time.Duration // of the measured process
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

// ReadClocks fails on a machine with one core.
func ReadClocks(target *Process, ours []*Process) (c Clocks, err error) {
	c.at = time.Now()
	pids := []int{os.Getpid()}
	for _, p := range ours {
		pids = append(pids, p.pids...)
	}
	stat, err := Proc.Stat()
	if err == nil && len(stat.CPU) < 2 {
		err = errors.New("the machine needs two cores, cpu0 and cpu1")
	}
	for _, cpu := range []procfs.CPUStat{stat.CPU[0], stat.CPU[1]} {
		c.idle += cpu.Idle + cpu.Iowait
	}
	var targetErr, oursErr error
	c.target, targetErr = cpuOf(target.pids...)
	c.ours, oursErr = cpuOf(pids...)
	return c, errors.Join(err, targetErr, oursErr)
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
