package snippets

import (
	"fmt"
	"io"
	"strings"
)

// exception is a command of one line that is not run.
type exception struct {
	prefix, reason string
	used           bool
}

type exceptions []*exception

// parseExceptions reads lines of a command's first characters, a tab, and the reason.
func parseExceptions(list string) (all exceptions, err error) {
	for line := range strings.Lines(list) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		prefix, reason, _ := strings.Cut(line, "\t")
		if reason = strings.TrimSpace(reason); reason == "" {
			return nil, fmt.Errorf("no reason why %q is not run", prefix)
		}
		all = append(all, &exception{prefix: prefix, reason: reason})
	}
	return all, nil
}

// remove returns script without the exceptions. It writes a comment for each to log.
func (all exceptions) remove(script string, log io.Writer) (rest string) {
	for line := range strings.Lines(script) {
		if e := all.find(line); e != nil {
			fmt.Fprintf(log, "# not run: %s: %s\n", strings.TrimSpace(line), e.reason)
			e.used = true
			continue
		}
		rest += line
	}
	return rest
}

func (all exceptions) find(line string) *exception {
	for _, e := range all {
		if strings.HasPrefix(line, e.prefix) {
			return e
		}
	}
	return nil
}

// unused returns the exceptions that match no command of a document.
func (all exceptions) unused() (prefixes []string) {
	for _, e := range all {
		if !e.used {
			prefixes = append(prefixes, e.prefix)
		}
	}
	return prefixes
}
