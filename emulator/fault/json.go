package fault

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
	"unicode/utf8"
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
	Delay       wireDuration      `json:"delay,omitempty"`
	DelayMax    wireDuration      `json:"delayMax,omitempty"`
	DelayMean   wireDuration      `json:"delayMean,omitempty"`
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

// wireDuration is a time.Duration whose JSON is text.
type wireDuration time.Duration

// MarshalText implements encoding.TextMarshaler.
func (d wireDuration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (d *wireDuration) UnmarshalText(text []byte) error {
	parsed, err := time.ParseDuration(string(text))
	if err != nil {
		return fmt.Errorf("%q is not a time such as 2s", text)
	}
	*d = wireDuration(parsed)
	return nil
}

// MarshalJSON implements json.Marshaler. A body that is not UTF-8 is in bodyBase64.
func (f Fault) MarshalJSON() ([]byte, error) {
	w := wireFault{
		ID: f.ID, Operation: f.Operation, Events: f.Events, AgentID: f.AgentID, EventType: f.EventType,
		Count: f.Count, Left: f.Left,
		Delay: wireDuration(f.Delay), DelayMax: wireDuration(f.DelayMax), DelayMean: wireDuration(f.DelayMean),
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
	if err := decodeStrict(text, &w); err != nil {
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

func decodeStrict(text []byte, to any) error {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(to); err != nil {
		return err
	}
	if _, err := dec.Token(); err != io.EOF {
		return errors.New("text follows the JSON")
	}
	return nil
}
