package main

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
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

// settings holds the values of the flags of serve. No flag takes a secret, since a command
// line and an environment are visible to others: the flag of a key names its file.
type settings struct {
	app.Options

	gatewayFiles, portFiles certificates.Files
	reloaders               []*certificates.Reloader // set by loadCertificates

	grpcListen, httpListen, adminListen port

	logLevel    slog.LevelVar
	logFormat   string
	printConfig bool
}

// defaultGRPCListen is the default of two commands: healthcheck finds a service that
// serve has started without flags.
const defaultGRPCListen = ":9090"

// define defines the flags. Their defaults are those of app.Defaults, which the tests of
// the whole program use too.
func (s *settings) define(fs *flags) {
	s.Options = app.Defaults()
	s.defineGateway(fs)
	s.defineFronts(fs)
	s.defineLimits(fs)
	s.defineLifecycle(fs)
	fs.value("log-level", "lowest `LEVEL` that is logged: debug, info, warn or error; "+
		"PUT /log-level on the admin port changes it",
		func() string { return strings.ToLower(s.logLevel.Level().String()) }, s.setLogLevel)
	fs.boolean(&s.Lifecycle.LogPeers, "log-peers", "`BOOL`: whether log records have the addresses of clients")
	s.logFormat = telemetry.JSON
	fs.value("log-format", "`FORMAT` of log records: json or text",
		func() string { return s.logFormat }, s.setLogFormat)
	// Not a setting of flags: package flag has to know that this flag needs no value.
	fs.BoolVar(&s.printConfig, "print-config", false, "print every flag with its value and origin, and exit")
}

// defineGateway defines the flags of the gateway and its nodes. Every address has its own
// connections and its own breaker.
func (s *settings) defineGateway(fs *flags) {
	g := &s.Gateway
	g.Nodes = map[string]string{}
	fs.value("gateway", "`URL` of the CC-Gateway, such as https://gateway.example:8043; "+
		"http:// is for tests and old gateways", func() string { return g.URL }, s.setGatewayURL)
	fs.value("gateway-node", "`NAME=URL` of a node of the gateway, which gets the calls whose GUID ends "+
		"in its name; all others go to --gateway; repeatable, or several with commas between",
		s.nodes, s.addNodes)
	fs.file(&s.gatewayFiles.CAs, "gateway-ca",
		"PEM `FILE` of the CAs that verify the gateway's certificate, instead of the system's")
	fs.file(&s.gatewayFiles.Certificate, "gateway-cert",
		"PEM `FILE` of the client certificate, with its chain, for a gateway that requests one")
	fs.file(&s.gatewayFiles.Key, "gateway-key", "PEM `FILE` of the key of --gateway-cert")
	fs.value("gateway-server-name", "`NAME` that the certificates of the gateway and its nodes must have, "+
		"instead of the host in --gateway and --gateway-node", func() string { return g.ServerName }, s.setServerName)
	fs.value("gateway-pin", "`PIN` of the public key of the gateway or of a node, sha256//BASE64 as for curl; "+
		"without --gateway-ca it is all that is verified; repeatable, or several with commas between",
		s.pins, s.addPins)
	fs.duration(&g.Timeout, "gateway-timeout", time.Millisecond,
		"longest `TIME` of a call; a shorter deadline of the caller replaces it")
	fs.number(&g.Breaker.Failures, "breaker-failures", 0, 1000,
		"failed `ATTEMPTS` in a row to connect to the gateway, after which calls fail at once; 0 is never")
	fs.duration(&g.Breaker.Open, "breaker-open", time.Millisecond,
		"`TIME` between --breaker-failures failed attempts and the next one")
}

// defineFronts defines the flags of the ports. The admin port authenticates nobody, so that
// its default is a local address.
func (s *settings) defineFronts(fs *flags) {
	s.grpcListen = port{"--grpc-listen", defaultGRPCListen}
	s.httpListen = port{"--http-listen", ":8080"}
	s.adminListen = port{"--admin-listen", "127.0.0.1:9464"}
	fs.address(&s.grpcListen.address, "grpc-listen",
		"`ADDRESS` of the gRPC port, with reflection and grpc.health.v1")
	fs.address(&s.httpListen.address, "http-listen", "`ADDRESS` of the JSON port")
	fs.address(&s.adminListen.address, "admin-listen",
		"`ADDRESS` of the admin port: /healthz, /readyz, /metrics, /log-level and /debug/pprof/")
	fs.BoolVar(&s.Forward, "pass-through", s.Forward, "pass the gateway's operations that agentconf does not "+
		"have through to the gateway, unchanged")
	fs.value("cors-origin", "`ORIGIN` of pages that may call the JSON port, such as https://desk.example, "+
		"or * for any; pages of other origins are rejected; repeatable, or several with commas between",
		func() string { return strings.Join(s.JSON.CORSOrigins, ",") }, s.addOrigins)
	fs.file(&s.portFiles.Certificate, "tls-cert",
		"PEM `FILE` of the certificate, with its chain, of the gRPC and the JSON port; "+
			"both then accept TLS only")
	fs.file(&s.portFiles.Key, "tls-key", "PEM `FILE` of the key of --tls-cert")
	fs.file(&s.portFiles.CAs, "tls-client-ca",
		"PEM `FILE` of CAs; clients must then present a certificate of one of them")
}

// defineLimits defines the limits of calls, connections and requests. The highest values
// of --max-request and --max-headers are the defaults of grpc-go and net/http. The lowest
// ones leave room for a hold with its headers.
func (s *settings) defineLimits(fs *flags) {
	l := &s.Lifecycle.Limits
	fs.number(&s.Calls.MaxInFlight, "max-in-flight", 1, 1_000_000,
		"`CALLS` in flight, watches and polls not counted; calls beyond the limit are rejected")
	fs.number(&s.Events.MaxWatches, "max-watches", 1, 1_000_000,
		"`WATCHES` and waiting polls, and agents that are polled, each with a connection to the gateway; "+
			"half as many may have a GUID that the gateway has not accepted yet")
	fs.duration(&s.Events.Heartbeat, "watch-heartbeat", time.Second,
		"`TIME` of silence after which a watch sends a sign of life")
	fs.number(&s.Operation.AgentRate, "agent-rate", 0, 1_000_000,
		"`CALLS` with one GUID in a second, and sign-ins of one agent, watches not counted; 0 is no limit")
	fs.number(&s.PassThrough.MaxInFlight, "pass-through-max-in-flight", 1, 1_000_000,
		"`REQUESTS` passed through and in flight; requests beyond the limit are rejected")
	fs.number(&s.PassThrough.Rate, "pass-through-rate", 0, 1_000_000,
		"`REQUESTS` passed through with one GUID in a second; 0 is no limit")
	fs.number(&l.Streams, "max-streams", 1, 100_000, "`CALLS` and watches in flight on one gRPC connection")
	fs.duration(&l.ConnectionAge, "max-connection-age", 0,
		"`AGE` at which the service asks a gRPC client to open another connection; "+
			"calls in flight continue; 0 is never")
	fs.number(&l.Request, "max-request", 1<<10, 4<<20, "`BYTES` of a gRPC message, and of a JSON body")
	fs.number(&l.Headers, "max-headers", 4<<10, 1<<20, "`BYTES` of the headers of a request")
	fs.duration(&l.RequestTime, "request-timeout", time.Millisecond,
		"longest `TIME` for an HTTP client to send a request, to read the response, and for a TLS handshake")
	fs.duration(&l.IdleTime, "idle-timeout", time.Millisecond,
		"`TIME` after which the service closes an idle HTTP connection")
	// 101 to 59999 on the pages of 2023, to 999999 on those of 2025 (page 0473).
	fs.number(&s.Operation.AgentIDMax, "agent-id-max", 101, 999999,
		"highest agent `ID`; newer gateways allow 999999")
}

// defineLifecycle defines the flags of the probes and of the drain. A load balancer should
// notice within --drain-delay that the service is unready.
func (s *settings) defineLifecycle(fs *flags) {
	l := &s.Lifecycle
	fs.duration(&l.ProbeInterval, "probe-interval", 0,
		"`TIME` between probes of the gateway; a failed probe makes the service unready; "+
			"0 is no probes, and always ready")
	fs.duration(&l.DrainDelay, "drain-delay", 0,
		"`TIME` in which a stopping service is unready and still accepts calls")
	fs.duration(&l.DrainTimeout, "drain-timeout", time.Second,
		"longest `TIME` after --drain-delay for calls in flight; at least --gateway-timeout and 12s")
}

// faults returns the violations of rules between flags, and a missing --gateway. Each text
// says what to set.
func (s *settings) faults() (faults []error) {
	if s.Gateway.URL == "" {
		faults = append(faults, errors.New("no CC-Gateway; "+
			"set --gateway https://HOST:8043, or try \"agentconf demo\", which emulates one"))
	}
	if (len(s.Gateway.Pins) > 0 || s.Gateway.ServerName != "") && s.hasPlainGateway() {
		faults = append(faults, errors.New("--gateway-pin and --gateway-server-name: only TLS has certificates; "+
			"set --gateway and every --gateway-node to https://"))
	}
	// A poll takes an event out of the gateway's queue, and nothing can read it again.
	least := events.LongestCall(s.Gateway.Timeout) + lifecycle.AbortMargin
	if s.Lifecycle.DrainTimeout < least {
		faults = append(faults, fmt.Errorf("--drain-timeout must be at least %v, the longest time of a poll "+
			"with --gateway-timeout %v; a shorter drain loses its event", least, s.Gateway.Timeout))
	}
	if s.portFiles.Certificate.Name == "" && s.portFiles.CAs.Name != "" {
		faults = append(faults, errors.New("--tls-client-ca: only TLS has client certificates; "+
			"set --tls-cert and --tls-key, too"))
	}
	faults = append(faults, s.unusedTLS()...)
	faults = append(faults, overlapping(s.ports())...)
	return append(faults, s.forbiddenPorts()...)
}

// ports returns the ports in the order in which they are opened.
func (s *settings) ports() []port { return []port{s.grpcListen, s.httpListen, s.adminListen} }

// gatewayURLs returns the URLs of the gateway and its nodes.
func (s *settings) gatewayURLs() []string {
	return append(slices.Sorted(maps.Values(s.Gateway.Nodes)), s.Gateway.URL)
}

// loadCertificates loads the PEM files and returns all their faults. Loading is a rule
// between flags: a certificate needs the key of the other flag.
func (s *settings) loadCertificates() []error {
	gateway, gatewayFaults := certificates.Load(s.gatewayFiles)
	ports, portFaults := certificates.Load(s.portFiles)
	s.Gateway.TLS = gateway.Client // also without files: the system's CAs
	if s.portFiles.Certificate.Name != "" {
		s.Lifecycle.TLS = ports.Server
	}
	s.reloaders = []*certificates.Reloader{gateway, ports}
	s.Certificates = app.Certificates{"gateway-cert": gateway.Certificate, "tls-cert": ports.Certificate}
	return append(gatewayFaults, portFaults...)
}

// setLogLevel sets a slog.LevelVar, because PUT /log-level changes the level later.
func (s *settings) setLogLevel(level string) error {
	if s.logLevel.UnmarshalText([]byte(level)) != nil {
		return errors.New("must be debug, info, warn or error")
	}
	return nil
}

// setLogFormat accepts the formats of package telemetry.
func (s *settings) setLogFormat(format string) error {
	if format != telemetry.JSON && format != telemetry.Text {
		return errors.New("must be json or text")
	}
	s.logFormat = format
	return nil
}

// setGatewayURL sets an invalid URL too, so that faults does not report it as missing.
func (s *settings) setGatewayURL(text string) error {
	s.Gateway.URL = text
	if err := checkURL(text); err != nil {
		return fmt.Errorf("%w, such as https://gateway.example:8043", err)
	}
	return nil
}

// checkURL returns an error unless text is the URL of a gateway with a possible port.
func checkURL(text string) error {
	u, err := gateway.ParseURL(text)
	if err != nil {
		return err
	}
	if _, err := net.LookupPort("tcp", u.Port()); err != nil {
		return errors.New("must have a port from 1 to 65535")
	}
	return nil
}

// nodes returns the nodes by name, so that --print-config prints the same for the same
// settings.
func (s *settings) nodes() string {
	var pairs []string
	for _, name := range slices.Sorted(maps.Keys(s.Gateway.Nodes)) {
		pairs = append(pairs, name+"="+s.Gateway.Nodes[name])
	}
	return strings.Join(pairs, ",")
}

// addNodes adds a list of nodes: the flag may occur several times, the variable only once.
func (s *settings) addNodes(list string) error {
	for pair := range strings.SplitSeq(list, ",") {
		name, url, ok := strings.Cut(pair, "=")
		if err := checkURL(url); !ok || name == "" || err != nil {
			return errors.New("must be NAME=URL, such as AgentGateway1=https://node1.example:8043")
		}
		if !isNodeName(name) {
			return fmt.Errorf("no GUID ends in %q; set the part behind the last dot of a GUID", name)
		}
		if _, twice := s.Gateway.Nodes[name]; twice {
			return fmt.Errorf("node %s has two URLs; a node has one", name)
		}
		s.Gateway.Nodes[name] = url
	}
	return nil
}

// isNodeName reports whether name can be the part behind the last dot of a GUID, which has
// visible ASCII characters only.
func isNodeName(name string) bool {
	return !strings.ContainsFunc(name, func(c rune) bool { return c <= ' ' || c > '~' || c == '.' })
}

// addOrigins adds a list of origins, or "*". A wildcard within an origin is rejected: it
// would admit hosts that their owner does not control.
func (s *settings) addOrigins(list string) error {
	for origin := range strings.SplitSeq(list, ",") {
		if origin != "*" && !isOrigin(origin) {
			return errors.New("must be an origin as browsers send it, such as https://desk.example, or *")
		}
		s.JSON.CORSOrigins = append(s.JSON.CORSOrigins, origin)
	}
	return nil
}

// isOrigin reports whether s is a scheme, a host and an optional port, without a pattern.
// A browser sends no more (RFC 6454), so that any other text would never match.
func isOrigin(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Hostname() != "" &&
		s == u.Scheme+"://"+u.Host && !strings.Contains(s, "*")
}
