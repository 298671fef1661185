package main

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"agentconf/server/internal/certificates"
	"agentconf/server/internal/conference"
	"agentconf/server/internal/gateway"
	"agentconf/server/internal/transport"
)

// settings is what serve is told. No flag takes a secret: where there is one, a flag
// names the file.
type settings struct {
	gateway      gateway.Options
	gatewayFiles certificates.Files
	gatewayTLS   *certificates.Reloader

	grpcListen, httpListen, adminListen string

	fronts    transport.Config
	portFiles certificates.Files
	portTLS   *certificates.Reloader
	service   conference.Config

	logLevel  logLevel
	logFormat logFormat

	printConfig bool
}

const defaultGRPCListen = ":9090"

// define makes the flags that set s.
func (s *settings) define(fs flags) {
	s.gateway.Nodes = map[string]string{}
	fs.Var((*gatewayURL)(&s.gateway.URL), "gateway", "`URL` of the CC-Gateway, such as https://gateway.example:8043")
	fs.Var(gatewayNodes(s.gateway.Nodes), "gateway-node", "`NAME=URL` of a node that calls with its GUIDs go straight to; repeatable, or several with commas between")
	fs.file(&s.gatewayFiles.CAs, "gateway-ca", "PEM `file` of the CAs that the CC-Gateway's certificate is verified with, instead of the system's")
	fs.file(&s.gatewayFiles.Certificate, "gateway-cert", "PEM `file` of the certificate, with its chain, that is shown to a CC-Gateway that asks for one")
	fs.file(&s.gatewayFiles.Key, "gateway-key", "PEM `file` of the key of --gateway-cert")
	fs.period(&s.gateway.Timeout, "gateway-timeout", 5*time.Second, time.Millisecond, "longest `time` for a call whose caller sets no shorter deadline")

	fs.whole(&s.gateway.Breaker.Failures, "breaker-failures", 5, 0, 1000, "`attempts` in a row to reach the CC-Gateway that have to fail before calls fail at once; 0 is never")
	fs.period(&s.gateway.Breaker.Open, "breaker-open", 2*time.Second, time.Millisecond, "`time` until the CC-Gateway is tried again")

	fs.StringVar(&s.grpcListen, "grpc-listen", defaultGRPCListen, "`address` of the gRPC port")
	fs.StringVar(&s.httpListen, "http-listen", ":8080", "`address` of the JSON port")
	fs.StringVar(&s.adminListen, "admin-listen", "127.0.0.1:9464", "`address` of the operator's port, with /metrics, /log-level and /debug/pprof/")

	fs.Var((*origins)(&s.fronts.CORSOrigins), "cors-origin", "`ORIGIN` whose pages may call the JSON port, such as https://desk.example, or * for any; repeatable, or several with commas between")

	fs.file(&s.portFiles.Certificate, "tls-cert", "PEM `file` of the certificate, with its chain, of the gRPC and the JSON port, which then speak TLS and nothing else")
	fs.file(&s.portFiles.Key, "tls-key", "PEM `file` of the key of --tls-cert")
	fs.file(&s.portFiles.CAs, "tls-client-ca", "PEM `file` of CAs; a client must then show a certificate that one of them has signed")

	s.defineLimits(fs)
	s.defineEnd(fs)

	fs.Var(&s.logLevel, "log-level", "lowest `level` that is logged: debug, info, warn or error")
	s.logFormat = logJSON
	fs.Var(&s.logFormat, "log-format", "`format` of the log: json or text")
	fs.BoolVar(&s.printConfig, "print-config", false, "print every flag with its value and where that comes from, and end")
}

// defineEnd makes the flags of readiness and of the end.
func (s *settings) defineEnd(fs flags) {
	fs.period(&s.fronts.ProbeInterval, "probe-interval", 5*time.Second, 0, "`time` between two probes of whether the CC-Gateway can be reached, without which the service is not ready; 0 is never, and ready all the same")
	fs.period(&s.fronts.DrainDelay, "drain-delay", 5*time.Second, 0, "`time` for which a service that is to stop takes calls, not ready any more, so that others can find out")
	fs.period(&s.fronts.DrainTimeout, "drain-timeout", transport.DefaultDrainTimeout, time.Second, "longest `time` after that for calls under way")
}

// defineLimits makes the flags of what callers may take.
func (s *settings) defineLimits(fs flags) {
	limits, usual := &s.fronts.Limits, transport.DefaultLimits
	fs.whole(&s.fronts.MaxInFlight, "max-in-flight", 10000, 1, 1_000_000, "`calls` that may be under way at once, watches not counted; those beyond are refused")
	fs.whole(&s.fronts.AgentRate, "agent-rate", 100, 0, 1_000_000, "`calls` that are taken for one agent in a second, watches not counted; 0 is any number")
	fs.whole(&limits.Streams, "max-streams", usual.Streams, 1, 100_000, "`calls` and watches that may be under way on one gRPC connection")
	fs.period(&limits.ConnectionAge, "max-connection-age", usual.ConnectionAge, 0, "`time` after which a gRPC client is told to open another connection, while calls go on; 0 is never")
	fs.whole(&limits.Request, "max-request", usual.Request, 1<<10, 4<<20, "`bytes` of a request, a gRPC message and a JSON body alike")
	fs.whole(&limits.Headers, "max-headers", usual.Headers, 4<<10, 1<<20, "`bytes` of the headers of a request")
	fs.period(&limits.RequestTime, "request-timeout", usual.RequestTime, time.Millisecond, "`time` for a client to send a request over HTTP, to take the answer, and to finish a handshake")
	fs.period(&limits.IdleTime, "idle-timeout", usual.IdleTime, time.Millisecond, "`time` that an unused HTTP connection is kept")
	fs.whole(&s.service.AgentIDMax, "agent-id-max", 59999, 101, 999999, "highest agent `ID`; newer gateways allow 999999")
}

// check finds what one flag alone cannot tell, and reads the files.
func (s *settings) check() (faults []error) {
	if s.gateway.URL == "" {
		faults = append(faults, errors.New("no CC-Gateway; set --gateway https://HOST:8043, or try \"server demo\", which brings its own"))
	}
	if longest := conference.LongestCall(s.gateway.Timeout) + transport.LastWords; s.fronts.DrainTimeout < longest {
		faults = append(faults, fmt.Errorf("--drain-timeout must be at least %v, which a poll may take with --gateway-timeout %v, or its event is lost", longest, s.gateway.Timeout))
	}
	return append(faults, s.loadCertificates()...)
}

func (s *settings) loadCertificates() []error {
	var gatewayFaults, portFaults []error
	s.gatewayTLS, gatewayFaults = certificates.Load(s.gatewayFiles)
	s.gateway.TLS = s.gatewayTLS.Client
	s.portTLS, portFaults = certificates.Load(s.portFiles)
	if s.portFiles.Certificate.Name != "" {
		s.fronts.TLS = s.portTLS.Server
	} else if s.portFiles.CAs.Name != "" {
		portFaults = append(portFaults, errors.New("--tls-client-ca: only TLS asks for certificates of clients; set --tls-cert and --tls-key, too"))
	}
	return append(gatewayFaults, portFaults...)
}

// gatewayURL is the value of --gateway.
type gatewayURL string

func (u *gatewayURL) String() string { return string(*u) }

func (u *gatewayURL) Set(s string) error {
	*u = gatewayURL(s) // at any rate, or check would miss it
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

// isOrigin tells whether s is a scheme, a host and perhaps a port, and no pattern.
func isOrigin(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Hostname() != "" &&
		s == u.Scheme+"://"+u.Host && !strings.Contains(s, "*")
}
