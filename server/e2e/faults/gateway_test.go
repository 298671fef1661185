package faults

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"maps"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"agentconf/emulator"
)

// firstAgent is the first of maxAgents agent IDs, which have as many digits.
const (
	firstAgent = 10001
	maxAgents  = 600
)

// emulated is the emulator behind a socket.
type emulated struct {
	*emulator.Gateway
	emulated http.Handler
	server   *http.Server
	address  string
	agents   atomic.Int64 // so many have signed in
	requests sync.WaitGroup

	hook atomic.Pointer[hook]

	mu     sync.Mutex
	record []entry // of what the emulator's log leaves out
}

// entry is a line of the emulator's log, or what one would be for a sign-in and the
// like, or for a poll.
type entry struct {
	emulator.LogEntry
	event string // that a poll took
}

// hook is what is done with a request instead of answering it. carryOut lets the
// emulator do it all the same, and returns its answer.
type hook func(w http.ResponseWriter, r *http.Request, carryOut func() *httptest.ResponseRecorder)

func newGateway(t *testing.T, leg leg) *emulated {
	t.Helper()
	inspectors := make([]string, maxAgents)
	for i := range inspectors {
		inspectors[i] = strconv.Itoa(firstAgent + i)
	}
	g := &emulated{Gateway: emulator.New(emulator.Config{
		// Every poll and every handshake brings a new GUID, and the old one stays good.
		AuthMode: emulator.DynamicGUID, GUIDInterval: -1, GUIDTimeout: time.Hour, Node: node, Inspectors: inspectors,
		SignOutAfter: -1, AnswerDelay: -1,
	})}
	g.emulated = g.Handler()
	g.server = &http.Server{ErrorLog: log.New(io.Discard, "", 0), Handler: http.HandlerFunc(g.serve)}
	l := listen(t)
	g.address = l.Addr().String()
	if leg != inTheClear {
		l = tls.NewListener(l, &tls.Config{
			Certificates: []tls.Certificate{certificate().pair},
			MinVersion:   uint16(leg), MaxVersion: uint16(leg),
			CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256}, // of TLS 1.2
			// Tickets would be bytes behind the handshake that belong to no reply.
			SessionTicketsDisabled: true,
		})
	}
	go g.server.Serve(l)
	return g
}

func (g *emulated) serve(w http.ResponseWriter, r *http.Request) {
	g.requests.Add(1)
	defer g.requests.Done()
	h := g.hook.Load()
	if h == nil {
		g.answer(w, r)
		return
	}
	body, err := io.ReadAll(r.Body) // all of it, so that the end of the connection is noticed
	if err != nil {
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	(*h)(w, r, func() *httptest.ResponseRecorder {
		answer := httptest.NewRecorder()
		g.answer(answer, r)
		return answer
	})
}

// answer lets the emulator answer, and keeps a record of what its log leaves out.
func (g *emulated) answer(w http.ResponseWriter, r *http.Request) {
	op, agent := requested(r)
	if op.family == conferences || op.name == "" {
		g.emulated.ServeHTTP(w, r)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the request never came
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	answer := httptest.NewRecorder()
	g.emulated.ServeHTTP(answer, r)
	g.note(op, agent, body, answer.Body.Bytes())
	relay(w, answer)
}

// requested is the operation that r asks for, and by whom.
func requested(r *http.Request) (op operation, agent string) {
	parts := strings.Split(r.URL.Path, "/")
	if len(parts) < 5 {
		return operation{}, ""
	}
	agent = parts[4]
	for _, op := range operations {
		if method, path, _ := op.inDialect(agent); method == r.Method && path == r.URL.Path {
			return op, agent
		}
	}
	return operation{}, agent
}

func relay(w http.ResponseWriter, answer *httptest.ResponseRecorder) {
	maps.Copy(w.Header(), answer.Header())
	w.WriteHeader(answer.Code)
	w.Write(answer.Body.Bytes())
}

func (g *emulated) note(op operation, agent string, body, text []byte) {
	var answer struct {
		Retcode string
		Event   struct{ EventType string }
	}
	if err := json.Unmarshal(text, &answer); err != nil {
		panic(err)
	}
	applied := answer.Retcode == "0" && (op.family != events || answer.Event.EventType != "")
	g.mu.Lock()
	defer g.mu.Unlock()
	g.record = append(g.record, entry{emulator.LogEntry{
		Operation: op.name, AgentID: agent, Body: body, Retcode: answer.Retcode, Applied: applied,
	}, answer.Event.EventType})
}

// settle waits until nothing can be carried out any more.
func (g *emulated) settle() {
	ctx, cancel := context.WithTimeout(context.Background(), lastWait)
	defer cancel()
	if g.server.Shutdown(ctx) != nil {
		g.server.Close()
	}
	g.requests.Wait()
}

// prepare signs in an agent who may call op, and whose call would be applied.
func (g *emulated) prepare(op operation) (agent, guid string, err error) {
	agent = strconv.FormatInt(firstAgent+g.agents.Add(1)-1, 10)
	if op.name == "login" {
		return agent, "", nil
	}
	guid, retcode := g.SignIn(agent, emulator.SignIn{Phonenum: "4001"}, false)
	switch {
	case retcode != "0":
		return "", "", fmt.Errorf("sign-in of %s: retcode %s", agent, retcode)
	case op.signsIn():
		return agent, "", nil
	case op.family != conferences, op.method == "GET":
		return agent, guid, nil
	}
	err = g.first(agent, guid, "requestagentconf", `{"memberNum":4}`, "AgentConf_RequestSuccess")
	if err == nil && op.name != "batchAddParticipant" {
		err = g.first(agent, guid, "batchaddparticipant", invitation(present), changed)
	}
	if err == nil && op.name == unhold.name {
		err = g.first(agent, guid, "holdparticipant", hold.body, changed)
	}
	return agent, guid, err
}

// first carries out what has to come before a call, and waits for its event.
func (g *emulated) first(agent, guid, operation, body, event string) error {
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

// entries are the emulator's log and the record of what that leaves out.
func (g *emulated) entries() []entry {
	g.mu.Lock()
	all := slices.Clone(g.record)
	g.mu.Unlock()
	for _, e := range g.Log() {
		all = append(all, entry{e, ""})
	}
	return all
}

// truths are what became of the calls of each operation, by agent.
func (g *emulated) truths() map[[2]string]truth {
	known := map[[2]string]truth{}
	for _, e := range g.entries() {
		key := [2]string{e.Operation, e.AgentID}
		t := known[key]
		t.reached++
		if e.Applied {
			t.applied++
		}
		known[key] = t
	}
	return known
}

// told is how often each agent was told that a participant changed.
func (g *emulated) told() map[string]int {
	count := map[string]int{}
	for _, e := range g.entries() {
		if e.event == changed {
			count[e.AgentID]++
		}
	}
	return count
}

// bodyLen is the length of the body with which k reached the gateway.
func (g *emulated) bodyLen(k *call) int {
	for _, e := range g.entries() {
		if e.Operation == k.op.name && e.AgentID == k.agent {
			return len(e.Body)
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
