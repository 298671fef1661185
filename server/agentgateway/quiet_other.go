//go:build !unix

package agentgateway

import "net"

// quiet reports false: there is no read here that does not wait, so every call
// opens a connection of its own rather than trust an idle one.
func quiet(net.Conn) bool { return false }
