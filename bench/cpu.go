package main

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
		threads, err := procfs.AllThreads(pid)
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

// systemStat reads /proc/stat.
func systemStat() (procfs.Stat, error) {
	fs, err := procfs.NewDefaultFS()
	if err != nil {
		return procfs.Stat{}, err
	}
	return fs.Stat()
}

// clocks is a reading of the CPU time that has been used so far.
type clocks struct {
	at     time.Time
	idle   float64       // seconds of both cores
	ours   time.Duration // of this program and the processes that it has started
	target time.Duration // of the measured process
}

func readClocks(target *process, ours []*process) (c clocks, err error) {
	c.at = time.Now()
	pids := []int{os.Getpid()}
	for _, p := range ours {
		pids = append(pids, p.pids...)
	}
	stat, err := systemStat()
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

// since returns the CPU time of a hold in µs between two readings, and the share of both
// cores that foreign processes had. ended is the CPU time of a load that has ended.
func (c clocks) since(before clocks, holds int, ended time.Duration) (cpu, foreign float64) {
	both := 2 * c.at.Sub(before.at).Seconds()
	others := both - (c.idle - before.idle) - (c.ours - before.ours + ended).Seconds()
	cpu = float64((c.target - before.target).Nanoseconds()) / 1000 / float64(holds)
	return cpu, max(0, others/both)
}

// memory is the resident memory of a process in bytes, now and at its peak.
type memory struct{ now, peak float64 }

func memoryOf(p *process) (memory, error) {
	proc, err := procfs.NewProc(p.Pid())
	if err != nil {
		return memory{}, err
	}
	status, err := proc.NewStatus()
	return memory{float64(status.VmRSS), float64(status.VmHWM)}, err
}
