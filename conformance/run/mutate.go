package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// A mutation is a case that wants something else than the contract: each kind of
// want is changed, taken away or added to once. A client that compares it is not ok.

// mutations runs c through a mutation of every kind that its front has.
func (r runner) mutations(ctx context.Context, c client, tests []test) report {
	start := time.Now()
	all := report{client: c, results: map[string]result{}}
	seen := map[string]bool{}
	for all.err == nil {
		calls, scenarios := split(mutated(tests, seen))
		if len(calls)+len(scenarios) == 0 {
			break
		}
		all.add(ctx, calls, r.playCalls)
		for _, t := range scenarios { // alone, since what one leaves behind would fail the next
			all.add(ctx, []test{t}, r.playScenarios)
		}
	}
	all.took = time.Since(start)
	return all
}

// add adds what play finds out about tests.
func (r *report) add(ctx context.Context, tests []test, play func(context.Context, client, []test) (map[string]result, error)) {
	if r.err != nil || len(tests) == 0 {
		return
	}
	var results map[string]result
	results, r.err = play(ctx, r.client, tests)
	maps.Copy(r.results, results)
	r.tests = append(r.tests, tests...)
}

// mutated has tests for kinds of mutation that are not seen yet, named after the kind.
// A call serves once, so that the gateway can tell whose request is whose.
func mutated(tests []test, seen map[string]bool) (chosen []test) {
	for _, t := range tests {
		for _, m := range mutationsOf(t) {
			if seen[m.kind] {
				continue
			}
			seen[m.kind] = true
			m.told["name"] = m.kind
			t.Name, t.told = m.kind, m.told
			chosen = append(chosen, t)
			if t.Steps == nil {
				break
			}
		}
	}
	return chosen
}

type mutation struct {
	kind string
	told object
}

// mutationsOf are all mutations of t, each in a copy of what a client is told.
func mutationsOf(t test) (all []mutation) {
	for n := 0; ; n++ {
		told := clone(t.told)
		w := walk{left: n}
		if t.Steps == nil {
			w.object(told["want"].(object), "")
		} else {
			w.steps(told["steps"].([]any))
		}
		if w.kind == "" {
			return all
		}
		all = append(all, mutation{w.kind, told})
	}
}

func clone(told object) object {
	text, err := json.Marshal(told)
	must(err)
	return decoded(text).(object)
}

// walk goes through a want and mutates the place that comes after left others.
type walk struct {
	left int
	kind string // of the mutation, once it is made
}

// here reports whether this is the place.
func (w *walk) here(kind string) bool {
	w.left--
	if w.left != -1 {
		return false
	}
	w.kind = kind
	return true
}

// steps changes only: what else there is to compare is compared as in a call.
func (w *walk) steps(steps []any) {
	for _, s := range steps {
		step := s.(object)
		if call, ok := step["call"].(object); ok {
			w.change(call["want"].(object), "step call: ")
		}
		for _, kind := range []string{"next", "end"} {
			if want, ok := step[kind].(object); ok {
				w.change(want, "step "+kind+": ")
			}
		}
	}
}

// change changes a value somewhere below each key of want.
func (w *walk) change(want object, path string) {
	for _, key := range slices.Sorted(maps.Keys(want)) {
		want[key] = w.changeLeaf(want[key], path+key+" changed")
	}
}

func (w *walk) changeLeaf(v any, kind string) any {
	switch v := v.(type) {
	case object:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			v[key] = w.changeLeaf(v[key], kind)
		}
	case json.Number, string, bool:
		if w.here(kind) {
			return changed(v)
		}
	}
	return v
}

// object mutates what is in o.
func (w *walk) object(o object, path string) {
	for _, key := range slices.Sorted(maps.Keys(o)) {
		at := path + key
		for _, open := range []string{"reply.", "has."} { // names do not matter in there
			if strings.HasPrefix(path, open) {
				at = open + "*"
			}
		}
		o[key] = w.value(o[key], at)
		if exact(path) && !empty(o[key]) && w.here(at+" taken away") {
			delete(o, key)
		}
	}
	if exact(path) && w.here(path+"* added") {
		o["surplus"] = "x"
	}
}

// exact reports whether an object must have what is wanted and nothing else. Of others,
// one may be wanted with less.
func exact(path string) bool {
	return path == "reply." || path == "error_info." || path == "error_info.metadata."
}

// value is v, or what it is mutated to.
func (w *walk) value(v any, at string) any {
	switch v := v.(type) {
	case object:
		w.object(v, at+".")
	case []any:
		if w.here(at + " longer") {
			return append(v, "x")
		}
		if len(v) > 0 && at != "message_names" && w.here(at+" shorter") {
			return v[:len(v)-1]
		}
	case nil:
		if w.here(at + " wanted, where none is") {
			return "x"
		}
	default:
		if strings.HasPrefix(at, "headers.") && w.here(at+" not wanted, where it is") {
			return nil
		}
		if w.here(fmt.Sprintf("%s changed (%s)", at, typeOf(v))) {
			return changed(v)
		}
	}
	return v
}

func typeOf(v any) string {
	switch v.(type) {
	case json.Number:
		return "number"
	case bool:
		return "truth value"
	}
	return "text"
}

func changed(v any) any {
	switch v := v.(type) {
	case json.Number:
		if v == "0" {
			return json.Number("1")
		}
		return v + "1"
	case bool:
		return !v
	}
	return v.(string) + "x"
}

// empty reports whether proto3 has no way to tell v from nothing.
func empty(v any) bool {
	text, err := json.Marshal(v)
	must(err)
	return slices.Contains([]string{`""`, "0", "false", "null", "{}", "[]"}, string(text))
}

// printMutations prints which clients noticed each kind of mutation. It fails if one of
// them did not or, with all clients, if a kind has less than two who did.
func printMutations(w io.Writer, reports []report) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprint(t, "what is wanted instead")
	kinds := map[string]bool{}
	for _, r := range reports {
		fmt.Fprint(t, "\t", r.name)
		for _, test := range r.tests {
			kinds[test.Name] = true
		}
	}
	fmt.Fprintln(t)
	var faults []error
	for _, kind := range slices.Sorted(maps.Keys(kinds)) {
		noticed := 0
		fmt.Fprint(t, kind)
		for _, r := range reports {
			cell := r.noticed(kind)
			fmt.Fprint(t, "\t", cell)
			switch cell {
			case "red":
				noticed++
			case "GREEN":
				faults = append(faults, fmt.Errorf("%s does not compare: %s", r.name, kind))
			}
		}
		fmt.Fprintln(t)
		if noticed < 2 && len(reports) == len(clients) {
			faults = append(faults, fmt.Errorf("less than two clients compare: %s", kind))
		}
	}
	t.Flush()
	for _, r := range reports {
		if r.err != nil {
			faults = append(faults, fmt.Errorf("%s failed: %w", r.name, r.err))
		}
	}
	return errors.Join(faults...)
}

func (r report) noticed(kind string) string {
	result, has := r.results[kind]
	switch {
	case !has:
		return "-"
	case result.verdict == "ok":
		return "GREEN"
	case result.verdict == "cannot":
		return "cannot"
	}
	return "red"
}
