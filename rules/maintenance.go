package rules

import (
	"slices"
	"time"
)

// Maintenance is planned work: rules go on being judged, but what breaks within
// it opens nothing until it ends.
type Maintenance struct {
	ID         string
	Title      string   // customers read it
	Components []string // IDs; empty: all
	Regions    []string // codes; empty: all

	// From … To, once. With Weekly, only what begins from From on and before To
	// counts, and To ends it; each may be missing.
	From, To time.Time
	Weekly   Weekly
	Pos      Pos
}

// Weekly is work that comes again: on Days at At o'clock of Zone, For so long.
// At goes by the clock on the wall: a change to summer time moves the work
// along. A time that the clock jumps over is that of the jump; of one that
// comes twice the first counts.
type Weekly struct {
	Days []time.Weekday // in the order of the week, from Sunday; empty: not weekly
	At   time.Duration  // since midnight, whole minutes
	For  time.Duration
	Zone *time.Location
}

// Span gives the stretch of maintenance that at lies in. Its end is no part of
// it.
func (m Maintenance) Span(at time.Time) (from, to time.Time, ok bool) {
	if from, to, ok = m.Next(at); ok && !at.Before(from) {
		return from, to, true
	}
	return time.Time{}, time.Time{}, false
}

// Next gives the stretch of maintenance that at lies in or, if it lies in none,
// the first that begins afterwards; ok is false once all is over.
func (m Maintenance) Next(at time.Time) (from, to time.Time, ok bool) {
	if len(m.Weekly.Days) == 0 {
		return m.From, m.To, at.Before(m.To)
	}
	if m.From.After(at) {
		at = m.From
	}
	// What at lies in may have begun days ago. What comes next does so within a
	// week, or within two if this week's began before From.
	local, before := at.In(m.Weekly.Zone), int(m.Weekly.For/(24*time.Hour))+2
	for i := range before + 15 {
		from, to, ok = m.on(local.Year(), local.Month(), local.Day()-before+i)
		if ok && at.Before(to) {
			return from, to, true
		}
	}
	return time.Time{}, time.Time{}, false
}

// on gives the stretch that begins on a day.
func (m Maintenance) on(year int, month time.Month, day int) (from, to time.Time, ok bool) {
	// Days are counted in UTC, where every one of them has a midnight.
	date := time.Date(year, month, day, 0, 0, 0, 0, time.UTC)
	if !slices.Contains(m.Weekly.Days, date.Weekday()) {
		return time.Time{}, time.Time{}, false
	}
	from = wall{date.Year(), date.Month(), date.Day(), int(m.Weekly.At / time.Minute)}.first(m.Weekly.Zone)
	if to = from.Add(m.Weekly.For); !m.To.IsZero() && to.After(m.To) {
		to = m.To
	}
	return from, to, !from.Before(m.From) && from.Before(to)
}

// Covers reports whether a cell is under maintenance at at.
func (m Maintenance) Covers(component, region string, at time.Time) bool {
	if len(m.Components) > 0 && !slices.Contains(m.Components, component) ||
		len(m.Regions) > 0 && !slices.Contains(m.Regions, region) {
		return false
	}
	_, _, ok := m.Span(at)
	return ok
}

// Silence keeps rules from opening incidents until it ends, which it must.
type Silence struct {
	ID       string
	Rules    Patterns // of IDs
	Services Patterns
	Regions  Patterns
	From     time.Time // zero: from ever
	Until    time.Time
	Reason   string // for the timeline; never public
	Pos      Pos
}

// Covers reports whether a rule is silenced for a series at at.
func (s Silence) Covers(rule, service, region string, at time.Time) bool {
	return !at.Before(s.From) && at.Before(s.Until) && s.Rules.Match(rule) && s.Services.Match(service) && s.Regions.Match(region)
}

// Muted names the maintenance or silence that keeps a rule's breach from
// opening or raising anything at at, and says since when it does; "" if none
// does.
func (c *Config) Muted(rule Rule, service, region string, at time.Time) (plan string, since time.Time) {
	for _, m := range c.Maintenance {
		if m.Covers(rule.Component, region, at) {
			since, _, _ = m.Span(at)
			return "maintenance " + m.ID, since
		}
	}
	for _, s := range c.Silences {
		if s.Covers(rule.ID, service, region, at) {
			return "silence " + s.ID, s.From
		}
	}
	return "", time.Time{}
}
