package main

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"agentconf/server/agentgateway"
	"agentconf/server/conference"
	"agentconf/server/transport"
)

// serveConfig is the flags of serve.
type serveConfig struct {
	gateway        string
	gatewayNodes   map[string]string // URL by name
	gatewayCA      string
	gatewayTimeout time.Duration
	grpcListen     string
	httpListen     string
	adminListen    string
	agentIDMax     int
	maxInFlight    int
}

const defaultGRPCListen = ":9090"

func (p program) serve(ctx context.Context, args []string) error {
	c := serveConfig{gatewayNodes: map[string]string{}}
	fs := p.newFlags("serve", "run the service")
	fs.StringVar(&c.gateway, "gateway", "", "`URL` of the CC-Gateway, such as https://gateway.example:8043")
	fs.Func("gateway-node", "`NAME=URL` of a node that calls with its GUIDs go straight to; repeatable, or several with commas between", c.addNodes)
	fs.StringVar(&c.gatewayCA, "gateway-ca", "", "PEM `file` of the CAs that the CC-Gateway's certificate is verified with, instead of the system's")
	fs.DurationVar(&c.gatewayTimeout, "gateway-timeout", 5*time.Second, "longest `time` for a call whose caller sets no shorter deadline")
	fs.StringVar(&c.grpcListen, "grpc-listen", defaultGRPCListen, "`address` of the gRPC port")
	fs.StringVar(&c.httpListen, "http-listen", ":8080", "`address` of the JSON port")
	fs.StringVar(&c.adminListen, "admin-listen", "127.0.0.1:9464", "`address` of the operator's port, with /metrics and /debug/pprof/")
	fs.IntVar(&c.maxInFlight, "max-in-flight", 10000, "`calls` that may be under way at once, watches not counted; those beyond are refused")
	fs.IntVar(&c.agentIDMax, "agent-id-max", 59999, "highest agent `ID`; newer gateways allow 999999")
	if err := p.parse(fs, args); err != nil {
		return err
	}
	client, err := c.client()
	if err != nil {
		return usageError{err}
	}
	defer client.Close()

	lines := newBufferedLog(p.stderr)
	defer lines.flush()
	log := slog.New(slog.NewJSONHandler(lines, nil))
	for _, url := range append(slices.Sorted(maps.Values(c.gatewayNodes)), c.gateway) {
		if strings.HasPrefix(url, "http://") {
			log.Warn("the GUID travels to the gateway in clear; use https://", "gateway", url)
		}
	}
	ports, err := c.listen()
	if err != nil {
		return err
	}
	tuneCollector(p.lookupEnv)
	metrics := prometheus.NewRegistry()
	metrics.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	server := transport.New(conference.New(client, c.agentIDMax), transport.Config{
		Log: log, Metrics: metrics, MaxInFlight: c.maxInFlight,
	})
	admin := http.Server{Handler: transport.Admin(metrics), ReadHeaderTimeout: 5 * time.Second}
	defer admin.Close() // after all else, so that the end can be watched, too
	go admin.Serve(ports[2])
	log.Info("serving", "grpc", ports[0].Addr().String(), "http", ports[1].Addr().String(),
		"admin", ports[2].Addr().String(), "gateway", c.gateway)
	err = server.Serve(ctx, ports[0], ports[1])
	log.Info("stopped")
	return err
}

// listen opens the ports of gRPC, JSON and the operator, or none.
func (c serveConfig) listen() (open []net.Listener, err error) {
	for _, port := range []struct{ flag, address string }{
		{"--grpc-listen", c.grpcListen}, {"--http-listen", c.httpListen}, {"--admin-listen", c.adminListen},
	} {
		l, err := net.Listen("tcp", port.address)
		if err != nil {
			for _, l := range open {
				l.Close()
			}
			return nil, fmt.Errorf("%s: %w", port.flag, err)
		}
		open = append(open, l)
	}
	return open, nil
}

func (c *serveConfig) addNodes(list string) error {
	for pair := range strings.SplitSeq(list, ",") {
		name, url, ok := strings.Cut(pair, "=")
		if _, err := agentgateway.ParseURL(url); !ok || name == "" || err != nil {
			return errors.New("must be NAME=URL, such as AgentGateway1=https://node1.example:8043")
		}
		c.gatewayNodes[name] = url
	}
	return nil
}

// client is the client of the gateway that c names, or all that is wrong with c.
func (c serveConfig) client() (*agentgateway.Client, error) {
	var faults []error
	if c.gateway == "" {
		faults = append(faults, errors.New("no CC-Gateway; set --gateway https://HOST:8043, or try \"server demo\", which brings its own"))
	} else if _, err := agentgateway.ParseURL(c.gateway); err != nil {
		faults = append(faults, fmt.Errorf("--gateway %v, such as https://gateway.example:8043", err))
	}
	if c.gatewayTimeout <= 0 {
		faults = append(faults, errors.New("--gateway-timeout must be above zero, such as 5s"))
	}
	if c.agentIDMax < 101 || c.agentIDMax > 999999 {
		faults = append(faults, errors.New("--agent-id-max must be 101 to 999999"))
	}
	if c.maxInFlight < 1 {
		faults = append(faults, errors.New("--max-in-flight must be above zero"))
	}
	roots, err := rootCAs(c.gatewayCA)
	if err != nil {
		faults = append(faults, fmt.Errorf("--gateway-ca: %w", err))
	}
	if faults != nil {
		return nil, errors.Join(faults...)
	}
	return agentgateway.New(agentgateway.Config{
		URL: c.gateway, Nodes: c.gatewayNodes, RootCAs: roots, Timeout: c.gatewayTimeout,
	})
}

// rootCAs are the CAs in file, or nil, which stands for the system's.
func rootCAs(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s has no certificate in PEM", file)
	}
	return roots, nil
}
