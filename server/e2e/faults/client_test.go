package faults

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
)

// replyGrace is the time beyond its deadline that an HTTP client waits for a reply.
const replyGrace = 5 * time.Second

// front is an API of agentconf.
type front int

const (
	grpcFront front = iota
	restFront
	dialectFront
)

var fronts = []front{grpcFront, restFront, dialectFront}

func (f front) String() string { return [...]string{"gRPC", "REST", "the gateway dialect"}[f] }

// client is a client of agentconf with one connection for gRPC and one for HTTP. It does not use
// http.Client, which may repeat requests.
type client struct {
	grpc        *grpc.ClientConn
	httpAddress string
	http        net.Conn // nil if it is not open
	httpReader  *bufio.Reader
}

func newClient(grpcAddress, httpAddress string) (*client, error) {
	credentials := grpc.WithTransportCredentials(insecure.NewCredentials())
	conn, err := grpc.NewClient("passthrough:///"+grpcAddress, credentials)
	return &client{grpc: conn, httpAddress: httpAddress}, err
}

func (cl *client) close() {
	cl.grpc.Close()
	cl.closeHTTP()
}

func (cl *client) closeHTTP() {
	if cl.http != nil {
		cl.http.Close()
		cl.http = nil
	}
}

// connect opens the connection for a front.
func (cl *client) connect(ctx context.Context, f front) error {
	if f != grpcFront {
		return cl.connectHTTP(ctx)
	}
	cl.grpc.Connect()
	for s := cl.grpc.GetState(); s != connectivity.Ready; s = cl.grpc.GetState() {
		if !cl.grpc.WaitForStateChange(ctx, s) {
			return ctx.Err()
		}
	}
	return nil
}

func (cl *client) connectHTTP(ctx context.Context) error {
	if cl.http != nil {
		return nil
	}
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", cl.httpAddress)
	if err != nil {
		return err
	}
	cl.http, cl.httpReader = conn, bufio.NewReader(conn)
	return nil
}

// do makes the call c and sets its reported outcome. The call is cancelled when ctx ends.
func (cl *client) do(ctx context.Context, c *call) {
	start := time.Now()
	c.startLateTimer(start)
	if c.front == grpcFront {
		c.reported, c.text = cl.doGRPC(ctx, c)
	} else {
		c.reported, c.text = cl.doHTTP(ctx, c)
	}
	c.took = time.Since(start)
}

func (cl *client) doGRPC(ctx context.Context, c *call) (outcome, string) {
	if c.guid != "" {
		ctx = metadata.AppendToOutgoingContext(ctx, "guid", c.guid)
	}
	ctx, cancel := context.WithTimeout(ctx, c.deadline)
	defer cancel()
	resp := c.op.newMessage("Response")
	err := cl.grpc.Invoke(ctx, "/agentconf.v1."+c.op.service+"/"+c.op.rpc(), c.op.request(c.agent), resp)
	if err == nil {
		return c.op.successOutcome(resp.(interface{ GetRetcode() string }).GetRetcode(), protojson.Format(resp))
	}
	s := status.Convert(err)
	for _, d := range s.Details() {
		if info, ok := d.(*errdetails.ErrorInfo); ok {
			return errorOutcome(s.Code(), info.GetReason(), info.GetMetadata()), err.Error()
		}
	}
	// Without ErrorInfo, DEADLINE_EXCEEDED is the client's own error: the caller has not waited for the reply.
	c.abandoned = c.abandoned || s.Code() == codes.DeadlineExceeded
	return noOutcome, err.Error()
}

func (cl *client) doHTTP(ctx context.Context, c *call) (outcome, string) {
	resp, body, err := cl.exchange(ctx, c)
	if err != nil {
		cl.closeHTTP()
		return noOutcome, err.Error()
	}
	text := fmt.Sprintf("HTTP %d: %s%s", resp.StatusCode, resp.Header.Get("Set-GUID"), body)
	var reply struct {
		Retcode string
		Code    codes.Code
		Details []struct {
			Reason   string
			Metadata map[string]string
		}
	}
	if json.Unmarshal(body, &reply) != nil {
		return noOutcome, text
	}
	switch {
	case resp.StatusCode == http.StatusOK && (reply.Retcode == "0" || c.front == restFront):
		return c.op.successOutcome(reply.Retcode, text)
	case c.front == dialectFront:
		return dialectOutcome(c.op.name, resp.StatusCode, reply.Retcode, resp.Header), text
	case len(reply.Details) > 0:
		return errorOutcome(reply.Code, reply.Details[0].Reason, reply.Details[0].Metadata), text
	}
	return noOutcome, text
}

// exchange sends the request of c and reads its reply. It closes the connection when ctx ends.
func (cl *client) exchange(ctx context.Context, c *call) (resp *http.Response, body []byte, err error) {
	if err := cl.connectHTTP(ctx); err != nil {
		return nil, nil, err
	}
	conn := cl.http
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	conn.SetDeadline(time.Now().Add(c.deadline + replyGrace))
	if _, err := conn.Write(c.httpRequest()); err != nil {
		return nil, nil, err
	}
	if resp, err = http.ReadResponse(cl.httpReader, nil); err != nil {
		return nil, nil, err
	}
	body, err = io.ReadAll(resp.Body)
	return resp, body, err
}

func (c *call) httpRequest() []byte {
	method, path, body := c.op.dialectRequest(c.agent)
	if c.front == restFront {
		method, path, body = c.op.restRequest(c.agent)
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: agentconf.test\r\n", method, path)
	fmt.Fprintf(&b, "Grpc-Timeout: %s\r\n", grpcTimeout(c.deadline))
	if c.guid != "" {
		fmt.Fprintf(&b, "Guid: %s\r\n", c.guid)
	}
	if body != "" {
		fmt.Fprintf(&b, "Content-Type: application/json\r\nContent-Length: %d\r\n", len(body))
	}
	b.WriteString("\r\n" + body)
	return b.Bytes()
}

// grpcTimeout returns d in the format of the header Grpc-Timeout: at most 8 digits and a unit.
func grpcTimeout(d time.Duration) string {
	if d < 100*time.Millisecond {
		return fmt.Sprintf("%dn", d.Nanoseconds())
	}
	return fmt.Sprintf("%du", d.Microseconds())
}
