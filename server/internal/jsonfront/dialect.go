package jsonfront

import "strings"

// dialect is the style of a path: of its JSON, of its errors and of its content type.
type dialect int

const (
	// rest is the dialect of the paths after AIP-136. Requests are strict, errors are
	// google.rpc.Status, and numbers of 64 bits are strings.
	rest dialect = iota

	// gateway is the dialect of the gateway's own paths. Queries are tolerant, errors
	// are envelopes, and replies hold nothing that the gateway's would not hold.
	gateway
)

// gatewayRoot begins every path of the gateway dialect.
const gatewayRoot = "/agentgateway/"

func dialectOf(path string) dialect {
	if strings.HasPrefix(path, gatewayRoot) {
		return gateway
	}
	return rest
}

// gatewayContentTypes is the content type of the gateway. Some clients take another
// charset than UTF-8 if the header names none.
var (
	restContentTypes    = []string{"application/json"}
	gatewayContentTypes = []string{"application/json;charset=UTF-8"}
)

// contentType returns the value of the header Content-Type of everything but streams.
func (d dialect) contentType() []string {
	if d == gateway {
		return gatewayContentTypes
	}
	return restContentTypes
}
