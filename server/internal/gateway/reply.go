package gateway

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

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
	// use it from now on (page 05_4015).
	GUID string
}

// maxGUID is the limit of a GUID in bytes; a real one has about 50.
const maxGUID = 256

// issuedGUID returns the GUID of a Set-GUID header, whose form is JSESSIONID=GUID. It
// returns an empty string if there is none that a request can carry.
func issuedGUID(header string) string {
	_, guid, _ := strings.Cut(header, "=")
	if len(guid) > maxGUID || !isVisible(guid) {
		return ""
	}
	return guid
}

// decodeReply decodes an envelope. Page 0473 defines retcode as a string; a number, which
// some gateways send, is accepted. Unknown members are ignored. A member that occurs twice,
// or text behind the object, is ambiguous and an error. No error repeats a part of body.
//
// Result and Event of the reply share the memory of body.
func decodeReply(body []byte) (Reply, error) {
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
	return reply, nil
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
