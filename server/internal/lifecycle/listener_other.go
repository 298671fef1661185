//go:build !linux

package lifecycle

import "net"

// ignoreNew does nothing: only Linux can ignore new connections.
func ignoreNew(net.Listener) bool { return false }
