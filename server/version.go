package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
)

// linkedVersion and linkedRevision are set by the linker if the build has no repository, as in
// the Dockerfile. Go records both in every build from a clone.
var linkedVersion, linkedRevision string

// build identifies a build of the program. version is the tag of a release without its v,
// such as 1.0.0-rc.1, or a version that Go makes of the commit, which sorts between two
// releases. It is "development" if nothing recorded a version. revision is the commit, or
// "unknown".
type build struct{ version, revision string }

func thisBuild() build {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		info = &debug.BuildInfo{}
	}
	return newBuild(info)
}

func newBuild(info *debug.BuildInfo) build {
	b := build{linkedVersion, linkedRevision}
	if main := info.Main.Version; b.version == "" && main != "(devel)" {
		b.version = main
	}
	for _, setting := range info.Settings {
		if setting.Key == "vcs.revision" {
			b.revision = cmp.Or(b.revision, setting.Value)
		}
	}
	return build{cmp.Or(strings.TrimPrefix(b.version, "v"), "development"), cmp.Or(b.revision, "unknown")}
}

// metric returns agentconf_build_info, which is always 1. A dashboard joins it with other
// metrics to show versions side by side during an upgrade.
func (b build) metric() prometheus.Collector {
	info := prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "agentconf_build_info",
		Help: "Build of the process; the value is 1.",
	}, []string{"version", "revision", "goversion"})
	info.WithLabelValues(b.version, b.revision, runtime.Version()).Set(1)
	return info
}

// version prints the version, the commit, and the Go version and platform of the build.
func (c cli) version(_ context.Context, args []string) error {
	if len(args) > 0 {
		return usageError{errors.New("the command has no flags")}
	}
	b := thisBuild()
	_, err := fmt.Fprintf(c.stdout, "agentconf %s, commit %s, %s, %s/%s\n",
		b.version, b.revision, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return err
}
