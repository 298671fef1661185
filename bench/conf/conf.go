// Package conf has the configurations of the programs that agentconf is compared with.
package conf

import "embed"

// Files are templates of package text/template. Configuration of package rig fills them.
//
//go:embed *.conf
var Files embed.FS
