package evaluator

import (
	"slices"
	"time"

	"github.com/featuresignals/tocsin/rules"
)

// judge is a rule made ready to be asked, as it is for some series.
type judge struct {
	rule    *rules.Rule
	index   int // of the rule in the configuration
	window  int // minutes; of the longest pair for a burn rate
	levels  []condition
	nested  bool // what the mildest level says is good, every worse one does
	recover condition
	bad     test // of a single minute: whether it was part of the trouble
	z       float64
}

// prepare makes a rule ready for the series that rule.For was asked for.
func prepare(rule *rules.Rule, s *stream) *judge {
	j := &judge{rule: rule, window: minutes(rule.Window), z: zOf(rule.Confidence)}
	for _, l := range rule.Levels {
		c := condition{severity: l.Severity, limit: l.Limit, forMin: minutes(l.For), confirm: l.ConfirmWith}
		for _, b := range l.Burn {
			c.any = append(c.any, j.burn(b, s))
			c.limit = b.Factor // of the last pair, the slowest
			j.window = max(j.window, minutes(b.Long))
		}
		if len(l.Burn) == 0 {
			c.any = []pair{{long: j.test(l.Limit, l.Under, l.Times, s)}}
		}
		j.levels = append(j.levels, c)
	}
	j.nested = nested(rule.Levels)
	mildest := &j.levels[len(j.levels)-1]
	j.recover = condition{limit: rule.Recover.Limit, forMin: minutes(rule.Recover.For)}
	switch rule.Signal.Kind {
	case rules.KindBurnRate:
		j.recover.any = j.shorts(s)
		j.bad = mildest.any[0].long
	default:
		l := rule.Levels[len(rule.Levels)-1]
		t := j.test(rule.Recover.Limit, l.Under, l.Times, s)
		j.recover.any = []pair{{long: t}}
		j.bad = t
		if rule.Signal.Kind != rules.KindErrorRate && rule.Signal.Kind != rules.KindStatusShare {
			j.bad = mildest.any[0].long
		}
	}
	j.bad.window = 1
	return j
}

// nested reports whether no level can be over while the mildest is not: its own
// limits lie further out. Burn rates are, by their recovery, which asks the
// short windows of all levels.
func nested(levels []rules.Level) bool {
	mildest := levels[len(levels)-1]
	return !slices.ContainsFunc(levels, func(l rules.Level) bool {
		if l.Under {
			return l.Limit > mildest.Limit || mildest.Times > 0 && (l.Times == 0 || l.Times > mildest.Times)
		}
		return l.Limit < mildest.Limit || l.Times < mildest.Times
	})
}

// test makes the test of one limit over the rule's window.
func (j *judge) test(limit float64, under bool, times float64, s *stream) test {
	r := j.rule
	t := test{kind: r.Signal.Kind, window: minutes(r.Window), among: requests, limit: limit, under: under, z: j.z, confidence: r.Confidence}
	if times > 0 {
		t.times, t.ago, t.span = times, minutes(r.Baseline.Ago), minutes(r.Baseline.Over)
	}
	switch r.Signal.Kind {
	case rules.KindErrorRate:
		t.of = failed
	case rules.KindStatusShare:
		t.of = matched
	case rules.KindQuantile:
		// By nearest rank, pNN is above a limit exactly when more than 1−NN %
		// are slower than it.
		t.of, t.among = s.limit(time.Duration(limit)), timed
		t.limit = float64(10000-r.Signal.Quantile) / 10000
	case rules.KindGauge:
		t.gauge = r.Signal.Gauge
	}
	return t
}

// burn makes a pair of windows ready: both must spend the budget too fast, the
// long one beyond doubt.
func (j *judge) burn(b rules.Burn, s *stream) pair {
	long := j.spent(minutes(b.Long), b.Factor, s)
	short := j.spent(minutes(b.Short), b.Factor, s)
	return pair{long: long, short: &short}
}

// spent asks whether a window spends the budget more than factor times as fast
// as is allowed.
func (j *judge) spent(window int, factor float64, s *stream) test {
	t := test{
		kind: rules.KindBurnRate, window: window, of: failed, among: requests, z: j.z,
		limit: min(factor*(1-j.rule.Signal.Objective), 0.9999), // a whole outage must be over it
	}
	if d := j.rule.Signal.Slow; d > 0 {
		t.of, t.among = s.limit(d), timed
	}
	return t
}

// shorts is what recovery from burning asks: each short window, once.
func (j *judge) shorts(s *stream) []pair {
	var all []pair
	seen := map[time.Duration]bool{}
	for _, l := range j.rule.Levels {
		for _, b := range l.Burn {
			if !seen[b.Short] {
				seen[b.Short] = true
				all = append(all, pair{long: j.spent(minutes(b.Short), j.rule.Recover.Limit, s)})
			}
		}
	}
	return all
}

// lookBack is how many single minutes, and how many minutes at all, judging a
// rule looks back: the walk over windows goes back window+for at the most, and
// the last of those windows is one long.
func lookBack(r rules.Rule) (single, all int) {
	window, longest := minutes(r.Window), max(minutes(r.Recover.For), known)
	for _, l := range r.Levels {
		longest = max(longest, minutes(l.For))
		for _, b := range l.Burn {
			window = max(window, minutes(b.Long))
		}
	}
	steps := min(window, exact) + longest
	single, all = steps+min(window, exact), steps+window
	switch r.Signal.Kind {
	case rules.KindRequestRate:
		single, all = single+known, all+known
	case rules.KindSilence:
		single, all = single+silent, all+silent
	}
	if r.Baseline != (rules.Baseline{}) {
		all = max(all, steps+minutes(r.Baseline.Ago+r.Baseline.Over)+coarse)
	}
	if all > single {
		all += coarse
	}
	return single + coarse, all + coarse
}

// silent is how many minutes a silence is known as one: the hour before it, and
// six more. After that nothing is left to tell it from a service that was never
// there.
const silent = known + 6*60
