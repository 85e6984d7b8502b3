package incident

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/featuresignals/tocsin/evaluator"
	"github.com/featuresignals/tocsin/rules"
)

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
	switch {
	case d.inside(inc):
		if r.Live || inc.State == StateResolved { // what channels would not hear of is not said: a later round says it
			d.update(id, r.Live, "")
		}
		return
	case !d.public(inc):
		return
	case !inc.Told() && (inc.Draft != nil || d.waits(inc)):
		d.first(inc, r.Live)
		return
	case d.explained(inc):
		return
	}
	then := decision{board: before, in: d.in, at: d.at}
	last, told := inc.last()
	changed := !told || then.publicly(then.find(id)) != d.publicly(inc)
	if !r.Live {
		if changed && !ahead(inc, r.At) {
			d.update(id, false, "")
		}
		return
	}
	promised := !inc.Promise.IsZero()
	open := inc.State != StateResolved
	switch {
	case changed,
		open && last.Late,
		open && promised && !inc.Promise.After(d.at),
		open && !promised && d.every(inc) > 0:
		d.update(id, true, "")
	}
}

// first sees to the first words: they wait, so that people can change them or
// decide against them, and silence lets them go. live is as in update.
func (d *decision) first(inc Incident, live bool) {
	policy := d.policy(inc)
	hold := Event{
		Kind: Held, Incident: inc.ID, At: d.at, By: Tocsin, Component: inc.Component, Severity: inc.Severity(), Due: d.at.Add(policy.Hold),
	}
	if d.approval(inc) {
		hold.Due = time.Time{}
	}
	if policy.FirstPost > 0 {
		hold.Until = d.at.Add(policy.FirstPost)
	}
	switch draft := inc.Draft; {
	case inc.Withheld:
		// a person decided against it
	case inc.State == StateResolved && draft != nil:
		d.withdraws(inc, "it was over before its first words were due")
	case inc.State == StateResolved:
	case draft == nil, hold.Due.IsZero() && !draft.Due.IsZero():
		d.say(hold) // at first, and once what would have gone by itself needs a person
	case !draft.Due.IsZero() && !draft.Due.After(d.at) && !d.explained(inc):
		d.update(inc.ID, live, draft.Text)
	case !draft.Pinned && !hold.Due.IsZero() && (draft.Due.IsZero() || hold.Due.Before(draft.Due)):
		d.say(hold) // it is worse now, and waits for less
	}
}

func (d *decision) withdraws(inc Incident, why string) {
	d.say(Event{Kind: Withdrawn, Incident: inc.ID, At: d.at, By: Tocsin, Component: inc.Component, Why: why})
}

// waits reports whether an incident's first words are not to go out at once.
func (d *decision) waits(inc Incident) bool {
	return inc.Withheld || d.approval(inc) || d.policy(inc).Hold > 0
}

// approval reports whether the first words wait for a person. Once every cause
// has recovered and it is not over, what they waited for still holds.
func (d *decision) approval(inc Incident) bool {
	none := inc.Severity() == rules.SeverityNone
	return d.policy(inc).Approve || slices.ContainsFunc(inc.Causes, func(c Cause) bool {
		rule, _ := d.in.Config.Rule(c.Rule)
		return (none || c.Severity != rules.SeverityNone) && rule.Approve
	})
}

// policy is what the incident's severity promises to customers; once it is
// nothing for them any more, that of its worst.
func (d *decision) policy(inc Incident) rules.Policy {
	if s := inc.Severity(); d.customers(s) {
		return d.in.Config.Policies[s]
	}
	return d.in.Config.Policies[inc.Peak]
}

// public reports whether customers hear of the incident: its severity says so,
// or they have heard of it before, or are about to.
func (d *decision) public(inc Incident) bool {
	return !inc.Private && (d.customers(inc.Severity()) || inc.Told() || inc.Draft != nil && d.customers(inc.Peak))
}

// inside reports whether the beginning or the end of an incident that customers
// never read of is to be told on its channels now.
func (d *decision) inside(inc Incident) bool {
	policy := d.in.Config.Policies[inc.Peak]
	due := policy.OnOpened && len(inc.Updates) == inc.Earlier
	if inc.State == StateResolved {
		due = policy.OnResolved
	}
	return due && !inc.Private && inc.Into == "" && !d.customers(inc.Peak) && !inc.Told() && len(d.posts(inc, Update{})) > 0
}

// explained reports whether another incident speaks for this one: nothing was
// said of it yet, and one that it depends on is open and at least as bad. What it
// depended on when it broke may be another thing by now.
func (d *decision) explained(inc Incident) bool {
	by, ok := d.board.Find(inc.ExplainedBy)
	return ok && !inc.Told() && d.in.Config.DependsOn(inc.Component, by.Component) && by.State != StateResolved && d.public(by) && by.Severity() >= inc.Severity() &&
		!slices.ContainsFunc(inc.Causes, func(c Cause) bool {
			return c.Severity != rules.SeverityNone && by.RegionSeverity(c.Region) == rules.SeverityNone
		})
}

// also lists the components whose incidents this one explains and speaks for: not
// those that a person keeps from customers.
func (d *decision) also(inc Incident) []string {
	var all []string
	for _, other := range d.board.Open {
		by := d.about(other)
		for d.explained(by) {
			by = d.find(by.ExplainedBy)
		}
		if other.ID != inc.ID && by.ID == inc.ID && d.public(other) && !other.Withheld {
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
	fmt.Fprintf(&s, " %q %q", d.also(inc), inc.Components)
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
// and goes to the page alone, unless it is the last word. text is what a person
// wrote; "" if nobody did.
func (d *decision) update(id ID, live bool, text string) {
	d.missed(d.find(id))
	inc := d.find(id)
	facts := d.facts(inc)
	last, told := inc.last()
	u := Update{
		Number: len(inc.Updates) + 1, State: inc.State, Severity: inc.standing(),
		Said: d.at, AsOf: d.in.AsOf, Late: !live, Regions: d.regions(inc), Also: d.also(inc),
		Text: text, Integrity: inc.Integrity, Into: inc.Into, Inside: d.inside(inc),
	}
	if newest := inc.said(); live && !u.Said.After(newest) {
		u.Said = newest.Add(time.Second) // the clock was put back: what comes later is later all the same
	}
	worst := facts.worst(inc)
	rule, _ := d.in.Config.Rule(worst.Rule)
	u.Words = rule.Public
	if k := rule.Signal.Kind; rule.Source() == rules.SourceSpans && (k == rules.KindErrorRate || k == rules.KindQuantile) {
		u.Quantile, u.Value = rule.Signal.Quantile, facts.value(worst) // the figures that customers can make something of
	}
	if told && rule.ID == "" {
		u.Words = last.Words // the rule is gone, or there was none; the words stand
	}
	u.Words = inc.Words.Over(u.Words)
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
		if after := d.postMortem(inc); after > 0 && inc.Into == "" {
			u.PostMortem = inc.Resolved.Add(after)
		}
	}
	if live && inc.State != StateResolved && !u.Inside {
		u.Every = d.every(inc)
		u.Next = d.promise(inc, u.Said, u.Every)
	}
	e := Event{Kind: Updated, Incident: id, At: d.at, By: Clock, Component: inc.Component, Severity: u.Severity, State: u.State, Update: &u}
	switch {
	case d.by != "":
		e.By = d.by
	case text != "" && inc.Draft != nil && inc.Draft.By != "":
		e.By = inc.Draft.By
	case d.in.Round != nil:
		e.By = Tocsin
	}
	if live || inc.State == StateResolved {
		e.Posts = d.posts(inc, u)
	}
	d.say(e)
}

// postMortem is by when after its end an incident's post-mortem is due; 0: none
// is. One about security has one at any severity.
func (d *decision) postMortem(inc Incident) time.Duration {
	after := d.in.Config.Policies[inc.Peak].PostMortem
	if after == 0 && inc.Topic == Security {
		after = d.in.Config.Policies[rules.P0].PostMortem
	}
	return after
}

// promise gives the time of the next update. A rise may bring it forward, never
// put it off.
func (d *decision) promise(inc Incident, said time.Time, every time.Duration) time.Time {
	if every == 0 {
		return time.Time{}
	}
	next := said.Add(every)
	rose := false // since customers could last read of it
	for _, u := range slices.Backward(inc.Updates) {
		if !u.Late && !u.Inside {
			rose = inc.Severity() > u.Severity
			break
		}
	}
	if rose && inc.Promise.After(said) && inc.Promise.Before(next) {
		next = inc.Promise
	}
	return next
}

// posts is the deliveries of an update: everybody who heard of the incident, at
// its worst or before customers read of it, hears of it to the end. Pages are not among them: they show the
// whole board, whatever changed.
func (d *decision) posts(inc Incident, u Update) []Post {
	var posts []Post
	heard := d.in.Config.Hears(inc.Peak)
	for _, u := range inc.Updates {
		if u.Inside {
			heard = append(slices.Clip(heard), d.in.Config.Hears(u.Severity)...)
		}
	}
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
			if c.Region != region || c.Severity != inc.cellDemand("", region) {
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
		switch {
		case inc.Into != "":
			return TrendMerged
		case inc.Forced:
			return TrendForced
		case !slices.ContainsFunc(inc.Causes, func(c Cause) bool { return !c.declared() }):
			return TrendTold // nothing that is measured was part of it
		}
		if slices.ContainsFunc(inc.Causes, func(c Cause) bool { return c.Gone }) {
			return TrendGone
		}
		return TrendOver
	}
	if u.Inside && len(inc.Updates) > 0 {
		return TrendBack // its beginning is told once, unless it began anew
	}
	last, told := inc.last()
	switch {
	case f.declared && !f.measured && !told:
		return TrendNew
	case f.declared && !f.measured && d.by != "":
		return TrendNone // what the person says is the news
	case f.declared && !f.measured:
		return TrendTold
	case !f.known || d.blindNow():
		return TrendUnknown
	case f.well():
		return TrendCalm
	case !told:
		return TrendNew
	}
	if last.State == StateResolved {
		return TrendBack
	}
	// A severity that a person has just set is no measurement.
	measured := d.by == ""
	worse, better := measured && u.Severity > last.Severity, measured && u.Severity < last.Severity
	// What was said to have recovered has left its limits again: whatever the
	// severity, that is not "unchanged".
	worse = worse || last.Trend == TrendCalm && f.calm == 0
	for _, r := range u.Regions {
		i := slices.IndexFunc(last.Regions, func(o RegionState) bool { return o.Region == r.Region })
		worse = worse || measured && (i < 0 || r.Severity > last.Regions[i].Severity)
		better = better || measured && i >= 0 && r.Severity < last.Regions[i].Severity
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
	case !measured:
		return TrendNone // the person's news is not called unchanged
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
	window   time.Duration               // the longest of those that are over their limit

	declared bool // some cause is a person's word
	measured bool // some active cause is not
}

// well reports whether every cause has been within `recover` for a while: a
// third of the soak, so that one good minute is not called an improvement.
func (f facts) well() bool {
	confirm := min(max((f.soak/3).Round(time.Minute), 2*time.Minute), f.soak-time.Minute)
	return !f.declared && f.complete && f.calm >= max(confirm, time.Minute)
}

func (d *decision) facts(inc Incident) facts {
	f := facts{by: map[Cause]evaluator.Finding{}, complete: true, since: d.in.AsOf}
	for _, x := range d.in.Latest {
		if inc.Covers(x.Component) {
			f.by[Cause{Rule: x.Rule, Service: x.Series.Service, Region: x.Series.Region}] = x
		}
	}
	first, over := true, inc.Severity() == rules.SeverityNone
	for _, c := range inc.Causes {
		if c.declared() {
			f.declared = f.declared || c.Severity != rules.SeverityNone
			f.open = f.open || f.declared
			continue
		}
		x, ok := f.by[key(c)]
		// Once every cause has recovered, those matter that are out of sight
		// now, or have left `recover` since: they keep the incident open.
		relapsed := x.Seen && !x.Recovered
		if c.Severity == rules.SeverityNone && !(over && (relapsed || d.silent(inc.componentOf(c), c))) {
			continue
		}
		f.open, f.measured = true, true
		if !ok || !x.Seen {
			f.complete = false
			if s := d.board.Senses[Cell{inc.componentOf(c), c.Region}]; s.Sense == SenseNothing && s.Since.Before(f.since) {
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
			if x.Now == evaluator.Bad {
				f.window = max(f.window, rule.Window)
			}
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
	severity := func(c Cause) rules.Severity { return c.Severity }
	if inc.Severity() == rules.SeverityNone {
		severity = func(c Cause) rules.Severity { return c.Peak }
	}
	worst := -1
	for n, c := range inc.Causes {
		if worst < 0 {
			worst = n
			continue
		}
		w := inc.Causes[worst]
		same := severity(c) == severity(w)
		if severity(c) > severity(w) || same && w.declared() && !c.declared() || same && c.Rule == w.Rule && f.value(c) > f.value(w) {
			worst = n
		}
	}
	if worst < 0 {
		return Cause{}
	}
	return inc.Causes[worst]
}

func (f facts) value(c Cause) float64 { return f.by[key(c)].Value }
