package rig

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"text/template"

	"agentconf/server/bench/conf"
)

// Configuration fills the templates in conf/.
type Configuration struct {
	Dir, Name        string // of the workspace, of the process
	H1Addr, H2Addr   string // of a proxy, for its clients
	Scheme, Upstream string // of a proxy

	StubAddr, StubTLSAddr, StatusAddr, HoldPath, GUID, Reply string // of the stub
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

const certificateFile = "gateway.pem" // with its key

// WriteCertificate writes a self-signed certificate for the stub, and its key, by the
// generator in the standard library. nginx verifies the name, Go the address.
func WriteCertificate(ctx context.Context, dir string) error {
	const script = `go run "$(go env GOROOT)/src/crypto/tls/generate_cert.go" \
		-ca -ecdsa-curve P256 -host gateway.example,127.0.0.1 -duration 24h && cat cert.pem key.pem >` + certificateFile
	cmd := exec.CommandContext(ctx, "sh", "-c", script)
	cmd.Dir = dir
	if text, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("generate_cert.go: %w\n%s", err, text)
	}
	return nil
}
