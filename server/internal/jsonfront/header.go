package jsonfront

import (
	"net/http"

	"google.golang.org/grpc/metadata"
)

// issuedGUIDKey is the metadata in which a service returns a GUID that the gateway issued,
// also with an error.
const issuedGUIDKey = "set-guid"

// setCookieKey is the metadata in which a service returns the cookies of the gateway.
const setCookieKey = "set-cookie"

// setHeader sets the headers of a GUID and of cookies that are in the metadata that a service
// returns. It ignores all other metadata.
func (in *inboundRequest) setHeader(md metadata.MD) error {
	if guid := md.Get(issuedGUIDKey); len(guid) > 0 {
		setIssuedGUID(in.writer, guid[0])
	}
	if cookies := md.Get(setCookieKey); len(cookies) > 0 {
		in.writer.Header()["Set-Cookie"] = cookies
	}
	return nil
}

// setIssuedGUID sets the header of an issued GUID. Some clients compare its name byte by
// byte, so that it is spelled as the gateway's.
func setIssuedGUID(w http.ResponseWriter, guid string) {
	w.Header()["Set-GUID"] = []string{"JSESSIONID=" + guid}
}

// SetHeader implements grpc.ServerTransportStream.
func (in *inboundRequest) SetHeader(md metadata.MD) error { return in.setHeader(md) }

// SendHeader implements grpc.ServerTransportStream. The header is sent with the response.
func (in *inboundRequest) SendHeader(md metadata.MD) error { return in.setHeader(md) }

// SetTrailer implements grpc.ServerTransportStream. A service returns the metadata of an error
// as a trailer, which the JSON front sends as a header.
func (in *inboundRequest) SetTrailer(md metadata.MD) error { return in.setHeader(md) }

// Method implements grpc.ServerTransportStream. No service asks for it.
func (*inboundRequest) Method() string { return "" }

// SentRequestID says that the response has its request ID already.
func (*inboundRequest) SentRequestID() {}
