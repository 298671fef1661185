package operation

import (
	"testing"

	agentconfv1 "agentconf/gen/agentconf/v1"
)

// A text of the gateway is passed on without the confidential fields of the request,
// in whatever spelling. Of two numbers of which one begins with the other, nothing
// remains either.
func TestRedact(t *testing.T) {
	op := Operation{ServiceToken: `s3"same&`, Request: &agentconfv1.BatchAddParticipantRequest{
		AgentId: "1287", Caller: "4001", VoicePath: "y:/conf/120/a b.V3",
		Addresses: []*agentconfv1.Invitation{
			{AddressType: PhoneNumber, Address: "88887946"}, {AddressType: PhoneNumber, Address: "40018887"},
			{AddressType: AgentNumber, Address: "2002"}, {AddressType: AgentNumber, Address: "not an ID"},
		},
	}}
	r := op.redactor("279fe21d.AgentGateway0")
	for text, want := range map[string]string{
		"no line to 88887946":                        "no line to ****46",
		"neither 40018887 nor 4001":                  "neither ****87 nor …",
		"y:/conf/120/a b.V3":                         "…",
		"?f=y%3A%2Fconf%2F120%2Fa+b.V3&n=88887946":   "?f=…&n=****46",
		"/y:%2Fconf%2F120%2Fa%20b.V3":                "/…",
		`{"token":"s3\"same\u0026"}`:                 `{"token":"…"}`,
		"?json=%7B%22p%22%3A%22s3%5C%22same%5Cu0026": "?json=%7B%22p%22%3A%22…",
		"GUID 279fe21d.AgentGateway0 of agent 1287":  "GUID … of agent 1287",
		"agents 2002 and not an ID":                  "agents 2002 and ****ID",
		"nothing of it":                              "nothing of it",
	} {
		if got := r.Replace(text); got != want {
			t.Errorf("%s becomes %s, want %s", text, got, want)
		}
	}
}

// A text that names the operation masks its participant.
func TestString(t *testing.T) {
	for _, test := range []struct{ addressType, address, want string }{
		{PhoneNumber, "88887946", "holdParticipant by agent 1287 on phone ****46"},
		{PhoneNumber, "12345", "holdParticipant by agent 1287 on phone ****"},
		{AgentNumber, "2002", "holdParticipant by agent 1287 on agent 2002"},
		{AgentNumber, "88887946", "holdParticipant by agent 1287 on agent ****46"},
	} {
		op := Operation{Name: "holdParticipant", Request: &agentconfv1.HoldParticipantRequest{
			AgentId: "1287", AddressType: test.addressType, Address: test.address,
		}}
		if got := op.String(); got != test.want {
			t.Errorf("%q, want %q", got, test.want)
		}
	}
}
