// Package jsonobject splits a JSON object into its members without copying or decoding
// them. The gateway's replies and the bodies of requests are read with it, since some of
// their members are passed on as they were sent. encoding/json would decode every member,
// and hide one that occurs twice.
package jsonobject

import (
	"encoding/json"
	"iter"
	"unicode/utf8"
)

// jsonText is JSON in one of the two forms in which it is kept.
type jsonText interface{ ~[]byte | ~string }

// Valid reports whether text is exactly one JSON object in UTF-8.
func Valid(text []byte) bool {
	return utf8.Valid(text) && json.Valid(text) && skipSpace(text)[0] == '{'
}

// Members returns the members of object in their order. A name has its quotes, and may
// occur twice. Names and values share the memory of object. The object must be Valid:
// Members does not check it again, and may panic otherwise.
func Members[T jsonText](object T) iter.Seq2[T, T] {
	return func(yield func(name, value T) bool) {
		var name, value T
		rest := skipSpace(skipSpace(object)[1:])
		for rest[0] != '}' {
			name, rest = cutValue(rest)
			value, rest = cutValue(skipSpace(rest[1:])) // behind the colon
			if !yield(name, value) {
				return
			}
			if rest[0] == ',' {
				rest = skipSpace(rest[1:])
			}
		}
	}
}

// Plain returns the text of a JSON string that needs no decoding. It returns false for a
// string with escapes, and for any other value.
func Plain[T jsonText](value T) (text T, plain bool) {
	if value[0] != '"' {
		return text, false
	}
	for i := range len(value) {
		if value[i] == '\\' {
			return text, false
		}
	}
	return value[1 : len(value)-1], true
}

// cutValue splits rest behind its first value and the space that follows.
func cutValue[T jsonText](rest T) (value, after T) {
	end := valueLen(rest)
	return rest[:end], skipSpace(rest[end:])
}

// valueLen returns the length of the value at the start of rest. A number or a literal has
// no closing character: it ends at the first character that may follow a value in an object.
func valueLen[T jsonText](rest T) int {
	switch rest[0] {
	case '"':
		return stringLen(rest)
	case '{', '[':
		return nestedLen(rest)
	}
	for i := 0; ; i++ {
		switch rest[i] {
		case ',', '}', ' ', '\t', '\r', '\n':
			return i
		}
	}
}

// nestedLen returns the length of an object or an array. In valid JSON, both kinds of
// brackets are balanced, so that one depth counts them.
func nestedLen[T jsonText](rest T) int {
	depth := 0
	for i := 0; ; i++ {
		switch rest[i] {
		case '"':
			i += stringLen(rest[i:]) - 1
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
}

// stringLen returns the length of a string with its quotes.
func stringLen[T jsonText](rest T) int {
	for i := 1; ; i++ {
		switch rest[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
}

func skipSpace[T jsonText](rest T) T {
	for len(rest) > 0 && (rest[0] == ' ' || rest[0] == '\t' || rest[0] == '\r' || rest[0] == '\n') {
		rest = rest[1:]
	}
	return rest
}
