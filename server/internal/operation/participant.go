package operation

// The address types of a participant (page 0473). An event has the same values as numbers
// (page 0564).
const (
	PhoneNumber = "6"
	AgentNumber = "9" // an agent ID
)

// Addressed is a message of the contract that names a participant.
type Addressed interface {
	GetAddressType() string
	GetAddress() string
}

// Participant names a participant as the gateway does (page 0473). It is a part of the body
// of requests, and a key of maps.
type Participant struct {
	AddressType string `json:"addressType"`
	Address     string `json:"address"`
}

// ParticipantOf returns the participant that a message names.
func ParticipantOf(m Addressed) Participant {
	return Participant{m.GetAddressType(), m.GetAddress()}
}

// String names the participant for an error text, its phone number masked.
func (p Participant) String() string {
	if p.AddressType == AgentNumber {
		return "agent " + p.masked()
	}
	return "phone " + p.masked()
}

// masked returns the address as a text may show it. An agent ID is not confidential.
// Of anything else the last two characters are shown, enough to tell two
// participants of a conference apart.
func (p Participant) masked() string {
	if p.AddressType == AgentNumber && isAgentID(p.Address) {
		return p.Address
	}
	const shown = 2
	r := []rune(p.Address)
	if len(r) < 3*shown {
		return "****"
	}
	return "****" + string(r[len(r)-shown:])
}
