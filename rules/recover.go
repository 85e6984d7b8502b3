package rules

import (
	"cmp"
	"slices"
	"time"
)

var (
	recoverShape  = shape{example: "{below: 0.5%, for: 10m}", keys: []string{"below", "above", "for"}}
	baselineShape = shape{example: "{ago: 1d, over: 1h}", keys: []string{"ago", "over"}}

	agoSpan  = span{10 * time.Minute, 8 * day, time.Minute, "1d"}
	overSpan = span{10 * time.Minute, day, time.Minute, "1h"}
)

// written is what of a recover stands in the file: the rest follows from the
// levels that it belongs to.
type written struct {
	Recover
	limit, soak bool
}

// readRecover reads when levels are well again. What is not written is what is
// inherited or else the nearest limit, held as long as the mildest level must
// be; where that only compares with a baseline, its own comparison decides. A
// mistake that is no value's own is shown at at.
func (r *ruleReader) readRecover(v, at value, levels []Level, inherited written) written {
	s, w := r.rule.Signal, inherited
	under := len(levels) > 0 && levels[0].Under
	o, ok := v.object(recoverShape.like(recoverExample(s.Kind, under)))
	switch {
	case ok:
		at = o.value
	case v.given():
		levels = nil // what is missing cannot be said
	}
	if t, ok := o.get("for").duration(soakSpan); ok {
		w.For, w.soak = t, true
	}
	limit := r.recoverLimit(o, levels, under)
	nearest, limited := nearestLimit(levels, s)
	if f, ok := limit.limit(s, under); ok {
		w.Limit, w.limit = f, true
		if limited && cmpOutwards(f, nearest, under) > 0 {
			limit.mistake("%s", stillBad(levels, s, nearest, f))
		}
	}
	if len(levels) == 0 {
		w.For = max(w.For, time.Minute)
		return w
	}
	if !w.soak {
		w.For = levels[len(levels)-1].For
	}
	switch mildest := levels[len(levels)-1]; {
	case limit.given():
	case w.limit && limited && cmpOutwards(w.Limit, nearest, under) > 0:
		at.mistake("the rule's recover does not fit here, %s: write another", stillBad(levels, s, nearest, w.Limit))
	case w.limit:
	case limited && mildest.limited():
		w.Limit = nearest
	default:
		w.Limit = mildest.Limit
	}
	return w
}

// recoverLimit gives the value that holds the limit, if it is on the right
// side.
func (r *ruleReader) recoverLimit(o object, levels []Level, under bool) value {
	limit, other := o.get("below"), o.get("above")
	if under || len(levels) == 0 && other.given() {
		limit, other = other, limit
	}
	switch {
	case r.kind() == KindSilence:
		for _, v := range []value{limit, other} {
			if v.given() {
				v.mistake("a silence ends with the first requests and has no limit: write recover: {for: 10m}")
			}
		}
		return value{}
	case other.given() && len(levels) > 0:
		other.mistake("the levels say %s, so it is well again on the other side: write %s", direction(under), direction(!under))
	}
	return limit
}

func recoverExample(k Kind, under bool) string {
	value := map[Kind]string{KindRequestRate: "100/min", KindQuantile: "500ms", KindGauge: "30", KindBurnRate: "1x"}[k]
	if k == KindSilence {
		return "{for: 10m}"
	}
	return "{" + direction(!under) + ": " + cmp.Or(value, "0.5%") + ", for: 10m}"
}

// nearestLimit gives the limit of levels that is passed first. It is false
// where levels only compare with a baseline.
func nearestLimit(levels []Level, s Signal) (nearest float64, limited bool) {
	for _, l := range levels {
		if limit := l.limitOf(s); l.limited() && (!limited || cmpOutwards(limit, nearest, l.Under) < 0) {
			nearest, limited = limit, true
		}
	}
	return nearest, limited
}

// stillBad says that a recovery lies beyond the limit of a level.
func stillBad(levels []Level, s Signal, nearest, f float64) string {
	over, most := "over", "most"
	if levels[0].Under {
		over, most = "under", "least"
	}
	name := ""
	for _, l := range levels { // the mildest of those that have it
		if l.limited() && l.limitOf(s) == nearest {
			name = l.Severity.String()
		}
	}
	return "it would be well while still " + over + " the limit of " + name + ": want at " + most + " " + spellLimit(s, nearest) + ", found " + spellLimit(s, f)
}

// readBaseline reads what levels compare with, where they do.
func (r *ruleReader) readBaseline(v value) {
	compares := func(l Level) bool { return l.Times > 0 }
	asked := slices.ContainsFunc(r.rule.Levels, compares) ||
		slices.ContainsFunc(r.rule.Overrides, func(o Override) bool { return slices.ContainsFunc(o.Levels, compares) })
	if !asked {
		if v.given() && len(r.rule.Levels) > 0 {
			v.mistake("no level compares with it: add over_baseline: 3x or under_baseline: 0.3x to one, or leave it out")
		}
		return
	}
	b, at := Baseline{Ago: day, Over: time.Hour}, r.o.value
	if o, ok := v.object(baselineShape); ok {
		at = v
		if t, ok := o.get("ago").window(agoSpan); ok {
			b.Ago = t
		}
		if t, ok := o.get("over").window(overSpan); ok {
			b.Over = t
		}
	}
	if r.rule.Baseline = b; b.Ago < r.rule.Window {
		at.mistake("the baseline would lie within the window, and what is new be compared with itself: want baseline: {ago: …} of at least %s", spell(r.rule.Window))
	}
}
