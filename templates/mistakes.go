package templates

import (
	"errors"
	"regexp"
	"strconv"
	"strings"
)

// Error is one mistake in a template.
type Error struct {
	File      string
	Line, Col int    // from 1; 0 where it is not known
	Msg       string // what is wrong, and what to write instead
}

func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.File)
	for _, n := range []int{e.Line, e.Col} {
		if n > 0 {
			b.WriteString(":" + strconv.Itoa(n))
		}
	}
	return b.String() + ": " + e.Msg
}

// Mistakes is all that is wrong with templates: at most one of each file that
// can be read, since the rest follows from it.
type Mistakes []*Error

func (m Mistakes) Error() string {
	lines := make([]string, 0, len(m))
	for _, e := range m {
		lines = append(lines, e.Error())
	}
	return strings.Join(lines, "\n")
}

// with adds what is wrong with a file, unless something is known of it already.
func (m Mistakes) with(file string, err error) Mistakes {
	e := mistake(file, err)
	for _, known := range m {
		if known.File == e.File {
			return m
		}
	}
	return append(m, e)
}

// placed is how Go's templates say where a mistake is.
var placed = regexp.MustCompile(`(?s)^(?:html/)?template: ?([^:\s]+\.[a-z]+):(\d+)(?::(\d+))?: (?:executing "[^"]*" (at .*)|(.*))$`)

// mistake finds out where an error is.
func mistake(file string, err error) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	m := placed.FindStringSubmatch(err.Error())
	if m == nil {
		return &Error{File: file, Msg: strings.TrimPrefix(err.Error(), file+": ")}
	}
	line, _ := strconv.Atoi(m[2])
	col, _ := strconv.Atoi(m[3])
	return &Error{File: m[1], Line: line, Col: col, Msg: m[4] + m[5]}
}
