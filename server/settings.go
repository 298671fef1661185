package main

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"agentconf/server/internal/app"
	"agentconf/server/internal/certificates"
	"agentconf/server/internal/events"
	"agentconf/server/internal/gateway"
	"agentconf/server/internal/lifecycle"
	"agentconf/server/internal/telemetry"
)

// settings holds the values of the flags of serve. No flag takes a secret: the flag of a
// key names its file.
type settings struct {
	app.Options

	gatewayFiles, portFiles certificates.Files

	grpcListen, httpListen, adminListen string

	logLevel    slog.LevelVar
	logFormat   string
	printConfig bool
}

const defaultGRPCListen = ":9090"

// define defines the flags.
func (s *settings) define(fs *flags) {
	s.Options = app.Defaults()
	s.defineGateway(fs)
	s.defineFronts(fs)
	s.defineLimits(fs)
	s.defineLifecycle(fs)
	fs.value((*logLevel)(&s.logLevel), "log-level", "lowest `LEVEL` that is logged: debug, info, warn or error; PUT /log-level on the admin port changes it")
	s.logFormat = telemetry.JSON
	fs.value(choice{&s.logFormat, []string{telemetry.JSON, telemetry.Text}}, "log-format", "`FORMAT` of log records: json or text")
	fs.BoolVar(&s.printConfig, "print-config", false, "print every flag with its value and origin, and exit")
}

func (s *settings) defineGateway(fs *flags) {
	g := &s.Gateway
	g.Nodes = map[string]string{}
	fs.value((*gatewayURL)(&g.URL), "gateway", "`URL` of the CC-Gateway, such as https://gateway.example:8043; http:// is for tests and old gateways")
	fs.value(gatewayNodes(g.Nodes), "gateway-node", "`NAME=URL` of a node of the gateway, which gets the calls whose GUID ends in its name; all others go to --gateway; repeatable, or several with commas between")
	fs.file(&s.gatewayFiles.CAs, "gateway-ca", "PEM `FILE` of the CAs that verify the gateway's certificate, instead of the system's")
	fs.file(&s.gatewayFiles.Certificate, "gateway-cert", "PEM `FILE` of the client certificate, with its chain, for a gateway that requests one")
	fs.file(&s.gatewayFiles.Key, "gateway-key", "PEM `FILE` of the key of --gateway-cert")
	fs.duration(&g.Timeout, "gateway-timeout", g.Timeout, time.Millisecond, "longest `TIME` of a call; a shorter deadline of the caller replaces it")
	fs.number(&g.Breaker.Failures, "breaker-failures", g.Breaker.Failures, 0, 1000, "failed `ATTEMPTS` in a row to connect to the gateway, after which calls fail at once; 0 is never")
	fs.duration(&g.Breaker.Open, "breaker-open", g.Breaker.Open, time.Millisecond, "`TIME` between --breaker-failures failed attempts and the next one")
}

func (s *settings) defineFronts(fs *flags) {
	fs.text(&s.grpcListen, "grpc-listen", defaultGRPCListen, "`ADDRESS` of the gRPC port, with reflection and grpc.health.v1")
	fs.text(&s.httpListen, "http-listen", ":8080", "`ADDRESS` of the JSON port")
	fs.text(&s.adminListen, "admin-listen", "127.0.0.1:9464", "`ADDRESS` of the admin port: /healthz, /readyz, /metrics, /log-level and /debug/pprof/")
	fs.value((*origins)(&s.JSON.CORSOrigins), "cors-origin", "`ORIGIN` of pages that may call the JSON port, such as https://desk.example, or * for any; repeatable, or several with commas between")
	fs.file(&s.portFiles.Certificate, "tls-cert", "PEM `FILE` of the certificate, with its chain, of the gRPC and the JSON port; both then accept TLS only")
	fs.file(&s.portFiles.Key, "tls-key", "PEM `FILE` of the key of --tls-cert")
	fs.file(&s.portFiles.CAs, "tls-client-ca", "PEM `FILE` of CAs; clients must then present a certificate of one of them")
}

func (s *settings) defineLimits(fs *flags) {
	l := &s.Lifecycle.Limits
	fs.number(&s.Calls.MaxInFlight, "max-in-flight", s.Calls.MaxInFlight, 1, 1_000_000, "`CALLS` in flight, watches not counted; calls beyond the limit are rejected")
	fs.number(&s.Calls.AgentRate, "agent-rate", s.Calls.AgentRate, 0, 1_000_000, "`CALLS` for one agent in a second, watches not counted; 0 is no limit")
	fs.number(&l.Streams, "max-streams", l.Streams, 1, 100_000, "`CALLS` and watches in flight on one gRPC connection")
	fs.duration(&l.ConnectionAge, "max-connection-age", l.ConnectionAge, 0, "`AGE` at which the service asks a gRPC client to open another connection; calls in flight continue; 0 is never")
	fs.number(&l.Request, "max-request", l.Request, 1<<10, 4<<20, "`BYTES` of a gRPC message, and of a JSON body")
	fs.number(&l.Headers, "max-headers", l.Headers, 4<<10, 1<<20, "`BYTES` of the headers of a request")
	fs.duration(&l.RequestTime, "request-timeout", l.RequestTime, time.Millisecond, "longest `TIME` for an HTTP client to send a request, to read the response, and for a TLS handshake")
	fs.duration(&l.IdleTime, "idle-timeout", l.IdleTime, time.Millisecond, "`TIME` after which the service closes an idle HTTP connection")
	fs.number(&s.Operation.AgentIDMax, "agent-id-max", s.Operation.AgentIDMax, 101, 999999, "highest agent `ID`; newer gateways allow 999999")
}

func (s *settings) defineLifecycle(fs *flags) {
	l := &s.Lifecycle
	fs.duration(&l.ProbeInterval, "probe-interval", l.ProbeInterval, 0, "`TIME` between probes of the gateway; a failed probe makes the service unready; 0 is no probes, and always ready")
	fs.duration(&l.DrainDelay, "drain-delay", l.DrainDelay, 0, "`TIME` in which a stopping service is unready and still accepts calls")
	fs.duration(&l.DrainTimeout, "drain-timeout", l.DrainTimeout, time.Second, "longest `TIME` after --drain-delay for calls in flight; at least --gateway-timeout and 12s")
}

// faults returns the violations of rules between flags, and a missing --gateway.
func (s *settings) faults() (faults []error) {
	if s.Gateway.URL == "" {
		faults = append(faults, errors.New("no CC-Gateway; set --gateway https://HOST:8043, or try \"agentconf demo\", which emulates one"))
	}
	if least := events.LongestCall(s.Gateway.Timeout) + lifecycle.AbortMargin; s.Lifecycle.DrainTimeout < least {
		faults = append(faults, fmt.Errorf("--drain-timeout must be at least %v, the longest time of a poll with --gateway-timeout %v; a shorter drain loses its event", least, s.Gateway.Timeout))
	}
	if s.portFiles.Certificate.Name == "" && s.portFiles.CAs.Name != "" {
		faults = append(faults, errors.New("--tls-client-ca: only TLS has client certificates; set --tls-cert and --tls-key, too"))
	}
	return faults
}

// loadCertificates loads the PEM files, and returns all their faults.
func (s *settings) loadCertificates() (reloaders []*certificates.Reloader, faults []error) {
	gateway, gatewayFaults := certificates.Load(s.gatewayFiles)
	s.Gateway.TLS = gateway.Client
	ports, portFaults := certificates.Load(s.portFiles)
	if s.portFiles.Certificate.Name != "" {
		s.Lifecycle.TLS = ports.Server
	}
	return []*certificates.Reloader{gateway, ports}, append(gatewayFaults, portFaults...)
}

// logLevel is the value of --log-level. PUT /log-level changes it while the program runs.
type logLevel slog.LevelVar

func (l *logLevel) level() *slog.LevelVar { return (*slog.LevelVar)(l) }

func (l *logLevel) String() string { return strings.ToLower(l.level().Level().String()) }

func (l *logLevel) Set(s string) error {
	if l.level().UnmarshalText([]byte(s)) != nil {
		return errors.New("must be debug, info, warn or error")
	}
	return nil
}

// gatewayURL is the value of --gateway.
type gatewayURL string

func (u *gatewayURL) String() string { return string(*u) }

func (u *gatewayURL) Set(s string) error {
	*u = gatewayURL(s) // even an invalid one, so that faults does not report it as missing too
	if _, err := gateway.ParseURL(s); err != nil {
		return fmt.Errorf("%w, such as https://gateway.example:8043", err)
	}
	return nil
}

// gatewayNodes is the value of --gateway-node: URL by name.
type gatewayNodes map[string]string

func (n gatewayNodes) String() string {
	var pairs []string
	for _, name := range slices.Sorted(maps.Keys(n)) {
		pairs = append(pairs, name+"="+n[name])
	}
	return strings.Join(pairs, ",")
}

func (n gatewayNodes) Set(list string) error {
	for pair := range strings.SplitSeq(list, ",") {
		name, url, ok := strings.Cut(pair, "=")
		if _, err := gateway.ParseURL(url); !ok || name == "" || err != nil {
			return errors.New("must be NAME=URL, such as AgentGateway1=https://node1.example:8043")
		}
		n[name] = url
	}
	return nil
}

// origins is the value of --cors-origin.
type origins []string

func (o *origins) String() string { return strings.Join(*o, ",") }

func (o *origins) Set(list string) error {
	for origin := range strings.SplitSeq(list, ",") {
		if origin != "*" && !isOrigin(origin) {
			return errors.New("must be an origin as browsers send it, such as https://desk.example, or *")
		}
		*o = append(*o, origin)
	}
	return nil
}

// isOrigin reports whether s is a scheme, a host and an optional port, without a pattern.
func isOrigin(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Hostname() != "" &&
		s == u.Scheme+"://"+u.Host && !strings.Contains(s, "*")
}
