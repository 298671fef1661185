package journal

import (
	"bytes"
	"encoding/json"
)

// maskText replaces a secret.
const maskText = "***"

// secretKeys are the members of bodies, results and contents that mask replaces.
var secretKeys = map[string]bool{
	"password": true, "phonenum": true, "vcPhoneNumber": true, "address": true, "participant": true,
	"confCallerNo": true, "caller": true, "called": true, "voicePath": true, "guid": true, "account": true,
	"pushUrl": true, "callBackUri": true, "serviceToken": true,
}

// masked returns e with masked secrets.
func (e Entry) masked() Entry {
	if e.Body != nil {
		e.Body, _ = maskValue(e.Body).(json.RawMessage)
	}
	e.Result, e.Content, e.Detail = maskValue(e.Result), maskValue(e.Content), maskValue(e.Detail)
	if e.Address != "" {
		e.Address = maskText
	}
	return e
}

// maskValue returns the JSON of value with masked secrets. What cannot be encoded is masked
// as a whole.
func maskValue(value any) any {
	if value == nil {
		return nil
	}
	text, err := json.Marshal(value)
	var tree any
	if err == nil {
		dec := json.NewDecoder(bytes.NewReader(text))
		dec.UseNumber()
		err = dec.Decode(&tree)
	}
	if err == nil {
		text, err = json.Marshal(maskTree(tree))
	}
	if err != nil {
		return json.RawMessage(`"` + maskText + `"`)
	}
	return json.RawMessage(text)
}

func maskTree(tree any) any {
	switch t := tree.(type) {
	case map[string]any:
		for key, value := range t {
			if secretKeys[key] && value != nil && value != "" {
				t[key] = maskText
			} else {
				t[key] = maskTree(value)
			}
		}
	case []any:
		for i := range t {
			t[i] = maskTree(t[i])
		}
	}
	return tree
}
