package fault

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"time"
	"unicode/utf8"

	"agentconf/emulator/internal/wire"
)

// wireFault is the JSON of a Fault. Times are text such as 2s.
type wireFault struct {
	ID          string            `json:"id,omitempty"`
	Operation   string            `json:"operation,omitempty"`
	Events      string            `json:"events,omitempty"`
	AgentID     string            `json:"agentId,omitempty"`
	EventType   string            `json:"eventType,omitempty"`
	Count       int               `json:"count,omitempty"`
	Left        int               `json:"left,omitempty"`
	Probability *float64          `json:"probability,omitempty"`
	Delay       wire.Duration     `json:"delay,omitempty"`
	DelayMax    wire.Duration     `json:"delayMax,omitempty"`
	DelayMean   wire.Duration     `json:"delayMean,omitempty"`
	Retcode     string            `json:"retcode,omitempty"`
	Status      int               `json:"status,omitempty"`
	Headers     map[string]string `json:"headers,omitempty"`
	Body        string            `json:"body,omitempty"`
	BodyBase64  string            `json:"bodyBase64,omitempty"`
	Connection  string            `json:"connection,omitempty"`
	At          string            `json:"at,omitempty"`
	Applied     bool              `json:"applied,omitempty"`
	Late        bool              `json:"late,omitempty"`
}

// MarshalJSON implements json.Marshaler. A body that is not UTF-8 is in bodyBase64.
func (f Fault) MarshalJSON() ([]byte, error) {
	w := wireFault{
		ID: f.ID, Operation: f.Operation, Events: f.Events, AgentID: f.AgentID, EventType: f.EventType,
		Count: f.Count, Left: f.Left,
		Delay: wire.Duration(f.Delay), DelayMax: wire.Duration(f.DelayMax), DelayMean: wire.Duration(f.DelayMean),
		Retcode: f.Retcode, Status: f.Status, Headers: f.Headers, Body: f.Body,
		Connection: f.Connection, At: f.At, Applied: f.Applied, Late: f.Late,
	}
	if f.Probability > 0 {
		w.Probability = &f.Probability
	}
	if !utf8.ValidString(f.Body) {
		w.Body, w.BodyBase64 = "", base64.StdEncoding.EncodeToString([]byte(f.Body))
	}
	return json.Marshal(w)
}

// UnmarshalJSON implements json.Unmarshaler. It ignores id and left, so that what the
// emulator lists can be set again. An unknown field is an error.
func (f *Fault) UnmarshalJSON(text []byte) error {
	var w wireFault
	if err := wire.Decode(text, &w); err != nil {
		return err
	}
	*f = Fault{
		Operation: w.Operation, Events: w.Events, AgentID: w.AgentID, EventType: w.EventType, Count: w.Count,
		Delay: time.Duration(w.Delay), DelayMax: time.Duration(w.DelayMax), DelayMean: time.Duration(w.DelayMean),
		Retcode: w.Retcode, Status: w.Status, Headers: w.Headers, Body: w.Body,
		Connection: w.Connection, At: w.At, Applied: w.Applied, Late: w.Late,
	}
	if w.Probability != nil {
		if f.Probability = *w.Probability; f.Probability == 0 {
			return errors.New("probability 0 never applies; it is above 0 and at most 1")
		}
	}
	if w.BodyBase64 == "" {
		return nil
	}
	if w.Body != "" {
		return errors.New("a fault has body or bodyBase64, not both")
	}
	body, err := base64.StdEncoding.DecodeString(w.BodyBase64)
	if err != nil {
		return errors.New("bodyBase64 is not base64")
	}
	f.Body = string(body)
	return nil
}
