package conference

// The address types of a participant (page 0473).
const (
	phoneNumber = "6"
	agentNumber = "9"
)

// participant is how the gateway names one (page 0473).
type participant struct {
	AddressType string `json:"addressType"`
	Address     string `json:"address"`
}

// String names the participant for an error text.
func (p participant) String() string {
	if p.AddressType == agentNumber {
		return "agent " + p.shown()
	}
	return "phone " + p.shown()
}

// shown is the address as a text may repeat it. Only an agent ID is no secret;
// of everything else two characters are kept, enough to tell two participants of
// a conference apart.
func (p participant) shown() string {
	if p.secret() == "" {
		return p.Address
	}
	const kept = 2
	r := []rune(p.Address)
	if len(r) < 3*kept {
		return "****"
	}
	return "****" + string(r[len(r)-kept:])
}

// secret is the address if no text may repeat it.
func (p participant) secret() string {
	if p.AddressType == agentNumber && isAgentID(p.Address) {
		return ""
	}
	return p.Address
}
