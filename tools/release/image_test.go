package main

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/validate"
)

// testRelease has two binaries whose content is their architecture.
func testRelease(t *testing.T) release {
	r := release{version: "1.0.0-rc.1", revision: "57ac3ce", created: time.Unix(1_000_000_000, 0).UTC()}
	for _, arch := range []string{"amd64", "arm64"} {
		name := filepath.Join(t.TempDir(), arch)
		if err := os.WriteFile(name, []byte(arch), 0o600); err != nil {
			t.Fatal(err)
		}
		r.binaries = append(r.binaries, binaryFile{arch, name})
	}
	return r
}

// writeArchive writes the archive of r and returns its content.
func writeArchive(t *testing.T, r release) []byte {
	t.Helper()
	out := filepath.Join(t.TempDir(), "oci.tar")
	if err := r.write(out); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// openImages unpacks an archive and returns its images by architecture, with every digest verified.
func openImages(t *testing.T, archive []byte) map[string]v1.Image {
	t.Helper()
	dir := t.TempDir()
	for header, content := range tarFiles(t, bytes.NewReader(archive)) {
		name := filepath.Join(dir, header.Name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, content, 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	outer, err := layout.ImageIndexFromPath(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Index(outer); err != nil {
		t.Fatal(err)
	}
	manifest, _ := outer.IndexManifest()
	if name := manifest.Manifests[0].Annotations["org.opencontainers.image.ref.name"]; name != "agentconf:1.0.0-rc.1" {
		t.Errorf("got an image of the name %q, want agentconf:1.0.0-rc.1", name)
	}
	inner, err := outer.ImageIndex(manifest.Manifests[0].Digest)
	if err != nil {
		t.Fatal(err)
	}
	manifest, _ = inner.IndexManifest()
	images := map[string]v1.Image{}
	for _, m := range manifest.Manifests {
		if images[m.Platform.Architecture], err = inner.Image(m.Digest); err != nil {
			t.Fatal(err)
		}
	}
	return images
}

// tarFiles returns the files of a tar.
func tarFiles(t *testing.T, r io.Reader) map[*tar.Header][]byte {
	t.Helper()
	files := map[*tar.Header][]byte{}
	for archive := tar.NewReader(r); ; {
		header, err := archive.Next()
		if err == io.EOF {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		if files[header], err = io.ReadAll(archive); err != nil {
			t.Fatal(err)
		}
	}
}

// The archive has one image for each architecture, with its binary and the CA certificates. A program
// that cannot verify a certificate of a public CA is of no use in front of such a gateway.
func TestImage(t *testing.T) {
	images := openImages(t, writeArchive(t, testRelease(t)))
	if got := slices.Sorted(maps.Keys(images)); !slices.Equal(got, []string{"amd64", "arm64"}) {
		t.Fatalf("got images for %v, want amd64 and arm64", got)
	}
	for arch, image := range images {
		content := map[string][]byte{}
		for header, text := range tarFiles(t, mutate.Extract(image)) {
			content[header.Name] = text
			if header.Name == "agentconf" && header.Mode != 0o755 {
				t.Errorf("got mode %o of the program, want 755", header.Mode)
			}
		}
		if string(content["agentconf"]) != arch {
			t.Errorf("got another program for %s", arch)
		}
		roots := bytes.Count(content["etc/ssl/certs/ca-certificates.crt"], []byte("BEGIN CERTIFICATE"))
		if roots < 100 || len(content) != 2 {
			t.Errorf("got %d certificates and %d files, want 100 or more, and 2", roots, len(content))
		}
	}
}

// The image has the settings and labels of the Dockerfile.
func TestImageIsThatOfTheDockerfile(t *testing.T) {
	text, err := os.ReadFile("../../Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	_, stage, _ := strings.Cut(string(text), "\nFROM scratch\n")
	var want []string
	for line := range strings.Lines(stage) {
		if !strings.HasPrefix(line, "COPY ") && !strings.HasPrefix(line, "ARG ") {
			want = append(want, strings.TrimSuffix(line, "\n"))
		}
	}
	slices.Sort(want)
	r := testRelease(t)
	r.version, r.revision = "$VERSION", "$REVISION"
	image, err := r.image(r.binaries[0])
	if err != nil {
		t.Fatal(err)
	}
	config, err := image.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	if got := dockerfile(config.Config); !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// dockerfile returns the lines of a Dockerfile that make config, sorted.
func dockerfile(config v1.Config) []string {
	list := func(words []string) string {
		text, _ := json.Marshal(words)
		return strings.ReplaceAll(string(text), `","`, `", "`)
	}
	var ports []string
	for port := range config.ExposedPorts {
		ports = append(ports, strings.TrimSuffix(port, "/tcp"))
	}
	slices.SortFunc(ports, func(a, b string) int { return strings.Compare(b, a) }) // gRPC first
	lines := []string{
		"USER " + config.User, "EXPOSE " + strings.Join(ports, " "),
		"ENTRYPOINT " + list(config.Entrypoint), "CMD " + list(config.Cmd),
		fmt.Sprintf("HEALTHCHECK --interval=%v --timeout=%v %s %s", config.Healthcheck.Interval,
			config.Healthcheck.Timeout, config.Healthcheck.Test[0], list(config.Healthcheck.Test[1:])),
	}
	for label, value := range config.Labels {
		lines = append(lines, fmt.Sprintf("LABEL %s=%q", label, value))
	}
	slices.Sort(lines)
	return lines
}

// Two builds of one release are byte-equal.
func TestImageIsReproducible(t *testing.T) {
	r := testRelease(t)
	if !bytes.Equal(writeArchive(t, r), writeArchive(t, r)) {
		t.Error("got two different archives of one release")
	}
}
