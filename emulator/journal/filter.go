package journal

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// Filter selects entries. An empty field selects all.
type Filter struct {
	Kind, Operation, AgentID, EventType, Retcode, Fault string

	Applied *bool
	After   int64 // only entries above this Seq
	Limit   int   // at most so many entries, the newest; 0 is all
	Mask    bool  // without passwords, phone numbers and voice paths
	Follow  bool  // goes on with new entries
}

// parameters are the query parameters of a filter, each with the function that sets it.
var parameters = map[string]func(*Filter, string) error{
	"kind": func(f *Filter, v string) error {
		if !slices.Contains(Kinds, v) {
			return fmt.Errorf("must be one of %s", strings.Join(Kinds, ", "))
		}
		f.Kind = v
		return nil
	},
	"operation": func(f *Filter, v string) error { f.Operation = v; return nil },
	"agentId":   func(f *Filter, v string) error { f.AgentID = v; return nil },
	"eventType": func(f *Filter, v string) error { f.EventType = v; return nil },
	"retcode":   func(f *Filter, v string) error { f.Retcode = v; return nil },
	"fault":     func(f *Filter, v string) error { f.Fault = v; return nil },
	"applied": func(f *Filter, v string) error {
		applied, err := parseBool(v)
		f.Applied = &applied
		return err
	},
	"after": func(f *Filter, v string) (err error) {
		f.After, err = parseNumber(v)
		return err
	},
	"limit": func(f *Filter, v string) error {
		n, err := parseNumber(v)
		f.Limit = int(n)
		return err
	},
	"mask":   func(f *Filter, v string) (err error) { f.Mask, err = parseBool(v); return err },
	"follow": func(f *Filter, v string) (err error) { f.Follow, err = parseBool(v); return err },
}

func parseBool(text string) (bool, error) {
	if text != "true" && text != "false" {
		return false, fmt.Errorf("must be true or false")
	}
	return text == "true", nil
}

func parseNumber(text string) (int64, error) {
	n, err := strconv.ParseInt(text, 10, 32)
	if err != nil || n < 0 {
		return 0, fmt.Errorf("must be a number from 0")
	}
	return n, nil
}

// ParseFilter reads the query parameters of a filter. An unknown one is an error.
func ParseFilter(query url.Values) (f Filter, err error) {
	for name, values := range query {
		set := parameters[name]
		if set == nil {
			return f, fmt.Errorf("unknown parameter %q; the parameters are %s", name, parameterNames())
		}
		if err := set(&f, values[len(values)-1]); err != nil {
			return f, fmt.Errorf("%s %w", name, err)
		}
	}
	return f, nil
}

func parameterNames() string {
	var names []string
	for name := range parameters {
		names = append(names, name)
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

func (f *Filter) matches(e *Entry) bool {
	equal := func(want, got string) bool { return want == "" || want == got }
	return equal(f.Kind, e.Kind) && equal(f.Operation, e.Operation) && equal(f.AgentID, e.AgentID) &&
		equal(f.EventType, e.EventType) && equal(f.Retcode, e.Retcode) && equal(f.Fault, e.Fault) &&
		(f.Applied == nil || *f.Applied == e.Applied) && e.Seq > f.After
}

// Select returns the entries that f selects.
func (f *Filter) Select(entries []Entry) []Entry {
	selected := slices.DeleteFunc(slices.Clone(entries), func(e Entry) bool { return !f.matches(&e) })
	if f.Limit > 0 && len(selected) > f.Limit {
		selected = selected[len(selected)-f.Limit:]
	}
	if f.Mask {
		for i := range selected {
			selected[i] = selected[i].masked()
		}
	}
	return selected
}
