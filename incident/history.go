package incident

import (
	"cmp"
	"iter"
	"maps"
	"slices"
	"time"

	"github.com/featuresignals/tocsin/evaluator"
	"github.com/featuresignals/tocsin/rules"
)

// Mark is what is known of a minute of a cell once it is judged, or of several on
// end.
type Mark struct {
	Cell
	Minute      time.Time // its beginning
	Until       time.Time // where it stands for several: their end; zero: it is one
	Known       bool      // something could be said of it, good or bad
	Maintenance bool
	First       bool // nothing was marked of the cell before
}

// Days yields the days that a mark is about, as DayOf numbers them, and which of
// their minutes are.
func (m Mark) Days() iter.Seq2[int, Minutes] {
	return func(yield func(int, Minutes) bool) {
		until := m.Until
		if until.IsZero() {
			until = m.Minute.Add(time.Minute)
		}
		for day := DayOf(m.Minute); ; day++ {
			begin := Midnight(day)
			if !begin.Before(until) {
				return
			}
			if !yield(day, Between(int(m.Minute.Sub(begin)/time.Minute), int(until.Sub(begin)/time.Minute))) {
				return
			}
		}
	}
}

// Reading is the worst that was measured of a cell in some minutes on end.
type Reading struct {
	Cell
	Kind  string    // the signal: "error_rate" (a share) or "p99" (seconds; any pNN)
	Step  time.Time // when the minutes begin
	Value float64
}

// Step is how many minutes a reading stands for.
const Step = 15 * time.Minute

// marks says what a round knows of its minute, for each cell of a configured
// component that is watched, and of those before it that were never judged. Of a
// minute of which nothing is known and that is no maintenance nothing is to be said,
// but where it is the first ever of its cell.
func marks(c *rules.Config, b Board, h *History, r evaluator.Round) []Mark {
	minute := r.At.Add(-time.Minute)
	var plans []rules.Maintenance // under way
	for _, m := range c.Maintenance {
		if _, _, ok := m.Span(minute); ok {
			plans = append(plans, m)
		}
	}
	maintained := func(cell Cell) bool {
		return slices.ContainsFunc(plans, func(m rules.Maintenance) bool { return m.Covers(cell.Component, cell.Region, minute) })
	}
	configured := map[string]bool{}
	for _, comp := range c.Components {
		configured[comp.ID] = true
	}
	known := map[Cell]bool{}
	for i := range r.Findings {
		f := &r.Findings[i]
		cell := Cell{f.Component, f.Series.Region}
		known[cell] = known[cell] || f.Now != evaluator.Unsure && r.At.Sub(f.LastSeen) <= sight
	}
	var all []Mark
	for cell, s := range b.Senses {
		if s.Sense == SenseNone || !configured[cell.Component] {
			continue
		}
		if _, found := known[cell]; !found && maintained(cell) {
			known[cell] = false // what is silent meanwhile is under maintenance, too
		}
		if !h.Since(cell).IsZero() {
			all = append(all, unjudged(c, cell, minute.Add(-r.Skipped), minute)...)
		}
	}
	for cell, k := range known {
		since := h.Since(cell)
		m := Mark{Cell: cell, Minute: minute, Known: k, Maintenance: maintained(cell), First: since.IsZero() || minute.Before(since)}
		if configured[cell.Component] && (m.Known || m.Maintenance || m.First) {
			all = append(all, m)
		}
	}
	slices.SortFunc(all, func(a, b Mark) int { return cmp.Or(a.compare(b.Cell), a.Minute.Compare(b.Minute)) })
	return all
}

// unjudged says which minutes of a cell that nobody judged, or will, were to be
// maintenance.
func unjudged(c *rules.Config, cell Cell, from, to time.Time) []Mark {
	if oldest := Midnight(DayOf(to) - heldDays + 1); from.Before(oldest) {
		from = oldest // nobody is shown what was before
	}
	whole := func(t time.Time) time.Time { return t.Add(time.Minute - 1).Truncate(time.Minute) } // as Span asks of a minute's beginning
	var all []Mark
	for _, m := range c.Maintenance {
		for at := from; at.Before(to); {
			begin, end, ok := m.Next(at)
			if !ok || !begin.Before(to) {
				break
			}
			mark := Mark{Cell: cell, Minute: whole(begin), Until: whole(end), Maintenance: m.Covers(cell.Component, cell.Region, begin)}
			if mark.Minute.Before(from) {
				mark.Minute = from
			}
			if mark.Until.After(to) {
				mark.Until = to
			}
			if mark.Maintenance && mark.Minute.Before(mark.Until) {
				all = append(all, mark)
			}
			at = end
		}
	}
	return all
}

func (c Cell) compare(o Cell) int {
	return cmp.Or(cmp.Compare(c.Component, o.Component), cmp.Compare(c.Region, o.Region))
}

// readings gives what a round measured of what components let customers see: of
// each figure, by the rule that looks at the shortest time.
func readings(c *rules.Config, r evaluator.Round) []Reading {
	type figure struct {
		component, kind string
		quantile        bool
	}
	by := map[string]figure{} // by rule
	for _, comp := range c.Components {
		for _, kind := range comp.Figures {
			if rule, ok := figureRule(c, comp.ID, kind); ok && rule.Source() == r.Source {
				by[rule.ID] = figure{comp.ID, kind, rule.Signal.Kind == rules.KindQuantile}
			}
		}
	}
	if len(by) == 0 {
		return nil
	}
	step := r.At.Add(-time.Minute).Truncate(Step)
	var all []Reading
	at := map[lineOf]int{}
	for i := range r.Findings {
		f := &r.Findings[i]
		of, ok := by[f.Rule]
		if !ok || f.Now == evaluator.Unsure || !f.Seen {
			continue
		}
		x := Reading{Cell: Cell{of.component, f.Series.Region}, Kind: of.kind, Step: step, Value: f.Value}
		if of.quantile {
			x.Value = time.Duration(f.Value).Seconds()
		}
		k := lineOf{x.Cell, x.Kind}
		if n, there := at[k]; there {
			all[n].Value = max(all[n].Value, x.Value)
			continue
		}
		at[k] = len(all)
		all = append(all, x)
	}
	slices.SortFunc(all, func(a, b Reading) int { return cmp.Or(a.compare(b.Cell), cmp.Compare(a.Kind, b.Kind)) })
	return all
}

// figureRule gives the rule that a component's figure comes from: of those that
// look at the signal, the one with the shortest window.
func figureRule(c *rules.Config, component, kind string) (found rules.Rule, ok bool) {
	for _, rule := range c.Rules {
		if rule.Component == component && rule.Signal.String() == kind && (!ok || rule.Window < found.Window) {
			found, ok = rule, true
		}
	}
	return found, ok
}

// History is what is known of the minutes of the last days, and what was measured
// in the last day. It is a value: one that was handed out never changes, so that
// it is known again by its address. A nil History knows nothing.
type History struct {
	cells map[Cell]*watched
	lines map[lineOf][]Reading // oldest first
}

type lineOf struct {
	Cell
	kind string
}

// watched is what is known of one cell.
type watched struct {
	since time.Time // the first minute ever marked
	first int       // number of the first of days
	days  []*Day    // on end; nil: nothing was marked on that day
}

// Day is what is known of a cell's minutes of one day.
type Day struct {
	Known, Maintenance Minutes

	// Good counts the known ones outside maintenance, Maintained those of it: of most
	// days nothing else is asked.
	Good, Maintained int
}

func (d *Day) count() *Day {
	known := d.Known.Less(d.Maintenance)
	d.Good, d.Maintained = known.Len(), d.Maintenance.Len()
	return d
}

// What is held: the days that a page shows and one in which the others are not over
// yet, and the readings of a day and a step.
const (
	heldDays  = 92
	heldSteps = 24*time.Hour + Step
)

// HistoryFrom gives the number of the first day that a History holds when the newest
// minute is that at at, and the first step.
func HistoryFrom(at time.Time) (day int, step time.Time) {
	return DayOf(at) - heldDays + 1, at.Add(-heldSteps)
}

// Stored is a day of a cell as it is kept.
type Stored struct {
	Cell
	Day                int // as DayOf numbers them
	Known, Maintenance Minutes
}

// NewHistory makes a History of what was kept: the first minute ever marked of each
// cell, days and readings in any order.
func NewHistory(since map[Cell]time.Time, days []Stored, readings []Reading) *History {
	h := &History{cells: make(map[Cell]*watched, len(since)), lines: map[lineOf][]Reading{}}
	for cell, first := range since {
		h.cells[cell] = &watched{since: first}
	}
	slices.SortStableFunc(days, func(a, b Stored) int { return cmp.Compare(a.Day, b.Day) })
	for _, s := range days {
		w := h.cells[s.Cell]
		if w == nil {
			w = &watched{since: Midnight(s.Day)}
			h.cells[s.Cell] = w
		}
		w.at(s.Day)
		w.days[s.Day-w.first] = (&Day{Known: s.Known, Maintenance: s.Maintenance}).count()
	}
	for _, r := range readings {
		h.read(r)
	}
	return h
}

// With gives the history in which a round's marks and readings are, too.
func (h *History) With(marks []Mark, readings []Reading) *History {
	if len(marks) == 0 && len(readings) == 0 {
		return h
	}
	next := &History{cells: map[Cell]*watched{}, lines: map[lineOf][]Reading{}}
	if h != nil {
		next.cells, next.lines = maps.Clone(h.cells), maps.Clone(h.lines)
	}
	for _, m := range marks {
		w := &watched{since: m.Minute}
		if was := next.cells[m.Cell]; was != nil {
			*w = watched{since: was.since, first: was.first, days: slices.Clone(was.days)}
			if m.Minute.Before(w.since) {
				w.since = m.Minute
			}
		}
		next.cells[m.Cell] = w
		if !m.Known && !m.Maintenance {
			continue
		}
		for day, minutes := range m.Days() {
			w.mark(m, day, minutes)
		}
	}
	for _, r := range readings {
		k := lineOf{r.Cell, r.Kind}
		next.lines[k] = slices.Clone(next.lines[k])
		next.read(r)
	}
	return next
}

// mark puts minutes of a day in.
func (w *watched) mark(m Mark, day int, minutes Minutes) {
	if !w.at(day) {
		return // too long ago
	}
	now := Day{}
	if was := w.days[day-w.first]; was != nil {
		now = *was
	}
	if m.Known {
		now.Known = now.Known.Or(minutes)
	}
	if m.Maintenance {
		now.Maintenance = now.Maintenance.Or(minutes)
	}
	w.days[day-w.first] = now.count()
}

// at makes room for a day. It is false where it is too long before the newest one.
func (w *watched) at(day int) bool {
	if len(w.days) == 0 {
		w.first = day
	}
	last := w.first + len(w.days) - 1
	if day <= last-heldDays {
		return false
	}
	if day < w.first {
		w.days = append(make([]*Day, w.first-day, w.first-day+len(w.days)), w.days...)
		w.first = day
	}
	if oldest := max(day, last) - heldDays + 1; oldest > w.first {
		w.days = w.days[min(oldest-w.first, len(w.days)):]
		w.first = oldest
	}
	for w.first+len(w.days) <= day {
		w.days = append(w.days, nil)
	}
	return true
}

// read puts a reading in, in a list of its own.
func (h *History) read(r Reading) {
	k := lineOf{r.Cell, r.Kind}
	line := h.lines[k]
	n, there := slices.BinarySearchFunc(line, r.Step, func(x Reading, at time.Time) int { return x.Step.Compare(at) })
	if there {
		line[n].Value = max(line[n].Value, r.Value)
	} else {
		line = slices.Insert(line, n, r)
	}
	oldest := line[len(line)-1].Step.Add(-heldSteps)
	h.lines[k] = slices.DeleteFunc(line, func(x Reading) bool { return x.Step.Before(oldest) })
}

// Cells lists the cells that were ever marked, by component and region.
func (h *History) Cells() []Cell {
	if h == nil {
		return nil
	}
	return slices.SortedFunc(maps.Keys(h.cells), Cell.compare)
}

// Since gives the first minute ever marked of a cell; zero: none was.
func (h *History) Since(cell Cell) time.Time {
	if h == nil || h.cells[cell] == nil {
		return time.Time{}
	}
	return h.cells[cell].since
}

// Day gives what is known of a cell's minutes of a day; nil: nothing is.
func (h *History) Day(cell Cell, day int) *Day {
	if h == nil || h.cells[cell] == nil {
		return nil
	}
	w := h.cells[cell]
	if n := day - w.first; n >= 0 && n < len(w.days) {
		return w.days[n]
	}
	return nil
}

// Days gives what Day says of each day from one to another, both included.
func (h *History) Days(cell Cell, from, to int) []*Day {
	all := make([]*Day, to-from+1)
	if h == nil || h.cells[cell] == nil {
		return all
	}
	w := h.cells[cell]
	for n := range all {
		if at := from + n - w.first; at >= 0 && at < len(w.days) {
			all[n] = w.days[at]
		}
	}
	return all
}

// Line gives what was measured of a cell, oldest first. It is not to be changed.
func (h *History) Line(cell Cell, kind string) []Reading {
	if h == nil {
		return nil
	}
	return h.lines[lineOf{cell, kind}]
}
