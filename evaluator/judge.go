package evaluator

import (
	"maps"
	"slices"
	"time"

	"github.com/featuresignals/tocsin/rules"
	"github.com/featuresignals/tocsin/telemetry"
)

// Rings holds the newest minutes of every series that some rule looks at, as
// many as its rules can look back. What it says of a minute follows from the
// minutes alone: two Rings that were given the same ones say the same.
type Rings struct {
	config   *rules.Config
	streams  map[string]*stream
	rings    map[telemetry.Series]*ring
	groups   map[groupKey]*ring
	variants map[variant]*judge
	alive    track // of all spans: requests, and minutes with any
	sorted   []*ring
	reach    int
	sizes    []int             // by rule: how many findings there were last time
	confirms map[string][]bool // by source, then by rule: whether one of the source's rules asks it to confirm
}

// variant is a rule with one of its overrides; -1: none.
type variant struct {
	rule     *rules.Rule
	override int
}

// groupKey names what is silent together by one rule.
type groupKey struct {
	rule            *rules.Rule
	service, region string
}

// New makes empty rings for the rules of a configuration.
func New(config *rules.Config) *Rings {
	r := &Rings{
		config: config, streams: map[string]*stream{}, rings: map[telemetry.Series]*ring{},
		groups: map[groupKey]*ring{}, variants: map[variant]*judge{}, confirms: map[string][]bool{},
	}
	for _, source := range []string{"", rules.SourceSpans, rules.SourceProbes} {
		for _, rule := range config.Rules {
			r.confirms[source] = append(r.confirms[source], confirms(config.Rules, rule.ID, source))
		}
	}
	r.sizes = make([]int, len(config.Rules))
	longest := 0
	for i := range config.Rules {
		rule := &config.Rules[i]
		name := rule.Stream().String()
		s := r.streams[name]
		if s == nil {
			s = &stream{}
			r.streams[name] = s
		}
		s.rules = append(s.rules, rule)
		s.take(rule)
		for _, o := range rule.Overrides {
			own := *rule
			own.Levels, own.Recover = o.Levels, o.Recover
			if own.Recover == (rules.Recover{}) {
				own.Recover = rule.Recover
			}
			s.take(&own)
		}
		single, _ := lookBack(*rule)
		longest = max(longest, single, s.minutes)
		r.reach = max(r.reach, s.reach)
	}
	for _, s := range r.streams {
		slices.Sort(s.limits)
		s.limits = slices.Compact(s.limits)
	}
	r.alive = newTrack(2, 2, longest, r.reach)
	return r
}

// take makes room for a rule.
func (s *stream) take(rule *rules.Rule) {
	single, all := lookBack(*rule)
	if rule.Signal.Kind == rules.KindSilence {
		single = minSingle // its groups keep the others
	}
	s.minutes = max(s.minutes, single, minSingle)
	s.reach = max(s.reach, all, s.minutes)
	switch rule.Signal.Kind {
	case rules.KindQuantile:
		s.hists = max(s.hists, minutes(rule.Window))
		for _, l := range rule.Levels {
			s.limits = append(s.limits, time.Duration(l.Limit))
		}
		s.limits = append(s.limits, time.Duration(rule.Recover.Limit))
		s.slow = s.slow || rule.Baseline != (rules.Baseline{})
	case rules.KindBurnRate:
		if d := rule.Signal.Slow; d > 0 {
			s.limits = append(s.limits, d)
			s.slow = true
		}
	case rules.KindGauge:
		s.gauges = true
	}
}

// minSingle is how many single minutes are kept at least, so that late spans
// find the minute that they belong to.
const minSingle = 20

// Reach is how far back judging looks.
func (r *Rings) Reach() time.Duration { return time.Duration(r.reach) * time.Minute }

// Streams lists the streams that the rules look at, each once.
func Streams(rs []rules.Rule) []rules.Stream {
	var out []rules.Stream
	seen := map[string]bool{}
	for _, r := range rs {
		if s := r.Stream(); !seen[s.String()] {
			seen[s.String()] = true
			out = append(out, s)
		}
	}
	return out
}

// Replace makes ms all that happened in [from, to), whatever was put there
// before: a minute that is read again replaces itself, so that late spans count
// and rows read twice do not.
func (r *Rings) Replace(from, to time.Time, ms []telemetry.Minute) {
	for _, ring := range r.rings {
		for m := from.Unix() / 60; m < to.Unix()/60 && m <= ring.upto; m++ {
			ring.drop(m)
		}
	}
	if to.Sub(from) > time.Minute {
		ms = slices.Clone(ms)
		slices.SortStableFunc(ms, func(a, b telemetry.Minute) int { return a.Start.Compare(b.Start) })
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
		if ri = r.ring(m.Series, s); len(ri.judges) == 0 && len(ri.groups) == 0 {
			return
		}
		r.rings[m.Series] = ri
		r.sorted = nil
	}
	ri.put(m)
}

// ring makes the ring of a new series, with the rules that choose it.
func (r *Rings) ring(series telemetry.Series, s *stream) *ring {
	ri := newRing(series, s)
	if series.Stream != rules.ProbeStream {
		ri.scale = 1 / r.config.SampleRate(series.Service)
		ri.alive = &r.alive
	}
	for _, rule := range s.rules {
		switch {
		case !rule.Where.Chooses(series.Service, series.Region):
		case rule.Signal.Kind == rules.KindSilence:
			ri.groups = append(ri.groups, r.group(rule, ri))
		default:
			ri.judges = append(ri.judges, r.judge(rule, series, s))
		}
	}
	return ri
}

// judge gives the rule as it is for a series.
func (r *Rings) judge(rule *rules.Rule, series telemetry.Series, s *stream) *judge {
	v := variant{rule, slices.IndexFunc(rule.Overrides, func(o rules.Override) bool {
		return o.Services.Match(series.Service) && o.Regions.Match(series.Region)
	})}
	if r.variants[v] == nil {
		own := rule.For(series.Service, series.Region)
		j := prepare(&own, s)
		j.index = slices.IndexFunc(r.config.Rules, func(o rules.Rule) bool { return o.ID == rule.ID })
		r.variants[v] = j
	}
	return r.variants[v]
}

// group gives the ring that adds up what is silent together with a series.
func (r *Rings) group(rule *rules.Rule, member *ring) *ring {
	key := groupKey{rule, member.series.Service, member.series.Region}
	switch rule.Signal.Of {
	case rules.OfService:
		key.region = ""
	case rules.OfRegion:
		key.service = ""
	}
	g := r.groups[key]
	if g == nil {
		single, _ := lookBack(*rule)
		g = &ring{
			series: telemetry.Series{Service: key.service, Region: key.region, Stream: member.series.Stream},
			track:  newTrack(1, 1, single, single), scale: 1, alive: &r.alive, members: map[string]int{},
			judges: []*judge{r.judge(rule, telemetry.Series{Service: key.service, Region: key.region}, member.stream)},
		}
		r.groups[key] = g
	}
	g.members[member.series.Region]++
	return g
}

// Judge states the facts about the minute that ends at at, for every rule that
// source feeds ("" for all of them) and every series that had requests within
// the rules' reach.
func (r *Rings) Judge(at time.Time, source string) []Finding {
	last := at.Unix()/60 - 1
	r.forget(last)
	by := make([][]Finding, len(r.config.Rules))
	for i, n := range r.sizes {
		by[i] = make([]Finding, 0, n)
	}
	w := witnesses{}
	r.round(by, last, at, nil, func(i int) bool { return r.confirms[source][i] })
	for i, rule := range r.config.Rules {
		w.hear(rule.ID, by[i])
	}
	r.round(by, last, at, w, func(i int) bool {
		return !r.confirms[source][i] && (source == "" || r.config.Rules[i].Source() == source)
	})
	total := 0
	for i := range by {
		r.sizes[i] = len(by[i])
		total += len(by[i])
	}
	out := make([]Finding, 0, total)
	for i := range r.config.Rules {
		rule := &r.config.Rules[i]
		if source == "" || rule.Source() == source {
			spread(rule, by[i])
			out = append(out, by[i]...)
		}
	}
	return out
}

// round judges the rules that are chosen by their index.
func (r *Rings) round(by [][]Finding, last int64, at time.Time, w witnesses, chosen func(int) bool) {
	for i := range r.config.Rules {
		if rule := &r.config.Rules[i]; chosen(i) && rule.Signal.Kind == rules.KindSilence {
			by[i] = r.silences(rule, last, at, w)
		}
	}
	for _, ri := range r.sorted {
		for _, j := range ri.judges {
			if chosen(j.index) {
				by[j.index] = append(by[j.index], j.judge(ri, last, at, w))
			}
		}
	}
}

// forget lets go of what no rule can look at any more.
func (r *Rings) forget(last int64) {
	for s, ri := range r.rings {
		if ri.newest > last-int64(ri.stream.reach) {
			continue
		}
		delete(r.rings, s)
		r.sorted = nil
		for _, g := range ri.groups {
			if g.members[s.Region]--; g.members[s.Region] == 0 {
				delete(g.members, s.Region)
			}
			if len(g.members) == 0 {
				maps.DeleteFunc(r.groups, func(_ groupKey, x *ring) bool { return x == g })
			}
		}
	}
	if r.sorted != nil {
		return
	}
	for _, ri := range r.rings {
		r.sorted = append(r.sorted, ri)
	}
	slices.SortFunc(r.sorted, func(a, b *ring) int { return a.series.Compare(b.series) })
}

// silences gives the findings of a rule about silence: one for each region of
// each group.
func (r *Rings) silences(rule *rules.Rule, last int64, at time.Time, w witnesses) []Finding {
	var fs []Finding
	for k, g := range r.groups {
		if k.rule != rule {
			continue
		}
		for region := range g.members {
			one := *g
			one.series.Region = region
			fs = append(fs, g.judges[0].judge(&one, last, at, w))
		}
	}
	slices.SortFunc(fs, func(a, b Finding) int { return a.Series.Compare(b.Series) })
	return fs
}

// judge states the facts about one minute of one series.
func (j *judge) judge(r *ring, last int64, at time.Time, w witnesses) Finding {
	mildest := &j.levels[len(j.levels)-1]
	f := Finding{
		Rule: j.rule.ID, Component: j.rule.Component, Kind: j.rule.Signal.Kind, Series: r.series, At: at,
		Limit: mildest.limit, LastSeen: r.lastSeen(last),
	}
	now := mildest.ask(r, last)
	f.Now = now.verdict

	calm, within := j.recover.calm(r, last, j.recover.forMin)
	f.Calm = time.Duration(calm) * time.Minute
	f.Recovered = within && calm >= j.recover.forMin && j.evident(r, last)
	if !j.nested {
		j.each(&f, r, last)
	}
	if f.Recovered && f.Now == Good {
		j.show(&f, r, last, mildest, now)
		return f // within the recover limit, and so within every level's, for as long as it takes
	}

	shown := mildest
	for i := range j.levels {
		l := &j.levels[i]
		if w.confirm(l.confirm, f.Series.Region) && l.held(r, last) {
			f.Held, f.Now, shown = l.severity, Bad, l
			break
		}
	}
	for i := range j.levels {
		l := &j.levels[i]
		if w.cleared(l.confirm, f.Series.Region) {
			continue // whatever this level saw, its witness has recovered
		}
		if n, ok := l.calm(r, last, j.recover.forMin); !ok || n < j.recover.forMin {
			f.Floor = l.severity
			break
		}
	}
	f.Floor = max(f.Floor, f.Held)
	if !f.Recovered {
		f.Floor = max(f.Floor, mildest.severity) // between recover and the mildest level nothing is demanded, and it is not over
	}
	if shown != mildest {
		now = shown.ask(r, last)
	}
	j.show(&f, r, last, shown, now)
	if f.Held != rules.SeverityNone {
		f.Began = j.began(r, last, shown)
	}
	f.Why = j.why(f, r, shown, now)
	return f
}

// each has every level say whether it is bad and whether it is over, where the
// mildest does not speak for the others.
func (j *judge) each(f *Finding, r *ring, last int64) {
	for i := range j.levels {
		l := &j.levels[i]
		if l.ask(r, last).verdict == Bad {
			f.Now = Bad
		}
		if n, _ := l.calm(r, last, j.recover.forMin); n < j.recover.forMin {
			f.Recovered = false
		}
	}
}

// enough is how many requests without trouble count as recovered. Fewer may be
// luck: of an outage of a third, three requests in ten see nothing.
const enough = 10

// evident reports whether what is calm rests on enough requests, or has been
// calm for an hour. Only then is it over; on the way down nothing else is asked.
func (j *judge) evident(r *ring, last int64) bool {
	t := &j.recover.any[0].long
	switch t.kind {
	case rules.KindRequestRate, rules.KindGauge, rules.KindSilence:
		return true // these are not shares of requests
	}
	for i := range known {
		if i > 0 && j.recover.ask(r, last-int64(i)).over {
			return false
		}
		if r.sum(last, i+1, t.among) >= enough {
			return true
		}
	}
	return true
}

// show fills in the numbers that a finding rests on.
func (j *judge) show(f *Finding, r *ring, last int64, c *condition, a answer) {
	f.Seen = a.seen
	f.Requests, f.Errors = a.n, a.k
	f.Value, f.Limit = a.value, c.limit
	switch j.rule.Signal.Kind {
	case rules.KindQuantile:
		f.Value = 0
		if a.seen {
			d, _ := r.durations(last, j.window).Quantile(j.rule.Signal.Quantile)
			f.Value = float64(d)
		}
	case rules.KindBurnRate:
		budget := 1 - j.rule.Signal.Objective
		f.Value, f.Limit = a.value/budget, a.limit/budget
	case rules.KindRequestRate:
		f.Errors, f.Limit = 0, a.limit
	case rules.KindErrorRate, rules.KindStatusShare:
		f.Limit = a.limit
		if !a.seen {
			f.Limit = c.limit
		}
	case rules.KindSilence:
		f.Errors, f.Limit = 0, a.limit
		if a.verdict != Good {
			f.Requests = 0
		}
	}
}

// lastSeen is the end of the newest minute with requests up to last, as far as
// that is known.
func (r *ring) lastSeen(last int64) time.Time {
	m := r.last(last)
	if m == 0 {
		return time.Time{}
	}
	return time.Unix((m+1)*60, 0).UTC()
}

// began walks back from the newest bad minute over minutes that were
// themselves bad, past minutes without requests, at most window+for.
func (j *judge) began(r *ring, last int64, held *condition) time.Time {
	if j.rule.Signal.Kind == rules.KindSilence {
		return r.lastSeen(last) // since then there was nothing
	}
	if j.rule.Signal.Kind == rules.KindBurnRate {
		return j.burning(r, last, held)
	}
	began, found := last, false
	for m := last; m > last-int64(held.steps()); m-- {
		switch a := j.bad.ask(r, m); {
		case a.over:
			began, found = m, true
		case a.seen && found:
			return time.Unix(began*60, 0).UTC()
		}
	}
	return time.Unix(began*60, 0).UTC()
}

// burning walks back over stretches that spent the budget too fast, at most as
// long as the shortest window that did. What burns slowly has minutes without a
// failure in between: so a stretch is a twelfth of that window. It began with
// the first failure of the first stretch.
func (j *judge) burning(r *ring, last int64, held *condition) time.Time {
	t := &held.any[0].long
	for i := range held.any {
		if held.any[i].ask(r, last).verdict == Bad {
			t = &held.any[i].long
			break
		}
	}
	step := int64(max(t.window/12/coarse*coarse, coarse))
	began := last + 1 - step
	for at := began; at > last-int64(t.window); at -= step {
		k, n := r.between(at, at+step, t.of), r.between(at, at+step, t.among)
		if n > 0 && float64(k)/float64(n) > t.limit {
			began = at
		} else if n > 0 && at < last+1-step {
			break
		}
	}
	for began -= began % coarse; began < last && r.sum(began, 1, t.of) == 0; began++ {
	}
	return time.Unix(began*60, 0).UTC()
}

// confirms reports whether a rule that source feeds asks the one with this ID
// to confirm.
func confirms(rs []rules.Rule, id, source string) bool {
	return slices.ContainsFunc(rs, func(rule rules.Rule) bool {
		levels := slices.Clone(rule.Levels)
		for _, o := range rule.Overrides {
			levels = append(levels, o.Levels...)
		}
		return (source == "" || rule.Source() == source) && slices.ContainsFunc(levels, func(l rules.Level) bool {
			return slices.Contains(l.ConfirmWith, id)
		})
	})
}

// witnesses is what the rules that confirm others say of each region.
type witnesses map[witness]testimony

type witness struct{ rule, region string }

type testimony struct{ bad, well bool } // some series is bad; all have recovered

func (w witnesses) hear(rule string, fs []Finding) {
	for _, f := range fs {
		k := witness{rule, f.Series.Region}
		t, known := w[k]
		t.bad = t.bad || f.Now == Bad
		t.well = (t.well || !known) && f.Recovered
		w[k] = t
	}
}

// confirm reports whether one of the rules, if there are any, is bad.
func (w witnesses) confirm(rs []string, region string) bool {
	return len(rs) == 0 || slices.ContainsFunc(rs, func(r string) bool { return w[witness{r, region}].bad })
}

// cleared reports whether a level has witnesses, all of which have recovered or
// have nothing to say.
func (w witnesses) cleared(rs []string, region string) bool {
	return len(rs) > 0 && !slices.ContainsFunc(rs, func(r string) bool {
		t, known := w[witness{r, region}]
		return known && !t.well
	})
}
