package main

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"agentconf/server/internal/certificates"
	"agentconf/server/internal/telemetry"
)

// usageError is an error in the command line or the environment. It makes the exit code
// 2, so that a supervisor can tell it from a failure that a restart may mend.
type usageError struct{ error }

// flags is the flag set of one command. An environment variable sets a flag that the
// command line does not have: AGENTCONF_GRPC_LISTEN sets --grpc-listen.
//
// A variable that sets only flags of other commands is ignored: serve and healthcheck run in
// the environment of the same container. One that no command has is a fault.
type flags struct {
	*flag.FlagSet
	purpose string
	faults  []error           // invalid values, in the order of parsing
	origins map[string]string // origin of a value, by flag; none for a default
}

func newFlags(command, purpose string) *flags {
	fs := &flags{
		FlagSet: flag.NewFlagSet(command, flag.ContinueOnError),
		purpose: purpose, origins: map[string]string{},
	}
	fs.SetOutput(io.Discard) // the program prints errors and help itself
	return fs
}

// setting is a flag value that collects its fault in flags instead of returning it, so
// that one start reports all faults. Package flag would stop at the first.
type setting struct {
	flags *flags
	name  string
	text  func() string
	set   func(string) error
}

// String implements flag.Value.
func (s setting) String() string { return s.text() }

// Set implements flag.Value. It always returns nil.
func (s setting) Set(text string) error {
	if err := s.set(text); err != nil {
		name := cmp.Or(s.flags.origins[s.name], "--"+s.name) // only a variable has an origin yet
		s.flags.faults = append(s.flags.faults, fmt.Errorf("%s=%q: %w", name, text, err))
	}
	return nil
}

// value defines a flag whose value set parses. Its default is the present text.
func (fs *flags) value(name, usage string, text func() string, set func(string) error) {
	fs.Var(setting{fs, name, text, set}, name, usage)
}

// number defines a flag for a whole number from low to high. Its default is *to.
func (fs *flags) number(to *int, name string, low, high int, usage string) {
	fs.value(name, usage, func() string { return strconv.Itoa(*to) },
		bounded(to, low, high, strconv.Atoi, "a whole number"))
}

// duration defines a flag for a time from low to a day. Its default is *to.
func (fs *flags) duration(to *time.Duration, name string, low time.Duration, usage string) {
	fs.value(name, usage, func() string { return to.String() },
		bounded(to, low, 24*time.Hour, time.ParseDuration, "a time such as 5s,"))
}

// boolean defines a flag for true or false, which has a value, unlike a flag of package flag.
func (fs *flags) boolean(to *bool, name, usage string) {
	fs.value(name, usage, func() string { return strconv.FormatBool(*to) }, func(text string) error {
		v, err := strconv.ParseBool(text)
		if err != nil {
			return errors.New("must be true or false")
		}
		*to = v
		return nil
	})
}

// bounded returns the function that sets *to to a value between two limits, both of which
// are allowed. kind is for the text of its error.
func bounded[T int | time.Duration](
	to *T, low, high T, parse func(string) (T, error), kind string,
) func(string) error {
	return func(text string) error {
		v, err := parse(text)
		if err != nil || v < low || v > high {
			return fmt.Errorf("must be %s from %v to %v", kind, low, high)
		}
		*to = v
		return nil
	}
}

// file defines a flag for the name of a PEM file. The flag only takes the name; package
// certificates reads the file, and names the flag in its errors.
func (fs *flags) file(to *certificates.File, name, usage string) {
	to.Flag = "--" + name
	fs.StringVar(&to.Name, name, "", usage)
}

// parse sets every flag from args, or from the environment if args do not have it, and
// checks rules between flags. It returns every fault in one usageError; behind an unknown
// or incomplete flag it checks nothing. For --help it prints the flags and returns
// flag.ErrHelp.
func (c cli) parse(fs *flags, args []string, rules ...func() []error) error {
	err := fs.Parse(args)
	if errors.Is(err, flag.ErrHelp) {
		fs.help(c.stdout)
		return err
	}
	if err = fs.commandLineFault(err); err != nil {
		fs.faults, rules = append(fs.faults, err), nil
	} else {
		c.parseEnv(fs)
	}
	fs.faults = append(fs.faults, c.unknownVariables(fs)...)
	for _, rule := range rules {
		fs.faults = append(fs.faults, rule()...)
	}
	if len(fs.faults) > 0 {
		return usageError{errors.Join(fs.faults...)}
	}
	return nil
}

// commandLineFault returns the error of a command line that Parse has rejected with err, or
// that has arguments behind its flags. It returns nil if there is neither.
func (fs *flags) commandLineFault(err error) error {
	if err == nil && fs.NArg() == 0 {
		return nil
	}
	text := fmt.Sprintf("unexpected argument %q", fs.Arg(0))
	if err != nil {
		text = err.Error()
	}
	if name, ok := strings.CutPrefix(text, "flag provided but not defined: -"); ok {
		text = "there is no flag --" + name + proposal("--", "--"+name, fs.names())
	}
	return fmt.Errorf("%s; \"agentconf %s --help\" lists the flags", text, fs.Name())
}

// names returns the names of all flags as they are written on the command line.
func (fs *flags) names() (names []string) {
	fs.VisitAll(func(f *flag.Flag) { names = append(names, "--"+f.Name) })
	return names
}

// variables returns the names of the variables of all flags.
func (fs *flags) variables() (names []string) {
	fs.VisitAll(func(f *flag.Flag) { names = append(names, envName(f.Name)) })
	return names
}

// traceFaults returns the faults of OpenTelemetry's variables.
func (c cli) traceFaults() []error { return telemetry.TraceFaults(c.lookupEnv) }

// parseEnv sets the flags that the command line does not have from their variables. An
// empty variable sets an empty value.
func (c cli) parseEnv(fs *flags) {
	fs.Visit(func(f *flag.Flag) { fs.origins[f.Name] = "command line" })
	fs.VisitAll(func(f *flag.Flag) {
		value, ok := c.lookupEnv(envName(f.Name))
		if _, given := fs.origins[f.Name]; !ok || given {
			return
		}
		fs.origins[f.Name] = envName(f.Name)
		if err := f.Value.Set(value); err != nil { // of a bool flag, which has no setting
			fs.faults = append(fs.faults, fmt.Errorf("%s=%q: must be true or false", envName(f.Name), value))
		}
	})
}

// help prints the flags with their usages, defaults and variables. The word in backquotes
// of a usage names the value; a flag without one is true or false.
func (fs *flags) help(w io.Writer) {
	fmt.Fprintf(w, "agentconf %s [flags]: %s\n\n", fs.Name(), fs.purpose)
	fmt.Fprint(w, "Each flag can be set by the environment variable in brackets.\n\n")
	fs.VisitAll(func(f *flag.Flag) {
		value, usage := flag.UnquoteUsage(f)
		fmt.Fprintf(w, "  --%s %s\n        %s", f.Name, value, usage)
		if f.DefValue != "" && f.DefValue != "false" {
			fmt.Fprintf(w, " (default %s)", f.DefValue)
		}
		fmt.Fprintf(w, " [%s]\n", envName(f.Name))
	})
}

// print writes every flag with its value and origin, in columns that fit most values.
func (fs *flags) print(w io.Writer) {
	fs.VisitAll(func(f *flag.Flag) {
		origin := cmp.Or(fs.origins[f.Name], "default")
		fmt.Fprintf(w, "%-50s # %s\n", "--"+f.Name+"="+f.Value.String(), origin)
	})
}

func envName(flagName string) string {
	return prefix + strings.ToUpper(strings.ReplaceAll(flagName, "-", "_"))
}
