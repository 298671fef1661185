package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
)

// usageError is a fault of the command line or the environment.
type usageError struct{ error }

// newFlags returns the flag set of a command.
func (p program) newFlags(command, purpose string) *flag.FlagSet {
	fs := flag.NewFlagSet(command, flag.ContinueOnError)
	fs.SetOutput(io.Discard) // run prints what is wrong, once
	fs.Usage = func() {
		fmt.Fprintf(p.stdout, "server %s [flags]: %s\n\n", command, purpose)
		fs.VisitAll(func(f *flag.Flag) {
			name, help := flag.UnquoteUsage(f)
			fmt.Fprintf(p.stdout, "  --%s %s\n        %s", f.Name, name, help)
			if f.DefValue != "" && f.DefValue != "false" {
				fmt.Fprintf(p.stdout, " (default %s)", f.DefValue)
			}
			fmt.Fprintf(p.stdout, " [%s]\n", envName(f.Name))
		})
	}
	return fs
}

// parse sets every flag from args or, where args are silent, from its twin in
// the environment. All faults are reported at once.
func (p program) parse(fs *flag.FlagSet, args []string) error {
	if err := fs.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return err
		}
		return usageError{fmt.Errorf("%w; see --help", err)}
	}
	if fs.NArg() > 0 {
		return usageError{fmt.Errorf("unexpected argument %q; see --help", fs.Arg(0))}
	}
	given := map[string]bool{}
	fs.Visit(func(f *flag.Flag) { given[f.Name] = true })
	var faults []error
	fs.VisitAll(func(f *flag.Flag) {
		value, ok := p.lookupEnv(envName(f.Name))
		if !ok || given[f.Name] {
			return
		}
		if err := f.Value.Set(value); err != nil {
			faults = append(faults, fmt.Errorf("%s=%q: %w", envName(f.Name), value, err))
		}
	})
	if faults != nil {
		return usageError{errors.Join(faults...)}
	}
	return nil
}

// envName is the twin of a flag: --grpc-listen is AGENTCONF_GRPC_LISTEN.
func envName(flagName string) string {
	return "AGENTCONF_" + strings.ToUpper(strings.ReplaceAll(flagName, "-", "_"))
}
