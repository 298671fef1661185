package emulator

import (
	"errors"
	"fmt"

	"agentconf/emulator/journal"
)

// Person is somebody with a phone, or an agent, who acts on the phone itself and not by an
// operation of the gateway.
type Person struct {
	gateway *Gateway
	address address
}

// Phone returns the person with this phone number.
func (g *Gateway) Phone(number string) Person {
	return Person{g, address{AddressType: phoneNumber, Address: number}}
}

// Agent returns the person who works as this agent.
func (g *Gateway) Agent(id string) Person {
	return Person{g, address{AddressType: agentNumber, Address: id}}
}

// Answer takes the call of a ringing phone or an invited agent, who then joins the conference.
// It is an error if none rings.
func (p Person) Answer() error { return p.act(actAnswer) }

// Refuse rejects the call. It is an error if none rings.
func (p Person) Refuse() error { return p.act(actRefuse) }

// HangUp leaves the conference with changeReason 2. A chairperson who hangs up ends the
// conference. It is an error if the person is in no conference.
func (p Person) HangUp() error { return p.act(actHangUp) }

// Acts of a person.
const (
	actAnswer = "answer"
	actRefuse = "refuse"
	actHangUp = "hangup"
)

var acts = []string{actAnswer, actRefuse, actHangUp}

func (p Person) act(action string) error {
	p.gateway.mu.Lock()
	defer p.gateway.mu.Unlock()
	return p.gateway.act(p.address, action)
}

// act lets the person at an address act, in the first conference where that is possible.
func (g *Gateway) act(addr address, action string) error {
	for _, c := range g.conferences {
		p := c.find(addr)
		if p == nil || p.joined != (action == actHangUp) || p.agent == c.chair && !c.begun {
			continue
		}
		g.journal.Append(journal.Entry{
			Kind: journal.Person, Action: action, AddressType: addr.AddressType, Address: addr.Address,
		})
		c.performAct(p, action)
		return nil
	}
	if action == actHangUp {
		return errors.New("this person has not joined any conference, so there is nothing to hang up")
	}
	return fmt.Errorf("the phone of this person does not ring, so there is nothing to %s", action)
}

func (c *conference) performAct(p *participant, action string) {
	switch {
	case action == actHangUp:
		c.hangUp(p)
	case p.agent != nil && action == actAnswer:
		p.agent.answerAgentConf(noBody{})
	case p.agent != nil:
		p.agent.rejectAgentConf(noBody{})
	case action == actAnswer:
		c.admit(p)
	default:
		c.failInvitation(p)
	}
}

// hangUp takes a joined participant out of the conference. If it is the chairperson, the
// conference ends.
func (c *conference) hangUp(p *participant) {
	if p.agent == c.chair {
		c.release()
		return
	}
	if a := p.agent; a != nil {
		a.emitRecordDone()
		a.leave(phoneReleasedByAgent)
		a.emit("AgentState_Ready", nil)
	}
	c.remove(p, changeLeft, resultDone, reasonHungUp)
}
