package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"agentconf/server/internal/certificates"
)

// usageError is an error in the command line or the environment.
type usageError struct{ error }

// flags is the flag set of one command. An environment variable sets a flag that the
// command line does not have: AGENTCONF_GRPC_LISTEN sets --grpc-listen.
type flags struct {
	*flag.FlagSet
	purpose string
	faults  []error           // invalid values, in the order of parsing
	origins map[string]string // origin of a value, by flag; none for a default
}

func newFlags(command, purpose string) *flags {
	fs := &flags{FlagSet: flag.NewFlagSet(command, flag.ContinueOnError), purpose: purpose, origins: map[string]string{}}
	fs.SetOutput(io.Discard) // the program prints errors and help itself
	return fs
}

// setting is a flag value that collects its fault in flags instead of returning it, so
// that one start reports all faults.
type setting struct {
	flag.Value
	flags *flags
	name  string
}

func (s setting) Set(text string) error {
	if err := s.Value.Set(text); err != nil {
		name := s.flags.origins[s.name]
		if name == "" {
			name = "--" + s.name
		}
		s.flags.faults = append(s.flags.faults, fmt.Errorf("%s=%q: %w", name, text, err))
	}
	return nil
}

// value defines a flag with a value of its own type.
func (fs *flags) value(v flag.Value, name, usage string) {
	fs.Var(setting{v, fs, name}, name, usage)
}

// text defines a flag for any text.
func (fs *flags) text(to *string, name, value, usage string) { fs.StringVar(to, name, value, usage) }

// number defines a flag for a whole number from low to high.
func (fs *flags) number(to *int, name string, value, low, high int, usage string) {
	*to = value
	fs.value(&bounded[int]{to, low, high, strconv.Atoi, "a whole number"}, name, usage)
}

// duration defines a flag for a time from low to a day.
func (fs *flags) duration(to *time.Duration, name string, value, low time.Duration, usage string) {
	*to = value
	fs.value(&bounded[time.Duration]{to, low, 24 * time.Hour, time.ParseDuration, "a time such as 5s,"}, name, usage)
}

// file defines a flag for the name of a PEM file.
func (fs *flags) file(to *certificates.File, name, usage string) {
	to.Flag = "--" + name
	fs.StringVar(&to.Name, name, "", usage)
}

// bounded is a flag value between two limits.
type bounded[T int | time.Duration] struct {
	value     *T
	low, high T
	parse     func(string) (T, error)
	kind      string
}

func (b *bounded[T]) String() string { return fmt.Sprint(*b.value) }

func (b *bounded[T]) Set(s string) error {
	v, err := b.parse(s)
	if err != nil || v < b.low || v > b.high {
		return fmt.Errorf("must be %s from %v to %v", b.kind, b.low, b.high)
	}
	*b.value = v
	return nil
}

// choice is a flag value that is one of words.
type choice struct {
	value *string
	words []string
}

func (c choice) String() string { return *c.value }

func (c choice) Set(s string) error {
	for _, word := range c.words {
		if s == word {
			*c.value = s
			return nil
		}
	}
	return fmt.Errorf("must be %s", strings.Join(c.words, " or "))
}

// parse sets every flag from args, or from the environment if args do not have it. It
// returns an error for an unknown or incomplete flag, and adds invalid values to
// fs.faults.
func (c cli) parse(fs *flags, args []string) error {
	if err := fs.Parse(args); errors.Is(err, flag.ErrHelp) {
		fs.help(c.stdout)
		return err
	} else if err != nil {
		return fs.usage(fmt.Errorf("%w; \"agentconf %s --help\" lists the flags", err, fs.Name()))
	}
	if fs.NArg() > 0 {
		return fs.usage(fmt.Errorf("unexpected argument %q; \"agentconf %s --help\" lists the flags", fs.Arg(0), fs.Name()))
	}
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
	return nil
}

// usage returns all faults as one usageError, or nil if there are none.
func (fs *flags) usage(more ...error) error {
	if faults := append(fs.faults, more...); len(faults) > 0 {
		return usageError{errors.Join(faults...)}
	}
	return nil
}

// help prints the flags with their usages, defaults and variables.
func (fs *flags) help(w io.Writer) {
	fmt.Fprintf(w, "agentconf %s [flags]: %s\n\nEach flag can be set by the environment variable in brackets.\n\n", fs.Name(), fs.purpose)
	fs.VisitAll(func(f *flag.Flag) {
		value, usage := flag.UnquoteUsage(f)
		fmt.Fprintf(w, "  --%s %s\n        %s", f.Name, value, usage)
		if f.DefValue != "" && f.DefValue != "false" {
			fmt.Fprintf(w, " (default %s)", f.DefValue)
		}
		fmt.Fprintf(w, " [%s]\n", envName(f.Name))
	})
}

// print writes every flag with its value and origin.
func (fs *flags) print(w io.Writer) {
	fs.VisitAll(func(f *flag.Flag) {
		origin := fs.origins[f.Name]
		if origin == "" {
			origin = "default"
		}
		fmt.Fprintf(w, "%-50s # %s\n", "--"+f.Name+"="+f.Value.String(), origin)
	})
}

func envName(flagName string) string {
	return "AGENTCONF_" + strings.ToUpper(strings.ReplaceAll(flagName, "-", "_"))
}
