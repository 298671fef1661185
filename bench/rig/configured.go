package rig

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"text/template"

	"agentconf/server/bench/conf"
)

// Configuration fills the templates in conf/.
type Configuration struct {
	Dir, Name      string // of the workspace, of the process
	H1Addr, H2Addr string // of a proxy, for its clients
	Upstream       string // of a proxy

	StubAddr, StatusAddr, HoldPath, GUID, Reply string // of the stub
}

// LaunchConfigured starts a program whose last argument is a configuration, made from a
// template in conf/.
func (s *Workspace) LaunchConfigured(
	ctx context.Context, file string, c Configuration, on Cores, args []string, addresses ...string,
) (*Process, error) {
	c.Dir = s.Dir
	var text strings.Builder
	if err := template.Must(template.ParseFS(conf.Files, file)).Execute(&text, c); err != nil {
		return nil, err
	}
	config := filepath.Join(s.Dir, c.Name+".conf")
	if err := os.WriteFile(config, []byte(text.String()), 0o644); err != nil {
		return nil, err
	}
	return s.Launch(ctx, c.Name, on, append(args, config), addresses...)
}
