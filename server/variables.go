package main

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// prefix begins the name of every variable that sets a flag.
const prefix = "AGENTCONF_"

// allFlags returns the flags of every command, by command. A variable of any command is
// known to all of them: serve and healthcheck run in the environment of one container.
func allFlags() map[string]*flags {
	all := map[string]*flags{}
	for name, define := range map[string]func(*flags){
		"serve":       new(settings).define,
		"emulate":     new(emulateSettings).define,
		"healthcheck": new(healthcheckSettings).define,
		"demo":        new(demoSettings).define,
	} {
		all[name] = newFlags(name, "")
		define(all[name])
	}
	return all
}

// serviceLink matches the variables that Kubernetes sets in a pod for each Service of its
// namespace, here for one whose name begins with "agentconf".
var serviceLink = regexp.MustCompile(`^AGENTCONF_(\w+_)?(SERVICE_HOST|SERVICE_PORT(_\w+)?|` +
	`PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)=|^AGENTCONF_(\w+_)?PORT=(tcp|udp|sctp)://`)

// unknownVariables returns a fault for each variable with the prefix that sets no flag of
// any command. own are the flags of the command, whose names are proposed first.
func (c cli) unknownVariables(own *flags) (faults []error) {
	known := own.variables()
	for _, fs := range allFlags() {
		known = append(known, fs.variables()...)
	}
	_, inPod := c.lookupEnv("KUBERNETES_SERVICE_HOST")
	for _, pair := range c.environ() {
		name, _, _ := strings.Cut(pair, "=")
		if !strings.HasPrefix(name, prefix) || slices.Contains(known, name) {
			continue
		}
		if inPod && serviceLink.MatchString(pair) {
			continue
		}
		faults = append(faults, fmt.Errorf("%s sets no flag%s; \"agentconf %s --help\" lists the variables",
			name, proposal(prefix, name, known), own.Name()))
	}
	return faults
}

// proposal returns a question with the known name that is nearest to name. It is empty if
// none is near. All names begin with prefix.
func proposal(prefix, name string, known []string) string {
	best, distance := "", (len(name)-len(prefix))/3+1
	for _, candidate := range known {
		if d := editDistance(name, candidate); d < distance {
			best, distance = candidate, d
		}
	}
	if best == "" {
		return ""
	}
	return " (did you mean " + best + "?)"
}

// editDistance returns the number of bytes to insert, delete or replace that make b of a.
func editDistance(a, b string) int {
	row := make([]int, len(b)+1) // distances from the part of a so far to each part of b
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replaced := diagonal
			if a[i] != b[j] {
				replaced++
			}
			diagonal = row[j+1]
			row[j+1] = min(replaced, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
