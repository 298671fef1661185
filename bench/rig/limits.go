package rig

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// CheckLimits returns an error that names what this machine lacks for a process with so
// many open files, all of which may be connections to one address. It raises the hard limit
// of open files, which the started processes inherit, if it may. Go raises the soft one.
func CheckLimits(files uint64) error {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return err
	}
	if limit.Max < files && syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: files, Max: files}) == nil {
		limit.Max = files
	}
	text, err := os.ReadFile("/proc/sys/net/ipv4/ip_local_port_range")
	if err != nil {
		return err
	}
	var first, last uint64
	if _, err := fmt.Sscan(string(text), &first, &last); err != nil {
		return fmt.Errorf("ip_local_port_range: %w", err)
	}
	return missing(files, limit.Max, last-first+1)
}

// missing compares the needed number of files with the limits of files and ports.
func missing(files, maxFiles, ports uint64) error {
	var errs []error
	if maxFiles < files {
		errs = append(errs, fmt.Errorf("one process may open %d files, but needs %d: run ulimit -Hn %[2]d as root first, "+
			"or measure less", maxFiles, files))
	}
	if ports < files {
		errs = append(errs, fmt.Errorf("there are %d local ports, but a process needs %d: "+
			"widen net.ipv4.ip_local_port_range, or measure less", ports, files))
	}
	return errors.Join(errs...)
}
