package gateway

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// Pin identifies a public key: pinPrefix and the SHA-256 of its SubjectPublicKeyInfo in
// base64. It is the form of curl's --pinnedpubkey.
type Pin string

const pinPrefix = "sha256//"

// maxNames is the number of names of a certificate that an error lists.
const maxNames = 5

// ParsePin parses a pin.
func ParsePin(s string) (Pin, error) {
	text, found := strings.CutPrefix(s, pinPrefix)
	sum, err := base64.StdEncoding.DecodeString(text)
	if !found || err != nil || len(sum) != sha256.Size {
		return "", errors.New("must be sha256// and the base64 of 32 bytes, as for curl --pinnedpubkey")
	}
	return newPin(sum), nil
}

func newPin(sum []byte) Pin { return Pin(pinPrefix + base64.StdEncoding.EncodeToString(sum)) }

// PinOf returns the pin of the public key of a certificate.
func PinOf(certificate *x509.Certificate) Pin {
	sum := sha256.Sum256(certificate.RawSubjectPublicKeyInfo)
	return newPin(sum[:])
}

// tlsConfig returns a function that returns a new configuration for each handshake with the
// host of u, or nil for http. Each one begins with one of Options.TLS, whose files may have
// changed.
func (o Options) tlsConfig(u *url.URL) func() *tls.Config {
	return func() *tls.Config {
		if u.Scheme != "https" {
			return nil
		}
		config := &tls.Config{}
		if o.TLS != nil {
			config = o.TLS()
		}
		config.ServerName, config.MinVersion = u.Hostname(), tls.VersionTLS12
		if o.ServerName != "" {
			config.ServerName = o.ServerName
		}
		if len(o.Pins) > 0 {
			config.VerifyConnection = o.verifyPin
			config.InsecureSkipVerify = config.RootCAs == nil // verifyPin verifies
		}
		return config
	}
}

// wrongKeyError is the error of a gateway whose key has no pin.
type wrongKeyError struct {
	got  Pin
	want []Pin
}

// Error implements error.
func (e wrongKeyError) Error() string {
	var want []string
	for _, pin := range e.want {
		want = append(want, string(pin))
	}
	return fmt.Sprintf("the public key of the gateway is %s, and %s was expected", e.got, strings.Join(want, " or "))
}

// verifyPin returns an error unless one of the pins is that of the certificate.
func (o Options) verifyPin(state tls.ConnectionState) error {
	if got := PinOf(state.PeerCertificates[0]); !slices.Contains(o.Pins, got) {
		return wrongKeyError{got, o.Pins}
	}
	return nil
}

// explainHandshake returns the error of a failed handshake with what an operator can do about
// it, in one line. An unknown cause stays as it is.
func explainHandshake(err error) error {
	const ifGateway = "if this is the CC-Gateway, set "
	if wrongKey, ok := errors.AsType[wrongKeyError](err); ok {
		return fmt.Errorf("%w; %s--gateway-pin %s", err, ifGateway, wrongKey.got)
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return fmt.Errorf("%w; the server there does not use TLS; set --gateway to another port, or to http://", err)
	}
	rejected, ok := errors.AsType[*tls.CertificateVerificationError](err)
	if !ok {
		return err
	}
	leaf := rejected.UnverifiedCertificates[0]
	orPin := fmt.Sprintf("--gateway-pin %s without --gateway-ca", PinOf(leaf))
	if name, ok := errors.AsType[x509.HostnameError](err); ok {
		return explainName(leaf, name.Host, ifGateway, orPin)
	}
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return fmt.Errorf("%w; %s--gateway-ca to the PEM file of its CA, or %s", err, ifGateway, orPin)
	}
	return err
}

// explainName returns the error of a certificate that does not have the expected name.
func explainName(leaf *x509.Certificate, expected, ifGateway, orPin string) error {
	names := slices.Clone(leaf.DNSNames)
	for _, ip := range leaf.IPAddresses {
		names = append(names, ip.String())
	}
	if len(names) == 0 {
		return fmt.Errorf("the certificate is for no name but the common name %q, which is not verified, "+
			"and %q was expected; %s%s", leaf.Subject.CommonName, expected, ifGateway, orPin)
	}
	return fmt.Errorf("the certificate is for %q, and %q was expected; %s--gateway-server-name to a name "+
		"of the certificate, or %s", names[:min(len(names), maxNames)], expected, ifGateway, orPin)
}
