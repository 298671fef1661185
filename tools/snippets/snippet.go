package main

import (
	"regexp"
	"strings"
)

// snippet is a block of shell in a document.
type snippet struct {
	line     int
	commands string
	keeps    bool   // running
	prints   string // as the document has it
}

// block is a block of code, fenced or indented.
type block struct {
	line int
	info string // behind the fence
	text string
}

// command is how a block without a language begins that is for a shell.
var command = regexp.MustCompile(`^(\$ )?(\w+=\S+ )*(\./\S+|bash|buf|curl|docker|git|go|grpcurl|helm|kubectl|make|node|npm|npx|nginx|openssl|pip|promtool|protoc|python3?|ruby|server|sh|systemctl) `)

// snippets finds what is for a shell, with what it prints.
func snippets(document string) (found []snippet) {
	for _, b := range blocks(document) {
		language, mode, _ := strings.Cut(b.info, " ")
		switch {
		case language == "sh", language == "" && command.MatchString(b.text):
			found = append(found, snippet{line: b.line, commands: b.text, keeps: mode == "keeps"})
		case language == "text" && len(found) > 0:
			found[len(found)-1].prints = b.text
		}
	}
	return found
}

const indent = "    "

// blocks are those of a document, in its order.
func blocks(document string) (found []block) {
	var open *block // the block that the line is in
	fenced := false
	for i, line := range strings.Split(document, "\n") {
		info, fence := strings.CutPrefix(strings.TrimSpace(line), "```")
		code, indented := strings.CutPrefix(line, indent)
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

// pattern matches what is printed where a document has text, at its beginning and, if
// whole, to its end.
func pattern(text string, whole bool) *regexp.Regexp {
	var b strings.Builder
	b.WriteString(`\A`)
	for line := range strings.Lines(strings.TrimSpace(text) + "\n") {
		if line == "…\n" {
			b.WriteString(`(?:[^\n]*\n)*?`)
			continue
		}
		b.WriteString(strings.ReplaceAll(regexp.QuoteMeta(line), "…", `[^\n]*`))
	}
	if whole {
		b.WriteString(`\z`)
	}
	return regexp.MustCompile(b.String())
}
