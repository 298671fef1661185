// Package faults is the proof of what agentconf promises: that after every call the
// caller knows whether it was applied, was not applied, or that nobody can know.
//
// It has tests only. A proxy that cuts, resets, stalls and delays at a chosen byte
// stands between agentconf and the emulated gateway, or between agentconf and its
// caller, and what every caller was told is compared with the log of the gateway.
// docs/reliability.md has what is promised, and the figures.
package faults
