package rules

import (
	"maps"
	"slices"
	"strings"
)

var (
	whereShape = shape{
		example: "{services: [api], routes: {not: [/health]}}",
		keys:    []string{"services", "regions", "probes", "routes", "operations", "kinds", "attributes"},
		hints: map[string]string{
			"names":       "are operations here: operations: [pool.acquire]",
			"methods":     "are an attribute: attributes: {http.method: [POST]}",
			"environment": "is a region here: regions: {not: [dev]}",
		},
	}
	patternShape = shape{example: "{any: [api], not: [api-dev]}", keys: []string{"any", "not"}}

	kindNames  = []string{"client", "consumer", "internal", "producer", "server"}
	entryKinds = []string{"consumer", "server"}
)

// ofSpans are the keys of where that choose among spans: they mean nothing for
// probes.
var ofSpans = []string{"services", "routes", "operations", "kinds", "attributes"}

// readWhere reads which minutes a rule looks at.
func (r *ruleReader) readWhere(v value) {
	d, base := r.d, r.d.own.where
	o, ok := v.object(whereShape)
	probes := o.get("probes")
	r.rule.Where.FromProbes = probes.given() || r.kind() == KindGauge
	if r.rule.Where.FromProbes {
		for _, key := range ofSpans {
			if o.get(key).given() {
				o.get(key).mistake("probes have none: choose them by probes and regions, or write a rule of its own for spans")
				delete(o.fields, key)
			}
		}
		base = Where{Regions: base.Regions}
	}
	if r.kind() == KindSilence {
		// A service that only answers health checks is not silent.
		base = Where{Services: base.Services, Regions: base.Regions}
	}
	fromProbes := r.rule.Where.FromProbes
	r.rule.Where = base
	if ok {
		r.rule.Where = d.readWhere(o, base)
	}
	r.rule.Where.FromProbes = fromProbes
	switch {
	case !fromProbes:
	case !probes.given() && ok:
		o.mistake("a gauge is what a probe measures: add probes: [api-health]")
	case !probes.given():
		r.o.mistake("a gauge is what a probe measures: add where: {probes: [api-health]}")
	case !slices.Contains(probeSignals, r.kind()) && r.kind() != KindUnknown:
		probes.mistake("a probe has no %s: want one of error_rate p99 burn_rate gauge, or a rule for spans", r.rule.Signal)
	}
}

// probeSignals are the kinds of signals that checks have.
var probeSignals = []Kind{KindErrorRate, KindQuantile, KindBurnRate, KindGauge}

// readWhere lays what is written over base, key by key. What chooses among the
// spans of a series by where they come from (routes, operations, kinds) is
// taken together: a rule that names an operation does not mean the usual routes
// of it.
func (d *draft) readWhere(o object, base Where) Where {
	if v := o.get("services"); v.given() {
		base.Services = readPatterns(v, nil)
	}
	if v := o.get("regions"); v.given() {
		base.Regions = readPatterns(v, func(place value, name string, leftOut bool) {
			if literal(name) && name != "" {
				place.later(func() string { return d.knownRegion(name, leftOut) })
			}
		})
	}
	if v := o.get("probes"); v.given() {
		base.Probes = readPatterns(v, func(place value, name string, leftOut bool) {
			place.later(func() string { return d.knownProbe(name, leftOut) })
		})
	}
	routes, operations, kinds := o.get("routes"), o.get("operations"), o.get("kinds")
	if routes.given() || operations.given() || kinds.given() {
		base.Routes, base.Operations, base.Kinds = readPatterns(routes, nil), readPatterns(operations, nil), readKinds(kinds)
	}
	if v := o.get("attributes"); v.given() {
		base.Attributes = readAttributes(v)
	}
	return base
}

func literal(glob string) bool { return !wild(glob) }

func wild(glob string) bool { return strings.ContainsAny(glob, "*?") }

// knownProbe says what is wrong with a probe that a rule names.
func (d *draft) knownProbe(glob string, leftOut bool) string {
	_, known := d.probes[glob]
	switch {
	case known || leftOut || d.unread || d.pack:
		return ""
	case len(d.probes) == 0:
		return "no probe is declared: add probes: [{id: " + orExample(glob, "api-health") + ", …}]"
	case literal(glob):
		return "unknown probe " + unknown(glob, slices.Sorted(maps.Keys(d.probes)))
	}
	for id := range d.probes {
		if Glob(glob, id) {
			return ""
		}
	}
	return "no probe matches " + shorten(glob) + ": want one of " + strings.Join(slices.Sorted(maps.Keys(d.probes)), " ")
}

// orExample gives an id as found where it could be one, to be shown in what to
// write.
func orExample(id, example string) string {
	if idPattern.MatchString(id) {
		return id
	}
	return example
}

// readKinds gives the kinds of spans sorted. Those that are read anyway are not
// named: equal choices have equal streams.
func readKinds(v value) []string {
	names, places, ok := v.texts("[client]")
	if ok && v.given() && len(names) == 0 {
		v.mistake("the list is empty: want some of %s", strings.Join(kindNames, " "))
	}
	var kinds []string
	for i, name := range names {
		if !slices.Contains(kindNames, name) {
			places[i].mistake("unknown kind of span %s", unknown(name, kindNames))
			continue
		}
		kinds = append(kinds, name)
	}
	slices.Sort(kinds)
	if kinds = slices.Compact(kinds); slices.Equal(kinds, entryKinds) {
		return nil
	}
	return kinds
}

func readAttributes(v value) []Attribute {
	const example = "{http.method: [POST]}"
	entries, ok := v.entries(example)
	if ok && len(entries) == 0 {
		v.mistake("want at least one attribute, as in %s", example)
	}
	var all []Attribute
	for _, e := range entries {
		if !attributeName.MatchString(e.name) {
			e.mistake("want the name of an attribute, as in http.method; found %q", shorten(e.name))
			continue
		}
		before := len(v.src.draft.mistakes)
		a := Attribute{e.name, readGlobs(e.val, scalars, nil)}
		if a.Patterns.String() == "" && len(v.src.draft.mistakes) == before {
			e.val.mistake("this chooses every span, also those without the attribute: write {not: [\"\"]} for those that have it")
		}
		all = append(all, a)
	}
	slices.SortFunc(all, func(a, b Attribute) int { return strings.Compare(a.Key, b.Key) })
	return all
}

// seen is told of each pattern that was read.
type seen func(place value, glob string, leftOut bool)

// readPatterns reads a list of globs, or {any: [...], not: [...]}.
func readPatterns(v value, f seen) Patterns { return readGlobs(v, value.texts, f) }

// scalars is like texts for lists in which numbers are plain, too.
func scalars(v value, example string) ([]string, []value, bool) {
	items, ok := v.list(example)
	if !ok {
		return nil, nil, false
	}
	var texts []string
	var kept []value
	for _, item := range items {
		if s, fine := item.scalar(example); fine {
			texts, kept = append(texts, s), append(kept, item)
		}
	}
	return texts, kept, len(kept) == len(items)
}

// readGlobs reads patterns out of lists that read takes apart. They are sorted,
// and what chooses everything is left out: two rules that choose the same spans
// in other words share a stream.
func readGlobs(v value, read func(v value, example string) ([]string, []value, bool), f seen) Patterns {
	const example = "[api] or {not: [api-dev]}"
	n, ok := v.read(example)
	if !ok {
		return Patterns{}
	}
	globs := func(v value, leftOut bool) []string {
		texts, places, ok := read(v, example)
		if ok && len(texts) == 0 && v.given() {
			v.mistake("the list is empty: add a pattern, or leave the key out to choose everything")
		}
		for i, place := range places {
			if f != nil {
				f(place, texts[i], leftOut)
			}
		}
		slices.Sort(texts)
		return slices.Compact(texts)
	}
	if kind := found(n); kind != "a mapping" {
		if kind != "a list" {
			v.mistake("want a list of patterns, as in %s; found %s", example, kind)
			return Patterns{}
		}
		return Patterns{Any: fewest(globs(v, false))}
	}
	before := len(v.src.draft.mistakes)
	o, ok := v.object(patternShape)
	if !ok {
		return Patterns{}
	}
	if len(o.fields) == 0 && len(v.src.draft.mistakes) == before {
		v.mistake("want a list of patterns, as in %s; found an empty mapping", example)
	}
	for key, field := range o.fields {
		field.name = v.name + "." + key
		o.fields[key] = field
	}
	p := Patterns{Any: fewest(globs(o.get("any"), false)), Not: globs(o.get("not"), true)}
	if not := o.get("not"); slices.ContainsFunc(p.Not, everything) {
		not.mistake("this leaves everything out: name what is to be left out")
	}
	return p
}

// fewest gives the patterns without those that another makes needless: none at
// all where one matches everything.
func fewest(globs []string) []string {
	if slices.ContainsFunc(globs, everything) {
		return nil
	}
	return globs
}

func everything(glob string) bool { return glob != "" && strings.Trim(glob, "*") == "" }
