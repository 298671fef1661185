package agentgateway

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// Success is the retcode of an accepted request. Nothing else is a success.
const Success = "0"

// Reply is an answer: the envelope that all have (page 0473), with what only
// some have.
type Reply struct {
	Message string
	Retcode string

	// Result and Event are any JSON value, or nil when there is none. Event is that
	// of a poll (page 1274).
	Result json.RawMessage
	Event  json.RawMessage

	// GUID is the GUID that the gateway issued with the answer, if it did. The agent
	// has to use it from now on (page 05_4015).
	GUID string
}

// maxGUID bounds a GUID in bytes; a real one has about 50.
const maxGUID = 256

// issuedGUID is the GUID in a header Set-GUID: JSESSIONID=GUID.
func issuedGUID(header string) string {
	_, guid, _ := strings.Cut(header, "=")
	if len(guid) > maxGUID || !visible(guid) {
		return ""
	}
	return guid
}

// decodeReply reads an envelope. The page says that retcode is a string; some
// gateways send a number, which is taken by its digits. Unknown keys are
// skipped. A key that comes twice, or text behind the envelope, leaves open
// what was meant and is an error. No error repeats any of body.
func decodeReply(body []byte) (Reply, error) {
	if !utf8.Valid(body) {
		return Reply{}, errors.New("the reply is not UTF-8")
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return Reply{}, errors.New("the reply is not a JSON object")
	}
	var reply Reply
	seen := make(map[string]bool, 4)
	for dec.More() {
		key, value, err := readMember(dec)
		if err != nil {
			return Reply{}, err
		}
		if !reply.set(key, value) {
			continue
		}
		if seen[key] {
			return Reply{}, fmt.Errorf("the reply has two %q", key)
		}
		seen[key] = true
	}
	if _, err := dec.Token(); err != nil { // the closing brace
		return Reply{}, errors.New("the reply is cut short or not JSON")
	}
	if _, err := dec.Token(); err != io.EOF {
		return Reply{}, errors.New("the reply goes on behind its end")
	}
	if reply.Retcode == "" {
		return Reply{}, errors.New("the reply has no retcode")
	}
	return reply, nil
}

func readMember(dec *json.Decoder) (key string, value json.RawMessage, err error) {
	t, err := dec.Token()
	key, isKey := t.(string)
	if err != nil || !isKey {
		return "", nil, errors.New("the reply is cut short or not JSON")
	}
	if err := dec.Decode(&value); err != nil {
		return "", nil, errors.New("the reply is cut short or not JSON")
	}
	return key, value, nil
}

// set takes over the member key and reports whether it belongs to the envelope.
// A retcode that is neither string nor number is left empty.
func (r *Reply) set(key string, value json.RawMessage) bool {
	switch key {
	case "message":
		_ = json.Unmarshal(value, &r.Message) // only for people: another type is no message
	case "retcode":
		r.Retcode = retcodeText(value)
	case "result":
		r.Result = value
	case "event":
		r.Event = value
	default:
		return false
	}
	return true
}

func retcodeText(value json.RawMessage) string {
	switch c := value[0]; {
	case c == '"':
		var s string
		if json.Unmarshal(value, &s) != nil {
			return ""
		}
		return s
	case c == '-' || '0' <= c && c <= '9':
		return string(value)
	}
	return ""
}
