package faults

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"agentconf/emulator"
	"agentconf/emulator/proxy"
	"agentconf/internal/testca"
)

// The IDs of the agents start at firstAgent and have the same number of digits.
const (
	firstAgent = 10001
	maxAgents  = 600
)

// gatewayServer is an HTTP server with the emulator.
type gatewayServer struct {
	*emulator.Gateway
	emulator http.Handler
	server   *http.Server
	address  string
	roots    *x509.CertPool // of the server's certificate
	agents   atomic.Int64   // number of agents so far
	requests sync.WaitGroup
	hook     atomic.Pointer[requestHook]
}

// requestHook runs around the handling of a request to the gateway, which it starts by handle.
type requestHook func(r gatewayRequest, handle func())

// gatewayRequest is a request that the gateway has received.
type gatewayRequest struct {
	*http.Request
	op    operation
	agent string
}

func newGatewayServer(t *testing.T, tr proxy.Transport) *gatewayServer {
	t.Helper()
	supervisors := make([]string, maxAgents)
	for i := range supervisors {
		supervisors[i] = strconv.Itoa(firstAgent + i)
	}
	g := &gatewayServer{Gateway: emulator.New(emulator.Config{
		// Every poll and every handshake returns a new GUID. The previous GUID stays valid.
		AuthMode: emulator.DynamicGUID, GUIDInterval: -1, GUIDTimeout: time.Hour, Node: node,
		Inspectors: supervisors, SignOutAfter: -1, AnswerDelay: -1,
		JournalEntries: 1_000_000, JournalBytes: 1 << 30, // the journal is the reference
	})}
	g.emulator = g.Handler()
	g.server = &http.Server{ErrorLog: log.New(io.Discard, "", 0), Handler: http.HandlerFunc(g.serve)}
	l := listen(t)
	g.address = l.Addr().String()
	if tr != proxy.Plaintext {
		l = tls.NewListener(l, g.tlsConfig(t, tr))
	}
	go g.server.Serve(l)
	return g
}

// tlsConfig returns a configuration with a new certificate, whose CA becomes g.roots.
func (g *gatewayServer) tlsConfig(t *testing.T, tr proxy.Transport) *tls.Config {
	ca := testca.New(t)
	g.roots = ca.Pool
	return &tls.Config{
		Certificates: []tls.Certificate{ca.Issue(t, "gateway").TLS(t)},
		MinVersion:   uint16(tr), MaxVersion: uint16(tr),
		CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256}, // for TLS 1.2
		// Session tickets would be bytes after the handshake that belong to no reply.
		SessionTicketsDisabled: true,
	}
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func (g *gatewayServer) serve(w http.ResponseWriter, r *http.Request) {
	g.requests.Add(1)
	defer g.requests.Done()
	handle := func() { g.emulator.ServeHTTP(w, r) }
	if h := g.hook.Load(); h != nil {
		op, agent := parsePath(r)
		(*h)(gatewayRequest{r, op, agent}, handle)
		return
	}
	handle()
}

// parsePath returns the operation and the agent of a request, or zero values.
func parsePath(r *http.Request) (op operation, agent string) {
	parts := strings.Split(r.URL.Path, "/")
	if len(parts) < 5 {
		return operation{}, ""
	}
	agent = parts[4]
	for _, op := range operations {
		if method, path, _ := op.dialectRequest(agent); method == r.Method && path == r.URL.Path {
			return op, agent
		}
	}
	return operation{}, agent
}

// shutDown closes the server, and waits until all requests have ended.
func (g *gatewayServer) shutDown() {
	ctx, cancel := context.WithTimeout(context.Background(), proxy.DeliveryTimeout)
	defer cancel()
	if g.server.Shutdown(ctx) != nil {
		g.server.Close()
	}
	g.requests.Wait()
}

// newAgent prepares an agent for a call of op that the gateway will apply.
func (g *gatewayServer) newAgent(op operation) (agent, guid string, err error) {
	agent = strconv.FormatInt(firstAgent+g.agents.Add(1)-1, 10)
	if op.name == "login" {
		return agent, "", nil
	}
	guid, retcode := g.SignIn(agent, emulator.SignIn{Phonenum: agentPhone}, false)
	switch {
	case retcode != "0":
		return "", "", fmt.Errorf("sign-in of %s: retcode %s", agent, retcode)
	case op.isSignIn():
		return agent, "", nil
	case op.family != conferences, op.method == "GET":
		return agent, guid, nil
	}
	err = g.prepare(agent, guid, "requestagentconf", `{"memberNum":4}`, "AgentConf_RequestSuccess")
	if err == nil && op.name != "batchAddParticipant" {
		err = g.prepare(agent, guid, "batchaddparticipant", invitation(participantPhone), participantChanged)
	}
	if err == nil && op.name == unhold.name {
		err = g.prepare(agent, guid, "holdparticipant", hold.body, participantChanged)
	}
	return agent, guid, err
}

// prepare executes an operation and takes its event.
func (g *gatewayServer) prepare(agent, guid, operation, body, event string) error {
	_, retcode := g.Do(emulator.Request{Operation: operation, AgentID: agent, GUID: guid, Body: []byte(body)})
	if retcode != "0" {
		return fmt.Errorf("%s by %s: retcode %s", operation, agent, retcode)
	}
	for {
		got, _, retcode := g.Poll(context.Background(), agent, guid)
		switch {
		case got == nil:
			return fmt.Errorf("no %s for %s, retcode %s", event, agent, retcode)
		case got.EventType == event:
			return nil
		}
	}
}
