package deploy

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

// compose reads files of compose as one project, as its command does: with the schema
// of the specification, and each file over those before it.
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

// serviceFlags is what agentconf would run with.
func serviceFlags(t *testing.T, s types.ServiceConfig) map[string]string {
	t.Helper()
	var args []string
	if err := json.Unmarshal([]byte(regexp.MustCompile(`(?m)^CMD (.*)$`).FindStringSubmatch(read(t, "../Dockerfile"))[1]), &args); err != nil {
		t.Fatal(err)
	}
	env := map[string]string{}
	for name, value := range s.Environment {
		env[name] = *value
	}
	return printConfig(t, env, args)
}

// published are the ports of a service by the number in its container.
func published(s types.ServiceConfig) map[string]types.ServicePortConfig {
	ports := map[string]types.ServicePortConfig{}
	for _, p := range s.Ports {
		ports[strconv.Itoa(int(p.Target))] = p
	}
	return ports
}

// Both the service alone and the demo run the service with flags that there are, on the
// ports that are published, and without rights.
func TestCompose(t *testing.T) {
	for _, files := range [][]string{{"compose.yaml"}, {"compose.yaml", "compose.demo.yaml"}} {
		t.Run(strings.Join(files, " "), func(t *testing.T) {
			project := compose(t, files...)
			s := project.Services["agentconf"]
			flags, ports := serviceFlags(t, s), published(s)
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

// Without the demo the CC-Gateway is the operator's; with it, it is the emulator, and
// nobody else can reach either.
func TestComposeDemo(t *testing.T) {
	if got := serviceFlags(t, compose(t, "compose.yaml").Services["agentconf"])["gateway"]; got != "https://gateway.test:8043" {
		t.Errorf("the CC-Gateway is %s", got)
	}
	project := compose(t, "compose.yaml", "compose.demo.yaml")
	gateway, err := url.Parse(serviceFlags(t, project.Services["agentconf"])["gateway"])
	if err != nil {
		t.Fatal(err)
	}
	emulator, ok := project.Services[gateway.Hostname()]
	if !ok {
		t.Fatalf("no service for %s", gateway)
	}
	startEmulator(t, emulator.Command, gateway.Port())
	if emulator.HealthCheck == nil || !emulator.HealthCheck.Disable {
		t.Error("the emulator is asked whether it is agentconf")
	}
	for name, s := range project.Services {
		for _, p := range s.Ports {
			if p.HostIP != "127.0.0.1" {
				t.Errorf("%s is open to all at %s", name, p.Published)
			}
		}
		if s.Build == nil || s.Build.Context == "" || s.Image != "agentconf" {
			t.Errorf("%s runs %s, built from %+v", name, s.Image, s.Build)
		}
	}
}
