package passthrough

import (
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
)

// The headers of the gateway whose spelling is not the canonical one of net/http (pages 05_4015
// and 1204). Some clients compare the name of the first one byte by byte.
const (
	setGUID      = "Set-GUID"
	serviceToken = "service_token"
)

// rewrite completes the outbound request. ReverseProxy has removed the hop-by-hop headers, and
// the headers that name the client, Forwarded and X-Forwarded-*: the gateway sees agentconf,
// as with every call of agentconf's own. The protocol cannot be switched.
func rewrite(r *httputil.ProxyRequest) {
	r.Out.URL = target(r.In)
	r.Out.Trailer = r.In.Trailer // not its copy: net/http sets the values after the body
	r.Out.Header.Del("Connection")
	r.Out.Header.Del("Upgrade")
	respell(r.Out.Header, serviceToken)
}

// target returns the path and the query of r as the client has written them, but for doubled
// slashes at the start, which net/http takes for the start of a host.
func target(r *http.Request) *url.URL {
	path, query, hasQuery := strings.Cut(r.RequestURI, "?")
	if !strings.HasPrefix(path, "/") { // the absolute form, which is for proxies
		path = r.URL.EscapedPath()
	}
	return &url.URL{Opaque: "/" + strings.TrimLeft(path, "/"), RawQuery: query, ForceQuery: hasQuery}
}

// respell gives a header the name as it is spelled, if it is there under the canonical one.
func respell(h http.Header, name string) {
	canonical := http.CanonicalHeaderKey(name)
	if values := h[canonical]; values != nil {
		delete(h, canonical)
		h[name] = values
	}
}

// adjust changes the headers of a response where ReverseProxy and net/http would not pass them
// on as they are. The request ID and the rules for pages of other origins are agentconf's own.
func (x *exchange) adjust(response http.Header) {
	to := x.writer.Header()
	canonical := http.CanonicalHeaderKey(setGUID)
	if values := response[canonical]; values != nil { // which ReverseProxy would copy under that name
		delete(response, canonical)
		to[setGUID] = values
	}
	for _, name := range []string{"Content-Type", "Date"} {
		if response[name] == nil {
			to[name] = nil // net/http adds none
		}
	}
	if to["X-Request-Id"] != nil {
		response.Del("X-Request-Id")
	}
	if to["Access-Control-Allow-Origin"] != nil {
		for name := range response {
			if strings.HasPrefix(name, "Access-Control-") {
				delete(response, name)
			}
		}
	}
}
