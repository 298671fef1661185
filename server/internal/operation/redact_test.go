package operation

import "testing"

// What a gateway says is passed on without what it was told in confidence, however it
// writes that; of two numbers of which one begins the other nothing remains either.
func TestRedact(t *testing.T) {
	op := operation{
		target:  participant{phoneNumber, "88887946"},
		secrets: []string{"", "4001", "40018887", `s3"same&`, "y:/conf/120/a b.V3"},
	}
	for said, want := range map[string]string{
		"no line to 88887946":                        "no line to ****46",
		"neither 40018887 nor 4001":                  "neither … nor …",
		"y:/conf/120/a b.V3":                         "…",
		"?f=y%3A%2Fconf%2F120%2Fa+b.V3&n=88887946":   "?f=…&n=****46",
		"/y:%2Fconf%2F120%2Fa%20b.V3":                "/…",
		`{"password":"s3\"same\u0026"}`:              `{"password":"…"}`,
		"?json=%7B%22p%22%3A%22s3%5C%22same%5Cu0026": "?json=%7B%22p%22%3A%22…",
		"nothing of it":                              "nothing of it",
	} {
		if got := op.redact(said); got != want {
			t.Errorf("%s becomes %s, want %s", said, got, want)
		}
	}
}
