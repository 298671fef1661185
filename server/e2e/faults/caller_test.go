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
	"os"
	"strconv"
	"strings"
	"sync"
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

// overtime is how long a caller over HTTP waits beyond the deadline, for want of a
// clock of its own.
const overtime = 5 * time.Second

// front is a way to call agentconf.
type front int

const (
	overGRPC front = iota
	overV1
	overDialect
)

var fronts = []front{overGRPC, overV1, overDialect}

func (f front) name() string { return [...]string{"gRPC", "/v1", "the gateway's dialect"}[f] }

// caller is a client of agentconf. Over HTTP it is our own, since net/http repeats
// requests.
type caller struct {
	grpc        *grpc.ClientConn
	httpAddress string
	http        net.Conn // nil until there is one
	r           *bufio.Reader
}

func newCaller(grpcAddress, httpAddress string) (*caller, error) {
	conn, err := grpc.NewClient("passthrough:///"+grpcAddress, grpc.WithTransportCredentials(insecure.NewCredentials()))
	return &caller{grpc: conn, httpAddress: httpAddress}, err
}

func (c *caller) close() {
	c.grpc.Close()
	c.hangUp()
}

func (c *caller) hangUp() {
	if c.http != nil {
		c.http.Close()
		c.http = nil
	}
}

// connect opens the connection of a front.
func (c *caller) connect(ctx context.Context, f front) error {
	if f != overGRPC {
		return c.dial(ctx)
	}
	c.grpc.Connect()
	for s := c.grpc.GetState(); s != connectivity.Ready; s = c.grpc.GetState() {
		if !c.grpc.WaitForStateChange(ctx, s) {
			return ctx.Err()
		}
	}
	return nil
}

func (c *caller) dial(ctx context.Context) error {
	if c.http != nil {
		return nil
	}
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", c.httpAddress)
	if err != nil {
		return err
	}
	c.http, c.r = conn, bufio.NewReader(conn)
	return nil
}

// do makes k, which ends early if ctx does.
func (c *caller) do(ctx context.Context, k *call) {
	start := time.Now()
	k.setClock(start)
	if k.front == overGRPC {
		k.told, k.text = c.overGRPC(ctx, k)
	} else {
		k.told, k.text = c.overHTTP(ctx, k)
	}
	k.took = time.Since(start)
}

func (c *caller) overGRPC(ctx context.Context, k *call) (verdict, string) {
	if k.guid != "" {
		ctx = metadata.AppendToOutgoingContext(ctx, "guid", k.guid)
	}
	ctx, cancel := context.WithTimeout(ctx, k.deadline)
	defer cancel()
	resp := k.op.newMessage("Response")
	err := c.grpc.Invoke(ctx, "/agentconf.v1."+k.op.service+"/"+k.op.rpc(), k.op.request(k.agent), resp)
	if err == nil {
		return k.op.success(resp.(interface{ GetRetcode() string }).GetRetcode(), protojson.Format(resp))
	}
	s := status.Convert(err)
	for _, d := range s.Details() {
		if info, ok := d.(*errdetails.ErrorInfo); ok {
			return ofError(s.Code(), info.GetReason(), info.GetMetadata()["outcome"]), err.Error()
		}
	}
	k.gone = k.gone || s.Code() == codes.DeadlineExceeded // by a clock of grpc-go, the caller's as a rule
	return silence, err.Error()
}

// success is the verdict of an answer without an error. One that lacks what it is to
// bring is worth nothing.
func (op operation) success(retcode, answer string) (verdict, string) {
	if retcode != "0" {
		return silence, "OK with retcode " + retcode
	}
	for _, part := range op.brings {
		if !strings.Contains(answer, part) {
			return silence, "OK without " + part
		}
	}
	if op.awaits() {
		return confirmed, "OK with its event"
	}
	return applied, "OK"
}

func ofError(code codes.Code, reason, said string) verdict {
	return access{Code: code.String(), Reason: reason, Outcome: said}.verdict()
}

func (c *caller) overHTTP(ctx context.Context, k *call) (verdict, string) {
	resp, body, err := c.exchange(ctx, k)
	if err != nil {
		c.hangUp()
		return silence, err.Error()
	}
	text := fmt.Sprintf("HTTP %d: %s%s", resp.StatusCode, resp.Header.Get("Set-GUID"), body)
	var answer struct {
		Retcode string
		Code    codes.Code
		Details []struct {
			Reason   string
			Metadata map[string]string
		}
	}
	if json.Unmarshal(body, &answer) != nil {
		return silence, text
	}
	switch {
	case resp.StatusCode == http.StatusOK && (answer.Retcode == "0" || k.front == overV1):
		return k.op.success(answer.Retcode, text)
	case k.front == overDialect:
		return inDialect(resp.StatusCode, answer.Retcode), text
	case len(answer.Details) > 0:
		d := answer.Details[0]
		return ofError(answer.Code, d.Reason, d.Metadata["outcome"]), text
	}
	return silence, text
}

// inDialect is what a client that was written for the gateway reads in an answer other
// than success.
func inDialect(httpStatus int, retcode string) verdict {
	if v, known := byStatus[httpStatus]; known && retcode == "100-007" {
		return v
	}
	if httpStatus == http.StatusOK && retcode != "" {
		return retcodeVerdict(retcode)
	}
	return silence
}

// byStatus is what the statuses say that the gateway itself does not have.
var byStatus = map[int]verdict{
	http.StatusConflict: notApplied, http.StatusServiceUnavailable: notReached,
	http.StatusBadGateway: unknown, http.StatusGatewayTimeout: unknown,
}

// retcodeVerdict is what a retcode of the gateway says. Those that the contract does not
// have say nothing.
func retcodeVerdict(retcode string) verdict {
	for line := range strings.Lines(retcodeTable()) {
		if columns := strings.Fields(line); columns[0] == retcode {
			return outcome(columns[len(columns)-1])
		}
	}
	return unknown
}

var retcodeTable = sync.OnceValue(func() string {
	text, err := os.ReadFile("../../../conformance/retcodes.tsv")
	if err != nil {
		panic(err)
	}
	return string(text)
})

// exchange sends the request of k, and hangs up when ctx ends.
func (c *caller) exchange(ctx context.Context, k *call) (resp *http.Response, body []byte, err error) {
	if err := c.dial(ctx); err != nil {
		return nil, nil, err
	}
	conn := c.http
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	conn.SetDeadline(time.Now().Add(k.deadline + overtime))
	if _, err := conn.Write(k.httpRequest()); err != nil {
		return nil, nil, err
	}
	if resp, err = http.ReadResponse(c.r, nil); err != nil {
		return nil, nil, err
	}
	body, err = io.ReadAll(resp.Body)
	return resp, body, err
}

func (k *call) httpRequest() []byte {
	method, path, body := k.op.inDialect(k.agent)
	if k.front == overV1 {
		method, path, body = k.op.inV1(k.agent)
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: agentconf.test\r\nGrpc-Timeout: %s\r\n", method, path, grpcTimeout(k.deadline))
	if k.guid != "" {
		fmt.Fprintf(&b, "Guid: %s\r\n", k.guid)
	}
	if body != "" {
		fmt.Fprintf(&b, "Content-Type: application/json\r\nContent-Length: %d\r\n", len(body))
	}
	b.WriteString("\r\n" + body)
	return b.Bytes()
}

// grpcTimeout is d as the header has it.
func grpcTimeout(d time.Duration) string {
	const digits = 8
	for i, unit := range []time.Duration{time.Nanosecond, time.Microsecond, time.Millisecond} {
		if n := strconv.FormatInt(int64(d/unit), 10); d%unit == 0 && len(n) <= digits {
			return n + strings.Split("n u m", " ")[i]
		}
	}
	return strconv.Itoa(int(d.Seconds())) + "S"
}
