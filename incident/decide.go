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
}

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
	case r.Again:
		// facts known already
	default:
		d.round(*r)
	}
	if n := len(d.events); n > 0 {
		d.events[n-1].Posts = append(d.events[n-1].Posts, d.pages()...)
	}
	return d.events
}

// decision collects events, each applied to the board as it is decided.
type decision struct {
	board  Board
	in     Input
	at     time.Time
	events []Event
}

func (d *decision) say(e Event) {
	d.events = append(d.events, e)
	d.board = d.board.With(e)
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
	if r.At.IsZero() || late < blindAfter || !d.board.Blind.IsZero() {
		return
	}
	d.say(Event{Kind: Blinded, At: r.At, By: Tocsin, Began: r.At, Why: r.Why})
}

// round applies a minute's findings.
func (d *decision) round(r evaluator.Round) {
	if r.Skipped > 0 {
		from := r.At.Add(-time.Minute - r.Skipped)
		d.say(Event{
			Kind: Skipped, At: r.At.Add(-time.Minute), By: Tocsin, Began: from,
			Why: fmt.Sprintf("the %s from %s on were never judged: the stop was longer than catch_up", r.Skipped, from.Format(time.RFC3339)),
		})
	}
	if r.Live && !d.board.Blind.IsZero() {
		d.say(Event{Kind: Sighted, At: r.At, By: Tocsin, Began: d.board.Blind})
	}
	d.sense(r)
	before := d.board
	for _, f := range r.Findings {
		d.finding(f)
	}
	for _, inc := range slices.Clone(d.board.Open) {
		d.withdraw(inc, r.At)
		d.settle(inc.ID, r)
		d.speak(inc.ID, before, r)
	}
}

// finding raises, eases or recovers one cause.
func (d *decision) finding(f evaluator.Finding) {
	inc, open := d.board.On(f.Component)
	var c Cause
	if i := inc.cause(f.Rule, f.Series.Service, f.Series.Region); i >= 0 {
		c = inc.Causes[i]
	}
	e := Event{
		Incident: inc.ID, At: f.At, By: Actor("rule:" + f.Rule), Component: f.Component, Region: f.Series.Region,
		Rule: f.Rule, Service: f.Series.Service, Severity: f.Held,
		Value: f.Value, Limit: f.Limit, Requests: f.Requests, Errors: f.Errors, Why: f.Why,
	}
	active := c.Severity != rules.SeverityNone
	switch floor := max(f.Floor, f.Held); {
	case f.Held > c.Severity:
		if !open {
			e.Incident = d.board.next(f.At.UTC().Year())
			d.say(Event{Kind: Opened, Incident: e.Incident, At: f.At, By: e.By, Component: f.Component, Began: f.Began})
		}
		e.Kind, e.Began = Raised, f.Began
		d.say(e)
	case active && f.Recovered:
		e.Kind, e.Severity = Recovered, rules.SeverityNone
		d.say(e)
	case active && floor != rules.SeverityNone && floor < c.Severity:
		e.Kind, e.Severity = Eased, floor
		d.say(e)
	}
}

// withdraw ends the causes that no rule looks at any more: no finding will ever
// end them.
func (d *decision) withdraw(inc Incident, at time.Time) {
	now, _ := d.board.Find(inc.ID)
	for _, c := range now.Causes {
		if c.Severity == rules.SeverityNone || d.watched(inc.Component, c) {
			continue
		}
		d.say(Event{
			Kind: Recovered, Incident: inc.ID, At: at, By: Tocsin, Component: inc.Component, Region: c.Region,
			Rule: c.Rule, Service: c.Service, Why: "the rule is no longer in the configuration, or looks elsewhere now",
		})
	}
}

// settle moves the incident's state, to resolved when all of it is well.
func (d *decision) settle(id ID, r evaluator.Round) {
	inc, _ := d.board.Find(id)
	move := func(s State) {
		if inc.State != s {
			d.say(Event{Kind: Moved, Incident: id, At: r.At, By: Tocsin, Component: inc.Component, State: s})
		}
	}
	facts := d.facts(inc)
	if !facts.open {
		d.say(Event{
			Kind: Resolved, Incident: id, At: r.At, By: Tocsin, Component: inc.Component, Severity: inc.Peak,
			Began: inc.Began, Why: fmt.Sprintf("every cell has recovered; it lasted %s", r.At.Sub(inc.Began)),
		})
		return
	}
	switch over := inc.Severity() == rules.SeverityNone; {
	case facts.bad:
		move(Investigating)
	case facts.well(), over && !facts.known: // all that can be seen is well
		move(Monitoring)
	}
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
	return ok && rule.Component == component && rule.Where.Services.Match(c.Service) && d.covers(rule, c.Region)
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
	for _, f := range r.Findings {
		cell := Cell{f.Component, f.Series.Region}
		s := now[cell]
		if !s.known {
			order = append(order, cell)
			s = seen{Sensing{SenseNothing, f.LastSeen}, true}
		}
		switch {
		case f.Now != evaluator.Unsure:
			s.Sensing = Sensing{SenseSeen, r.At}
		case f.Requests > 0 && s.Sense == SenseNothing:
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
		case was != SenseNothing:
			d.sensed(cell, Sensing{SenseNothing, r.At.Add(-time.Minute - r.Skipped)}, r.At)
		}
	}
}

func (d *decision) sensed(cell Cell, s Sensing, at time.Time) {
	d.say(Event{Kind: Sensed, At: at, By: Tocsin, Component: cell.Component, Region: cell.Region, Sense: s.Sense, Began: s.Since})
}
