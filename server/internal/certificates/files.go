package certificates

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"
)

// Files are a certificate with its chain, its key, and CAs that others are verified
// with. Of the first two there are both or none.
type Files struct{ Certificate, Key, CAs File }

// File is a PEM file, and the flag that names it, for messages. Its name is empty if
// there is none.
type File struct{ Flag, Name string }

// contents are those of Files.
type contents struct{ certificate, key, cas content }

// content is that of a file, or why it cannot be read.
type content struct{ text, fault string }

func (f Files) read() contents {
	return contents{f.Certificate.read(), f.Key.read(), f.CAs.read()}
}

func (f File) read() content {
	if f.Name == "" {
		return content{}
	}
	text, err := os.ReadFile(f.Name)
	if err != nil {
		return content{fault: err.Error()}
	}
	return content{text: string(text)}
}

// parse returns what c holds and all that is wrong with it.
func (f Files) parse(c contents) (held, []error) {
	pair, faults := f.pair(c)
	cas, err := f.CAs.pool(c.cas)
	if err != nil {
		faults = append(faults, err)
	}
	return held{pair, cas}, faults
}

func (f Files) pair(c contents) (*tls.Certificate, []error) {
	faults := []error{f.Certificate.without(f.Key), f.Key.without(f.Certificate),
		f.Certificate.check(c.certificate), f.Key.check(c.key)}
	faults = slices.DeleteFunc(faults, func(err error) bool { return err == nil })
	if len(faults) > 0 || f.Certificate.Name == "" {
		return nil, faults
	}
	pair, err := tls.X509KeyPair([]byte(c.certificate.text), []byte(c.key.text))
	if err != nil {
		return nil, []error{fmt.Errorf("%s %s and %s %s: %w; give a certificate and the key that it was made for",
			f.Certificate.Flag, f.Certificate.Name, f.Key.Flag, f.Key.Name, err)}
	}
	return &pair, nil
}

// without says that f lacks the other half.
func (f File) without(half File) error {
	if f.Name == "" || half.Name != "" {
		return nil
	}
	return fmt.Errorf("%s: is of no use alone; set %s, too", f.Flag, half.Flag)
}

// check finds what there is to say of a file alone. One that ends within a block is
// being written: what is there would be taken for all.
func (f File) check(c content) error {
	if c.fault != "" {
		return fmt.Errorf("%s: %s", f.Flag, c.fault)
	}
	block, rest := pem.Decode([]byte(c.text))
	for block != nil {
		block, rest = pem.Decode(rest)
	}
	if bytes.Contains(rest, []byte("-----BEGIN ")) {
		return fmt.Errorf("%s: %s is cut off", f.Flag, f.Name)
	}
	return nil
}

// pool is the CAs in f, or nil if there is no such file.
func (f File) pool(c content) (*x509.CertPool, error) {
	if err := f.check(c); err != nil || f.Name == "" {
		return nil, err
	}
	cas := x509.NewCertPool()
	if !cas.AppendCertsFromPEM([]byte(c.text)) {
		return nil, fmt.Errorf("%s: %s has no certificate in PEM; it must be a file of blocks that begin with -----BEGIN CERTIFICATE-----", f.Flag, f.Name)
	}
	return cas, nil
}

// attributes are what a line of log says of the files and what they hold.
func (f Files) attributes(h held) []any {
	var names []string
	for _, file := range []File{f.Certificate, f.Key, f.CAs} {
		if file.Name != "" {
			names = append(names, file.Name)
		}
	}
	attributes := []any{"files", strings.Join(names, " ")}
	if h.pair != nil {
		attributes = append(attributes, "subject", h.pair.Leaf.Subject.String(),
			"valid_until", h.pair.Leaf.NotAfter.Format(time.RFC3339))
	}
	return attributes
}
