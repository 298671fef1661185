package faults

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"agentconf/server/emulator"
)

// firstAgent is the first of maxAgents agent IDs, which have as many digits.
const (
	firstAgent = 10001
	maxAgents  = 300
)

// gateway is the emulator behind a socket.
type gateway struct {
	*emulator.Gateway
	handler  http.Handler // of the emulator
	server   *http.Server
	address  string
	agents   atomic.Int64 // so many have signed in
	requests sync.WaitGroup

	hook atomic.Pointer[hook]
}

// hook is what is done with a request instead of answering it. carryOut lets the
// emulator do it all the same, and returns its answer.
type hook func(w http.ResponseWriter, r *http.Request, carryOut func() *httptest.ResponseRecorder)

func newGateway(t *testing.T, secured bool) *gateway {
	t.Helper()
	inspectors := make([]string, maxAgents)
	for i := range inspectors {
		inspectors[i] = strconv.Itoa(firstAgent + i)
	}
	g := &gateway{Gateway: emulator.New(emulator.Config{
		AuthMode: emulator.StaticGUID, Node: "AgentGateway1", Inspectors: inspectors,
	})}
	g.handler = g.Handler()
	g.server = &http.Server{ErrorLog: log.New(io.Discard, "", 0), Handler: http.HandlerFunc(g.serve)}
	l := listen(t)
	g.address = l.Addr().String()
	if secured {
		// Tickets would be bytes behind the handshake that belong to no reply.
		l = tls.NewListener(l, &tls.Config{
			Certificates: []tls.Certificate{certificate().pair}, SessionTicketsDisabled: true,
		})
	}
	go g.server.Serve(l)
	return g
}

func (g *gateway) serve(w http.ResponseWriter, r *http.Request) {
	g.requests.Add(1)
	defer g.requests.Done()
	h := g.hook.Load()
	if h == nil {
		g.handler.ServeHTTP(w, r)
		return
	}
	body, err := io.ReadAll(r.Body) // all of it, so that the end of the connection is noticed
	if err != nil {
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	(*h)(w, r, func() *httptest.ResponseRecorder {
		answer := httptest.NewRecorder()
		g.handler.ServeHTTP(answer, r)
		return answer
	})
}

// settle waits until nothing can be carried out any more.
func (g *gateway) settle() {
	ctx, cancel := context.WithTimeout(context.Background(), lastWait)
	defer cancel()
	if g.server.Shutdown(ctx) != nil {
		g.server.Close()
	}
	g.requests.Wait()
}

// prepare signs in an agent who may call op, and whose call would be applied.
func (g *gateway) prepare(op operation) (agent, guid string, err error) {
	agent = strconv.FormatInt(firstAgent+g.agents.Add(1)-1, 10)
	guid, retcode := g.SignIn(agent, emulator.SignIn{Phonenum: "4001"}, false)
	if retcode != "0" {
		return "", "", fmt.Errorf("sign-in of %s: retcode %s", agent, retcode)
	}
	if op.method == "GET" {
		return agent, guid, nil
	}
	err = g.first(agent, guid, "requestagentconf", `{"memberNum":4}`, "AgentConf_RequestSuccess")
	if err == nil && op.name != "batchAddParticipant" {
		err = g.first(agent, guid, "batchaddparticipant", invitation(present), "AgentConf_ParticipantChanged")
	}
	if err == nil && op.name == "unholdParticipant" {
		err = g.first(agent, guid, "holdparticipant", operations[0].body, "AgentConf_ParticipantChanged")
	}
	return agent, guid, err
}

// first carries out what has to come before a call, and waits for its event.
func (g *gateway) first(agent, guid, operation, body, event string) error {
	_, retcode := g.Do(emulator.Call{Operation: operation, AgentID: agent, GUID: guid, Body: []byte(body)})
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

// truths are what the log says of the calls of each operation, by agent.
func (g *gateway) truths() map[[2]string]truth {
	known := map[[2]string]truth{}
	for _, entry := range g.Log() {
		key := [2]string{entry.Operation, entry.AgentID}
		t := known[key]
		t.reached++
		if entry.Applied {
			t.applied++
		}
		known[key] = t
	}
	return known
}

// bodyLen is the length of the body with which k reached the gateway.
func (g *gateway) bodyLen(k *call) int {
	for _, entry := range g.Log() {
		if entry.Operation == k.op.name && entry.AgentID == k.agent {
			return len(entry.Body)
		}
	}
	return 0
}

// identity is the certificate of the gateway.
type identity struct {
	pair  tls.Certificate
	roots *x509.CertPool
}

var certificate = sync.OnceValue(func() identity {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		panic(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		panic(err)
	}
	id := identity{tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, x509.NewCertPool()}
	id.roots.AddCert(parsed)
	return id
})
