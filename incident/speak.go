package incident

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/featuresignals/tocsin/evaluator"
	"github.com/featuresignals/tocsin/rules"
)

// due answers the promises whose time has come without a round that did.
func (d *decision) due() {
	for _, inc := range slices.Clone(d.board.Open) {
		if inc.Promise.IsZero() || inc.Promise.After(d.at) {
			continue
		}
		d.missed(inc)
		d.update(inc.ID, true)
	}
}

// missed records a promise that the update about to be made comes too late for.
func (d *decision) missed(inc Incident) {
	if inc.Promise.IsZero() || !d.at.After(inc.Promise.Add(grace)) {
		return
	}
	d.say(Event{
		Kind: Missed, Incident: inc.ID, At: inc.Promise, By: Clock, Component: inc.Component, Due: inc.Promise,
		Why: fmt.Sprintf("the update promised for %s was not made in time", inc.Promise.Format(time.RFC3339)),
	})
}

// speak makes an update when the round changed what customers may know, when
// one is due, or when nothing that was said so far was said on time.
func (d *decision) speak(id ID, before Board, r evaluator.Round) {
	inc := d.find(id)
	d.missed(inc)
	if !d.public(inc) || d.explained(inc) {
		return
	}
	then := decision{board: before, in: d.in, at: d.at}
	changed := len(inc.Updates) == 0 || then.publicly(then.find(id)) != d.publicly(inc)
	if !r.Live {
		if changed && !ahead(inc, r.At) {
			d.update(id, false)
		}
		return
	}
	promised := !inc.Promise.IsZero()
	open := inc.State != StateResolved
	switch {
	case changed,
		open && inc.Updates[len(inc.Updates)-1].Late,
		open && promised && !inc.Promise.After(d.at),
		open && !promised && d.every(inc) > 0:
		d.update(id, true)
	}
}

// public reports whether customers hear of the incident: its severity says so,
// or they have heard of it before.
func (d *decision) public(inc Incident) bool {
	return d.in.Config.Policies[inc.Severity()].Public || len(inc.Updates) > 0
}

// explained reports whether another incident speaks for this one: nothing was
// said of it yet, and one that it depends on is open and at least as bad.
func (d *decision) explained(inc Incident) bool {
	by, ok := d.board.Find(inc.ExplainedBy)
	return ok && len(inc.Updates) == 0 && by.State != StateResolved && d.public(by) && by.Severity() >= inc.Severity() &&
		!slices.ContainsFunc(inc.Causes, func(c Cause) bool {
			return c.Severity != rules.SeverityNone && by.RegionSeverity(c.Region) == rules.SeverityNone
		})
}

// also lists the components whose incidents this one explains and speaks for.
func (d *decision) also(inc Incident) []string {
	var all []string
	for _, other := range d.board.Open {
		by := d.about(other)
		for d.explained(by) {
			by = d.find(by.ExplainedBy)
		}
		if other.ID != inc.ID && by.ID == inc.ID && d.public(other) {
			all = append(all, other.Component)
		}
	}
	return all
}

// publicly sums up what customers see of an incident; an incident that changed
// in nothing else has no news for them.
func (d *decision) publicly(inc Incident) string {
	var s strings.Builder
	s.WriteString(string(inc.State) + " " + inc.standing().String())
	for _, r := range d.regions(inc) {
		fmt.Fprintf(&s, " %q %s", r.Region, r.Severity)
	}
	fmt.Fprintf(&s, " %q", d.also(inc))
	return s.String()
}

// every is the interval at which the incident is spoken of now. One that
// customers have read of is spoken of to its end, as the mildest that they read
// of is.
func (d *decision) every(inc Incident) time.Duration {
	s := inc.standing()
	if d.customers(inc.Peak) && !d.customers(s) {
		for _, public := range rules.Severities {
			if d.customers(public) {
				s = public
			}
		}
	}
	return d.in.Config.Policies[s].Every(d.at.Sub(inc.Detected))
}

// update makes the update that the board and the latest findings call for.
// live says that it is said now; otherwise it tells what was, promises nothing,
// and goes to the page alone, unless it is the last word.
func (d *decision) update(id ID, live bool) {
	inc := d.find(id)
	facts := d.facts(inc)
	u := Update{
		Number: len(inc.Updates) + 1, State: inc.State, Severity: inc.standing(),
		Said: d.at, AsOf: d.in.AsOf, Late: !live, Regions: d.regions(inc), Also: d.also(inc),
	}
	worst := facts.worst(inc)
	rule, _ := d.in.Config.Rule(worst.Rule)
	u.Words = rule.Public
	if k := rule.Signal.Kind; rule.Source() == rules.SourceSpans && (k == rules.KindErrorRate || k == rules.KindQuantile) {
		u.Quantile, u.Value = rule.Signal.Quantile, facts.value(worst) // the figures that customers can make something of
	}
	if last := len(inc.Updates) - 1; last >= 0 && rule.ID == "" {
		u.Words = inc.Updates[last].Words // the rule is gone; its words stand
	}
	u.Trend = d.trend(inc, facts, u)
	switch u.Trend {
	case TrendCalm:
		u.Calm = facts.calm
	case TrendUnknown:
		u.Blind = facts.since
	}
	if inc.State == Monitoring {
		u.Watching = max(facts.soak-facts.calm, 0)
	}
	if inc.State == StateResolved {
		u.Severity = inc.Peak
	}
	if live && inc.State != StateResolved {
		u.Every, u.Next = d.promise(inc)
	}
	e := Event{Kind: Updated, Incident: id, At: d.at, By: Clock, Component: inc.Component, Severity: u.Severity, State: u.State, Update: &u}
	if d.in.Round != nil {
		e.By = Tocsin
	}
	if live || inc.State == StateResolved {
		e.Posts = d.posts(inc, u)
	}
	d.say(e)
}

// promise gives the interval in force and the time of the next update. A rise
// may bring it forward, never put it off.
func (d *decision) promise(inc Incident) (every time.Duration, next time.Time) {
	every = d.every(inc)
	if every == 0 {
		return 0, time.Time{}
	}
	next = d.at.Add(every)
	rose := false // since customers could last read of it
	for _, u := range slices.Backward(inc.Updates) {
		if !u.Late {
			rose = inc.Severity() > u.Severity
			break
		}
	}
	if rose && inc.Promise.After(d.at) && inc.Promise.Before(next) {
		next = inc.Promise
	}
	return every, next
}

// posts is the deliveries of an update: everybody who heard of the incident at
// its worst hears of it to the end. Pages are not among them: they show the
// whole board, whatever changed.
func (d *decision) posts(inc Incident, u Update) []Post {
	var posts []Post
	heard := d.in.Config.Hears(inc.Peak)
	for _, c := range d.in.Config.Channels {
		if c.Type != "page" && slices.Contains(heard, c.Name) {
			posts = append(posts, Post{Channel: c.Name, Key: fmt.Sprintf("%s/%d", inc.ID, u.Number), Due: d.at})
		}
	}
	return posts
}

func (d *decision) regions(inc Incident) []RegionState {
	var out []RegionState
	for _, region := range inc.Regions() {
		s := RegionState{Region: region, Severity: inc.RegionSeverity(region), Slow: true}
		for _, c := range inc.Causes {
			if c.Region != region || c.Severity != s.Severity {
				continue
			}
			if rule, ok := d.in.Config.Rule(c.Rule); !ok || rule.Signal.Kind != rules.KindQuantile {
				s.Slow = false
			}
		}
		s.Slow = s.Slow && s.Severity != rules.SeverityNone
		out = append(out, s)
	}
	return out
}

// trend compares the incident with what was last said of it.
func (d *decision) trend(inc Incident, f facts, u Update) Trend {
	if inc.State == StateResolved {
		if slices.ContainsFunc(inc.Causes, func(c Cause) bool { return c.Gone }) {
			return TrendGone
		}
		return TrendOver
	}
	if !f.known || d.blindNow() {
		return TrendUnknown
	}
	if f.well() {
		return TrendCalm
	}
	if len(inc.Updates) == 0 {
		return TrendNew
	}
	last := inc.Updates[len(inc.Updates)-1]
	if last.Trend == TrendOver || last.Trend == TrendGone {
		return TrendBack
	}
	worse, better := u.Severity > last.Severity, u.Severity < last.Severity
	// What was said to have recovered has left its limits again: whatever the
	// severity, that is not "unchanged".
	worse = worse || last.Trend == TrendCalm && f.calm == 0
	for _, r := range u.Regions {
		i := slices.IndexFunc(last.Regions, func(o RegionState) bool { return o.Region == r.Region })
		worse = worse || i < 0 || r.Severity > last.Regions[i].Severity
		better = better || i >= 0 && r.Severity < last.Regions[i].Severity
	}
	worse = worse || len(u.Also) > len(last.Also)
	better = better || len(u.Also) < len(last.Also)
	if last.Quantile == u.Quantile && last.Value > 0 {
		worse = worse || u.Value > last.Value*1.2
		better = better || u.Value < last.Value*0.8
	}
	switch {
	case worse:
		return TrendWorse
	case better:
		return TrendBetter
	default:
		return TrendUnchanged
	}
}

// facts is what the latest findings say about an incident's causes.
type facts struct {
	by       map[Cause]evaluator.Finding // keyed by rule, service and region alone
	known    bool                        // some active cause has fresh requests
	complete bool                        // all of them have
	open     bool                        // some cause is active, or keeps the incident from being over
	bad      bool                        // one of those is over its limit now
	calm     time.Duration               // how long all of them have been within `recover`
	soak     time.Duration               // the longest `recover` `for` among them
	since    time.Time                   // if not known: since when
}

// well reports whether every cause has been within `recover` for a while: a
// third of the soak, so that one good minute is not called an improvement.
func (f facts) well() bool {
	confirm := min(max((f.soak/3).Round(time.Minute), 2*time.Minute), f.soak-time.Minute)
	return f.complete && f.calm >= max(confirm, time.Minute)
}

func key(c Cause) Cause { return Cause{Rule: c.Rule, Service: c.Service, Region: c.Region} }

func (d *decision) facts(inc Incident) facts {
	f := facts{by: map[Cause]evaluator.Finding{}, complete: true, since: d.in.AsOf}
	for _, x := range d.in.Latest {
		if x.Component == inc.Component {
			f.by[Cause{Rule: x.Rule, Service: x.Series.Service, Region: x.Series.Region}] = x
		}
	}
	first, over := true, inc.Severity() == rules.SeverityNone
	for _, c := range inc.Causes {
		x, ok := f.by[key(c)]
		// Once every cause has recovered, those matter that are out of sight
		// now, or have left `recover` since: they keep the incident open.
		relapsed := x.Seen && !x.Recovered
		if c.Severity == rules.SeverityNone && !(over && (relapsed || d.silent(inc.Component, c))) {
			continue
		}
		f.open = true
		if !ok || !x.Seen {
			f.complete = false
			if s := d.board.Senses[Cell{inc.Component, c.Region}]; s.Sense == SenseNothing && s.Since.Before(f.since) {
				f.since = s.Since
			}
			continue
		}
		f.known = true
		f.bad = f.bad || x.Now == evaluator.Bad
		if first || x.Calm < f.calm {
			f.calm = x.Calm
		}
		first = false
		if rule, ok := d.in.Config.Rule(c.Rule); ok {
			f.soak = max(f.soak, rule.Recover.For)
		}
	}
	if d.blindNow() || !f.known && d.probesAlone() {
		f.since = d.board.Blind
	}
	return f
}

// blindNow reports whether the words have to be found without data: the source
// is away, and this is not one of the minutes read after it came back.
func (d *decision) blindNow() bool {
	return !d.board.Blind.IsZero() && (d.in.Round == nil || d.in.Round.Blind)
}

// probesAlone reports whether this round tells what probes see while the store
// of spans is away.
func (d *decision) probesAlone() bool {
	return !d.board.Blind.IsZero() && d.in.Round != nil && d.in.Round.Source == rules.SourceProbes
}

// worst is the cause that the words are about: the most severe, of those the
// highest value, of those the first.
func (f facts) worst(inc Incident) Cause {
	var worst Cause
	for _, c := range inc.Causes {
		sev, was := c.Severity, worst.Severity
		if inc.Severity() == rules.SeverityNone {
			sev, was = c.Peak, worst.Peak
		}
		if worst.Rule == "" || sev > was || sev == was && c.Rule == worst.Rule && f.value(c) > f.value(worst) {
			worst = c
		}
	}
	return worst
}

func (f facts) value(c Cause) float64 { return f.by[key(c)].Value }
