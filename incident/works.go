package incident

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/featuresignals/tocsin/rules"
)

// Work is one stretch of maintenance that customers were told of. What the
// configuration says of it may be gone long before it is forgotten.
type Work struct {
	ID         string // of the maintenance; with From it tells stretches apart
	Title      string // "" where an older Tocsin wrote it down: only its ID is known
	Components []string
	Regions    []string // both empty: all
	From, To   time.Time
	Announced  time.Time // since when customers can read of it
	Entered    time.Time // zero: it has not begun
	Left       time.Time // zero: it is not over
}

// UnderWay reports whether the stretch has begun and is not over.
func (w Work) UnderWay() bool { return !w.Entered.IsZero() && w.Left.IsZero() }

// Touches reports whether the stretch is about a cell.
func (w Work) Touches(component, region string) bool {
	return (len(w.Components) == 0 || slices.Contains(w.Components, component)) &&
		(len(w.Regions) == 0 || slices.Contains(w.Regions, region))
}

const (
	// Ahead is how long before it begins customers are told of maintenance.
	Ahead = 14 * 24 * time.Hour

	// Occurrences is of how many stretches to come they are told, where it comes
	// again every week.
	Occurrences = 2

	// keepWorks is for how long after its end a stretch is remembered.
	keepWorks = 100 * 24 * time.Hour
)

const maintenancePlan = "maintenance "

// works gives the board once a stretch was announced, has begun or is over.
func (b Board) works(e Event) Board {
	if e.At.After(b.planned) {
		b.planned = e.At
	}
	id, ok := strings.CutPrefix(e.Plan, maintenancePlan)
	if !ok {
		return b
	}
	list := slices.DeleteFunc(slices.Clone(b.Works), func(w Work) bool {
		last := w.To
		if w.Left.After(last) {
			last = w.Left
		}
		return !w.UnderWay() && e.At.Sub(last) > keepWorks
	})
	n := slices.IndexFunc(list, func(w Work) bool { return w.ID == id && w.From.Equal(e.Began) })
	if n < 0 {
		if e.Kind == Left {
			return b
		}
		told := e.At // a stretch that was entered late could not be read of before it was
		if e.Recorded.After(told) {
			told = e.Recorded
		}
		list = append(list, Work{ID: id, From: e.Began, Announced: told})
		n = len(list) - 1
	}
	w := &list[n]
	if e.Title != "" {
		w.Title, w.Components, w.Regions = e.Title, e.Components, e.Regions
	}
	if !e.Until.IsZero() {
		w.To = e.Until
	}
	switch e.Kind {
	case Entered:
		for m := range list {
			if m != n && list[m].ID == id && list[m].UnderWay() {
				list[m].leave(e.At) // it was moved while it was under way, or nobody was there to see it end
			}
		}
		w.Entered, w.Left = e.At, time.Time{}
	case Left:
		w.leave(e.At)
	}
	b.Works = list
	return b
}

// leave ends a stretch, when it was to end at the latest.
func (w *Work) leave(at time.Time) {
	if w.Left = at; !w.To.IsZero() && w.To.Before(at) {
		w.Left = w.To
	}
}

// told reports whether customers were told of a stretch.
func (b Board) told(id string, from time.Time) bool {
	return slices.ContainsFunc(b.Works, func(w Work) bool { return w.ID == id && w.From.Equal(from) })
}

// plans tells which maintenance comes soon, and where it begins and ends. It goes by
// the clock, also while the source does not answer, and never back: minutes that are
// caught up with come after what was told meanwhile.
func (d *decision) plans(at time.Time) {
	if at.Before(d.board.planned) {
		return
	}
	now := map[string]time.Time{}
	for _, m := range d.in.Config.Maintenance {
		plan := maintenancePlan + m.ID
		d.missedPlans(m, at)
		if from, to, ok := m.Span(at); ok {
			now[plan] = from
			if d.board.Plans[plan] != from {
				d.say(planned(Entered, m, from, to, at))
			}
		}
		for from, to := range ToCome(m, at) {
			if from.Sub(at) <= Ahead && !d.board.told(m.ID, from) {
				d.say(planned(Announced, m, from, to, at))
			}
		}
	}
	for _, plan := range slices.Sorted(maps.Keys(d.board.Plans)) {
		if _, on := now[plan]; on {
			continue
		}
		e := Event{Kind: Left, At: at, By: Clock, Began: d.board.Plans[plan], Plan: plan}
		for _, m := range d.in.Config.Maintenance {
			if from, to, ok := m.Span(e.Began); ok && plan == maintenancePlan+m.ID && from.Equal(e.Began) {
				e.Until = to // it may have been put off
			}
		}
		d.say(e)
	}
}

// missedPlans tells of stretches that customers read of and that began and ended
// while nobody was there.
func (d *decision) missedPlans(m rules.Maintenance, at time.Time) {
	for _, w := range d.board.Works {
		if w.ID != m.ID || !w.Entered.IsZero() || w.From.After(at) {
			continue
		}
		from, to, ok := m.Next(w.From)
		if !ok || !from.Equal(w.From) || to.After(at) {
			continue // it is no longer planned so, or goes on
		}
		d.say(planned(Entered, m, from, to, from))
		d.say(Event{Kind: Left, At: to, By: Clock, Began: from, Until: to, Plan: maintenancePlan + m.ID})
	}
}

func planned(kind Kind, m rules.Maintenance, from, to, at time.Time) Event {
	return Event{
		Kind: kind, At: at, By: Clock, Began: from, Until: to, Plan: maintenancePlan + m.ID, Why: m.Title,
		Title: m.Title, Components: m.Components, Regions: m.Regions,
	}
}

// ToCome yields the next stretches of maintenance that begin after at: one, or two
// of what comes again every week.
func ToCome(m rules.Maintenance, at time.Time) func(yield func(from, to time.Time) bool) {
	return func(yield func(from, to time.Time) bool) {
		left := 1
		if len(m.Weekly.Days) > 0 {
			left = Occurrences
		}
		for t := at; left > 0; {
			from, to, ok := m.Next(t)
			if !ok {
				return
			}
			if t = to; !from.After(at) {
				continue
			}
			if left--; !yield(from, to) {
				return
			}
		}
	}
}
