package rules

import (
	"cmp"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

var (
	ruleShape = shape{
		example: "{id: api-errors, component: api, signal: error_rate, levels: {P1: {above: 5%, for: 5m}}}",
		keys:    []string{"id", "component", "signal", "where", "window", "levels", "recover", "confidence", "public", "runbook"},
		hints: func() map[string]string {
			hints := notYet("spread", "sample_rate", "depends_on", "approve", "confirm_with", "errors", "min_requests",
				"objective", "budget", "codes", "baseline", "mute", "tests", "labels", "annotations")
			maps.Copy(hints, map[string]string{
				"for":      "belongs to a level: levels: {P1: {above: 5%, for: 5m}}",
				"above":    "belongs to a level: levels: {P1: {above: 5%, for: 5m}}",
				"severity": "is the name of a level: levels: {P1: {above: 5%, for: 5m}}",
				"services": "belongs to where: where: {services: [api]}",
				"routes":   "belongs to where: where: {routes: {not: [/health]}}",
				"regions":  "belongs to where: where: {regions: [eu]}",
				"symptom":  "belongs to public: public: {symptom: elevated errors}",
			})
			return hints
		}(),
	}
	whereShape = shape{
		example: "{services: [api], routes: {not: [/health]}}",
		keys:    []string{"services", "regions", "routes"},
		hints:   notYet("attributes", "kinds", "names", "methods"),
	}
	patternShape = shape{example: "{any: [api], not: [api-dev]}", keys: []string{"any", "not"}}
	levelShape   = shape{
		example: "{above: 5%, for: 5m}",
		keys:    []string{"above", "for"},
		hints:   notYet("below", "over_baseline"),
	}
	recoverShape = shape{example: "{below: 0.5%, for: 10m}", keys: []string{"below", "for"}}
	publicShape  = shape{
		example: "{symptom: elevated errors}",
		keys:    []string{"symptom", "impact", "workaround"},
		hints:   notYet("title", "regions", "always"),
	}
	windowSpan = span{time.Minute, time.Hour, time.Minute, "5m"}
	soakSpan   = span{time.Minute, 6 * time.Hour, time.Minute, "5m"}
)

// What a rule has where it says nothing.
const (
	defaultWindow     = 5 * time.Minute
	defaultFor        = time.Minute
	defaultConfidence = 0.95
)

// longest is the longest duration that a limit may have: sources drop spans
// that claim to have lasted a day or more.
const longest = 24 * time.Hour

func (d *draft) readRules(v value) {
	if !v.given() {
		return
	}
	d.hasRules = true // also when unreadable: then the starter rules would only confuse
	items, ok := v.list("[{id: api-errors, …}]")
	if ok && len(items) == 0 {
		v.mistake("the list is empty: add a rule, or leave the key out for the built-in starter rules")
	}
	for _, item := range items {
		item.name = "rule"
		if o, ok := item.object(ruleShape); ok {
			d.readRule(o)
		}
	}
}

func (d *draft) readRule(o object) {
	r := Rule{Window: defaultWindow, Confidence: defaultConfidence, Pos: o.pos()}
	id := o.need("id", "id: api-errors")
	if s, ok := id.id("api-errors"); ok && id.once(d.rules, s) {
		r.ID = s
	}
	d.readComponent(&r, o.need("component", "component: api"))
	r.Signal = readSignal(o.need("signal", "signal: error_rate"))
	r.Where = d.readWhere(o.get("where"))
	set(o.get("window"), windowSpan, &r.Window)
	r.Levels = d.readLevels(o.need("levels", "levels: {P1: {above: 5%, for: 5m}}"), r.Signal)
	r.Recover = readRecover(o.get("recover"), r)
	if f, ok := o.get("confidence").share(0.5, 0.9999, "95%"); ok {
		r.Confidence = f
	}
	r.Public = readPublic(o.get("public"), r)
	o.get("runbook").web(&r.Runbook, "https://wiki.example.com/runbooks/api")
	d.cfg.Rules = append(d.cfg.Rules, r)
}

func (d *draft) readComponent(r *Rule, v value) {
	s, ok := v.scalar("api")
	if !ok {
		return
	}
	r.Component = s
	v.later(func() string {
		if _, declared := d.components[s]; declared || d.unread {
			return ""
		}
		if len(d.components) == 0 {
			return "no component is declared: add components: [{id: " + cmp.Or(shorten(s), "api") + ", name: …}]"
		}
		return "unknown component " + unknown(s, slices.Sorted(maps.Keys(d.components)))
	})
}

var (
	quantilePattern = regexp.MustCompile(`^p([0-9]{1,2})(?:\.([0-9]{1,2}))?$`)
	laterSignals    = []string{"request_rate", "status_share", "burn_rate", "gauge", "silence"}
	signalNames     = []string{"error_rate", "p50", "p95", "p99", "p99.9"}
)

func readSignal(v value) Signal {
	s, ok := v.scalar("error_rate")
	if !ok {
		return Signal{}
	}
	if s == "error_rate" {
		return Signal{Kind: KindErrorRate}
	}
	if slices.Contains(laterSignals, s) {
		v.mistake("%s is not yet supported in this version: want error_rate or a quantile of durations such as p99", s)
		return Signal{}
	}
	if m := quantilePattern.FindStringSubmatch(s); m != nil {
		q, _ := strconv.ParseUint(m[1]+(m[2] + "00")[:2], 10, 64)
		if q > 0 {
			return Signal{Kind: KindQuantile, Quantile: q}
		}
	}
	near, ok := nearest(s, signalNames)
	if !ok {
		v.mistake("unknown signal %q: want error_rate or a quantile of durations from p0.01 to p99.99, such as p99", shorten(s))
		return Signal{}
	}
	v.mistake("unknown signal %q: did you mean %q?", shorten(s), near)
	return Signal{}
}

func (d *draft) readWhere(v value) Where {
	o, ok := v.object(whereShape)
	if !ok {
		return Where{}
	}
	regions := o.get("regions")
	w := Where{Services: readPatterns(o.get("services"), nil), Routes: readPatterns(o.get("routes"), nil)}
	w.Regions = readPatterns(regions, func(place value, name string, leftOut bool) {
		if !strings.ContainsAny(name, "*?") && name != "" {
			place.later(func() string { return d.knownRegion(name, leftOut) })
		}
	})
	return w
}

// readPatterns reads a list of globs, or {any: [...], not: [...]}. The lists
// are sorted: two rules that choose the same spans in another order share a
// stream. Each pattern that was read is given to seen, if there is one.
func readPatterns(v value, seen func(place value, glob string, leftOut bool)) Patterns {
	const example = "[api] or {not: [api-dev]}"
	n, ok := v.read(example)
	if !ok {
		return Patterns{}
	}
	globs := func(v value, leftOut bool) []string {
		texts, places, ok := v.texts(example)
		if ok && len(texts) == 0 && v.given() {
			v.mistake("the list is empty: add a pattern, or leave the key out to choose everything")
		}
		for i, place := range places {
			if seen != nil {
				seen(place, texts[i], leftOut)
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
		return Patterns{Any: globs(v, false)}
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
	return Patterns{Any: globs(o.get("any"), false), Not: globs(o.get("not"), true)}
}
