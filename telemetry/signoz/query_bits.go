package signoz

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/featuresignals/tocsin/rules"
)

// bits gives the expression for a span's bits; the WITH that names what it
// looks at; and the HAVING that leaves out spans that pass no filter. Filtering
// after grouping is cheaper than before it, where the route would be looked at
// for spans that the time rules out.
func (f fused) bits(b *binder) (expr, with, having string) {
	w := words{b: b, layout: f.layout, both: f.both, attributes: f.plan.looks()}
	terms := make([]string, f.plan.bits())
	every := false // span passes some filter
	for i, g := range f.plan.groups {
		terms[i] = strconv.FormatUint(1<<i, 10)
		if c := w.passes(g.filter, f.plan.kinds()); c != "" {
			terms[i] += " * (" + c + ")"
		} else {
			every = true
		}
	}
	if f.plan.http5xx {
		i := len(f.plan.groups)
		terms[i] = fmt.Sprintf("%d * (%s BETWEEN 500 AND 599 AND NOT (%s))", uint64(1)<<i, w.code(), f.layout.failed)
	}
	for i, set := range f.plan.codes {
		bit := uint64(1) << (f.plan.firstCodes() + i)
		terms[f.plan.firstCodes()+i] = fmt.Sprintf("%d * (%s)", bit, w.among(set))
	}
	switch {
	case every:
	case len(terms) == len(f.plan.groups):
		having = "\nHAVING streams != 0"
	default:
		having = fmt.Sprintf("\nHAVING bitAnd(streams, %d) != 0", f.plan.mask())
	}
	return "toUInt64(" + strings.Join(terms, " + ") + ")", w.with(), having
}

// words are the names that a query gives to what it looks at more than once.
type words struct {
	b          *binder
	layout     layout
	both       bool
	attributes []look

	named []string // expression AS name
}

func (w *words) with() string {
	if len(w.named) == 0 {
		return ""
	}
	return "WITH " + strings.Join(w.named, ",\n    ") + "\n"
}

// of gives the name of an expression.
func (w *words) of(name, expr string) string {
	if as := expr + " AS " + name; !slices.Contains(w.named, as) {
		w.named = append(w.named, as)
	}
	return name
}

// passes gives the condition that a span of one of the kinds passes a filter,
// "" if all do.
func (w *words) passes(f filter, kinds []string) string {
	var parts []string
	if !slices.Equal(f.kinds, kinds) {
		parts = append(parts, w.layout.ofKinds(f.kinds))
	}
	if c := w.b.matches("route", f.routes); c != "" {
		w.of("route", w.layout.routeOrName())
		parts = append(parts, c)
	}
	if c := w.b.matches(w.layout.name, f.operations); c != "" {
		parts = append(parts, c)
	}
	for _, a := range f.attributes {
		i := slices.IndexFunc(w.attributes, func(l look) bool { return l.key == a.Key })
		name := "attribute" + strconv.Itoa(i)
		if c := w.b.matches(name, a.Patterns); c != "" {
			w.of(name, w.layout.attribute(w.b, w.attributes[i], w.both))
			parts = append(parts, c)
		}
	}
	if len(parts) == 1 {
		return parts[0]
	}
	for i := range parts {
		parts[i] = "(" + parts[i] + ")"
	}
	return strings.Join(parts, " AND ")
}

// code names the response's code, 0 for a span without one.
func (w *words) code() string { return w.of("code", w.layout.code(w.b)) }

// among gives the condition that the response's code is one of a set.
func (w *words) among(set []rules.Codes) string {
	ranges := make([]string, len(set))
	for i, c := range set {
		ranges[i] = w.code() + " BETWEEN " + w.b.number(c.From) + " AND " + w.b.number(c.To)
	}
	return strings.Join(ranges, " OR ")
}

// look is an attribute that filters look at, and where a value could be that
// they care about.
type look struct {
	key            string
	numbers, bools bool
}

// looks gives the attributes that the plan's filters look at.
func (p *plan) looks() []look {
	var all []look
	for _, g := range p.groups {
		for _, a := range g.filter.attributes {
			i := slices.IndexFunc(all, func(l look) bool { return l.key == a.Key })
			if i < 0 {
				i = len(all)
				all = append(all, look{key: a.Key})
			}
			all[i].numbers = all[i].numbers || mayTellNumbers(a.Patterns)
			all[i].bools = all[i].bools || a.Match("true") != a.Match("") || a.Match("false") != a.Match("")
		}
	}
	return all
}

// mayTellNumbers reports whether a number could be chosen otherwise than a span
// without the attribute. SigNoz keeps texts, numbers and truths in Maps of their
// own, and reading one costs a tick up to half as much again: for `method: [GET]`
// it reads texts alone.
func mayTellNumbers(p rules.Patterns) bool {
	if p.Match("") != (len(p.Any) == 0) {
		return true // tells apart whether it is there
	}
	return slices.ContainsFunc(slices.Concat(p.Any, p.Not), func(glob string) bool {
		return strings.Trim(glob, "0123456789+-.einfa*?") == ""
	})
}
