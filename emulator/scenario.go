package emulator

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"agentconf/emulator/fault"
	"agentconf/emulator/internal/wire"
	"agentconf/emulator/journal"
)

// Limits of a scenario.
const (
	maxRules       = 1000
	maxPendingActs = 1000
	maxRuleDelay   = time.Hour
)

// Rule is a line of a scenario: when On happens, somebody acts.
type Rule struct {
	// On is "ring" (a phone or an agent is called), the name of an operation that takes effect,
	// or an event type. AgentID is the agent of the operation or event, Address the called or
	// affected participant; empty selects all.
	On      string `json:"on"`
	AgentID string `json:"agentId,omitempty"`
	Address string `json:"address,omitempty"`

	// Do is what happens After that time: answer, refuse, busy or nothing on "ring"; otherwise
	// answer, refuse, hangup (of the person at Address, or at the address of On), signOut (of the
	// agent), fault or event.
	Do    string       `json:"do"`
	After Duration     `json:"after,omitempty"`
	Fault *fault.Fault `json:"fault,omitempty"` // for fault
	Event *CannedEvent `json:"event,omitempty"` // for event, to the agent

	// Count is the number of times; 0 is no limit.
	Count int `json:"count,omitempty"`

	done int // times so far
}

// Duration is a time whose JSON is text such as "2s".
type Duration = wire.Duration

// onRing is the value of On for a call to a participant.
const onRing = "ring"

// Values of Do in addition to the acts of people.
const (
	doBusy    = "busy"
	doNothing = "nothing"
	doSignOut = "signOut"
	doFault   = "fault"
	doEvent   = "event"
)

// AddRules adds rules to the scenario. It adds none if one of them is wrong; the error then
// lists what exists.
func (g *Gateway) AddRules(rules ...Rule) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.addRules(rules)
}

// addRules is AddRules. It needs the lock.
func (g *Gateway) addRules(rules []Rule) error {
	catalog := g.faultCatalog()
	for i := range rules {
		if err := rules[i].check(catalog); err != nil {
			return fmt.Errorf("rule %d: %w", i+1, err)
		}
	}
	if len(g.scenario)+len(rules) > maxRules {
		return fmt.Errorf("there may be %d rules; remove some first", maxRules)
	}
	for _, r := range rules {
		g.scenario = append(g.scenario, &r)
	}
	return nil
}

// Rules returns the rules of the scenario.
func (g *Gateway) Rules() []Rule {
	g.mu.Lock()
	defer g.mu.Unlock()
	rules := []Rule{}
	for _, r := range g.scenario {
		rules = append(rules, *r)
	}
	return rules
}

// ClearRules removes all rules. Acts that wait for their time happen nevertheless.
func (g *Gateway) ClearRules() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.scenario = nil
}

func (r *Rule) check(c fault.Catalog) error {
	known := slices.Concat([]string{onRing}, c.Operations, c.EventTypes)
	if !slices.Contains(known, r.On) {
		return fmt.Errorf("unknown on %q; there are %s", r.On, strings.Join(known, ", "))
	}
	does := []string{actAnswer, actRefuse, actHangUp, doSignOut, doFault, doEvent}
	if r.On == onRing {
		does = []string{actAnswer, actRefuse, doBusy, doNothing}
	}
	if !slices.Contains(does, r.Do) {
		return fmt.Errorf("unknown do %q on %s; there are %s", r.Do, r.On, strings.Join(does, ", "))
	}
	switch after := time.Duration(r.After); {
	case after < 0 || after > maxRuleDelay:
		return fmt.Errorf("after is not from 0s to %v", maxRuleDelay)
	case r.Count < 0:
		return errors.New("count is below 0")
	case (r.Do == doFault) != (r.Fault != nil), (r.Do == doEvent) != (r.Event != nil && r.Event.EventType != ""):
		return fmt.Errorf(`do %q goes with the field of that name, and only it does`, r.Do)
	case r.Fault != nil:
		return r.Fault.Check(c)
	}
	return nil
}

// trigger is something that rules can wait for.
type trigger struct{ on, agentID, address string }

func (r *Rule) matches(t trigger) bool {
	return r.On == t.on && (r.AgentID == "" || r.AgentID == t.agentID) &&
		(r.Address == "" || r.Address == t.address || t.address == "") && (r.Count == 0 || r.done < r.Count)
}

// participantOf returns the participant in the content of an event, or "".
func participantOf(content any) string {
	changed, _ := content.(participantChanged)
	return changed.Participant
}

// runRules starts the acts of all rules that match. It needs the lock.
func (g *Gateway) runRules(t trigger) {
	for _, r := range g.scenario {
		if r.matches(t) {
			r.done++
			g.scheduleAct(*r, t)
		}
	}
}

// scheduleAct performs the act of a rule after its time, unless the gateway was reset.
func (g *Gateway) scheduleAct(r Rule, t trigger) {
	if g.pendingActs >= maxPendingActs {
		g.recordControl("rule", "", "not performed: too many acts wait for their time")
		return
	}
	g.pendingActs++
	epoch := g.epoch
	time.AfterFunc(time.Duration(r.After), func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		if g.epoch != epoch {
			return
		}
		g.pendingActs--
		g.performRule(r, t)
	})
}

// performRule performs the act of a rule, and journals whether it was possible.
func (g *Gateway) performRule(r Rule, t trigger) {
	if r.Address != "" {
		t.address = r.Address
	}
	var err error
	switch a := g.agents[t.agentID]; r.Do {
	case doFault:
		_, err = g.faults.Add(*r.Fault)
	case doEvent, doSignOut:
		if a == nil {
			err = errors.New("the agent is not signed in")
		} else if r.Do == doSignOut {
			a.signOut()
		} else {
			g.mute(func() { r.Event.emit(a) })
		}
	default:
		err = g.actAt(t.address, r.Do)
	}
	detail := r.Do
	if err != nil {
		detail += " failed: " + err.Error()
	}
	g.journal.Append(journal.Entry{Kind: journal.Control, Action: "rule", Address: t.address, Detail: detail})
}

// mute runs f while no rule applies, so that the event of a rule cannot start rules without
// end.
func (g *Gateway) mute(f func()) {
	rules := g.scenario
	g.scenario = nil
	f()
	g.scenario = rules
}

// actAt lets the person at an address act, a phone or else an agent.
func (g *Gateway) actAt(addr, action string) error {
	err := g.act(address{AddressType: phoneNumber, Address: addr}, action)
	if err != nil && g.act(address{AddressType: agentNumber, Address: addr}, action) == nil {
		return nil
	}
	return err
}

// actOnRing lets the first rule for a called participant decide. It returns false if there is
// none.
func (g *Gateway) actOnRing(c *conference, p *participant) bool {
	t := trigger{on: onRing, agentID: c.chair.id, address: p.Address}
	i := slices.IndexFunc(g.scenario, func(r *Rule) bool { return r.matches(t) })
	if i < 0 || !c.rings(p) {
		return false
	}
	rule := g.scenario[i]
	rule.done++
	action := rule.Do
	if action == doBusy {
		action = actRefuse // the gateway has one event for both
	}
	if action == doNothing {
		return true
	}
	c.runAfter(time.Duration(rule.After), func() {
		if c.rings(p) {
			g.journal.Append(journal.Entry{
				Kind: journal.Person, Action: rule.Do, AddressType: p.AddressType, Address: p.Address,
			})
			c.performAct(p, action)
		}
	})
	return true
}

// recordControl journals a change of the emulator itself. detail is nil, text or raw JSON, so
// that the journal can count its size.
func (g *Gateway) recordControl(action, faultID string, detail any) {
	g.journal.Append(journal.Entry{Kind: journal.Control, Action: action, Fault: faultID, Detail: detail})
}
