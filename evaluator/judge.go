package evaluator

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/featuresignals/tocsin/rules"
	"github.com/featuresignals/tocsin/telemetry"
)

// Rings holds the newest minutes of every series that some rule looks at, as
// many as its rules can look back. What it says of a minute follows from the
// minutes alone: two Rings that were given the same ones say the same.
type Rings struct {
	rules   []rules.Rule
	streams map[string]*stream
	rings   map[telemetry.Series]*ring
	sorted  []*ring // by series; rebuilt when rings come or go
	reach   int
}

// New makes empty rings for rules.
func New(rs []rules.Rule) *Rings {
	r := &Rings{rules: rs, streams: map[string]*stream{}, rings: map[telemetry.Series]*ring{}}
	for _, rule := range rs {
		s := r.streams[rule.Where.Stream()]
		if s == nil {
			s = &stream{}
			r.streams[rule.Where.Stream()] = s
		}
		s.minutes = max(s.minutes, reach(rule)+1)
		r.reach = max(r.reach, s.minutes)
		if rule.Signal.Kind == rules.KindQuantile {
			for _, l := range rule.Levels {
				s.limits = append(s.limits, time.Duration(l.Above))
			}
			s.limits = append(s.limits, time.Duration(rule.Recover.Below))
		}
	}
	for _, s := range r.streams {
		slices.Sort(s.limits)
		s.limits = slices.Compact(s.limits)
	}
	for _, rule := range rs {
		s := r.streams[rule.Where.Stream()]
		s.judges = append(s.judges, prepare(rule, s))
	}
	return r
}

func prepare(rule rules.Rule, s *stream) *judge {
	j := &judge{rule: rule, window: minutes(rule.Window), value: rule.Signal}
	z := zOf(rule.Confidence)
	ask := func(sev rules.Severity, limit float64, d time.Duration) levelTest {
		t := levelTest{severity: sev, limit: limit, forMin: minutes(d)}
		switch rule.Signal.Kind {
		case rules.KindQuantile:
			// By nearest rank, pNN is above a limit exactly when more than
			// 1−NN % are slower than it.
			share := float64(10000-rule.Signal.Quantile) / 10000
			t.test = test{of: s.limit(time.Duration(limit)), among: timed, share: share, z: z}
		default:
			t.test = test{of: failed, among: requests, share: limit, z: z}
		}
		return t
	}
	for _, l := range rule.Levels {
		j.levels = append(j.levels, ask(l.Severity, l.Above, l.For))
	}
	j.recover = ask(rules.SeverityNone, rule.Recover.Below, rule.Recover.For)
	return j
}

// Reach is how far back judging looks.
func (r *Rings) Reach() time.Duration { return time.Duration(r.reach) * time.Minute }

// Streams lists the streams that the rules look at, as their routes.
func Streams(rs []rules.Rule) []rules.Patterns {
	var out []rules.Patterns
	seen := map[string]bool{}
	for _, r := range rs {
		if s := r.Where.Stream(); !seen[s] {
			seen[s] = true
			out = append(out, r.Where.Routes)
		}
	}
	return out
}

// Replace makes ms all that happened in [from, to), whatever was put there
// before: a minute that is read again replaces itself, so that late spans count
// and rows read twice do not.
func (r *Rings) Replace(from, to time.Time, ms []telemetry.Minute) {
	for _, ring := range r.rings {
		for m := from.Unix() / 60; m < to.Unix()/60; m++ {
			ring.drop(m)
		}
	}
	for _, m := range ms {
		r.put(m)
	}
}

func (r *Rings) put(m telemetry.Minute) {
	ri := r.rings[m.Series]
	if ri == nil {
		s := r.streams[m.Series.Stream]
		if s == nil {
			return // no rule looks at it
		}
		if ri = newRing(m.Series, s); len(ri.judges) == 0 {
			return
		}
		r.rings[m.Series] = ri
		r.sorted = nil
	}
	ri.put(m)
}

// Judge states the facts about the minute that ends at at, for every rule and
// every series that had requests within the rules' reach.
func (r *Rings) Judge(at time.Time) []Finding {
	last := at.Unix()/60 - 1
	for s, ri := range r.rings {
		if ri.newest <= last-int64(len(ri.starts)) {
			delete(r.rings, s) // nothing is left of it to look at
			r.sorted = nil
		}
	}
	if r.sorted == nil {
		for _, ri := range r.rings {
			r.sorted = append(r.sorted, ri)
		}
		slices.SortFunc(r.sorted, func(a, b *ring) int { return a.series.Compare(b.series) })
	}
	byRule := make(map[string][]Finding, len(r.rules))
	total := 0
	for _, ri := range r.sorted {
		for _, j := range ri.judges {
			byRule[j.rule.ID] = append(byRule[j.rule.ID], j.judge(ri, last, at))
			total++
		}
	}
	out := make([]Finding, 0, total)
	for _, rule := range r.rules {
		out = append(out, byRule[rule.ID]...)
	}
	return out
}

// judge states the facts about one minute of one series.
func (j *judge) judge(r *ring, last int64, at time.Time) Finding {
	mildest := j.levels[len(j.levels)-1]
	f := Finding{
		Rule: j.rule.ID, Component: j.rule.Component, Series: r.series, At: at,
		Limit: mildest.limit, LastSeen: time.Unix((r.newest+1)*60, 0).UTC(),
	}
	if r.newest > last { // minutes beyond the judged one are in the ring already
		f.LastSeen = r.lastSeen(last)
	}
	f.Errors, f.Requests = r.window(last, j.window, mildest.test)
	f.Now = mildest.verdict(f.Errors, f.Requests)

	calm, within := j.calm(r, last, j.recover)
	f.Calm = time.Duration(calm) * time.Minute
	f.Recovered = within && calm >= j.recover.forMin
	if f.Recovered && f.Now == Good {
		f.Value = j.valueOf(r, last, f)
		return f // within the recover limit, and so within every level's, for as long as it takes
	}

	shown := mildest
	for _, l := range j.levels {
		if j.held(r, last, l) {
			f.Held, shown = l.severity, l
			break
		}
	}
	for _, l := range j.levels {
		soak := levelTest{test: l.test, forMin: j.recover.forMin}
		if n, ok := j.calm(r, last, soak); !ok || n < soak.forMin {
			f.Floor = l.severity
			break
		}
	}
	f.Floor = max(f.Floor, f.Held)
	if !f.Recovered {
		f.Floor = max(f.Floor, mildest.severity) // between recover and the mildest level nothing is demanded, and it is not over
	}
	f.Limit = shown.limit
	f.Errors, f.Requests = r.window(last, j.window, shown.test)
	f.Value = j.valueOf(r, last, f)
	if f.Held != rules.SeverityNone {
		f.Began = j.began(r, last, shown)
	}
	f.Why = j.why(f, shown)
	return f
}

func (r *ring) lastSeen(last int64) time.Time {
	for m := last; m > last-int64(len(r.starts)); m-- {
		if r.at(m, requests) > 0 {
			return time.Unix((m+1)*60, 0).UTC()
		}
	}
	return time.Time{}
}

// held reports whether a level has held for its `for`: the newest window is
// bad, and so were as many before it, none of them good. Windows that say
// nothing are passed over; they neither confirm nor reset.
func (j *judge) held(r *ring, last int64, l levelTest) bool {
	bad, first := 0, true
	r.back(last, j.window, j.window+l.forMin, l.test, func(k, n uint64) bool {
		v := l.verdict(k, n)
		if first && v != Bad || v == Good {
			return false
		}
		first = false
		if v == Bad {
			bad++
		}
		return bad < l.forMin
	})
	return bad >= l.forMin
}

// calm counts, back from the newest, the windows that stayed within a limit,
// at most as many as its `for`. No bound is asked; windows without requests are
// passed over. within says whether the newest one is within, on evidence.
func (j *judge) calm(r *ring, last int64, l levelTest) (n int, within bool) {
	first := true
	r.back(last, j.window, j.window+l.forMin, l.test, func(k, all uint64) bool {
		if l.over(k, all) {
			return false
		}
		if first {
			within = all > 0
		}
		first = false
		if all > 0 {
			n++
		}
		return n < l.forMin
	})
	return n, within
}

// began walks back from the newest bad minute over minutes that were
// themselves bad, past minutes without requests, at most window+for.
func (j *judge) began(r *ring, last int64, held levelTest) time.Time {
	bad := j.recover.test // an error rate above `recover`
	if j.rule.Signal.Kind == rules.KindQuantile {
		bad = j.levels[len(j.levels)-1].test // more than 1−NN % slower than the limit that the rule begins with
	}
	began, found := last, false
	for m := last; m > last-int64(j.window+held.forMin); m-- {
		k, n := r.at(m, bad.of), r.at(m, bad.among)
		switch {
		case bad.over(k, n):
			began, found = m, true
		case n > 0 && found:
			return time.Unix(began*60, 0).UTC()
		}
	}
	return time.Unix(began*60, 0).UTC()
}

func (j *judge) valueOf(r *ring, last int64, f Finding) float64 {
	if f.Requests == 0 {
		return 0
	}
	if j.value.Kind == rules.KindQuantile {
		d, _ := r.durations(last, j.window).Quantile(j.value.Quantile)
		return float64(d)
	}
	return float64(f.Errors) / float64(f.Requests)
}

// why says in one sentence what a person can check in the store.
func (j *judge) why(f Finding, l levelTest) string {
	span := f.At.Add(-j.rule.Window).Format("15:04") + "–" + f.At.Format("15:04 UTC")
	if f.Requests == 0 {
		return "no requests in " + span
	}
	low := Lower(f.Errors, f.Requests, l.z)
	what := "failed"
	limit := percent(l.limit)
	if j.value.Kind == rules.KindQuantile {
		what = "took longer than " + time.Duration(l.limit).String()
		limit = percent(l.share)
	}
	s := fmt.Sprintf("%d of %d requests %s in %s: %s, at least %s with %s confidence, against %s",
		f.Errors, f.Requests, what, span, percent(float64(f.Errors)/float64(f.Requests)), percent(low), percent(j.rule.Confidence), limit)
	if j.value.Kind == rules.KindQuantile {
		s += fmt.Sprintf("; %s is %s", j.value, time.Duration(f.Value).Round(time.Millisecond))
	}
	if f.Held != rules.SeverityNone {
		s += fmt.Sprintf("; %s has held for %d min", f.Held, l.forMin)
	}
	return s
}

// percent writes a ratio with three digits that count.
func percent(v float64) string {
	v *= 100
	digits := 2 - int(math.Floor(math.Log10(max(math.Abs(v), 1e-6))))
	scale := math.Pow(10, float64(min(max(digits, 0), 6)))
	return strconv.FormatFloat(math.Round(v*scale)/scale, 'f', -1, 64) + " %"
}
