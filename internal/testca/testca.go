// Package testca is a certificate authority for tests.
package testca

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"testing"
	"time"
)

// Host is the DNS name in every certificate. The certificates are also valid for 127.0.0.1.
const Host = "agentconf.test"

// The default validity includes the clock of synctest, which starts in the year 2000.
var (
	from  = time.Date(1990, 1, 1, 0, 0, 0, 0, time.UTC)
	until = time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)
)

// CA is a certificate authority.
type CA struct {
	PEM  string         // the certificate of the CA
	Pool *x509.CertPool // contains only that certificate

	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

// Pair is a certificate with its key, in PEM.
type Pair struct{ Certificate, Key string }

// New returns a new CA.
func New(t testing.TB) *CA {
	t.Helper()
	template := template("test CA", from, until)
	template.IsCA, template.BasicConstraintsValid = true, true
	template.KeyUsage = x509.KeyUsageCertSign
	ca := &CA{certificate: template, key: newKey(t), Pool: x509.NewCertPool()}
	ca.PEM, ca.certificate = ca.sign(t, template, ca.key)
	ca.Pool.AddCert(ca.certificate)
	return ca
}

// Issue returns a certificate with the common name name, for servers and clients.
func (ca *CA) Issue(t testing.TB, name string) Pair {
	t.Helper()
	return ca.IssueFor(t, name, from, until)
}

// IssueFor is like Issue and sets the validity.
func (ca *CA) IssueFor(t testing.TB, name string, from, until time.Time) Pair {
	t.Helper()
	template := template(name, from, until)
	template.DNSNames, template.IPAddresses = []string{Host}, []net.IP{net.IPv4(127, 0, 0, 1)}
	template.KeyUsage = x509.KeyUsageDigitalSignature
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	key := newKey(t)
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	certificate, _ := ca.sign(t, template, key)
	return Pair{certificate, encode("PRIVATE KEY", der)}
}

// TLS parses p.
func (p Pair) TLS(t testing.TB) tls.Certificate {
	t.Helper()
	pair, err := tls.X509KeyPair([]byte(p.Certificate), []byte(p.Key))
	if err != nil {
		t.Fatal(err)
	}
	return pair
}

func template(name string, from, until time.Time) *x509.Certificate {
	return &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: from, NotAfter: until,
	}
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func (ca *CA) sign(t testing.TB, template *x509.Certificate, key *ecdsa.PrivateKey) (string, *x509.Certificate) {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, template, ca.certificate, key.Public(), ca.key)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return encode("CERTIFICATE", der), certificate
}

func encode(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}
