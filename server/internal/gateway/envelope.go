package gateway

import (
	"fmt"

	"agentconf/server/internal/jsonobject"
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

// readEnvelope reads the members of object.
func readEnvelope(object []byte) (envelope, error) {
	var e envelope
	for key, value := range jsonobject.Members(object) {
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
