package lifecycle

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"syscall"

	"github.com/prometheus/client_golang/prometheus"

	"agentconf/server/internal/telemetry"
)

// Descriptors shares the file descriptors of the process out, so that clients cannot take
// the descriptors of the operator's port and the gateway. The system hands out the lowest free
// number, so that the number of a new descriptor says how many are open at least. Clients leave
// a quarter of the descriptors, at most 1,024, and connections to the gateway half of that.
type Descriptors struct {
	limit    int // of the process; 0 is no limit
	summary  *telemetry.Summary
	rejected *prometheus.CounterVec
}

// The values of the label port of rejected connections.
const (
	portGRPC    = "grpc"
	portJSON    = "json"
	portGateway = "gateway"
)

// NewDescriptors returns the descriptors of the process. Its log has one record a minute
// while connections are rejected.
func NewDescriptors(log *slog.Logger, metrics prometheus.Registerer) *Descriptors {
	return newDescriptors(log, metrics, descriptorLimit())
}

func newDescriptors(log *slog.Logger, metrics prometheus.Registerer, limit int) *Descriptors {
	d := &Descriptors{
		limit: limit,
		summary: telemetry.NewSummary(log, slog.LevelWarn, "connections are rejected because too many files are open; "+
			"raise the limit of open files (ulimit -n, LimitNOFILE), or find the client that keeps connections"),
		rejected: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "agentconf_connections_rejected_total",
			Help: "Connections that were closed or not opened because too many files are open, by port.",
		}, []string{"port"}),
	}
	for _, port := range []string{portGRPC, portJSON, portGateway} {
		d.rejected.WithLabelValues(port)
	}
	metrics.MustRegister(d.rejected)
	return d
}

// allow reports whether conn may stay open at a port that leaves a number of descriptors. It
// closes and counts a connection that may not. A connection without a descriptor, of a test,
// may stay.
func (d *Descriptors) allow(conn net.Conn, port string, leaves int) bool {
	if d.limit == 0 || descriptorOf(conn) < d.limit-leaves {
		return true
	}
	conn.Close()
	d.reject(port)
	return false
}

// reserved returns the number of descriptors that clients leave.
func (d *Descriptors) reserved() int { return min(d.limit/4, 1024) }

func (d *Descriptors) reject(port string) {
	d.rejected.WithLabelValues(port).Inc()
	d.summary.Add(slog.String("port", port), slog.Int("limit", d.limit))
}

// Dial connects to the gateway. The caller may send its request later: nothing was sent.
func (d *Descriptors) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := new(net.Dialer).DialContext(ctx, network, address)
	if errors.Is(err, syscall.EMFILE) {
		d.reject(portGateway)
	}
	if err == nil && !d.allow(conn, portGateway, d.reserved()/2) {
		err = syscall.EMFILE
	}
	if err != nil {
		return nil, err
	}
	return conn, nil
}

// reservingListener closes the connections of clients that take a descriptor which is
// reserved. Their clients see a closed connection at once, and can go elsewhere.
type reservingListener struct {
	net.Listener
	descriptors *Descriptors
	port        string
}

// Accept implements net.Listener.
func (l reservingListener) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if l.descriptors.allow(conn, l.port, l.descriptors.reserved()) {
			return conn, nil
		}
	}
}

// descriptorOf returns the number of the descriptor of conn, or -1.
func descriptorOf(conn net.Conn) int {
	number := -1
	if c, ok := conn.(syscall.Conn); ok {
		if raw, err := c.SyscallConn(); err == nil {
			_ = raw.Control(func(fd uintptr) { number = int(fd) }) // an error leaves -1
		}
	}
	return number
}
