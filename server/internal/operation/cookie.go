package operation

import (
	"context"
	"strings"
	"unicode"

	"google.golang.org/grpc/metadata"
)

// The metadata keys of cookies, which a load balancer in front of the gateway may set and
// need. Each may have several values. The JSON front has the headers Cookie and Set-Cookie.
const (
	CookieKey    = "cookie"
	SetCookieKey = "set-cookie"
)

// maxCookie is the limit of a caller's cookies in bytes. Servlet containers accept as much for
// all headers of a request.
const maxCookie = 8 << 10

// Cookie returns the caller's cookies as the value of one header Cookie, or an empty string.
// They are confidential.
func Cookie(ctx context.Context) string {
	return strings.Join(metadata.ValueFromIncomingContext(ctx, CookieKey), "; ")
}

// WithCookie returns ctx for a request without a caller, which has the cookies of an earlier
// one.
func WithCookie(ctx context.Context, cookie string) context.Context {
	if cookie == "" {
		return ctx
	}
	return metadata.NewIncomingContext(ctx, metadata.Pairs(CookieKey, cookie))
}

// cookie checks the caller's cookies.
func (v *Violations) cookie(cookie string) {
	if len(cookie) > maxCookie || strings.ContainsFunc(cookie, unicode.IsControl) {
		v.Add(CookieKey, "must be at most %d bytes without control characters", maxCookie)
	}
}

// ReturnCookies returns the cookies that the gateway or its load balancer has set to the
// caller of a call that ends with err.
func ReturnCookies(ctx context.Context, setCookie []string, err error) {
	if len(setCookie) > 0 {
		returnMetadata(ctx, metadata.MD{SetCookieKey: setCookie}, err)
	}
}
