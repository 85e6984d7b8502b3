package incident

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/featuresignals/tocsin/evaluator"
	"github.com/featuresignals/tocsin/rules"
)

// Input is what a decision is made from, besides the board.
type Input struct {
	Config *rules.Config

	// Round is a minute's findings, or that there are none to be had; nil
	// when the clock asks what is due.
	Round *evaluator.Round

	// Latest is the newest findings there are, to compose words from: those
	// of Round, or of an earlier one when the clock asks.
	Latest []evaluator.Finding
	AsOf   time.Time // the minute that Latest is about

	// Known says that Latest tells how things are now: not so after a start,
	// before the first round. Until then the clock lets nobody compose words.
	Known bool

	// Fit says why customers are not to read a person's words; nil: they may
	// read any.
	Fit func(text string) error
}

// sight is how long ago the last request of a cell may be for it to be seen: what
// a window of hours or days still holds does not tell how it is now.
const sight = time.Hour

// grace is how late a promised update may be before the promise counts as
// missed.
const grace = 5 * time.Second

// blindAfter is how long beyond its lag the source may stay silent before it
// counts as blind: one failed query is not worth a word.
const blindAfter = 90 * time.Second

// Decide says which events in calls for on b. at is the time of the decision:
// for a round the moment its minute closed, so that deciding late, or again
// after a crash, decides the same. Saying the same thing twice adds nothing.
func (b Board) Decide(in Input, at time.Time) []Event {
	d := decision{board: b, in: in, at: at}
	switch r := in.Round; {
	case r == nil:
		d.due()
	case r.Blind:
		d.blind(*r)
		d.plans(d.at.Truncate(time.Minute)) // the store that does not answer may be what is worked on
	case r.Again:
		// facts known already
	default:
		d.round(*r)
	}
	return d.decided()
}

// decided gives the events, with the posts to pages.
func (d *decision) decided() []Event {
	if n := len(d.events); n > 0 && slices.ContainsFunc(d.events, shows) {
		d.events[n-1].Posts = append(d.events[n-1].Posts, d.pages()...)
	}
	return d.events
}

// shows reports whether a page could look different after e.
func shows(e Event) bool {
	switch e.Kind {
	case Held, Edited, Approved, Vetoed, Withdrawn, Alarmed, Paged, Escalated, Overdue, Reminded, Acknowledged, StoodDown, Lapsed,
		Noted, Related, Assigned, Tasked, Ticked, Unticked, Cleared:
		return false
	default:
		return true
	}
}

// decision collects events, each applied to the board as it is decided.
type decision struct {
	board  Board
	in     Input
	at     time.Time
	by     Actor // the person who acts; "" where nobody does
	events []Event
}

func (d *decision) say(e Event) {
	d.events = append(d.events, e)
	d.board = d.board.With(e)
	switch e.Kind {
	case Acknowledged:
		d.standDown(e, TakenOn)
	case Resolved, Merged:
		d.standDown(e, AllOver)
	}
}

// pages is the posts that every change of the board calls for: a page shows
// all of it.
func (d *decision) pages() []Post {
	var posts []Post
	for _, c := range d.in.Config.Pages() {
		posts = append(posts, Post{Channel: c.Name, Due: d.at})
	}
	return posts
}

// blind tells that the source has been silent for too long.
func (d *decision) blind(r evaluator.Round) {
	late := d.at.Sub(r.At) - d.in.Config.SigNoz.Lag
	if r.At.IsZero() || late < blindAfter || !d.board.Blind.IsZero() || r.Source == rules.SourceProbes {
		return // what probes find is kept by Tocsin itself; not reading it is no news about the product
	}
	d.say(Event{Kind: Blinded, At: r.At, By: Tocsin, Began: r.At, Why: r.Why})
}

// round applies a minute's findings.
func (d *decision) round(r evaluator.Round) {
	if r.Skipped > 0 {
		from := r.At.Add(-time.Minute - r.Skipped)
		d.say(Event{
			Kind: Skipped, At: r.At.Add(-time.Minute), By: Tocsin, Began: from,
			Why: fmt.Sprintf("the %s from %s on were never judged: the stop was longer than catch_up", spell(r.Skipped), from.Format(time.RFC3339)),
		})
	}
	spans := func(rule rules.Rule) bool { return rule.Source() == rules.SourceSpans }
	if !d.board.Blind.IsZero() && (r.Live && r.Source != rules.SourceProbes || !slices.ContainsFunc(d.in.Config.Rules, spans)) {
		d.say(Event{Kind: Sighted, At: r.At, By: Tocsin, Began: d.board.Blind})
	}
	d.plans(d.at.Truncate(time.Minute)) // sources lag differently; the times of decisions rise
	d.sense(r)
	before := d.board
	for _, f := range r.Findings {
		d.finding(f)
	}
	d.clear(r.At)
	for _, inc := range slices.Clone(d.board.Open) {
		d.unwatched(inc, r.At)
		d.settle(inc.ID, r)
		d.speak(inc.ID, before, r)
		d.checklists(inc.ID)
		if r.Live {
			d.call(inc.ID)
		}
	}
}

// finding raises, eases or recovers one cause.
func (d *decision) finding(f evaluator.Finding) {
	inc, open := d.board.On(f.Component)
	var c Cause
	k := Cause{Rule: f.Rule, Service: f.Series.Service, Region: f.Series.Region}
	if i := inc.cause(k); i >= 0 {
		c = inc.Causes[i]
	}
	if waived := d.board.waived[k]; waived != rules.SeverityNone && f.Held <= waived {
		if f.Recovered {
			d.cleared(k, f.Component, f.At, f.Why)
		}
		return // a person closed its incident knowing of it
	}
	e := Event{
		Incident: inc.ID, At: f.At, By: Actor("rule:" + f.Rule), Component: f.Component, Region: f.Series.Region,
		Rule: f.Rule, Service: f.Series.Service, Severity: f.Held,
		Value: f.Value, Limit: f.Limit, Requests: f.Requests, Errors: f.Errors, Why: f.Why,
	}
	active := c.Severity != rules.SeverityNone
	switch floor := max(f.Floor, f.Held); {
	case f.Held > c.Severity:
		if d.muted(f) {
			return
		}
		if !open {
			e.Incident = d.open(f, e.By)
		} else if d.customers(f.Held) && !d.customers(inc.Peak) {
			began := f.Began
			if active && c.Began.Before(began) {
				began = c.Began // it is the same trouble, grown worse
			}
			d.say(Event{Kind: Surfaced, Incident: inc.ID, At: f.At, By: e.By, Component: f.Component, Began: began})
		}
		e.Kind, e.Began = Raised, f.Began
		d.say(e)
		d.link(e.Incident, f.At)
	case active && f.Recovered:
		e.Kind, e.Severity = Recovered, rules.SeverityNone
		d.say(e)
	case active && floor != rules.SeverityNone && floor < c.Severity:
		e.Kind, e.Severity = Eased, floor
		d.say(e)
	}
}

// cleared tells that what a person left bad is well.
func (d *decision) cleared(k Cause, component string, at time.Time, why string) {
	d.say(Event{Kind: Cleared, At: at, By: Tocsin, Component: component, Rule: k.Rule, Service: k.Service, Region: k.Region, Why: why})
}

// clear forgets what a person left bad and no rule looks at any more.
func (d *decision) clear(at time.Time) {
	var gone []Cause
	for k := range d.board.waived {
		if rule, ok := d.in.Config.Rule(k.Rule); !ok || !d.watched(rule.Component, k) {
			gone = append(gone, k)
		}
	}
	slices.SortFunc(gone, func(a, b Cause) int {
		return cmp.Or(cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.Service, b.Service), cmp.Compare(a.Region, b.Region))
	})
	for _, k := range gone {
		d.cleared(k, "", at, "no rule looks at it any more")
	}
}

// open begins an incident, or goes on with the last one of the component if
// that ended only a moment ago.
func (d *decision) open(f evaluator.Finding, by Actor) ID {
	for _, past := range slices.Backward(d.board.Past) {
		if past.Private || past.Into != "" || !past.Covers(f.Component) || d.customers(f.Held) != d.customers(past.Peak) {
			continue
		}
		within := d.in.Config.ReopenWithin
		if slices.ContainsFunc(past.covers(), func(c string) bool { _, open := d.board.On(c); return open }) {
			break // another incident is about a part of it by now
		}
		if f.At.Sub(past.Resolved) <= within && within > 0 {
			d.say(Event{
				Kind: Reopened, Incident: past.ID, At: f.At, By: by, Component: f.Component, Began: f.Began,
				Why: fmt.Sprintf("it broke again %s after it was resolved", spell(max(f.At.Sub(past.Resolved), 0))), // one source may lag behind the other
			})
			return past.ID
		}
		break
	}
	id := d.board.next(f.At.UTC().Year())
	d.say(Event{Kind: Opened, Incident: id, At: f.At, By: by, Component: f.Component, Began: f.Began})
	return id
}

// customers reports whether customers read of a severity.
func (d *decision) customers(s rules.Severity) bool { return d.in.Config.Policies[s].Public }

// concerns reports whether a cause is one that the incident is about. Once
// customers read of an incident, what would never have been told them neither
// keeps it open nor widens it; it gets an incident of its own when this one has
// ended. Where a person alone made it theirs, it is about all there is.
func (d *decision) concerns(inc Incident, c Cause) bool {
	return d.customers(c.Peak) || !d.customers(inc.Peak) ||
		!slices.ContainsFunc(inc.Causes, func(other Cause) bool { return d.customers(other.Peak) })
}

// find gives an incident with the causes that it is about.
func (d *decision) find(id ID) Incident {
	inc, _ := d.board.Find(id)
	return d.about(inc)
}

func (d *decision) about(inc Incident) Incident {
	inc.Causes = slices.DeleteFunc(slices.Clone(inc.Causes), func(c Cause) bool { return !d.concerns(inc, c) })
	return inc
}

// muted reports whether maintenance or a silence keeps a finding quiet, and
// tells the timeline once.
func (d *decision) muted(f evaluator.Finding) bool {
	rule, _ := d.in.Config.Rule(f.Rule)
	plan, since := d.in.Config.Muted(rule, f.Series.Service, f.Series.Region, f.At)
	if plan == "" {
		return false
	}
	k := Cause{Rule: f.Rule, Service: f.Series.Service, Region: f.Series.Region}
	if d.board.muted[k] != (mute{plan, since}) {
		d.say(Event{
			Kind: Muted, At: f.At, By: Actor("rule:" + f.Rule), Component: f.Component, Region: f.Series.Region, Rule: f.Rule,
			Service: f.Series.Service, Severity: f.Held, Began: since, Plan: plan,
			Value: f.Value, Limit: f.Limit, Requests: f.Requests, Errors: f.Errors, Why: f.Why,
		})
	}
	return true
}

// link notes which open incidents explain others: those of components that the
// other's component depends on, in a region that both touch.
func (d *decision) link(id ID, at time.Time) {
	changed, _ := d.board.Find(id)
	for _, inc := range slices.Clone(d.board.Open) {
		d.explain(inc, changed, at)
		d.explain(changed, inc, at)
	}
}

func (d *decision) explain(inc, by Incident, at time.Time) {
	if now, _ := d.board.Find(inc.ID); now.ExplainedBy != "" || inc.ID == by.ID || inc.Private || by.Private {
		return
	}
	if !d.in.Config.DependsOn(inc.Component, by.Component) || !slices.ContainsFunc(by.Causes, func(c Cause) bool {
		return c.Severity != rules.SeverityNone && inc.RegionSeverity(c.Region) != rules.SeverityNone
	}) {
		return
	}
	d.say(Event{
		Kind: Linked, Incident: inc.ID, At: at, By: Tocsin, Component: inc.Component, Cause: by.ID,
		Why: fmt.Sprintf("%s depends on %s, which is broken in the same region", inc.Component, by.Component),
	})
}

// unwatched ends the causes that no rule looks at any more: no finding will ever
// end them.
func (d *decision) unwatched(inc Incident, at time.Time) {
	now, _ := d.board.Find(inc.ID)
	for _, c := range now.Causes {
		if c.Severity == rules.SeverityNone || c.declared() || d.watched(now.componentOf(c), c) {
			continue
		}
		d.say(Event{
			Kind: Recovered, Incident: inc.ID, At: at, By: Tocsin, Component: now.componentOf(c), Region: c.Region,
			Rule: c.Rule, Service: c.Service, Why: "the rule is no longer in the configuration, or looks elsewhere now",
		})
	}
}

// settle moves the incident's state, to resolved when all of it is well.
func (d *decision) settle(id ID, r evaluator.Round) {
	inc := d.find(id)
	if ahead(inc, r.At) {
		return
	}
	move := func(s State) {
		if inc.State != s {
			d.say(Event{Kind: Moved, Incident: id, At: r.At, By: Tocsin, Component: inc.Component, State: s})
		}
	}
	facts := d.facts(inc)
	if !facts.open {
		why := "every cell has recovered"
		if slices.ContainsFunc(inc.Causes, func(c Cause) bool { return c.Gone }) {
			why = "no rule looks any more at what had not recovered"
		}
		if d.probesAlone() && d.spans(inc) {
			return // the probes are well; what the spans say is not known
		}
		d.say(Event{
			Kind: Resolved, Incident: id, At: r.At, By: Tocsin, Component: inc.Component, Severity: inc.Peak,
			Began: inc.Began, Why: fmt.Sprintf("%s; it lasted %s", why, spell(r.At.Sub(inc.Began))),
		})
		return
	}
	switch over := inc.Severity() == rules.SeverityNone; {
	case facts.declared:
		// what a person declared moves when a person says so
	case inc.Grade == nil && d.customers(inc.Peak) && !over && !d.customers(inc.Severity()):
		move(Monitoring) // what is left of it is nothing for customers
	case facts.bad && inc.State == Monitoring && d.mending(inc, facts, r.At):
		// a person says that it is mended; the windows still hold what was before
	case facts.bad && inc.State == Monitoring && !inc.Identified.IsZero():
		move(Identified)
	case facts.bad && inc.State != Identified:
		move(Investigating)
	case facts.well(), over && !facts.known: // all that can be seen is well
		move(Monitoring)
	}
}

// mending reports whether a person said that it is mended so short a time ago
// that the windows cannot show it yet.
func (d *decision) mending(inc Incident, f facts, at time.Time) bool {
	return !inc.Moved.IsZero() && at.Sub(inc.Moved) <= f.window+2*time.Minute
}

// ahead reports whether a cause ended after a minute that is judged now: what
// another source saw meanwhile is on the board already, and says more.
func ahead(inc Incident, at time.Time) bool {
	return slices.ContainsFunc(inc.Causes, func(c Cause) bool { return c.Ended.After(at) })
}

// spans reports whether some rule looks at the spans of an incident's regions.
func (d *decision) spans(inc Incident) bool {
	return slices.ContainsFunc(d.in.Config.Rules, func(rule rules.Rule) bool {
		return inc.Covers(rule.Component) && rule.Source() == rules.SourceSpans &&
			slices.ContainsFunc(inc.Regions(), func(region string) bool { return d.covers(rule, region) })
	})
}

// silent reports whether a cause's region, still watched by its rule, sends
// nothing now: a cell that is not seen is not well.
func (d *decision) silent(component string, c Cause) bool {
	return d.watched(component, c) && d.board.Senses[Cell{component, c.Region}].Sense == SenseNothing
}

// watched reports whether the configuration still has a rule that looks at a
// cause. One that was moved to another component, service or region does not,
// nor any at a region that has become the alias of another.
func (d *decision) watched(component string, c Cause) bool {
	rule, ok := d.in.Config.Rule(c.Rule)
	if !ok || rule.Component != component || !d.covers(rule, c.Region) {
		return false
	}
	if rule.Signal.Kind == rules.KindSilence && rule.Signal.Of == rules.OfRegion {
		return c.Service == ""
	}
	return rule.Where.Chooses(c.Service, c.Region)
}

func (d *decision) covers(rule rules.Rule, region string) bool {
	return rule.Where.Regions.Match(region) && d.in.Config.RegionOf(region) == region
}

// sense tells where what can be seen of a cell changed.
func (d *decision) sense(r evaluator.Round) {
	type seen struct {
		Sensing
		known bool
	}
	now := map[Cell]seen{}
	var order []Cell
	for _, f := range d.in.Latest {
		if f.Kind == rules.KindSilence || f.Kind == rules.KindGauge {
			continue // neither is about requests
		}
		cell := Cell{f.Component, f.Series.Region}
		s := now[cell]
		if !s.known {
			order = append(order, cell)
			s = seen{Sensing{SenseNothing, f.LastSeen}, true}
		}
		sight := r.At.Sub(f.LastSeen) <= sight
		switch {
		case sight && f.Now != evaluator.Unsure:
			s.Sensing = Sensing{SenseSeen, r.At}
		case sight && f.Requests > 0 && s.Sense == SenseNothing:
			s.Sensing = Sensing{SenseThin, r.At}
		case s.Sense == SenseNothing && f.LastSeen.After(s.Since):
			s.Since = f.LastSeen
		}
		now[cell] = s
	}
	for _, cell := range order {
		if s := now[cell]; s.Sense != d.board.Senses[cell].Sense {
			d.sensed(cell, s.Sensing, r.At)
		}
	}
	// What is known of a cell that was not judged: after a stop longer than
	// catch_up nothing may be left of it, and the rules may look elsewhere now.
	var rest []Cell
	for cell := range d.board.Senses {
		if !now[cell].known {
			rest = append(rest, cell)
		}
	}
	slices.SortFunc(rest, func(a, b Cell) int {
		return cmp.Or(cmp.Compare(a.Component, b.Component), cmp.Compare(a.Region, b.Region))
	})
	for _, cell := range rest {
		watched := slices.ContainsFunc(d.in.Config.Rules, func(rule rules.Rule) bool {
			return rule.Component == cell.Component && d.covers(rule, cell.Region)
		})
		switch was := d.board.Senses[cell].Sense; {
		case was == SenseNone:
		case !watched:
			d.sensed(cell, Sensing{SenseNone, r.At}, r.At)
		case d.probesAlone():
			// the spans are out of sight, all of them, and that is said already
		case was != SenseNothing:
			d.sensed(cell, Sensing{SenseNothing, r.At.Add(-time.Minute - r.Skipped)}, r.At)
		}
	}
}

func (d *decision) sensed(cell Cell, s Sensing, at time.Time) {
	d.say(Event{Kind: Sensed, At: at, By: Tocsin, Component: cell.Component, Region: cell.Region, Sense: s.Sense, Began: s.Since})
}
