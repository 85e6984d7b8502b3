package signoz

import (
	"regexp"
	"strconv"
	"strings"

	"github.com/featuresignals/tocsin/rules"
)

// binder collects the values of a query as server-side parameters, so that
// nothing a person wrote ever becomes SQL.
type binder struct {
	params map[string]string
	names  map[string]string // type and value → parameter, so that each is sent once
}

func newBinder() *binder { return &binder{params: map[string]string{}, names: map[string]string{}} }

// text gives the place of a string in the SQL.
func (b *binder) text(s string) string { return b.place("String", textEscaper.Replace(s)) }

// number gives the place of a number in the SQL.
func (b *binder) number(n uint16) string { return b.place("UInt16", strconv.FormatUint(uint64(n), 10)) }

// list gives the place of an array of strings in the SQL.
func (b *binder) list(all []string) string {
	quoted := make([]string, len(all))
	for i, s := range all {
		quoted[i] = "'" + quoteEscaper.Replace(s) + "'"
	}
	return b.place("Array(String)", "["+strings.Join(quoted, ",")+"]")
}

func (b *binder) place(typ, value string) string {
	key := typ + value
	name, ok := b.names[key]
	if !ok {
		name = "p" + strconv.Itoa(len(b.names))
		b.names[key] = name
		b.params[name] = value
	}
	return "{" + name + ":" + typ + "}"
}

// ClickHouse reads a parameter as it reads a field of a tab-separated file, and
// a string inside an array as a quoted literal.
var (
	textEscaper  = strings.NewReplacer("\\", `\\`, "\t", `\t`, "\n", `\n`, "\r", `\r`, "\x00", `\0`)
	quoteEscaper = strings.NewReplacer("\\", `\\`, "'", `\'`, "\t", `\t`, "\n", `\n`, "\r", `\r`, "\x00", `\0`)
)

// matches gives the condition that a column matches patterns as
// rules.Patterns.Match says, and "" where everything matches.
func (b *binder) matches(column string, p rules.Patterns) string {
	yes, no := b.oneOf(column, p.Any), b.oneOf(column, p.Not)
	switch {
	case yes == "" && no == "":
		return ""
	case no == "":
		return yes
	case yes == "":
		return "NOT (" + no + ")"
	default:
		return "(" + yes + ") AND NOT (" + no + ")"
	}
}

// anyOf gives the condition that one of several patterns matches, and "" where
// everything matches or there are none.
func (b *binder) anyOf(column string, all []rules.Patterns) string {
	var arms []string
	for _, p := range all {
		c := b.matches(column, p)
		if c == "" {
			return ""
		}
		arms = append(arms, "("+c+")")
	}
	if len(arms) == 0 {
		return ""
	}
	return "(" + strings.Join(arms, " OR ") + ")"
}

// oneOf gives the condition that one of the globs matches, "" if there are
// none: one IN for those that are plain words, one regular expression for all
// the rest. A LIKE for each costs twice as much.
func (b *binder) oneOf(column string, globs []string) string {
	var words, wild, arms []string
	for _, g := range globs {
		if strings.ContainsAny(g, "*?") {
			wild = append(wild, expression(g))
		} else {
			words = append(words, g)
		}
	}
	if len(words) > 0 {
		arms = append(arms, column+" IN "+b.list(words))
	}
	if len(wild) > 0 {
		arms = append(arms, "match("+column+", "+b.text("(?s)"+strings.Join(wild, "|"))+")")
	}
	return strings.Join(arms, " OR ")
}

// expression turns a glob into a regular expression of RE2. What a star at an
// end stands for is left out instead of written, since looking for `health$` is
// cheaper than for `^.*health$`.
func expression(glob string) string {
	rest, open := strings.CutPrefix(glob, "*")
	rest, more := strings.CutSuffix(rest, "*")
	e := wildcards.Replace(regexp.QuoteMeta(rest))
	if !open {
		e = "^" + e
	}
	if !more {
		e += "$"
	}
	return e
}

var wildcards = strings.NewReplacer(`\*`, ".*", `\?`, ".")
