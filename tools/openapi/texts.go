package main

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/tidwall/gjson"
)

// setGroups puts the REST operations first, in the groups of their services, and the operations of
// the gateway dialect into a group of their own, which is the last one.
func (d *document) setGroups() {
	group := gjson.ParseBytes(responsesFile).Get("dialectGroup")
	var rest, dialect []string
	gjson.GetBytes(d.text, "paths").ForEach(func(path, methods gjson.Result) bool {
		if strings.HasPrefix(path.String(), "/v1/") {
			rest = append(rest, path.Raw+":"+methods.Raw)
		} else {
			dialect = append(dialect, path.Raw+":"+methods.Raw)
		}
		return true
	})
	d.set("{"+strings.Join(append(rest, dialect...), ",")+"}", "paths")
	d.eachOperation(func(path, method string, _ gjson.Result) {
		if !strings.HasPrefix(path, "/v1/") {
			d.set("["+group.Get("name").Raw+"]", "paths", path, method, "tags")
		}
	})
	d.set(group.Raw, "tags", "-1")
}

// foldGroups leaves the first paragraph of a group's description with the group, which a page shows in
// its heading. The rest goes to the end of the document's description, folded.
func (d *document) foldGroups() {
	text := gjson.GetBytes(d.text, "info.description").String()
	for i, group := range gjson.GetBytes(d.text, "tags").Array() {
		first, rest, long := strings.Cut(group.Get("description").String(), "\n\n")
		if long {
			d.set(quote(first), "tags", fmt.Sprint(i), "description")
			text += "\n\n<details><summary>More about " + group.Get("name").String() + "</summary>\n\n" + rest + "\n\n</details>"
		}
	}
	d.set(quote(text), "info", "description")
}

// unwrapTexts joins the lines of every paragraph and list item of a description: a reader of the
// document breaks its lines by the width of the window.
func (d *document) unwrapTexts() {
	text := regexp.MustCompile(`"(description|summary|title)": *("(?:[^"\\]|\\.)*")`)
	d.text = text.ReplaceAllFunc(d.text, func(member []byte) []byte {
		parts := text.FindSubmatch(member)
		return []byte(quote(string(parts[1])) + ":" + quote(unwrap(gjson.ParseBytes(parts[2]).String())))
	})
}

// listItem matches the beginning of a list item, which begins a line of its own.
var listItem = regexp.MustCompile(`^ *[-*] `)

// unwrap joins the lines of paragraphs and list items of Markdown.
func unwrap(text string) string {
	var lines []string
	for line := range strings.SplitSeq(text, "\n") {
		last := len(lines) - 1
		if last < 0 || lines[last] == "" || strings.TrimSpace(line) == "" || listItem.MatchString(line) {
			lines = append(lines, strings.TrimRight(line, " "))
		} else {
			lines[last] += " " + strings.TrimSpace(line)
		}
	}
	return strings.Join(lines, "\n")
}
