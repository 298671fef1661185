package main

import (
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
)

// A release has the version of its tag, and no build calls itself "(devel)".
func TestBuild(t *testing.T) {
	revision := []debug.BuildSetting{{Key: "vcs.revision", Value: "57ac3ce"}}
	for _, test := range []struct {
		name             string
		linked, recorded string
		settings         []debug.BuildSetting
		want             build
	}{
		{"a tag", "", "v1.0.0-rc.1", revision, build{"1.0.0-rc.1", "57ac3ce"}},
		{"a commit behind a tag", "", "v1.0.0-rc.1.0.20261129030906-e26cbbbb4219", revision,
			build{"1.0.0-rc.1.0.20261129030906-e26cbbbb4219", "57ac3ce"}},
		{"the image", "v1.0.0", "(devel)", nil, build{"1.0.0", "unknown"}},
		{"no repository", "", "(devel)", nil, build{"development", "unknown"}},
		{"no build information", "", "", nil, build{"development", "unknown"}},
	} {
		linkedVersion = test.linked
		got := newBuild(&debug.BuildInfo{Main: debug.Module{Version: test.recorded}, Settings: test.settings})
		if got != test.want {
			t.Errorf("%s: got %v, want %v", test.name, got, test.want)
		}
	}
	linkedVersion = ""
}

// The command, the start record and the metric report the same version.
func TestVersion(t *testing.T) {
	linkedVersion, linkedRevision = "v1.2.3", "57ac3ce"
	defer func() { linkedVersion, linkedRevision = "", "" }()
	want := "agentconf 1.2.3, commit 57ac3ce, " + runtime.Version() + ", " + runtime.GOOS + "/" + runtime.GOARCH + "\n"
	for _, command := range []string{"version", "--version"} {
		if code, stdout, stderr := runCommand(t, nil, command); code != 0 || stdout != want || stderr != "" {
			t.Errorf("%s: got exit code %d, %q, %q, want 0, %q", command, code, stdout, stderr, want)
		}
		if code, _, _ := runCommand(t, nil, command, "--short"); code != 2 {
			t.Errorf("%s --short: got exit code %d, want 2", command, code)
		}
	}
	service, _, _ := serve(t, nil, "--gateway", "http://127.0.0.1:1")
	if !strings.Contains(service.printed, `"version":"1.2.3"`) {
		t.Errorf("got a start record without the version:\n%s", service.printed)
	}
	sample := `agentconf_build_info{goversion="` + runtime.Version() + `",revision="57ac3ce",version="1.2.3"} 1`
	if _, metrics := mustRequest(t, "GET", adminURL(t, service)+"/metrics", "", ""); !strings.Contains(metrics, sample) {
		t.Errorf("got no %s in the metrics", sample)
	}
}
