package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"agentconf/server/internal/certificates"
)

// usageError is a fault of the command line or the environment.
type usageError struct{ error }

// flags are those of one command.
type flags struct {
	*flag.FlagSet
	purpose string
	fromEnv map[string]bool // set by the environment
}

// newFlags returns the flags of a command, none yet.
func (p program) newFlags(command, purpose string) flags {
	fs := flags{flag.NewFlagSet(command, flag.ContinueOnError), purpose, map[string]bool{}}
	fs.SetOutput(io.Discard) // run prints what is wrong, once
	fs.Usage = func() {}     // and parse the help, if asked for
	return fs
}

// help lists the flags.
func (fs flags) help(w io.Writer) {
	fmt.Fprintf(w, "server %s [flags]: %s\n\nIn brackets: the variable of the environment that sets the flag as well.\n\n", fs.Name(), fs.purpose)
	fs.VisitAll(func(f *flag.Flag) {
		name, help := flag.UnquoteUsage(f)
		fmt.Fprintf(w, "  --%s %s\n        %s", f.Name, name, help)
		if f.DefValue != "" && f.DefValue != "false" {
			fmt.Fprintf(w, " (default %s)", f.DefValue)
		}
		fmt.Fprintf(w, " [%s]\n", envName(f.Name))
	})
}

// whole defines a flag for a whole number from least to most.
func (fs flags) whole(to *int, name string, value, least, most int, usage string) {
	*to = value
	fs.Var(&within[int]{to, least, most, strconv.Atoi, "a whole number"}, name, usage)
}

// period defines a flag for a time from least to a day.
func (fs flags) period(to *time.Duration, name string, value, least time.Duration, usage string) {
	*to = value
	fs.Var(&within[time.Duration]{to, least, 24 * time.Hour, time.ParseDuration, "a time such as 5s,"}, name, usage)
}

// file defines a flag that names a PEM file.
func (fs flags) file(to *certificates.File, name, usage string) {
	to.Flag = "--" + name
	fs.StringVar(&to.Name, name, "", usage)
}

// within is the value of a flag that has limits.
type within[T int | time.Duration] struct {
	value       *T
	least, most T
	parse       func(string) (T, error)
	kind        string
}

func (w *within[T]) String() string {
	if w.value == nil { // asked by package flag
		return ""
	}
	return fmt.Sprint(*w.value)
}

func (w *within[T]) Set(s string) error {
	v, err := w.parse(s)
	if err != nil || v < w.least || v > w.most {
		return fmt.Errorf("must be %s from %v to %v", w.kind, w.least, w.most)
	}
	*w.value = v
	return nil
}

// parse sets every flag from args or, where args are silent, from its twin in
// the environment. All faults are reported at once, with those that check finds, unless
// it is not even clear what flags were meant.
func (p program) parse(fs flags, args []string, check func() []error) error {
	faults := fs.parseArgs(args)
	if slices.Contains(faults, flag.ErrHelp) {
		fs.help(p.stdout)
		return flag.ErrHelp
	}
	given := map[string]bool{}
	fs.Visit(func(f *flag.Flag) { given[f.Name] = true })
	fs.VisitAll(func(f *flag.Flag) {
		value, ok := p.lookupEnv(envName(f.Name))
		if !ok || given[f.Name] {
			return
		}
		fs.fromEnv[f.Name] = true
		if err := f.Value.Set(value); err != nil {
			faults = append(faults, fmt.Errorf("%s=%q: %w", envName(f.Name), value, err))
		}
	})
	if !slices.ContainsFunc(faults, isMisread) {
		faults = append(faults, check()...)
	}
	if len(faults) > 0 {
		return usageError{errors.Join(faults...)}
	}
	return nil
}

// parseArgs goes on after a fault, which fs.Parse alone does not.
func (fs flags) parseArgs(args []string) (faults []error) {
	for err := fs.Parse(args); err != nil; err = fs.Parse(args) {
		faults = append(faults, fs.inOurWords(err))
		args = fs.Args()
		stayed := strings.HasPrefix(err.Error(), "bad flag syntax")        // ---x
		if len(args) > 0 && (stayed || !strings.HasPrefix(args[0], "-")) { // the value of a flag that there is not
			args = args[1:]
		}
	}
	if fs.NArg() > 0 {
		faults = append(faults, misread{fmt.Errorf("unexpected argument %q; \"server %s --help\" lists the flags", fs.Arg(0), fs.Name())})
	}
	return faults
}

// misread is a fault after which nobody knows what flags were meant.
type misread struct{ error }

func isMisread(err error) bool {
	_, is := err.(misread)
	return is
}

// The faults that package flag finds, in its words.
var (
	noSuchFlag = regexp.MustCompile(`^(?:flag provided but not defined: -|bad flag syntax: --?)(.+)$`)
	noValue    = regexp.MustCompile(`^flag needs an argument: -(.+)$`)
	wrongValue = regexp.MustCompile(`^invalid (?:boolean )?value (".*") for (?:flag )?-([a-z-]+): (.*)$`)
)

// inOurWords says what is wrong with a flag as of its twin in the environment.
func (fs flags) inOurWords(err error) error {
	text := err.Error()
	if m := noSuchFlag.FindStringSubmatch(text); m != nil {
		return misread{fmt.Errorf("--%s: there is no such flag; \"server %s --help\" lists them", m[1], fs.Name())}
	}
	if m := noValue.FindStringSubmatch(text); m != nil {
		return misread{fmt.Errorf("--%s: its value is missing; \"server %s --help\" says what it takes", m[1], fs.Name())}
	}
	if m := wrongValue.FindStringSubmatch(text); m != nil {
		return fmt.Errorf("--%s=%s: %s", m[2], m[1], strings.Replace(m[3], "parse error", "must be true or false", 1))
	}
	return err
}

// nothingMore is the check of a command whose flags cannot contradict each other.
func nothingMore() []error { return nil }

// print writes every flag, its value, and where that comes from.
func (fs flags) print(w io.Writer) {
	given := map[string]bool{}
	fs.Visit(func(f *flag.Flag) { given[f.Name] = true })
	fs.VisitAll(func(f *flag.Flag) {
		origin := "default"
		switch {
		case fs.fromEnv[f.Name]:
			origin = envName(f.Name)
		case given[f.Name]:
			origin = "command line"
		}
		fmt.Fprintf(w, "%-50s # %s\n", "--"+f.Name+"="+f.Value.String(), origin)
	})
}

// envName is the twin of a flag: --grpc-listen is AGENTCONF_GRPC_LISTEN.
func envName(flagName string) string {
	return "AGENTCONF_" + strings.ToUpper(strings.ReplaceAll(flagName, "-", "_"))
}
