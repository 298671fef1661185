package main

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"

	"agentconf/server/internal/gateway"
)

const (
	// checkTime bounds each step of a check.
	checkTime = 5 * time.Second

	// renewalTime is the time before its end from which on a certificate is reported.
	renewalTime = 21 * 24 * time.Hour
)

// errCheckFailed is the error of a check with a failed step. The report has the causes.
var errCheckFailed = errors.New("a step has failed; correct its cause and check again")

// check checks a configuration without running the service: the settings and files, and, for
// the gateway and each node, DNS, TCP, TLS, and whether a CC-Gateway answers. It sends one
// harmless request to each. Beside a running service it disturbs nothing.
func (c cli) check(ctx context.Context, args []string) error {
	var s settings
	fs := newFlags("check", "check the settings of serve, and the way to the gateway")
	s.define(fs)
	if err := c.parse(fs, args, s.faults, s.loadCertificates, c.traceFaults); err != nil {
		return err
	}
	if s.printConfig {
		fs.print(c.stdout)
	}
	r := &report{out: c.stdout}
	r.ok("settings", "all flags, variables and files are valid")
	s.reportCertificates(r)
	if err := s.checkGateway(ctx, r); err != nil {
		return err
	}
	if r.failed {
		return errCheckFailed
	}
	return nil
}

// report prints the steps of a check.
type report struct {
	out    io.Writer
	failed bool
}

func (r *report) ok(step, text string) { r.print("ok", step, text) }

func (r *report) warn(step, text string) { r.print("warn", step, text) }

func (r *report) fail(step string, err error) {
	r.failed = true
	r.print("FAIL", step, err.Error())
}

// result prints a step that has failed with err, or has succeeded if err is nil.
func (r *report) result(step, text string, err error) {
	if err != nil {
		r.fail(step, err)
		return
	}
	r.ok(step, text)
}

func (r *report) print(verdict, step, text string) {
	fmt.Fprintf(r.out, "%-4s  %s: %s\n", verdict, step, text)
}

// certificate prints the names and the end of a certificate.
func (r *report) certificate(step string, certificate *x509.Certificate) {
	names := slices.Clone(certificate.DNSNames)
	for _, ip := range certificate.IPAddresses {
		names = append(names, ip.String())
	}
	text := fmt.Sprintf("%s, for %s, valid until %s", certificate.Subject,
		cmp.Or(strings.Join(names, ", "), "no name"), certificate.NotAfter.Format(time.DateOnly))
	switch now := time.Now(); {
	case now.After(certificate.NotAfter):
		r.fail(step, errors.New(text+"; it has expired, replace it"))
	case now.Before(certificate.NotBefore):
		r.fail(step, fmt.Errorf("%s; it is not valid before %s, check the clock", text,
			certificate.NotBefore.Format(time.RFC3339)))
	case now.Add(renewalTime).After(certificate.NotAfter):
		r.warn(step, text+"; renew it soon")
	default:
		r.ok(step, text)
	}
}

// reportCertificates reports the certificates of the settings.
func (s *settings) reportCertificates(r *report) {
	for i, flag := range []string{s.gatewayFiles.Certificate.Flag, s.portFiles.Certificate.Flag} {
		if certificate := s.reloaders[i].Certificate(); certificate != nil {
			r.certificate(flag, certificate)
		}
	}
}

// checkGateway checks the way to the gateway and to each node. The last two steps are those
// of the service itself.
func (s *settings) checkGateway(ctx context.Context, r *report) error {
	s.Gateway.Breaker.Failures = 0
	client, err := gateway.New(s.Gateway)
	if err != nil {
		return err
	}
	defer client.Close()
	nodes, whole := client.Probe(ctx)
	nodeAnswers, answer := client.Ask(ctx)
	s.checkAddress(ctx, r, "gateway", s.Gateway.URL, whole, answer)
	for _, name := range slices.Sorted(maps.Keys(s.Gateway.Nodes)) {
		s.checkAddress(ctx, r, "node "+name, s.Gateway.Nodes[name], nodes[name], nodeAnswers[name])
	}
	return nil
}

// checkAddress reports the steps to one address. reached and answered are the results of the
// connection and of the request. After a failed step the later ones say nothing.
func (s *settings) checkAddress(ctx context.Context, r *report, name, rawURL string, reached, answered error) {
	ctx, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	u, err := url.Parse(rawURL)
	if err != nil { // which checkURL has accepted
		r.fail(name, err)
		return
	}
	addresses, err := net.DefaultResolver.LookupHost(ctx, u.Hostname())
	r.result(name+" DNS", u.Hostname()+" is "+strings.Join(addresses, ", "), err)
	if err != nil {
		return
	}
	port := cmp.Or(u.Port(), map[string]string{"http": "80", "https": "443"}[u.Scheme])
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", net.JoinHostPort(u.Hostname(), port))
	r.result(name+" TCP", "port "+port+" is open", err)
	if err != nil {
		return
	}
	defer conn.Close()
	if u.Scheme == "https" {
		s.reportCertificate(ctx, r, name, u.Hostname(), conn)
		r.result(name+" TLS", "the certificate is accepted", reached)
	}
	if reached == nil {
		r.result(name+" answer", "a CC-Gateway answers", answered)
	}
}

// reportCertificate reports the certificate of a server and its pin, whether it is accepted or
// not. It sends nothing after the handshake.
func (s *settings) reportCertificate(ctx context.Context, r *report, name, host string, conn net.Conn) {
	config := s.Gateway.TLS()
	config.ServerName, config.InsecureSkipVerify = cmp.Or(s.Gateway.ServerName, host), true
	secured := tls.Client(conn, config)
	if secured.HandshakeContext(ctx) != nil {
		return // the next step reports the cause
	}
	leaf := secured.ConnectionState().PeerCertificates[0]
	r.certificate(name+" certificate", leaf)
	r.ok(name+" pin", string(gateway.PinOf(leaf)))
}
