// Command snippets runs what documents tell their readers to type, as they would, and
// compares what is printed with what the documents say. It is given the documents, and
// before them a list of commands that are not run.
//
//   - A block of shell (```sh, or one without a language that begins with a command) is
//     run in the current directory, and has to succeed.
//   - A block ```text is what the block before it prints, in which … stands for anything,
//     on a line of its own for any lines. A block without one prints nothing.
//   - A block ```sh keeps goes on running. Its readers go on once its text is there, and
//     paste the lines with export. It ends with the document, or when another
//     "go run ./server" is to keep running.
package main

import (
	"errors"
	"fmt"
	"os"
	"strings"
)

func main() {
	if err := run(os.Args[1], os.Args[2:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(exceptionsFile string, documents []string) error {
	list, err := os.ReadFile(exceptionsFile)
	if err != nil {
		return err
	}
	exceptions, err := parseExceptions(string(list))
	if err != nil {
		return err
	}
	for _, document := range documents {
		text, err := os.ReadFile(document)
		if err != nil {
			return err
		}
		if err := follow(document, snippets(string(text)), exceptions); err != nil {
			return err
		}
	}
	return unused(exceptions)
}

// follow does what a document says, from its beginning to its end.
func follow(document string, all []snippet, exceptions map[string]*exception) (err error) {
	var r reader
	defer func() { err = errors.Join(err, r.stop()) }()
	for _, s := range all {
		where := fmt.Sprintf("%s:%d", document, s.line)
		fmt.Printf("== %s\n%s\n", where, s.commands)
		if s.commands = without(s.commands, exceptions); s.commands == "" {
			continue
		}
		if err := r.try(s); err != nil {
			return fmt.Errorf("%s: %w", where, err)
		}
	}
	return nil
}

// exception is a command of one line that is not run.
type exception struct {
	reason string
	used   bool
}

// parseExceptions reads lines of a command's beginning, a tab, and the reason.
func parseExceptions(list string) (map[string]*exception, error) {
	exceptions := map[string]*exception{}
	for line := range strings.Lines(list) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		command, reason, found := strings.Cut(line, "\t")
		if reason = strings.TrimSpace(reason); !found || reason == "" {
			return nil, fmt.Errorf("no reason why %q is not run", command)
		}
		exceptions[command] = &exception{reason: reason}
	}
	return exceptions, nil
}

// without is commands but for the exceptions.
func without(commands string, exceptions map[string]*exception) (rest string) {
	for _, c := range strings.SplitAfter(commands, "\n") {
		if e := exceptionFor(c, exceptions); e != nil {
			fmt.Printf("-- not run: %s: %s\n", strings.TrimSpace(c), e.reason)
			e.used = true
			continue
		}
		rest += c
	}
	return rest
}

func exceptionFor(line string, exceptions map[string]*exception) *exception {
	for beginning, e := range exceptions {
		if strings.HasPrefix(line, beginning) {
			return e
		}
	}
	return nil
}

// unused finds exceptions that no document needs any more.
func unused(exceptions map[string]*exception) (err error) {
	for command, e := range exceptions {
		if !e.used {
			err = errors.Join(err, fmt.Errorf("no document has %q, which is said not to be run", command))
		}
	}
	return err
}
