package main

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"agentconf/conformance"
)

// The fronts of agentconf.
const (
	frontGRPC    = conformance.FrontGRPC
	frontREST    = conformance.FrontREST
	frontDialect = conformance.FrontDialect
)

// test is a case over one front. A client gets only spec, in which nothing is left out. If wrong is
// true, a client must report the test as failed.
type test struct {
	conformance.Case
	spec  object
	wrong bool
}

// object is a JSON object.
type object = map[string]any

// suite maps a front to its tests.
type suite map[string][]test

// newSuite returns the tests of all cases, and the wrong cases after the right ones.
func newSuite() (suite, error) {
	cases, err := conformance.Cases()
	scenarios, err2 := conformance.Scenarios()
	if err := errors.Join(err, err2); err != nil {
		return nil, err
	}
	agent := 20000
	s := suite{}
	all := slices.Concat(cases, conformance.Retcodes(), scenarios)
	for _, c := range all {
		s.add(prepare(c, &agent), nil)
	}
	for _, w := range wrongCases {
		i := slices.IndexFunc(all, func(c conformance.Case) bool { return c.Name == w.base })
		if i < 0 {
			return nil, fmt.Errorf("wrong case %q: no case %q", w.name, w.base)
		}
		c := all[i]
		c.Name = "wrong: " + w.name
		s.add(prepare(c, &agent), w.change)
	}
	return s, nil
}

// prepare gives a case that reaches the gateway an agent of its own. By the agent ID
// the scripted gateway finds the case of a request.
func prepare(c conformance.Case, agent *int) conformance.Case {
	if c.Gateway == nil {
		return c
	}
	if c.AgentID == "1287" {
		c.AgentID = strconv.Itoa(*agent)
		*agent++
	}
	if c.Gateway.Fault == "refuse" {
		c.GUID = []string{"279fe21d-2caa-4437-84c3-ab9e9dae20f5.Down"} // a node where nothing listens
	}
	if c.RPC == "GetAgentEvent" && c.Gateway.Fault == "stall" {
		c.Timeout = "1000m" // a poll waits 10 s longer than a call, and so would every client
	}
	return c
}

// add adds c to every front that can express it. change, if not nil, makes a wrong case: it applies to
// the specs only. A front whose spec it does not change is left out.
func (s suite) add(c conformance.Case, change func(*conformance.Case)) {
	c.Name = strings.ReplaceAll(c.Name, ": ", ", ") // a client prints a colon after the name
	for _, front := range []string{frontGRPC, frontREST, frontDialect} {
		if !c.Over(front) || c.Steps != nil && front == frontDialect {
			continue // the dialect has no watch
		}
		t := test{c, newSpec(c, front), change != nil}
		if t.wrong {
			changed := c
			change(&changed)
			t.spec = newSpec(changed, front)
			if reflect.DeepEqual(t.spec, newSpec(c, front)) {
				continue
			}
		}
		s[front] = append(s[front], t)
	}
}
