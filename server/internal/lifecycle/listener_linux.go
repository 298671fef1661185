package lifecycle

import (
	"net"
	"syscall"
)

// dropSYN is a socket filter that drops the first packet of a new connection and
// passes every other. It sees TCP headers; byte 13 has the flags.
var dropSYN = []syscall.SockFilter{
	{Code: syscall.BPF_LD | syscall.BPF_B | syscall.BPF_ABS, K: 13},
	{Code: syscall.BPF_ALU | syscall.BPF_AND | syscall.BPF_K, K: 0x12},               // SYN and ACK
	{Code: syscall.BPF_JMP | syscall.BPF_JEQ | syscall.BPF_K, K: 0x02, Jt: 0, Jf: 1}, // SYN alone
	{Code: syscall.BPF_RET | syscall.BPF_K, K: 0},
	{Code: syscall.BPF_RET | syscall.BPF_K, K: 0xffff},
}

// ignoreNew makes the kernel ignore new connections to l, and reports whether it does.
func ignoreNew(l net.Listener) (ignored bool) {
	conn, ok := l.(syscall.Conn)
	if !ok {
		return false
	}
	raw, err := conn.SyscallConn()
	if err != nil {
		return false
	}
	err = raw.Control(func(fd uintptr) {
		//lint:ignore SA1019 a module for this one call is not worth its line in go.mod
		ignored = syscall.AttachLsf(int(fd), dropSYN) == nil
	})
	return ignored && err == nil
}
