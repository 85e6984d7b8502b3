package rules

import (
	"cmp"
	"fmt"
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
		keys: []string{
			"id", "component", "signal", "errors", "codes", "objective", "period", "windows", "slower_than", "gauge", "of",
			"where", "window", "levels", "recover", "confidence", "baseline", "spread", "overrides", "public", "runbook",
		},
		hints: func() map[string]string {
			hints := notYet("labels", "annotations")
			maps.Copy(hints, map[string]string{
				"for":            "belongs to a level: levels: {P1: {above: 5%, for: 5m}}",
				"above":          "belongs to a level: levels: {P1: {above: 5%, for: 5m}}",
				"below":          "belongs to a level: levels: {P1: {below: 10/min, for: 5m}}",
				"burn":           "belongs to a level: levels: {P1: {burn: page, for: 1m}}",
				"over_baseline":  "belongs to a level: levels: {P1: {above: 5%, over_baseline: 3x}}",
				"under_baseline": "belongs to a level: levels: {P1: {under_baseline: 0.3x}}",
				"confirm_with":   "belongs to a level: levels: {P0: {above: 50%, confirm_with: [api-probe]}}",
				"severity":       "is the name of a level: levels: {P1: {above: 5%, for: 5m}}",
				"services":       "belongs to where: where: {services: [api]}",
				"routes":         "belongs to where: where: {routes: {not: [/health]}}",
				"regions":        "belongs to where: where: {regions: [eu]}",
				"probes":         "belongs to where: where: {probes: [api-health]}",
				"operations":     "belongs to where: where: {operations: [pool.acquire]}",
				"kinds":          "belongs to where: where: {kinds: [client]}",
				"attributes":     "belongs to where: where: {attributes: {http.method: [POST]}}",
				"approve":        "belongs to public: public: {approve: required}",
				"symptom":        "belongs to public: public: {symptom: elevated errors}",
				"sample_rate":    "belongs to services: services: [{names: [api], sample_rate: 10%}], beside rules",
				"depends_on":     "belongs to a component: components: [{id: api, depends_on: [database]}]",
				"min_requests":   "is not needed: confidence asks for as many requests as are evidence",
				"budget":         "follows from the objective: objective: 99.9% leaves 0.1 %",
				"mute":           "is a silence, which ends: silences: [{id: known, rules: [api-errors], until: 2026-12-31, reason: …}], beside rules",
				"tests":          "stand beside rules, not in one",
				"query":          "is not how rules are written: choose spans with where, and the figure with signal",
				"expr":           "is not how rules are written: choose spans with where, and the figure with signal",
			})
			return hints
		}(),
	}
	publicShape = shape{
		example: "{symptom: elevated errors}",
		keys:    []string{"symptom", "impact", "workaround", "approve"},
		hints:   notYet("title", "regions", "always"),
	}
	windowSpan = span{time.Minute, time.Hour, time.Minute, "5m"}
	countsSpan = span{time.Minute, 7 * day, time.Minute, "5m"} // where counts suffice
	soakSpan   = span{time.Minute, 6 * time.Hour, time.Minute, "5m"}
	periodSpan = span{day, 90 * day, day, "30d"}
	limitSpan  = span{time.Microsecond, longest, 0, "800ms"}
)

// defaultFor is how long a level must last where it does not say.
const defaultFor = time.Minute

// longest is the longest duration that a limit may have: sources drop spans
// that claim to have lasted a day or more.
const longest = 24 * time.Hour

// counted are the kinds of signals in which chance has a part.
var counted = []Kind{KindErrorRate, KindQuantile, KindRequestRate, KindStatusShare, KindBurnRate, KindSilence}

// uses are the keys that not every signal has a use for, and those which have.
var uses = []struct {
	key  string
	by   []Kind
	hint string
}{
	{"errors", []Kind{KindErrorRate, KindBurnRate}, "it says which requests of error_rate and burn_rate failed"},
	{"codes", []Kind{KindStatusShare}, "it says which responses status_share counts"},
	{"objective", []Kind{KindBurnRate}, "it is the objective of burn_rate"},
	{"period", []Kind{KindBurnRate}, "it is the period of burn_rate's objective"},
	{"windows", []Kind{KindBurnRate}, "it says what burn: page and burn: ticket are"},
	{"slower_than", []Kind{KindBurnRate}, "it says which slow requests spend burn_rate's budget; the limit of pNN is a level's above"},
	{"gauge", []Kind{KindGauge}, "write signal: gauge"},
	{"of", []Kind{KindSilence}, "it says whose silence is meant"},
	{"window", []Kind{KindErrorRate, KindQuantile, KindRequestRate, KindStatusShare, KindGauge, KindSilence}, "the pairs of its levels have windows of their own"},
	{"confidence", counted, "a measurement leaves nothing to chance"},
	{"baseline", []Kind{KindErrorRate, KindQuantile, KindRequestRate, KindStatusShare}, "its levels have no over_baseline"},
}

// ruleReader is a rule that is being read. Its parts depend on each other: what
// a level may say follows from the signal.
type ruleReader struct {
	d    *draft
	o    object
	rule Rule

	recover written

	stages map[string]stage // burn_rate: what page and ticket stand for
	staged bool             // and whether a level says so
}

func (r *ruleReader) kind() Kind { return r.rule.Signal.Kind }

func (d *draft) readRules(v value) {
	if !v.given() {
		return
	}
	d.hasRules = true // also when unreadable: then built-in rules would only confuse
	items, ok := v.list("[{id: api-errors, …}]")
	d.rulesUnread = d.rulesUnread || !ok
	if ok && len(items) == 0 {
		v.mistake("the list is empty: add a rule, or leave the key out for the built-in starter rules")
	}
	for _, item := range items {
		item.name = "rule"
		if o, ok := item.object(ruleShape); ok {
			d.readRule(o)
		} else {
			d.rulesUnread = true
		}
	}
}

func (d *draft) readRule(o object) {
	r := &ruleReader{d: d, o: o, rule: Rule{Confidence: d.own.confidence, HTTP5xx: d.own.http5xx, Pos: o.pos()}}
	rule, id := &r.rule, o.need("id", "id: api-errors")
	if s, ok := id.id("api-errors"); ok && id.once(d.rules, s) {
		rule.ID = s
	} else {
		d.rulesUnread = true
	}
	d.readComponent(rule, o.need("component", "component: api"))
	rule.Signal = readSignal(o.need("signal", "signal: error_rate"))
	r.refuseUnused()
	r.readSignalKeys()
	r.readWhere(o.get("where"))
	r.readErrors(o.get("errors"))
	r.readWindow(o.get("window"))
	rule.Levels = r.readLevels(o.need("levels", "levels: "+levelsExample(r.kind())))
	r.recover = r.readRecover(o.get("recover"), o.value, rule.Levels, written{})
	rule.Recover = r.recover.Recover
	if f, ok := o.get("confidence").confidence(); ok {
		rule.Confidence = f
	}
	rule.Spread = r.readSpread(o.get("spread"))
	rule.Overrides = r.readOverrides(o.get("overrides"))
	r.readBaseline(o.get("baseline"))
	if v := o.get("windows"); v.given() && !r.staged && len(rule.Levels) > 0 {
		v.mistake("no level says burn: page or burn: ticket, which it is about: leave it out")
	}
	readPublic(o.get("public"), rule)
	o.get("runbook").web(&rule.Runbook, "https://wiki.example.com/runbooks/api")
	d.cfg.Rules = append(d.cfg.Rules, *rule)
}

// refuseUnused reports keys that would change nothing.
func (r *ruleReader) refuseUnused() {
	for _, use := range uses {
		v := r.o.get(use.key)
		if !v.given() || r.kind() == KindUnknown || slices.Contains(use.by, r.kind()) {
			continue
		}
		v.mistake("%s has no use for it (%s): leave it out", r.rule.Signal, use.hint)
		delete(r.o.fields, use.key)
	}
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
		return "unknown component " + unknown(s, sortedNames(&d.componentNames, d.components))
	})
}

var (
	quantilePattern = regexp.MustCompile(`^p([0-9]{1,2})(?:\.([0-9]{1,2}))?$`)
	signalKinds     = map[string]Kind{
		"error_rate": KindErrorRate, "request_rate": KindRequestRate, "status_share": KindStatusShare,
		"burn_rate": KindBurnRate, "gauge": KindGauge, "silence": KindSilence,
	}
	signalNames = []string{"error_rate", "request_rate", "status_share", "burn_rate", "gauge", "silence", "p50", "p95", "p99", "p99.9"}
)

func readSignal(v value) Signal {
	s, ok := v.scalar("error_rate")
	if !ok {
		return Signal{}
	}
	if kind, ok := signalKinds[s]; ok {
		return Signal{Kind: kind}
	}
	if m := quantilePattern.FindStringSubmatch(s); m != nil {
		q, _ := strconv.ParseUint(m[1]+(m[2] + "00")[:2], 10, 64)
		if q > 0 {
			return Signal{Kind: KindQuantile, Quantile: q}
		}
	}
	near, ok := nearest(s, signalNames)
	if !ok {
		v.mistake("unknown signal %q: want error_rate, a quantile of durations from p0.01 to p99.99 such as p99, "+
			"request_rate, status_share, burn_rate, gauge or silence", shorten(s))
		return Signal{}
	}
	v.mistake("unknown signal %q: did you mean %q?", shorten(s), near)
	return Signal{}
}

// readSignalKeys reads what only one kind of signal has.
func (r *ruleReader) readSignalKeys() {
	s := &r.rule.Signal
	switch s.Kind {
	case KindStatusShare:
		s.Codes, _ = r.o.need("codes", "codes: [401, 5xx]").codes("[401, 5xx]")
	case KindBurnRate:
		r.readObjective()
	case KindGauge:
		r.readGauge(r.o.need("gauge", "gauge: certificate_days"))
	case KindSilence:
		groups := []string{"series", "service", "region"}
		if of := r.o.get("of"); of.given() {
			if name, ok := of.oneOf(groups); ok {
				s.Of = Group(slices.Index(groups, name))
			}
		}
	}
}

// readGauge reads the name of a figure, which one of the rule's probes must
// have.
func (r *ruleReader) readGauge(v value) {
	name, ok := v.text(GaugeCertificateDays)
	if !ok {
		return
	}
	r.rule.Signal.Gauge = name
	d := r.d
	v.later(func() string {
		w := r.rule.Where
		if d.pack || !slices.ContainsFunc(d.cfg.Probes, func(p Probe) bool { return w.Probes.Match(p.ID) }) {
			return "" // if none is chosen, where says so
		}
		return d.knownGauge(w, name)
	})
}

// gauges names the figures that a probe gives.
func (p Probe) gauges() []string {
	var names []string
	for _, g := range p.Gauges {
		names = append(names, g.Name)
	}
	if p.Type == "tls" || slices.ContainsFunc(p.Targets, func(t Target) bool { return strings.HasPrefix(t.Address, "https://") }) {
		names = append(names, GaugeCertificateDays, GaugeHandshake)
	}
	return names
}

func (r *ruleReader) readErrors(v value) {
	if r.rule.Where.FromProbes && v.given() {
		v.mistake("a check of a probe fails or does not: leave it out, and say under the probe's expect what a good answer is")
		return
	}
	if yes, ok := v.errorKinds(); ok {
		r.rule.HTTP5xx = yes
	}
	if r.rule.Where.FromProbes || r.kind() == KindSilence {
		r.rule.HTTP5xx = false // no errors are asked for, and the stream of all spans is there already
	}
}

// errorKinds reads what counts as an error: [span] or [span, http_5xx].
func (v value) errorKinds() (http5xx, ok bool) {
	names, places, ok := v.texts("[span, http_5xx]")
	if !ok {
		return false, false
	}
	for i, name := range names {
		switch {
		case name != "span" && name != "http_5xx":
			places[i].mistake("unknown kind of error %s", unknown(name, []string{"span", "http_5xx"}))
			return false, false
		case slices.Contains(names[:i], name):
			places[i].mistake("%s stands twice: keep one", name)
		}
	}
	if !slices.Contains(names, "span") {
		v.mistake("a span whose status is Error always counts: write [span] or [span, http_5xx]")
		return false, false
	}
	return slices.Contains(names, "http_5xx"), true
}

func (v value) confidence() (float64, bool) { return v.share(0.5, 0.9999, "95%") }

func (r *ruleReader) readWindow(v value) {
	sp := windowSpan
	switch r.kind() {
	case KindErrorRate, KindStatusShare, KindRequestRate:
		sp = countsSpan
	case KindBurnRate:
		return
	}
	r.rule.Window = r.d.own.window
	if t, ok := v.window(sp); ok {
		r.rule.Window = t
	}
}

// readPublic fills in words that are true of the signal, for rules that have
// none of their own.
func readPublic(v value, r *Rule) {
	r.Public = usualWords(*r)
	o, ok := v.object(publicShape)
	if !ok {
		return
	}
	w := &r.Public
	w.Symptom = o.get("symptom").sentence(80, "elevated errors on the management API", w.Symptom)
	w.Impact = o.get("impact").sentence(200, "failed requests when they change flags", w.Impact)
	w.Workaround = o.get("workaround").sentence(200, "retry after a minute", "")
	for _, key := range []string{"symptom", "impact", "workaround"} {
		o.get(key).noService(r.Where.Services)
		o.get(key).noService(r.Where.Probes)
	}
	o.get("approve").approve(&r.Approve, "required")
}

func usualWords(r Rule) Words {
	under := len(r.Levels) > 0 && r.Levels[0].Under
	switch {
	case r.Signal.Kind == KindQuantile:
		return Words{Symptom: "slow responses", Impact: "slow responses"}
	case r.Signal.Kind == KindRequestRate && under:
		return Words{Symptom: "requests that do not arrive", Impact: "requests that are not answered"}
	case r.Signal.Kind == KindRequestRate:
		return Words{Symptom: "unusually many requests", Impact: "slow or failed requests"}
	case r.Signal.Kind == KindBurnRate && r.Signal.Slow > 0:
		return Words{Symptom: "errors and slow responses", Impact: "failed or slow requests"}
	case r.Signal.Kind == KindGauge:
		return Words{Symptom: "reduced service", Impact: "slow or failed requests"}
	case r.Signal.Kind == KindSilence:
		return Words{Symptom: "no answers", Impact: "requests that are not answered"}
	}
	return Words{Symptom: "elevated errors", Impact: "failed requests"}
}

// spellKinds writes names of signals as they stand in a sentence.
func spellKinds(kinds []Kind) string {
	names := make([]string, len(kinds))
	for i, k := range kinds {
		names[i] = fmt.Sprint(Signal{Kind: k, Quantile: 9900})
		if k == KindQuantile {
			names[i] = "pNN"
		}
	}
	if len(names) == 1 {
		return names[0]
	}
	return strings.Join(names[:len(names)-1], ", ") + " and " + names[len(names)-1]
}
