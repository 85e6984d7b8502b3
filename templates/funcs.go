package templates

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/Masterminds/sprig/v3"
)

// fromSprig is all that templates get of sprig. What reads the clock, the
// environment or the network, what draws random numbers, what prints whole
// values, and what can make much out of little (repeat, replace, indent, seq,
// regular expressions) is not on the list, and neither is what cuts strings in
// the middle of a character or depends on the order of a map.
var fromSprig = []string{
	"add", "add1", "all", "any", "append", "cat", "ceil", "coalesce", "compact", "concat", "contains", "default",
	"dict", "div", "empty", "first", "float64", "floor", "get", "has", "hasKey", "hasPrefix", "hasSuffix", "initial",
	"int", "int64", "join", "last", "list", "lower", "max", "min", "mod", "mul", "nospace", "plural", "prepend",
	"quote", "rest", "reverse", "round", "sortAlpha", "splitList", "squote", "sub", "ternary", "toString", "trim",
	"trimAll", "trimPrefix", "trimSuffix", "uniq", "untitle", "upper", "without",
}

// ours are the functions that the words of an incident need.
var ours = map[string]any{
	"iso":      iso,
	"percent":  percent,
	"count":    count,
	"names":    names,
	"sentence": sentence,
	"brief":    brief,
	"oneline":  oneline,

	// The standard ones, within bounds.
	"print":   fmt.Sprint,
	"printf":  fmt.Sprintf,
	"println": fmt.Sprintln,
}

// functions gives every function that a template may call. z tells times of day.
func functions(z times) map[string]any {
	all := sprig.GenericFuncMap()
	m := make(map[string]any, len(fromSprig)+len(ours))
	for _, name := range fromSprig {
		m[name] = all[name]
	}
	maps.Copy(m, ours)
	m["clock"], m["moment"] = z.clock, z.moment
	said := z.text()
	m["day"], m["month"], m["duration"], m["every"], m["enumerate"] = said.day, said.month, said.duration, said.every, said.enumerate
	for name, f := range m {
		m[name] = bounded(name, f)
	}
	return m
}

// maxString and maxList bound what one call may give, so that no chain of
// calls grows without end before the output's own limit is met.
const (
	maxString = 16 << 10
	maxList   = 1000
)

// bounded makes a function of the same type whose results are not too large.
func bounded(name string, f any) any {
	v := reflect.ValueOf(f)
	t := v.Type()
	return reflect.MakeFunc(t, func(args []reflect.Value) []reflect.Value {
		var out []reflect.Value
		if t.IsVariadic() {
			out = v.CallSlice(args)
		} else {
			out = v.Call(args)
		}
		r := out[0]
		if r.Kind() == reflect.Interface {
			r = r.Elem()
		}
		switch {
		case r.Kind() == reflect.String && r.Len() > maxString:
			panic(fmt.Errorf("%s gives more than %d bytes", name, maxString))
		case r.Kind() == reflect.Slice && r.Len() > maxList:
			panic(fmt.Errorf("%s gives more than %d values", name, maxList))
		}
		return out
	}).Interface()
}

// iso gives a time as ISO 8601 in UTC, to the second; "" for the zero time.
func iso(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02T15:04:05Z")
}

func sameDay(a, b time.Time) bool {
	return midnight(a).Equal(midnight(b))
}

func midnight(t time.Time) time.Time {
	y, m, d := t.UTC().Date()
	return time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
}

// percent gives a ratio in words: "0.5 %", "15 %". It says "100 %" of all and
// nothing less, and "0 %" of nothing and nothing more.
func percent(ratio float64) string {
	p := ratio * 100
	switch {
	case math.IsNaN(p) || p <= 0:
		return "0 %"
	case p < 0.1:
		return "less than 0.1 %"
	case p < 9.95:
		return strings.TrimSuffix(strconv.FormatFloat(p, 'f', 1, 64), ".0") + " %"
	case p >= 100:
		return "100 %"
	default:
		return strconv.Itoa(min(99, int(math.Round(p)))) + " %"
	}
}

// count gives a number with its noun: "1 incident", "3 incidents".
func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + many
}

// names gives the names of regions, or their codes where they have none.
func names(regions []Region) []string {
	list := make([]string, 0, len(regions))
	for _, r := range regions {
		list = append(list, cmp.Or(oneline(r.Name), oneline(r.Code)))
	}
	return list
}

// sentence makes words the beginning of a sentence.
func sentence(s string) string {
	r, n := utf8.DecodeRuneInString(s)
	if n == 0 || r == utf8.RuneError {
		return s
	}
	return string(unicode.ToUpper(r)) + s[n:]
}

// brief shortens words to at most n characters, and shows that it did.
func brief(n int, s string) string {
	if utf8.RuneCountInString(s) <= n {
		return s
	}
	r := []rune(s)
	return strings.TrimRightFunc(string(r[:max(0, n-1)]), unicode.IsSpace) + "…"
}

// paragraphs gives each line of a text as whole sentences: without the spaces
// around it, and with a full stop where it ends in a word. Empty lines only part
// what stands apart anyway.
func paragraphs(s string) []string {
	var list []string
	for line := range strings.SplitSeq(strings.ReplaceAll(s, "\r", "\n"), "\n") {
		if line = oneline(line); line == "" {
			continue
		}
		if r, _ := utf8.DecodeLastRuneInString(line); unicode.IsLetter(r) || unicode.IsDigit(r) || r == ')' || r == '%' {
			line += "."
		}
		list = append(list, line)
	}
	return list
}

// Plain gives a person's words as they are published: a paragraph a line,
// without the invisible characters that come along when text is pasted.
func Plain(text string) string { return strings.Join(paragraphs(text), "\n") }

// Paragraphs gives what Plain does of as much as is published: whatever a store
// holds, no reader gets a megabyte.
func Paragraphs(text string) string {
	if len(text) > 8*longest {
		text = strings.ToValidUTF8(text[:8*longest], "") + "…"
	}
	return brief(longest, Plain(text))
}

// oneline turns line breaks and other control characters into spaces, so that
// words cannot add a line to a mail's head or to a form. What nobody can see is
// left out: with it one word can look like another, or a sentence run backwards.
func oneline(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsControl(r) || r == '\u2028' || r == '\u2029':
			return ' '
		case invisible(r):
			return -1
		default:
			return r
		}
	}, s)
	return strings.Join(strings.Fields(s), " ")
}

// invisible reports whether r is a character that takes no room and changes how
// the text around it looks: those without width, and those that turn its
// direction. Some signs of the Arabic script are in the same category and can be
// seen.
func invisible(r rune) bool {
	return r >= '\u00ad' && unicode.Is(unicode.Cf, r) && !unicode.Is(unicode.Prepended_Concatenation_Mark, r)
}

// Line gives words as they stand within a line that others read: on one line,
// without what nobody can see, and of at most n characters.
func Line(n int, s string) string {
	// Most of a text that is far too long is never looked at.
	if most := 8 * max(n, 1); len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "…"
	}
	return brief(n, oneline(s))
}
