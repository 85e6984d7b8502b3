package evaluator

import (
	"slices"
	"time"

	"github.com/featuresignals/tocsin/rules"
	"github.com/featuresignals/tocsin/telemetry"
)

// fits reports whether rings with other rules hold what these need, so that
// nothing has to be read again but the newest back minutes: 0 where a limit of a
// share has moved; more where durations are asked for another limit, since how
// many were slower than that was not counted.
func (r *Rings) fits(old *Rings) (back int, ok bool) {
	for name, s := range r.streams {
		was := old.streams[name]
		if was == nil || s.minutes > was.minutes || s.reach > was.reach || s.slow && !was.slow || !s.choosesLess(was) {
			return 0, false
		}
		for i, limit := range s.limits {
			if s.from(was)[slow0+i] >= 0 {
				continue
			}
			if s.farBack(limit) {
				return 0, false
			}
			back = max(back, s.minutes)
		}
		if s.hists > was.hists || s.gauges && !was.gauges {
			back = max(back, s.minutes)
		}
	}
	for i := range r.config.Rules {
		if rule := &r.config.Rules[i]; rule.Signal.Kind == rules.KindSilence && old.groupRule(rule) == nil {
			return 0, false
		}
	}
	return back, true
}

// farBack reports whether some rule asks how many were slower than a limit for
// longer ago than single minutes are kept.
func (s *stream) farBack(limit time.Duration) bool {
	return slices.ContainsFunc(s.rules, func(r *rules.Rule) bool {
		asks := func(levels []rules.Level, recover rules.Recover) bool {
			return time.Duration(recover.Limit) == limit ||
				slices.ContainsFunc(levels, func(l rules.Level) bool { return time.Duration(l.Limit) == limit })
		}
		switch r.Signal.Kind {
		case rules.KindBurnRate:
			return r.Signal.Slow == limit
		case rules.KindQuantile:
			return r.Baseline != (rules.Baseline{}) && (asks(r.Levels, r.Recover) ||
				slices.ContainsFunc(r.Overrides, func(o rules.Override) bool { return asks(o.Levels, o.Recover) }))
		default:
			return false
		}
	})
}

// choosesLess reports whether no rule of s chooses series that none of was did.
func (s *stream) choosesLess(was *stream) bool {
	var chosen []choice
	for _, r := range was.rules {
		chosen = append(chosen, choiceOf(r))
	}
	return !slices.ContainsFunc(s.rules, func(r *rules.Rule) bool { return !slices.Contains(chosen, choiceOf(r)) })
}

// choice is which series of its stream a rule looks at, in words.
type choice struct{ services, regions, probes string }

func choiceOf(r *rules.Rule) choice {
	return choice{r.Where.Services.String(), r.Where.Regions.String(), r.Where.Probes.String()}
}

// from says which of was' counters each of s is; -1 for one that was not
// counted.
func (s *stream) from(was *stream) []int {
	from := make([]int, 0, s.counters())
	for c := range slow0 {
		from = append(from, c)
	}
	for _, l := range s.limits {
		if i, ok := slices.BinarySearch(was.limits, l); ok {
			from = append(from, slow0+i)
		} else {
			from = append(from, -1)
		}
	}
	return from
}

// groupRule gives the rule about silence whose groups hold what those of rule
// need; nil if there is none.
func (r *Rings) groupRule(rule *rules.Rule) *rules.Rule {
	single, _ := lookBack(*rule)
	for i := range r.config.Rules {
		was := &r.config.Rules[i]
		had, _ := lookBack(*was)
		if was.ID == rule.ID && was.Signal.Kind == rules.KindSilence && was.Signal.Of == rule.Signal.Of && single <= had &&
			was.Stream().String() == rule.Stream().String() && choiceOf(was) == choiceOf(rule) {
			return was
		}
	}
	return nil
}

// adopt copies what rings with other rules hold, which must fit.
func (r *Rings) adopt(old *Rings) {
	for series, was := range old.rings {
		s := r.streams[series.Stream]
		if s == nil {
			continue
		}
		ri := r.ring(series, s)
		if len(ri.judges) == 0 && len(ri.groups) == 0 {
			continue
		}
		ri.adopt(was)
		r.rings[series] = ri
	}
	for key, g := range r.groups {
		if was := old.groups[groupKey{old.groupRule(key.rule), key.service, key.region}]; was != nil {
			g.track.adopt(&was.track, []int{requests})
			g.newest = was.newest
		}
	}
	r.alive.adopt(&old.alive, []int{requests, minutesHeard})
	r.sorted = nil
}

func (r *ring) adopt(old *ring) {
	r.track.adopt(&old.track, r.stream.from(old.stream))
	r.newest = old.newest
	for i, minute := range old.when {
		if len(r.when) == 0 || minute == 0 {
			continue
		}
		j := minute % int64(len(r.when))
		if r.when[j] > minute {
			continue
		}
		r.when[j] = minute
		if r.hists != nil && old.hists != nil {
			r.hists[j] = old.hists[i]
		} else if r.hists != nil {
			r.hists[j] = telemetry.Histogram{}
		}
		if r.gauges != nil && old.gauges != nil {
			r.gauges[j] = old.gauges[i]
		}
	}
}

// adopt makes the totals those of another track, whose counter from[c] is this
// one's c.
func (t *track) adopt(old *track, from []int) {
	if old.first == 0 {
		return
	}
	t.first, t.upto = old.first, old.upto
	for m := max(t.first, t.upto-t.minutes()+1); m <= t.upto; m++ {
		for c, o := range from {
			if o >= 0 {
				t.at(m)[c] = old.total(m, o)
			}
		}
	}
	if t.steps == nil {
		return
	}
	newest := (t.upto + 1) / coarse
	for b := newest - t.boundaries() + 1; b <= newest; b++ {
		for c, o := range from[:t.wide] {
			if o >= 0 {
				t.step(b)[c] = old.total(b*coarse-1, o)
			}
		}
	}
}
