package agentgateway

import (
	"bytes"
	"fmt"
)

// envelope has the values of an answer's members as they came, nil for those that
// did not.
type envelope struct {
	message, retcode, result, event []byte
}

// member is where the value of key belongs, or nil.
func (e *envelope) member(key string) *[]byte {
	switch key {
	case "message":
		return &e.message
	case "retcode":
		return &e.retcode
	case "result":
		return &e.result
	case "event":
		return &e.event
	}
	return nil
}

// readEnvelope reads the members of object, which is known to be a valid JSON
// object. All below rely on that, as there is no second check.
func readEnvelope(object []byte) (envelope, error) {
	var e envelope
	var key, value []byte
	rest := skipSpace(skipSpace(object)[1:])
	for rest[0] != '}' {
		key, rest = cutValue(rest)
		value, rest = cutValue(skipSpace(rest[1:])) // behind the colon
		if rest[0] == ',' {
			rest = skipSpace(rest[1:])
		}
		name := text(key)
		member := e.member(name)
		switch {
		case member == nil:
		case *member != nil:
			return envelope{}, fmt.Errorf("the reply has two %q", name)
		default:
			*member = value
		}
	}
	return e, nil
}

// cutValue cuts off the value that rest begins with, and the space behind it.
func cutValue(rest []byte) (value, after []byte) {
	end := valueLen(rest)
	return rest[:end:end], skipSpace(rest[end:])
}

func valueLen(rest []byte) int {
	switch rest[0] {
	case '"':
		return stringLen(rest)
	case '{', '[':
		return nestedLen(rest)
	}
	return bytes.IndexAny(rest, ",} \t\r\n")
}

func nestedLen(rest []byte) int {
	depth := 0
	for i := 0; ; i++ {
		switch rest[i] {
		case '"':
			i += stringLen(rest[i:]) - 1
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
}

func stringLen(rest []byte) int {
	for i := 1; ; i++ {
		switch rest[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
}

func skipSpace(rest []byte) []byte {
	for len(rest) > 0 && (rest[0] == ' ' || rest[0] == '\t' || rest[0] == '\r' || rest[0] == '\n') {
		rest = rest[1:]
	}
	return rest
}
