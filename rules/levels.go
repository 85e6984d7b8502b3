package rules

import (
	"fmt"
	"slices"
	"time"
)

// limit reads a value that the signal is held against, in the signal's unit.
func (v value) limit(s Signal) (float64, bool) {
	switch s.Kind {
	case KindErrorRate:
		return v.share(0, 0.9999, "5%")
	case KindQuantile:
		d, ok := v.duration(span{time.Microsecond, longest, 0, "800ms"})
		return float64(d), ok
	}
	return 0, false // the signal's own mistake is reported already
}

func spellLimit(s Signal, f float64) string {
	if s.Kind == KindErrorRate {
		return spellShare(f)
	}
	return spell(time.Duration(f))
}

// readLevels gives the levels worst first.
func (d *draft) readLevels(v value, s Signal) []Level {
	const example = "{P1: {above: 5%, for: 5m}}"
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
		o, ok := e.val.object(levelShape)
		if !ok {
			continue
		}
		l := Level{Severity: severity, For: defaultFor}
		set(o.get("for"), soakSpan, &l.For)
		above := o.need("above", "above: 5% for a share, above: 800ms for a duration")
		if l.Above, ok = above.limit(s); !ok {
			continue
		}
		if s.Kind == KindQuantile {
			above.later(func() string { return d.tooSlow(l.Above) })
		}
		levels, places[severity] = append(levels, l), above
	}
	slices.SortFunc(levels, func(a, b Level) int { return int(b.Severity) - int(a.Severity) })
	for i := range levels[:max(0, len(levels)-1)] {
		if why := outOfOrder(levels[i], levels[i+1], s); why != "" {
			places[levels[i].Severity].mistake("%s", why)
		}
	}
	return levels
}

// outOfOrder says why a worse level could never be told from a milder one.
func outOfOrder(worse, milder Level, s Signal) string {
	switch {
	case worse.Above > milder.Above, worse.Above == milder.Above && worse.For > milder.For:
		return ""
	case worse.Above == milder.Above:
		return fmt.Sprintf("%s has the limit of %s and no longer for: raise the limit above %s, or the for above %s",
			worse.Severity, milder.Severity, spellLimit(s, milder.Above), spell(milder.For))
	}
	return fmt.Sprintf("%s is worse than %s and must have the higher limit: want more than %s, found %s",
		worse.Severity, milder.Severity, spellLimit(s, milder.Above), spellLimit(s, worse.Above))
}

// tooSlow says that spans as slow as a limit arrive after they were judged. A
// span is sent when it ends, under the time at which it began.
func (d *draft) tooSlow(above float64) string {
	if lag := d.cfg.SigNoz.Lag; above > float64(lag) {
		return fmt.Sprintf("a request slower than %s ends after its minute was judged, which is %s later: raise sources.signoz.lag to %s or more",
			spell(time.Duration(above)), spell(lag), spell(time.Duration(above)))
	}
	return ""
}

// readRecover fills in the mildest level, held for its `for`.
func readRecover(v value, r Rule) Recover {
	rec, known := Recover{For: defaultFor}, len(r.Levels) > 0
	if known {
		mildest := r.Levels[len(r.Levels)-1]
		rec = Recover{Below: mildest.Above, For: mildest.For}
	}
	o, ok := v.object(recoverShape)
	if !ok {
		return rec
	}
	set(o.get("for"), soakSpan, &rec.For)
	below := o.get("below")
	f, ok := below.limit(r.Signal)
	switch {
	case !ok:
	case known && f > rec.Below:
		below.mistake("it would be well while still over the limit of %s: want at most %s, found %s",
			r.Levels[len(r.Levels)-1].Severity, spellLimit(r.Signal, rec.Below), spellLimit(r.Signal, f))
	default:
		rec.Below = f
	}
	return rec
}

// readPublic fills in words that are true of the signal, for rules that have
// none of their own.
func readPublic(v value, r Rule) Words {
	w := Words{Symptom: "elevated errors", Impact: "failed requests"}
	if r.Signal.Kind == KindQuantile {
		w = Words{Symptom: "slow responses", Impact: "slow responses"}
	}
	o, ok := v.object(publicShape)
	if !ok {
		return w
	}
	w.Symptom = o.get("symptom").sentence(80, "elevated errors on the management API", w.Symptom)
	w.Impact = o.get("impact").sentence(200, "failed requests when they change flags", w.Impact)
	w.Workaround = o.get("workaround").sentence(200, "retry after a minute", "")
	for _, key := range publicShape.keys {
		o.get(key).noService(r.Where.Services)
	}
	return w
}
