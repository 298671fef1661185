package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"

	"agentconf/server/internal/certificates"
)

// emulateTLS holds the values of the TLS flags of emulate.
type emulateTLS struct {
	files      certificates.Files
	selfSigned bool
}

func (s *emulateTLS) define(fs *flags) {
	fs.file(&s.files.Certificate, "tls-cert", "PEM `FILE` of the certificate; with it, the port has TLS")
	fs.file(&s.files.Key, "tls-key", "PEM `FILE` of the key of --tls-cert")
	fs.file(&s.files.CAs, "tls-client-ca", "PEM `FILE` of CAs; clients must present a certificate of one of them")
	fs.BoolVar(&s.selfSigned, "tls-self-signed", false,
		"use TLS with a new certificate, and print the CA file and the pin that clients need")
}

func (s *emulateTLS) faults() (faults []error) {
	hasFiles := s.files.Certificate.Name != "" || s.files.Key.Name != ""
	if s.selfSigned && hasFiles {
		faults = append(faults, errors.New("--tls-self-signed: "+
			"the certificate is a new one; do not set --tls-cert and --tls-key"))
	}
	if s.files.CAs.Name != "" && !s.selfSigned && !hasFiles {
		faults = append(faults, errors.New("--tls-client-ca: only TLS has client certificates; "+
			"set --tls-cert and --tls-key, or --tls-self-signed"))
	}
	return faults
}

// load returns the TLS configuration for the address, or nil for plain HTTP, with hints for
// people. end removes the files of a new certificate.
func (s *emulateTLS) load(address string) (config *tls.Config, hints string, end func(), err error) {
	end = func() {}
	if s.selfSigned {
		if hints, end, err = s.createCertificate(address); err != nil {
			return nil, "", nil, fmt.Errorf("--tls-self-signed: %w", err)
		}
	}
	if s.files.Certificate.Name == "" && s.files.Key.Name == "" {
		return nil, "", end, nil
	}
	loaded, faults := certificates.Load(s.files)
	if len(faults) > 0 {
		end()
		return nil, "", nil, usageError{errors.Join(faults...)}
	}
	config = &tls.Config{
		MinVersion:         tls.VersionTLS12,
		NextProtos:         []string{"http/1.1"},
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return loaded.Server(), nil },
	}
	return config, hints, end, nil
}

// selfSignedValidity is the validity of a new certificate. It ends with the emulator at the
// latest, which removes its files.
const selfSignedValidity = 30 * 24 * time.Hour

// createCertificate writes a new certificate, its own CA, and its key to files, and sets them
// in s.
func (s *emulateTLS) createCertificate(address string) (hints string, end func(), err error) {
	certificate, key, pin, err := newCertificate(address)
	if err != nil {
		return "", nil, err
	}
	dir, err := os.MkdirTemp("", "agentconf-emulator-")
	if err != nil {
		return "", nil, err
	}
	end = func() { os.RemoveAll(dir) }
	caFile, keyFile := filepath.Join(dir, "ca.pem"), filepath.Join(dir, "key.pem")
	err = errors.Join(os.WriteFile(caFile, certificate, 0o644), os.WriteFile(keyFile, key, 0o600))
	if err != nil {
		end()
		return "", nil, err
	}
	s.files.Certificate.Name, s.files.Key.Name = caFile, keyFile
	return fmt.Sprintf("its CA file, for curl --cacert and serve --gateway-ca: %s\n"+
		"its pin, for curl --insecure --pinnedpubkey: %s\n", caFile, pin), end, nil
}

// newCertificate returns a self-signed certificate and its key, in PEM, and the pin of the
// public key as curl writes it. The certificate is valid for this machine and for the host of
// the address.
func newCertificate(address string) (certificate, keyPEM []byte, pin string, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, "", err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: "emulated CC-Gateway"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(selfSignedValidity),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		DNSNames:    []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
	}
	if host, _, err := net.SplitHostPort(address); err == nil {
		if ip := net.ParseIP(host); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else if host != "" {
			template.DNSNames = append(template.DNSNames, host)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, nil, "", err
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, nil, "", err
	}
	spki, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return nil, nil, "", err
	}
	sum := sha256.Sum256(spki)
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}),
		"sha256//" + base64.StdEncoding.EncodeToString(sum[:]), nil
}
