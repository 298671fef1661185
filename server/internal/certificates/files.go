package certificates

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/asn1"
	"encoding/pem"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"
)

// Files are a certificate with its chain, its key, and the CAs that verify the other side.
// Certificate and Key need each other.
type Files struct{ Certificate, Key, CAs File }

// File is a PEM file. Flag is the flag that names it, for error texts. Name is empty if
// there is no file.
type File struct{ Flag, Name string }

// maxFileSize bounds a PEM file in bytes. The bundle of CAs of a system has a quarter of it.
const maxFileSize = 1 << 20

// contents are the contents of Files.
type contents struct{ certificate, key, cas content }

// content is the text of a file, or the reason why it cannot be read. Both are strings, so
// that two contents can be compared: a fault that stays the same is logged once.
type content struct{ text, fault string }

func (f Files) read() contents {
	return contents{f.Certificate.read(), f.Key.read(), f.CAs.read()}
}

// read keeps an error as its text. The text names the file.
func (f File) read() content {
	if f.Name == "" {
		return content{}
	}
	text, err := readRegular(f.Name)
	if err != nil {
		return content{fault: err.Error()}
	}
	return content{text: text}
}

// readRegular returns the contents of a regular file of at most maxFileSize bytes. The open
// does not wait, as that of a FIFO without a writer would.
func readRegular(name string) (string, error) {
	file, err := os.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return "", err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return "", err
	}
	if !info.Mode().IsRegular() {
		return "", fmt.Errorf("%s is not a regular file; set the name of a PEM file on a disk", name)
	}
	text, err := io.ReadAll(io.LimitReader(file, maxFileSize+1))
	if err == nil && len(text) > maxFileSize {
		err = fmt.Errorf("%s is larger than %d bytes; a PEM file of certificates is much smaller", name, maxFileSize)
	}
	return string(text), err
}

// parse parses c and returns every fault in it.
func (f Files) parse(c contents) (loaded, []error) {
	pair, faults := f.parsePair(c)
	cas, err := f.CAs.parseCAs(c.cas)
	if err != nil {
		faults = append(faults, err)
	}
	return loaded{pair, cas}, faults
}

// parsePair returns nil if neither file is set.
func (f Files) parsePair(c contents) (*tls.Certificate, []error) {
	faults := []error{f.Certificate.require(f.Key), f.Key.require(f.Certificate),
		f.Certificate.check(c.certificate), f.Key.check(c.key)}
	faults = slices.DeleteFunc(faults, func(err error) bool { return err == nil })
	if len(faults) > 0 || f.Certificate.Name == "" {
		return nil, faults
	}
	pair, err := tls.X509KeyPair([]byte(c.certificate.text), []byte(c.key.text))
	if err != nil {
		const text = "%s %s and %s %s: %w; set a certificate and the key that it was made for"
		return nil, []error{
			fmt.Errorf(text, f.Certificate.Flag, f.Certificate.Name, f.Key.Flag, f.Key.Name, err),
		}
	}
	return &pair, nil
}

// require returns an error if f is set without other.
func (f File) require(other File) error {
	if f.Name == "" || other.Name != "" {
		return nil
	}
	return fmt.Errorf("%s: requires %s; set both", f.Flag, other.Flag)
}

// check rejects a file that could not be read, that is not PEM, that has an encrypted key,
// or that ends within a PEM block: another program is still writing it, and the blocks so
// far may be a shorter chain.
func (f File) check(c content) error {
	if c.fault != "" {
		return fmt.Errorf("%s: %s", f.Flag, c.fault)
	}
	if kind, command := binaryKind(c.text); kind != "" {
		return fmt.Errorf("%s: %s is %s and not PEM; convert it with: %s -in %[2]s -out NEW_FILE",
			f.Flag, f.Name, kind, command)
	}
	block, rest := pem.Decode([]byte(c.text))
	for block != nil {
		if block.Type == "ENCRYPTED PRIVATE KEY" || strings.Contains(block.Headers["Proc-Type"], "ENCRYPTED") {
			return fmt.Errorf("%s: the key in %s is encrypted, and agentconf takes no passphrase; "+
				"decrypt it with: openssl pkey -in %[2]s -out NEW_FILE", f.Flag, f.Name)
		}
		block, rest = pem.Decode(rest)
	}
	if bytes.Contains(rest, []byte("-----BEGIN ")) {
		return fmt.Errorf("%s: %s is cut off", f.Flag, f.Name)
	}
	return nil
}

// binaryKind returns what text is if it is DER or PKCS #12, which are both one ASN.1
// sequence, and the command that makes PEM of it.
func binaryKind(text string) (kind, command string) {
	var sequence asn1.RawValue
	if _, err := asn1.Unmarshal([]byte(text), &sequence); err != nil || sequence.Tag != asn1.TagSequence {
		return "", ""
	}
	if _, err := x509.ParseCertificate([]byte(text)); err == nil {
		return "a certificate in DER", "openssl x509 -inform der"
	}
	var version int // 3 begins a PKCS #12 file (RFC 7292), 0 or 1 a key
	if _, err := asn1.Unmarshal(sequence.Bytes, &version); err == nil && version == 3 {
		return "PKCS #12", "openssl pkcs12 -nodes"
	}
	return "a key in DER", "openssl pkey -inform der"
}

// parseCAs returns nil if f is not set.
func (f File) parseCAs(c content) (*x509.CertPool, error) {
	if err := f.check(c); err != nil || f.Name == "" {
		return nil, err
	}
	cas := x509.NewCertPool()
	if !cas.AppendCertsFromPEM([]byte(c.text)) {
		return nil, fmt.Errorf("%s: %s has no certificate in PEM; "+
			"it must be a file of blocks that begin with -----BEGIN CERTIFICATE-----", f.Flag, f.Name)
	}
	return cas, nil
}

// names returns the names of the files with spaces between.
func (f Files) names() string {
	names := []string{f.Certificate.Name, f.Key.Name, f.CAs.Name}
	return strings.Join(slices.DeleteFunc(names, func(name string) bool { return name == "" }), " ")
}

// attributes returns the log attributes of the files and of l.
func (f Files) attributes(l loaded) []any {
	attributes := []any{"files", f.names()}
	if l.pair != nil {
		attributes = append(attributes, "subject", l.pair.Leaf.Subject.String(),
			"valid_until", l.pair.Leaf.NotAfter.Format(time.RFC3339))
	}
	return attributes
}
