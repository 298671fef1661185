package gateway

import (
	"encoding/json"
	"errors"
	"strings"

	"agentconf/server/internal/jsonobject"
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
//
// Result and Event of the reply are parts of body.
func decodeReply(body []byte) (Reply, error) {
	if !jsonobject.Valid(body) {
		return Reply{}, errors.New("the reply is no JSON object in UTF-8, or is cut short")
	}
	e, err := readEnvelope(body)
	if err != nil {
		return Reply{}, err
	}
	reply := Reply{Message: text(e.message), Retcode: retcodeText(e.retcode), Result: e.result, Event: e.event}
	if reply.Retcode == "" {
		return Reply{}, errors.New("the reply has no retcode")
	}
	return reply, nil
}

// retcodeText is empty for a retcode that is neither string nor number.
func retcodeText(value []byte) string {
	if len(value) > 0 && (value[0] == '-' || '0' <= value[0] && value[0] <= '9') {
		return string(value)
	}
	return text(value)
}

// text is the string that value is, or empty for any other value: a message is only
// for people. The strings that every answer has cost no memory.
func text(value []byte) string {
	switch string(value) {
	case "", "null", `""`:
		return ""
	case `"message"`:
		return "message"
	case `"retcode"`:
		return "retcode"
	case `"result"`:
		return "result"
	case `"success"`:
		return "success"
	case `"0"`:
		return Success
	}
	var s string
	if json.Unmarshal(value, &s) != nil {
		return ""
	}
	return s
}
