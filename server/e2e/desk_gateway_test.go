package e2e

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
)

// deskGateway is a gateway with one answer for each operation of a desk, of all families. It
// records what it received.
type deskGateway struct {
	mu       sync.Mutex
	received []string
}

// deskReply is an answer. Its header has the gateway's spelling. An answer that streams has no
// length.
type deskReply struct {
	status  int // 200 if zero
	header  http.Header
	body    string
	streams bool
}

const deskGUID = "279fe21d-2caa-4437-84c3-ab9e9dae20f5.AgentGateway1"

var (
	deskOK   = deskReply{body: `{"message":"","retcode":"0"}`}
	reserved = deskReply{body: `{"message":"","retcode":"0","result":{}}`}
	signedIn = deskReply{
		header: http.Header{
			"Set-GUID": {"JSESSIONID=" + deskGUID}, "Set-Cookie": {"loadbalance=node2; Path=/; HttpOnly"},
		},
		body: `{"message":"","retcode":"0","result":{"vdnid":1,"workno":"1287","mediatype":"TTF","loginTime":"1471585949806","isForceChange":"false"}}`,
	}
)

// deskReplies has the answers by method and tidy path behind the resources, without a query.
var deskReplies = map[string]deskReply{
	"PUT onlineagent/1287":                  signedIn,
	"PUT onlineagent/loginbyaccount":        signedIn,
	"DELETE onlineagent/1287/logout":        reserved,
	"POST onlineagent/1287/resetskill/true": reserved,
	"POST onlineagent/1287/resetskill/no":   reserved,
	"POST agentconf/1287/holdparticipant":   reserved,
	"POST agentconf/1287/unholdparticipant": reserved,
	"POST agentconf/1287/muteparticipant":   {status: 401, body: `{"message":"no right","retcode":"100-006","result":{}}`},
	"PUT onlineagent/1287/heartbeat":        {body: `{"message":"","retcode":"0"}`, header: http.Header{"Set-GUID": {"JSESSIONID=" + deskGUID}}},
	"GET agentevent/1287":                   {body: `{"message":"","retcode":"0","event":{"eventType":"AgentState_Ready","workNo":"1287","content":null}}`},
	"GET agentevent/allagentevent":          {body: `{"message":"","retcode":"0","event":[{"eventType":"AgentState_Ready","workNo":"1287","content":null}]}`},
	"GET voicecall/1287/callinfo":           {status: 401, body: `{"message":"no right","retcode":"100-006"}`},
	"POST voicecall/1287/secondvoice":       {status: 500, body: `{"message":"not talking","retcode":"200-001"}`},
	"GET recordplay/1287/download": {
		header:  http.Header{"Content-Type": {"audio/wav"}, "ETag": {`"7"`}, "Content-Disposition": {"attachment"}},
		body:    strings.Repeat("RIFF\x00\xff", 1<<15),
		streams: true,
	},
	"GET recordplay/1287/playpage": {status: 302, header: http.Header{"Location": {"https://gateway.example:8043/page"}}},
	"GET agentgroup/1287/grouponvdn": {
		header: http.Header{"Content-Type": {"application/json;charset=GBK"}},
		body:   "{\"message\":\"\",\"retcode\":\"0\",\"result\":[{\"name\":\"\xd7\xf9\xcf\xaf\"}]}",
	},
}

// ServeHTTP implements http.Handler.
func (g *deskGateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	g.mu.Lock()
	g.received = append(g.received, describe(r, body, err))
	g.mu.Unlock()
	path := strings.Trim(strings.TrimPrefix(r.URL.Path, "/agentgateway/resource/"), "/")
	reply, ok := deskReplies[r.Method+" "+path]
	if !ok {
		reply = deskOK
	}
	h := w.Header()
	h["Content-Type"] = []string{"application/json;charset=UTF-8"}
	for name, values := range reply.header {
		h[name] = values
	}
	if reply.status != 0 {
		w.WriteHeader(reply.status)
	}
	if reply.streams {
		http.NewResponseController(w).Flush()
	}
	io.WriteString(w, reply.body)
}

// take returns the requests that were received since the last call.
func (g *deskGateway) take() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	received := g.received
	g.received = nil
	return received
}

// describe returns a request as the gateway has received it, but for the headers of its
// connection.
func describe(r *http.Request, body []byte, err error) string {
	var lines []string
	for name, values := range r.Header {
		if name != "Connection" {
			lines = append(lines, fmt.Sprintf("%s: %q", name, values))
		}
	}
	slices.Sort(lines)
	return fmt.Sprintf("%s %s\n%s\n\n%s %v", r.Method, r.RequestURI, strings.Join(lines, "\n"), body, err)
}
