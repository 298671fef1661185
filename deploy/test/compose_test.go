package test

import (
	"encoding/json"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
)

const (
	composeFile = "deploy/compose.yaml"
	composeDemo = "deploy/compose.demo.yaml" // an overlay of composeFile
)

// compose loads files as "docker compose -f" does: against the schema of the specification, each
// file over the ones before it.
func compose(t *testing.T, files ...string) *types.Project {
	t.Helper()
	options, err := cli.NewProjectOptions(files, cli.WithEnv([]string{"AGENTCONF_GATEWAY=https://gateway.test:8043"}))
	if err != nil {
		t.Fatal(err)
	}
	project, err := options.LoadProject(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return project
}

// serviceFlags returns the flags of an agentconf that compose starts.
func serviceFlags(t *testing.T, s types.ServiceConfig) map[string]string {
	t.Helper()
	var args []string
	if err := json.Unmarshal([]byte(regexp.MustCompile(`(?m)^CMD (.*)$`).FindStringSubmatch(read(t, "Dockerfile"))[1]), &args); err != nil {
		t.Fatal(err)
	}
	env := map[string]string{}
	for name, value := range s.Environment {
		env[name] = *value
	}
	return printConfig(t, env, args)
}

// publishedPorts returns the ports of a service by their number in the container.
func publishedPorts(s types.ServiceConfig) map[string]types.ServicePortConfig {
	ports := map[string]types.ServicePortConfig{}
	for _, p := range s.Ports {
		ports[strconv.Itoa(int(p.Target))] = p
	}
	return ports
}

// The service alone and the demo use existing flags, publish the ports on which the service
// listens, and grant the containers no rights.
func TestCompose(t *testing.T) {
	for _, files := range [][]string{{composeFile}, {composeFile, composeDemo}} {
		t.Run(strings.Join(files, " "), func(t *testing.T) {
			project := compose(t, files...)
			s := project.Services["agentconf"]
			flags, ports := serviceFlags(t, s), publishedPorts(s)
			for _, flag := range []string{"grpc-listen", "http-listen", "admin-listen"} {
				p, ok := ports[strings.TrimPrefix(flags[flag], ":")]
				if !ok || flag == "admin-listen" && p.HostIP != "127.0.0.1" {
					t.Errorf("--%s is %s, published is %+v", flag, flags[flag], p)
				}
			}
			if len(s.Ports) != 3 {
				t.Errorf("published are %+v", s.Ports)
			}
			checkGrace(t, time.Duration(*s.StopGracePeriod), flags)
			for name, s := range project.Services {
				if !s.ReadOnly || !slices.Equal(s.CapDrop, []string{"ALL"}) || !slices.Equal(s.SecurityOpt, []string{"no-new-privileges"}) {
					t.Errorf("%s has rights", name)
				}
			}
		})
	}
}

// Without the demo the service uses the operator's gateway. With the demo it uses the emulator, and
// both listen on 127.0.0.1 only.
func TestComposeDemo(t *testing.T) {
	if got := serviceFlags(t, compose(t, composeFile).Services["agentconf"])["gateway"]; got != "https://gateway.test:8043" {
		t.Errorf("the gateway is %s", got)
	}
	project := compose(t, composeFile, composeDemo)
	gateway, err := url.Parse(serviceFlags(t, project.Services["agentconf"])["gateway"])
	if err != nil {
		t.Fatal(err)
	}
	emulator, ok := project.Services[gateway.Hostname()]
	if !ok {
		t.Fatalf("no service for %s", gateway)
	}
	checkEmulator(t, emulator.Command, gateway.Port())
	if emulator.HealthCheck == nil || !emulator.HealthCheck.Disable {
		t.Error("the emulator has the health check of the service")
	}
	for name, s := range project.Services {
		for _, p := range s.Ports {
			if p.HostIP != "127.0.0.1" {
				t.Errorf("port %s of %s is published on %q", p.Published, name, p.HostIP)
			}
		}
		if s.Build == nil || s.Build.Context == "" || s.Image != "agentconf" {
			t.Errorf("%s runs %s, built from %+v", name, s.Image, s.Build)
		}
	}
}
