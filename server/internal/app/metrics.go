package app

import (
	"crypto/x509"

	"github.com/prometheus/client_golang/prometheus"

	"agentconf/server/internal/gateway"
)

// state exposes what the rooms hold at the time of a scrape: the certificates in use, the
// circuit breakers, and the limits of the settings.
type state struct {
	options Options
	client  *gateway.Client
}

var (
	expiryDesc = prometheus.NewDesc("agentconf_certificate_expiry_timestamp_seconds",
		"End of a certificate in use, in seconds since 1970: of a flag, or of the CC-Gateway or a node "+
			"at the last handshake.", []string{"certificate", "node"}, nil)
	breakerDesc = prometheus.NewDesc("agentconf_gateway_breaker_state",
		"1 for the state of the circuit breaker: closed, open or trial.", []string{"node", "state"}, nil)
	limitDesc = prometheus.NewDesc("agentconf_limit",
		"Limit that a flag sets; 0 is no limit.", []string{"flag"}, nil)
)

// Describe implements prometheus.Collector.
func (s state) Describe(to chan<- *prometheus.Desc) {
	to <- expiryDesc
	to <- breakerDesc
	to <- limitDesc
}

// Collect implements prometheus.Collector.
func (s state) Collect(to chan<- prometheus.Metric) {
	gauge := func(desc *prometheus.Desc, value float64, labels ...string) {
		to <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value, labels...)
	}
	for flag, certificate := range s.options.Certificates {
		if c := certificate(); c != nil {
			gauge(expiryDesc, float64(c.NotAfter.Unix()), flag, "")
		}
	}
	for node, end := range s.client.CertificateEnds() {
		gauge(expiryDesc, float64(end.Unix()), "gateway", node)
	}
	for node, current := range s.client.BreakerStates() {
		for _, each := range gateway.AllBreakerStates {
			value := 0.0
			if each == current {
				value = 1
			}
			gauge(breakerDesc, value, node, string(each))
		}
	}
	l := s.options.Lifecycle.Limits
	for flag, limit := range map[string]int{
		"max-in-flight": s.options.Calls.MaxInFlight, "agent-rate": s.options.Operation.AgentRate,
		"pass-through-max-in-flight": s.options.PassThrough.MaxInFlight, "pass-through-rate": s.options.PassThrough.Rate,
		"max-streams": l.Streams, "max-request": l.Request, "max-headers": l.Headers,
	} {
		gauge(limitDesc, float64(limit), flag)
	}
}

// Certificates are the certificates of the settings, by their flags. A function returns the
// certificate that is in use, or nil.
type Certificates map[string]func() *x509.Certificate
