package gateway

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"unicode/utf8"

	"golang.org/x/text/encoding/simplifiedchinese"

	"agentconf/server/internal/gateway/http1"
	"agentconf/server/internal/jsonobject"
)

// Success is the retcode of an accepted request. Every other retcode is a refusal.
const Success = "0"

// Reply is the gateway's reply: the envelope (page 0473) and what some operations add.
type Reply struct {
	Message string
	Retcode string

	// Result and Event are any JSON value, or nil if the reply has none. A poll returns an
	// Event (page 1274).
	Result json.RawMessage
	Event  json.RawMessage

	// GUID is the GUID that the gateway issued with this reply, or empty. The agent must
	// use it from now on (page 05_4015). GUIDFault says why an issued GUID is unusable, or is
	// nil; GUID is empty then.
	GUID      string
	GUIDFault error

	// SetCookie has the values of the headers Set-Cookie, up to 4 KiB in all.
	SetCookie []string
}

// readReply returns the gateway's reply if it is a success, which only HTTP status 200 can
// be. A whole envelope with another retcode is the gateway's refusal, whatever its status:
// gateways and their clients disagree about the status of a refusal. The error of a refusal
// comes with a reply that has the GUID and the cookies, and nothing else.
func readReply(resp http1.Response) (Reply, error) {
	reply, err := decodeReply(resp)
	switch {
	case err == nil && reply.Retcode != Success:
		return Reply{GUID: reply.GUID, SetCookie: reply.SetCookie}, &Error{
			Kind: Refused, Retcode: reply.Retcode, Message: reply.Message, Result: reply.Result,
		}
	case resp.Status != http.StatusOK:
		return Reply{}, &Error{Kind: Broken, Err: fmt.Errorf("HTTP status %d%s", resp.Status, pageHint(resp.Body))}
	case err != nil:
		return Reply{}, &Error{Kind: Broken, Err: fmt.Errorf("%w%s", err, pageHint(resp.Body))}
	}
	return reply, nil
}

// pageHint returns the end of an error text if body looks like HTML, or an empty string.
func pageHint(body []byte) string {
	if bytes.HasPrefix(bytes.TrimSpace(bytes.TrimPrefix(body, byteOrderMark)), []byte("<")) {
		return "; the reply looks like an HTML page, of a proxy or of another server than the CC-Gateway"
	}
	return ""
}

// decodeReply decodes an envelope. Page 0473 defines retcode as a string; a number, which
// some gateways send, is accepted. Unknown members are ignored. A member that occurs twice,
// or text behind the object, is ambiguous and an error. No error repeats a part of the body.
//
// Result and Event of the reply may share the memory of the body.
func decodeReply(resp http1.Response) (Reply, error) {
	body, err := toUTF8(resp.Body, resp.Charset)
	if err != nil {
		return Reply{}, err
	}
	if !jsonobject.Valid(body) {
		return Reply{}, errors.New("the reply is no JSON object in UTF-8, or is cut short")
	}
	e, err := readEnvelope(body)
	if err != nil {
		return Reply{}, err
	}
	reply := Reply{
		Message: text(e.message), Retcode: retcodeText(e.retcode), Result: e.result, Event: e.event,
	}
	if reply.Retcode == "" {
		return Reply{}, errors.New("the reply has no retcode")
	}
	reply.GUID, reply.GUIDFault = issuedGUID(resp.Header)
	reply.SetCookie = resp.SetCookie
	return reply, nil
}

// byteOrderMark is U+FEFF in UTF-8. It means nothing there, and some servers begin with it.
var byteOrderMark = []byte("\ufeff")

// toUTF8 returns body in UTF-8 without a byte order mark. charset is that of an
// http1.Response. Old gateways send GBK, of which GB18030 is a superset. A body in a charset
// that is not known stays as it is.
func toUTF8(body []byte, charset string) ([]byte, error) {
	switch charset {
	case "gbk", "gb2312", "gb18030":
		decoded, err := simplifiedchinese.GB18030.NewDecoder().Bytes(body)
		if err != nil || bytes.ContainsRune(decoded, utf8.RuneError) {
			return nil, errors.New("the reply has bytes that are not GB18030, its charset")
		}
		body = decoded
	}
	return bytes.TrimPrefix(body, byteOrderMark), nil
}

// envelope holds the values of a reply's members as they were sent, nil for a missing one.
type envelope struct {
	message, retcode, result, event []byte
}

// readEnvelope finds the members of a valid object in one pass and copies none.
func readEnvelope(object []byte) (envelope, error) {
	var e envelope
	for key, value := range jsonobject.Members(object) {
		var member *[]byte
		name := text(key)
		switch name {
		case "message":
			member = &e.message
		case "retcode":
			member = &e.retcode
		case "result":
			member = &e.result
		case "event":
			member = &e.event
		default:
			continue
		}
		if *member != nil {
			return envelope{}, fmt.Errorf("the reply has two %q", name)
		}
		*member = value
	}
	return e, nil
}

// retcodeText returns a retcode, or an empty string if value is neither string nor number.
func retcodeText(value []byte) string {
	if len(value) > 0 && (value[0] == '-' || '0' <= value[0] && value[0] <= '9') {
		return string(value)
	}
	return text(value)
}

// frequent has strings that text returns without an allocation: the names and values of the
// reply to a hold (page 0473).
var frequent = map[string]string{
	"message": "message", "retcode": "retcode", "result": "result", "success": "success", Success: Success,
}

// text decodes a JSON string. Every other value yields an empty string: a missing message
// is no reason to reject a reply.
func text(value []byte) string {
	if len(value) == 0 {
		return ""
	}
	if plain, ok := jsonobject.Plain(value); ok {
		if s, ok := frequent[string(plain)]; ok {
			return s
		}
		return string(plain)
	}
	var s string
	_ = json.Unmarshal(value, &s) // leaves s empty if value is no string
	return s
}
