// Package snippets runs the commands that documents give their readers, to the letter, and compares
// the output with the documents. Its test takes a list of commands that it does not run, and the
// documents. It runs in the current directory, which is the root of a fresh clone:
//
//	go test -C tools -c -o "$dir/snippets" ./snippets
//	"$dir/snippets" -test.v .ci/snippets-not-run README.md docs/*.md
//
// A document follows these conventions:
//
//   - A block ```sh is a script for bash. It must succeed. A block without a language, fenced or
//     indented, is a script, too, if its first word is a known command.
//   - A block ```text is the expected standard output of the script before it. "…" stands for any
//     text in a line, or for any number of lines if the line has nothing else. A script without such
//     a block must print nothing.
//   - A block ```sh keeps is a script that goes on running, in a terminal of its own. The next block
//     runs once the output, on either stream, begins with the expected text, which is required. The
//     lines "export NAME=VALUE" in that output apply to all later scripts of the document. The script
//     gets an interrupt, as by Ctrl-C, at the end of the document, or when another script that goes on
//     running begins with "go run ./server", because both need the same ports.
//
// The list has lines of a command's first characters, a tab, and the reason. Such a command is left
// out of its script. A line of the list that matches no command is an error.
//
// The package only extracts the scripts. testscript runs them, one testscript for each document. It
// has no command that waits for the output of a background process, and none that interrupts a
// process group such as "go run" and its child. The test adds both: await and interrupt.
package snippets

import (
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
)

// snippet is a script in a document.
type snippet struct {
	line   int
	script string
	keeps  bool   // running
	output string // expected
}

// block is a block of code, fenced or indented.
type block struct {
	line int
	info string // after the fence
	text string
}

// command matches the beginning of a script in a block without a language.
var command = regexp.MustCompile(`^(\$ )?(\w+=\S+ )*(\./\S+|bash|buf|curl|docker|git|go|grpcurl|helm|kubectl|make|node|npm|npx|nginx|openssl|pip|promtool|protoc|python3?|ruby|agentconf|sh|systemctl) `)

// snippets returns the scripts of a document.
func snippets(document string) (found []snippet) {
	for _, b := range blocks(document) {
		language, mode, _ := strings.Cut(b.info, " ")
		switch {
		case language == "sh", language == "" && command.MatchString(b.text):
			found = append(found, snippet{line: b.line, script: b.text, keeps: mode == "keeps"})
		case language == "text" && len(found) > 0:
			found[len(found)-1].output = b.text
		}
	}
	return found
}

// blocks returns the blocks of a document in its order.
func blocks(document string) (found []block) {
	var open *block // the block of the line before
	fenced := false
	for i, line := range strings.Split(document, "\n") {
		info, fence := strings.CutPrefix(strings.TrimSpace(line), "```")
		code, indented := strings.CutPrefix(line, "    ")
		switch {
		case fence && fenced:
			open, fenced = nil, false
		case fence:
			found = append(found, block{line: i + 1, info: info})
			open, fenced = &found[len(found)-1], true
		case fenced:
			open.text += line + "\n"
		case indented && open == nil:
			found = append(found, block{line: i + 1, text: code + "\n"})
			open = &found[len(found)-1]
		case indented:
			open.text += code + "\n"
		default:
			open = nil
		}
	}
	return found
}

// pattern returns a regular expression for text, in one line and quoted for testscript. It begins at
// the beginning of the output and ends with end.
func pattern(text, end string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	for i, line := range lines {
		switch {
		case line != "…":
			lines[i] = strings.ReplaceAll(regexp.QuoteMeta(line), "…", `[^\n]*`) + `\n`
		case i < len(lines)-1:
			lines[i] = `(?:[^\n]*\n)*?`
		default:
			lines[i] = `(?s:.*)\n`
		}
	}
	expr := `\A\s*` + strings.TrimSuffix(strings.Join(lines, ""), `\n`) + end
	return "'" + strings.ReplaceAll(expr, "'", "''") + "'"
}

// newScript returns a document as a testscript: the scripts as files, and commands that run them.
func newScript(name, document string, skip exceptions) string {
	var commands, files strings.Builder
	for _, s := range snippets(document) {
		fmt.Fprintf(&commands, "# %s:%d\n", name, s.line)
		script := skip.remove(s.script, &commands)
		if script == "" {
			continue
		}
		fmt.Fprintf(&files, "-- %04d.sh --\n%s", s.line, script)
		file := fmt.Sprintf("$WORK/%04d.sh", s.line)
		if !s.keeps {
			fmt.Fprintf(&commands, "exec bash -eu %s\nstdout %s\n", file, pattern(s.output, `\s*\z`))
			continue
		}
		if strings.HasPrefix(script, "go run ./server ") {
			commands.WriteString("interrupt\nwait\n")
		}
		fmt.Fprintf(&commands, "exec setsid bash -c '%s' %s &\nawait %s %s\n", keep, file, file, pattern(s.output, `\n`))
	}
	return commands.String() + "interrupt\nwait\n-- exports --\n" + exports + files.String()
}

// exports runs the exports in the output of all scripts that go on running, in their order.
const exports = `eval "$(grep -hs '^ *export ' "$WORK"/*.out || :)"` + "\n"

// keep runs the script $0 with its output in files. It succeeds after an interrupt, so that "wait"
// accepts it.
const keep = `trap : INT; bash -eu $0 >$0.out 2>$0.err || :`

// exception is a command of one line that is not run. prefix is its first characters.
type exception struct {
	prefix, reason string
	used           bool
}

type exceptions []*exception

// parseExceptions reads lines of a prefix, a tab, and the reason.
func parseExceptions(list string) (all exceptions, err error) {
	for line := range strings.Lines(list) {
		if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
			continue
		}
		prefix, reason, _ := strings.Cut(line, "\t")
		if reason == "" {
			return nil, fmt.Errorf("no reason why %q is not run", prefix)
		}
		all = append(all, &exception{prefix: prefix, reason: reason})
	}
	return all, nil
}

// remove returns script without the exceptions. It writes a comment for each to log.
func (all exceptions) remove(script string, log io.Writer) (rest string) {
	for line := range strings.Lines(script) {
		i := slices.IndexFunc(all, func(e *exception) bool { return strings.HasPrefix(line, e.prefix) })
		if i < 0 {
			rest += line
			continue
		}
		all[i].used = true
		fmt.Fprintf(log, "# not run: %s: %s\n", strings.TrimSpace(line), all[i].reason)
	}
	return rest
}
