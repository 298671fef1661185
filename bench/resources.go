package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/procfs"
)

// cpuOf returns the time that the threads of processes have run, by the scheduler's own
// account, which is exact where sampled times are not.
func cpuOf(pids ...int) (sum time.Duration, err error) {
	for _, pid := range pids {
		threads, err := proc.AllThreads(pid)
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

// proc is /proc. An error recurs when a file is read.
var proc, _ = procfs.NewDefaultFS()

// clocks is a reading of the CPU time that has been used so far.
type clocks struct {
	at     time.Time
	idle   float64       // seconds of both cores
	ours   time.Duration // of this program and the processes that it has started
	target time.Duration // of the measured process
}

// readClocks fails on a machine with one core.
func readClocks(target *process, ours []*process) (c clocks, err error) {
	c.at = time.Now()
	pids := []int{os.Getpid()}
	for _, p := range ours {
		pids = append(pids, p.pids...)
	}
	stat, err := proc.Stat()
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
type memory struct{ now, peak float64 } // VmRSS and VmHWM

func memoryOf(p *process) (memory, error) {
	self, err := proc.Proc(p.Pid())
	if err != nil {
		return memory{}, err
	}
	status, err := self.NewStatus()
	return memory{float64(status.VmRSS), float64(status.VmHWM)}, err
}

// vitals is the consumption of a process at a time, in the order of vitalNames.
type vitals struct {
	at     time.Time
	values [4]float64 // memory in KiB
}

var (
	vitalNames   = [...]string{"resident memory, KiB", "heap in use, KiB", "goroutines", "open files"}
	vitalMetrics = []string{
		"process_resident_memory_bytes", "go_memstats_heap_alloc_bytes", "go_goroutines", "process_open_fds",
	}
)

// readVitals reads the metrics of an agentconf at its admin address.
func readVitals(ctx context.Context, admin string) (vitals, error) {
	text, err := fetch(ctx, admin, "/metrics")
	if err != nil {
		return vitals{}, err
	}
	return parseVitals(text)
}

// readVitalsAfterGC runs the garbage collector of an agentconf before it reads the metrics.
func readVitalsAfterGC(ctx context.Context, admin string) (vitals, error) {
	if _, err := fetch(ctx, admin, "/debug/pprof/heap?gc=1"); err != nil {
		return vitals{}, err
	}
	return readVitals(ctx, admin)
}

// fetch returns the body of a response with HTTP status 200.
func fetch(ctx context.Context, address, path string) (string, error) {
	resp, err := jsonFront{"http://" + address, http.DefaultClient}.send(ctx, "GET", path, "", nil)
	if err != nil {
		return "", err
	}
	text, err := readBody(resp)
	return string(text), err
}

// parseVitals reads the text format of Prometheus.
func parseVitals(text string) (v vitals, err error) {
	v.at = time.Now()
	for i, name := range vitalMetrics {
		_, rest, _ := strings.Cut("\n"+text, "\n"+name+" ")
		value, _, _ := strings.Cut(rest, "\n")
		if v.values[i], err = strconv.ParseFloat(value, 64); err != nil {
			return v, fmt.Errorf("metric %s: %w", name, err)
		}
	}
	v.values[0] /= 1024
	v.values[1] /= 1024
	return v, nil
}

// trend is the slope of the straight line through values over time, and its standard error.
type trend struct{ slope, err float64 }

// trendOf fits the line by least squares, through three values or more.
func trendOf(at, values []float64) trend {
	n := float64(len(at))
	if n < 3 {
		return trend{math.NaN(), math.NaN()}
	}
	meanAt, mean := sum(at)/n, sum(values)/n
	var spread, both float64
	for i := range at {
		spread += (at[i] - meanAt) * (at[i] - meanAt)
		both += (at[i] - meanAt) * (values[i] - mean)
	}
	slope := both / spread
	var residue float64
	for i := range at {
		off := values[i] - mean - slope*(at[i]-meanAt)
		residue += off * off
	}
	return trend{slope, math.Sqrt(residue / (n - 2) / spread)}
}

func sum(values []float64) (total float64) {
	for _, v := range values {
		total += v
	}
	return total
}

// printVitals prints how each of the vitals developed.
func printVitals(to io.Writer, title string, all []vitals) {
	var minutes []float64
	for _, v := range all {
		minutes = append(minutes, v.at.Sub(all[0].at).Minutes())
	}
	header := "\tfirst\tlast\tlowest\thighest\tslope a minute\tstandard error\t"
	printTable(to, title, header, []int{0, 1, 2, 3}, func(i int) string {
		var values []float64
		for _, v := range all {
			values = append(values, v.values[i])
		}
		line := trendOf(minutes, values)
		return fmt.Sprintf("%s\t%.0f\t%.0f\t%.0f\t%.0f\t%+.2f\t%.2f\t", vitalNames[i], values[0], values[len(values)-1],
			slices.Min(values), slices.Max(values), line.slope, line.err)
	})
}
