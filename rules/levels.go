package rules

import (
	"fmt"
	"math"
	"slices"
	"time"
)

var levelShape = shape{
	example: "{above: 5%, for: 5m}",
	keys:    []string{"above", "below", "over_baseline", "under_baseline", "burn", "for", "confirm_with"},
	hints: map[string]string{
		"spread":   "belongs to the rule: spread: {all_regions: P0}",
		"severity": "is the name of the level: levels: {P1: {above: 5%, for: 5m}}",
		"window":   "belongs to the rule: window: 5m",
		"recover":  "belongs to the rule: recover: {below: 0.5%, for: 10m}",
	},
}

// levelUses are the keys of a level that not every signal has a use for.
var levelUses = []struct {
	key  string
	by   []Kind
	hint string
}{
	{"above", []Kind{KindErrorRate, KindQuantile, KindRequestRate, KindStatusShare, KindGauge}, ""},
	{"below", []Kind{KindRequestRate, KindGauge}, " (little of it is no trouble)"},
	{"over_baseline", []Kind{KindErrorRate, KindQuantile, KindRequestRate, KindStatusShare}, ""},
	{"under_baseline", []Kind{KindRequestRate}, ""},
	{"burn", []Kind{KindBurnRate}, ""},
}

// levelsExample shows levels that the signal may have.
func levelsExample(k Kind) string { return "{P1: " + levelExample(k) + "}" }

func levelExample(k Kind) string {
	switch k {
	case KindQuantile:
		return "{above: 800ms, for: 5m}"
	case KindRequestRate:
		return "{below: 10/min, for: 10m}"
	case KindBurnRate:
		return "{burn: page, for: 1m}"
	case KindGauge:
		return "{below: 7, for: 5m}"
	case KindSilence:
		return "{for: 5m}"
	}
	return "{above: 5%, for: 5m}"
}

// limit reads a value that the signal is held against, in the signal's unit.
// Nothing can be below the least value of a signal, and nothing above the
// greatest: such a limit is none.
func (v value) limit(s Signal, under bool) (float64, bool) {
	switch s.Kind {
	case KindErrorRate, KindStatusShare:
		return v.share(0, 0.9999, "5%")
	case KindQuantile:
		d, ok := v.duration(limitSpan)
		return float64(d), ok
	case KindRequestRate:
		if under {
			return v.rate(1e-9, "10/min")
		}
		return v.rate(0, "10/min")
	case KindGauge:
		return v.figure("14")
	case KindBurnRate: // of recover
		return v.times(0.01, mostFactor, "1x")
	}
	return 0, false // the signal's own mistake is reported already
}

func spellLimit(s Signal, f float64) string {
	switch s.Kind {
	case KindErrorRate, KindStatusShare:
		return spellShare(f)
	case KindRequestRate:
		return spellRate(f)
	case KindGauge:
		return spellNumber(f)
	case KindBurnRate:
		return spellTimes(f)
	}
	return spell(time.Duration(f))
}

// readLevels gives the levels worst first.
func (r *ruleReader) readLevels(v value) []Level {
	example := levelsExample(r.kind())
	entries, ok := v.entries(example)
	if !ok {
		return nil
	}
	if len(entries) == 0 {
		v.mistake("want at least one level, as in %s", example)
	}
	var levels []Level
	places := map[Severity]value{}
	for _, e := range entries {
		severity, ok := e.severity()
		if !ok {
			continue
		}
		o, ok := e.val.object(levelShape.like(levelExample(r.kind())))
		if !ok {
			continue
		}
		l, at, ok := r.readLevel(o)
		if !ok || r.kind() == KindUnknown {
			continue
		}
		if l.Severity = severity; len(levels) > 0 && l.Under != levels[0].Under {
			at.mistake("the rule's other levels say %s: the levels of a rule go one way; write a rule of its own for the other", direction(levels[0].Under))
			continue
		}
		levels, places[severity] = append(levels, l), at
	}
	slices.SortFunc(levels, func(a, b Level) int { return int(b.Severity) - int(a.Severity) })
	for i := range levels[:max(0, len(levels)-1)] {
		if why := outOfOrder(levels[i], levels[i+1], r.rule.Signal); why != "" {
			places[levels[i].Severity].mistake("%s", why)
		}
	}
	return levels
}

func direction(under bool) string {
	if under {
		return "below"
	}
	return "above"
}

// readLevel gives a level, and the value that says most about it.
func (r *ruleReader) readLevel(o object) (l Level, at value, ok bool) {
	l = Level{For: defaultFor}
	for _, use := range levelUses {
		v := o.get(use.key)
		if !v.given() || r.kind() == KindUnknown || slices.Contains(use.by, r.kind()) {
			continue
		}
		v.mistake("%s has no such level%s: it belongs to %s; want %s", r.rule.Signal, use.hint, spellKinds(use.by), levelExample(r.kind()))
		return l, o.value, false
	}
	l.ConfirmWith = r.readConfirm(o.get("confirm_with"))
	switch r.kind() {
	case KindSilence:
		at, ok = o.value, true
	case KindBurnRate:
		at = o.need("burn", "burn: page, or pairs of windows")
		l.Burn, l.For, ok = r.readBurn(at)
	default:
		at, ok = r.readLimits(o, &l)
	}
	set(o.get("for"), soakSpan, &l.For)
	return l, at, ok
}

// readLimits reads what a value and its baseline are held against.
func (r *ruleReader) readLimits(o object, l *Level) (at value, ok bool) {
	s := r.rule.Signal
	above, below := o.get("above"), o.get("below")
	over, less := o.get("over_baseline"), o.get("under_baseline")
	up, down := above, below
	if !up.given() {
		up = over
	}
	if !down.given() {
		down = less
	}
	switch {
	case up.given() && down.given():
		down.mistake("this level already says %s: a value cannot be too high and too low at once; keep one", up.name)
		return down, false
	case !up.given() && !down.given():
		o.need("above", missingLimit(s.Kind))
		return o.value, false
	case over.given() && !above.given():
		over.mistake("a baseline alone is no limit, for next to nothing three times as much is little: add %s", aboveExample(s.Kind))
		return over, false
	}
	l.Under, ok = down.given(), true
	limit, times := above, over
	if l.Under {
		limit, times, l.Limit = below, less, math.Inf(1)
	}
	if limit.given() {
		l.Limit, ok = limit.limit(s, l.Under)
	}
	switch {
	case !times.given():
	case l.Under:
		var fine bool
		l.Times, fine = times.times(0.001, 0.999, "0.3x")
		ok = ok && fine
	default:
		var fine bool
		l.Times, fine = times.times(1.001, 1000, "3x")
		ok = ok && fine
	}
	if ok && s.Kind == KindQuantile && !r.rule.Where.FromProbes {
		slow := l.Limit
		above.later(func() string { return r.d.tooSlow(slow) })
	}
	if !limit.given() {
		return times, ok
	}
	return limit, ok
}

func missingLimit(k Kind) string {
	switch k {
	case KindRequestRate:
		return "above: 1000/min, below: 10/min or under_baseline: 0.3x"
	case KindGauge:
		return "above: 90% or below: 7"
	}
	return aboveExample(k)
}

func aboveExample(k Kind) string {
	switch k {
	case KindQuantile:
		return "above: 800ms"
	case KindRequestRate:
		return "above: 1000/min"
	case KindUnknown:
		return "above: 5% for a share, above: 800ms for a duration"
	}
	return "above: 5%"
}

// outOfOrder says why a worse level could never be told from a milder one, or
// would hold before it. A level that waits for another rule is told by that.
func outOfOrder(worse, milder Level, s Signal) string {
	confirmed := len(worse.ConfirmWith) > 0 && !slices.Equal(worse.ConfirmWith, milder.ConfirmWith)
	if s.Kind == KindSilence {
		if confirmed || worse.For > milder.For {
			return ""
		}
		return fmt.Sprintf("%s is worse than %s and must last longer, or be confirmed by another rule: want for: more than %s, or confirm_with",
			worse.Severity, milder.Severity, spell(milder.For))
	}
	further := cmpOutwards(worse.limitOf(s), milder.limitOf(s), worse.Under)
	if further == 0 {
		further = cmpTimes(worse, milder)
	} else if further < 0 && cmpTimes(worse, milder) > 0 {
		further = 1 // near the limit, but far from what is usual
	}
	switch {
	case further > 0, further == 0 && worse.For > milder.For, further == 0 && confirmed:
		return ""
	case further == 0 && worse.Under:
		return fmt.Sprintf("%s has the limit of %s and no longer for: lower the limit below %s, or raise the for above %s",
			worse.Severity, milder.Severity, spellLevel(milder, s), spell(milder.For))
	case further == 0:
		return fmt.Sprintf("%s has the limit of %s and no longer for: raise the limit above %s, or the for above %s",
			worse.Severity, milder.Severity, spellLevel(milder, s), spell(milder.For))
	case worse.Under:
		return fmt.Sprintf("%s is worse than %s and must have the lower limit: want less than %s, found %s",
			worse.Severity, milder.Severity, spellLevel(milder, s), spellLevel(worse, s))
	}
	return fmt.Sprintf("%s is worse than %s and must have the higher limit: want more than %s, found %s",
		worse.Severity, milder.Severity, spellLevel(milder, s), spellLevel(worse, s))
}

// cmpOutwards says whether a is further out than b.
func cmpOutwards(a, b float64, under bool) int {
	if under {
		a, b = b, a
	}
	switch {
	case a > b:
		return 1
	case a < b:
		return -1
	}
	return 0
}

// cmpTimes does so for factors of a baseline; to ask for none is nearest.
func cmpTimes(worse, milder Level) int {
	switch {
	case worse.Times == milder.Times:
		return 0
	case worse.Times == 0:
		return -1
	case milder.Times == 0:
		return 1
	}
	return cmpOutwards(worse.Times, milder.Times, worse.Under)
}

// spellLevel writes the limit of a level; where it has none, the factor.
func spellLevel(l Level, s Signal) string {
	if !l.limited() {
		return spellTimes(l.Times) + " of the baseline"
	}
	return spellLimit(s, l.limitOf(s))
}

// limitOf gives the limit; of pairs that burn, the least factor.
func (l Level) limitOf(s Signal) float64 {
	if s.Kind == KindBurnRate {
		return slowest(l.Burn)
	}
	return l.Limit
}

// limited reports whether a level has a limit, and not only a baseline.
func (l Level) limited() bool { return !math.IsInf(l.Limit, 1) }

// tooSlow says that spans as slow as a limit arrive after they were judged. A
// span is sent when it ends, under the time at which it began.
func (d *draft) tooSlow(above float64) string {
	if lag := d.cfg.SigNoz.Lag; above > float64(lag) {
		return fmt.Sprintf("a request slower than %s ends after its minute was judged, which is %s later: raise sources.signoz.lag to %s or more",
			spell(time.Duration(above)), spell(lag), spell(time.Duration(above)))
	}
	return ""
}

// readConfirm reads the names of rules that must be bad, too.
func (r *ruleReader) readConfirm(v value) []string {
	names, places, ok := v.texts("[api-probe]")
	if ok && len(names) == 0 && v.given() {
		v.mistake("the list is empty: name a rule, or leave the key out")
	}
	own, d, twice := r.rule.ID, r.d, map[string]bool{}
	for i, name := range names {
		if twice[name] {
			places[i].mistake("%s stands twice: keep one", shorten(name))
			continue
		}
		twice[name] = true
		places[i].later(func() string { return d.confirms(name, own) })
	}
	return names
}

// confirms says why a rule cannot confirm another one.
func (d *draft) confirms(name, own string) string {
	if name == own {
		return "a rule cannot confirm itself: name another one"
	}
	if _, known := d.rules[name]; !known {
		if why := d.leftOut[name]; why != "" {
			return why
		}
		if d.unread || d.rulesUnread {
			return ""
		}
		return "unknown rule " + unknown(name, sortedNames(&d.ruleNames, d.rules))
	}
	if d.waits(name) {
		return name + " itself waits to be confirmed, and two rules could wait for each other: name one without confirm_with"
	}
	return ""
}

// waits reports whether some level of a rule asks for confirmation.
func (d *draft) waits(name string) bool {
	if d.waiting == nil {
		d.waiting = map[string]bool{}
		for _, r := range d.cfg.Rules {
			d.waiting[r.ID] = r.waits()
		}
	}
	return d.waiting[name]
}

func (r Rule) waits() bool {
	asks := func(l Level) bool { return len(l.ConfirmWith) > 0 }
	return slices.ContainsFunc(r.Levels, asks) ||
		slices.ContainsFunc(r.Overrides, func(o Override) bool { return slices.ContainsFunc(o.Levels, asks) })
}
