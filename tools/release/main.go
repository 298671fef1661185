// release writes the image of agentconf as an OCI archive, without a container engine. The image has the
// content of the Dockerfile's: the binary, the CA certificates for the gateway's TLS, and nothing else. The
// certificates are Mozilla's, as a module of Go has them, so that two builds have the same.
//
//	release -version 1.0.0 -revision COMMIT -epoch SECONDS -out FILE amd64=BINARY arm64=BINARY
package main

import (
	"flag"
	"fmt"
	"log"
	"os"
	"strings"
	"time"
)

func main() {
	log.SetFlags(0)
	var r release
	flag.StringVar(&r.version, "version", "", "`VERSION` of the image")
	flag.StringVar(&r.revision, "revision", "", "`COMMIT` of the binaries")
	epoch := flag.Int64("epoch", 0, "`SECONDS` since 1970 of the commit")
	out := flag.String("out", "", "`FILE` to write")
	flag.Parse()
	r.created = time.Unix(*epoch, 0).UTC()
	for _, pair := range flag.Args() {
		arch, binary, _ := strings.Cut(pair, "=")
		r.binaries = append(r.binaries, binaryFile{arch, binary})
	}
	if err := r.write(*out); err != nil {
		log.Fatal(fmt.Errorf("release: %w", err))
	}
}

// write writes the image into the archive out.
func (r release) write(out string) error {
	index, err := r.index()
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "agentconf-image")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	return r.archive(index, dir, out)
}
