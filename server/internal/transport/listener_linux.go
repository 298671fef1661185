package transport

import (
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// synOnly drops what begins a connection, and lets through what belongs to one that
// has begun. It is run on TCP headers, whose byte 13 has the flags.
var synOnly = []unix.SockFilter{
	{Code: unix.BPF_LD | unix.BPF_B | unix.BPF_ABS, K: 13},
	{Code: unix.BPF_ALU | unix.BPF_AND | unix.BPF_K, K: 0x12},               // SYN and ACK
	{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: 0x02, Jt: 0, Jf: 1}, // SYN alone
	{Code: unix.BPF_RET | unix.BPF_K, K: 0},
	{Code: unix.BPF_RET | unix.BPF_K, K: 0xffff},
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
	filter := unix.SockFprog{Len: uint16(len(synOnly)), Filter: &synOnly[0]}
	err = raw.Control(func(fd uintptr) {
		ignored = unix.SetsockoptSockFprog(int(fd), unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &filter) == nil
	})
	return ignored && err == nil
}
