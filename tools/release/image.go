package main

import (
	"archive/tar"
	"bytes"
	"encoding/pem"
	"io"
	"os"
	"path/filepath"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"golang.org/x/crypto/x509roots/fallback/bundle"
)

// release is what the image is made of.
type release struct {
	version, revision string
	created           time.Time // of every file and of the image
	binaries          []binaryFile
}

// binaryFile is the program for one architecture of Linux.
type binaryFile struct{ arch, name string }

// labels returns the labels of the image. The Dockerfile has the same.
func (r release) labels() map[string]string {
	return map[string]string{
		"org.opencontainers.image.title":       "agentconf",
		"org.opencontainers.image.description": "gRPC and JSON in front of a CC-Gateway",
		"org.opencontainers.image.version":     r.version,
		"org.opencontainers.image.revision":    r.revision,
	}
}

// index returns an image for every architecture.
func (r release) index() (v1.ImageIndex, error) {
	index := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	for _, b := range r.binaries {
		image, err := r.image(b)
		if err != nil {
			return nil, err
		}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{
			Add: image, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: b.arch}},
		})
	}
	return mutate.Annotations(index, r.labels()).(v1.ImageIndex), nil
}

// image returns the image of one architecture, with the settings of the Dockerfile.
func (r release) image(b binaryFile) (v1.Image, error) {
	program, err := os.ReadFile(b.name)
	if err != nil {
		return nil, err
	}
	content, err := r.files([]file{
		{"etc/ssl/certs/ca-certificates.crt", 0o644, caCertificates()}, {"agentconf", 0o755, program},
	})
	if err != nil {
		return nil, err
	}
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(content)), nil
	}, tarball.WithMediaType(types.OCILayer))
	if err != nil {
		return nil, err
	}
	image := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	if image, err = mutate.Append(image, mutate.Addendum{Layer: layer}); err != nil {
		return nil, err
	}
	return mutate.ConfigFile(image, r.config(image, b.arch))
}

// config returns the configuration of an image with these layers.
func (r release) config(image v1.Image, arch string) *v1.ConfigFile {
	config, err := image.ConfigFile()
	if err != nil {
		panic(err) // the image is in memory
	}
	config.OS, config.Architecture, config.Created = "linux", arch, v1.Time{Time: r.created}
	config.History = nil
	config.Config = v1.Config{
		User: "65532:65532", Entrypoint: []string{"/agentconf"}, Cmd: []string{"serve"},
		ExposedPorts: map[string]struct{}{"9090/tcp": {}, "8080/tcp": {}},
		Healthcheck: &v1.HealthConfig{
			Test: []string{"CMD", "/agentconf", "healthcheck"}, Interval: 10 * time.Second, Timeout: 4 * time.Second,
		},
		Labels: r.labels(),
	}
	return config
}

// caCertificates returns the roots in PEM. A root with constraints, which PEM cannot express, is left out.
func caCertificates() []byte {
	var text bytes.Buffer
	for root := range bundle.Roots() {
		if root.Constraint == nil {
			pem.Encode(&text, &pem.Block{Type: "CERTIFICATE", Bytes: root.Certificate})
		}
	}
	return text.Bytes()
}

// file is a file of an archive.
type file struct {
	name    string
	mode    int64
	content []byte
}

// files returns a tar of files, whose times are those of the commit and whose owner is root.
func (r release) files(files []file) ([]byte, error) {
	var content bytes.Buffer
	w := tar.NewWriter(&content)
	for _, f := range files {
		if err := w.WriteHeader(&tar.Header{
			Typeflag: tar.TypeReg, Name: f.name, Mode: f.mode, Size: int64(len(f.content)), ModTime: r.created,
		}); err != nil {
			return nil, err
		}
		if _, err := w.Write(f.content); err != nil {
			return nil, err
		}
	}
	err := w.Close()
	return content.Bytes(), err
}

// archive writes index as an OCI layout into dir, and the layout as a tar into out.
func (r release) archive(index v1.ImageIndex, dir, out string) error {
	name := "agentconf:" + r.version
	path, err := layout.Write(dir, empty.Index)
	if err != nil {
		return err
	}
	if err := path.AppendIndex(index, layout.WithAnnotations(map[string]string{
		"org.opencontainers.image.ref.name": name,                        // for podman and skopeo
		"io.containerd.image.name":          "docker.io/library/" + name, // for containerd and Docker
	})); err != nil {
		return err
	}
	var files []file
	if err := filepath.WalkDir(dir, func(name string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := os.ReadFile(name)
		relative, _ := filepath.Rel(dir, name)
		files = append(files, file{relative, 0o644, content})
		return err
	}); err != nil {
		return err
	}
	content, err := r.files(files)
	if err != nil {
		return err
	}
	return os.WriteFile(out, content, 0o644)
}
