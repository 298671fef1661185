package passthrough

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"

	"agentconf/server/internal/gateway"
)

// maxEnvelope is how much of a response with a new GUID is read for its retcode, in bytes.
const maxEnvelope = 64 << 10

// reportGUID reports the new GUID of a response, if it has one and the gateway knows the
// session of the agent. A servlet container begins an empty session for a request that it does
// not know, such as one that a load balancer sent to the wrong node. The GUID of that session
// must not replace the agent's.
func (p *Proxy) reportGUID(x *exchange, resp *http.Response) {
	issued := gateway.IssuedGUID(resp.Header)
	if issued != "" && x.agentID != "" && isAccepted(resp) {
		p.options.RenewGUID(x.agentID, x.guid, issued)
	}
}

// isAccepted reports whether a response is an envelope with retcode 0. It leaves the body
// unread.
func isAccepted(resp *http.Response) bool {
	if resp.StatusCode != http.StatusOK || !strings.Contains(resp.Header.Get("Content-Type"), "json") {
		return false
	}
	start, _ := io.ReadAll(io.LimitReader(resp.Body, maxEnvelope)) // the next read repeats the error
	resp.Body = struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(start), resp.Body), resp.Body}
	var envelope struct{ Retcode json.RawMessage }
	return json.Unmarshal(start, &envelope) == nil && strings.Trim(string(envelope.Retcode), `"`) == gateway.Success
}
