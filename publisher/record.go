package publisher

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/featuresignals/tocsin/incident"
	"github.com/featuresignals/tocsin/rules"
	"github.com/featuresignals/tocsin/templates"
)

const (
	// recordDays is how many days a record has, today included.
	recordDays = 90

	// figureSteps is how many points a figure has: a day of them.
	figureSteps = int(24 * time.Hour / incident.Step)
)

// severities in the order of templates.Minutes.Bad.
var severities = [...]rules.Severity{rules.P0, rules.P1, rules.P2, rules.P3, rules.P4}

// stretch is a bout that customers read of, in minutes since 1970.
type stretch struct {
	from, to int
	severity int // index into severities
	status   templates.Status
	id       string // of the incident that told of it
}

// place is a component in a column of the page.
type place struct {
	component string
	column    templates.Region
}

// past is what records are made from.
type past struct {
	history *incident.History
	end     int                       // of the newest judged minute, in minutes since 1970
	cells   map[place][]incident.Cell // several regions may stand in one column
	bouts   map[place][]stretch       // by their beginning
	gone    map[incident.Cell]int     // from when on a cell is not watched any more
}

// past gathers it. Without a history there are no records.
func (v view) past(h *incident.History, judged time.Time) *past {
	p := &past{
		history: h, end: int(judged.Unix() / 60),
		cells: map[place][]incident.Cell{}, bouts: map[place][]stretch{}, gone: map[incident.Cell]int{},
	}
	if h == nil || judged.IsZero() {
		return nil
	}
	column := func(cell incident.Cell) place { return place{cell.Component, v.name(cell.Region)} }
	for _, cell := range h.Cells() {
		p.cells[column(cell)] = append(p.cells[column(cell)], cell)
		if s, ok := v.board.Senses[cell]; ok && s.Sense == incident.SenseNone {
			p.gone[cell] = int(s.Since.Unix() / 60)
		}
	}
	oldest := p.firstDay() * incident.PerDay
	for _, list := range [][]incident.Incident{v.board.Past, v.board.Open} {
		for n := range list {
			i := &list[n]
			if !i.Resolved.IsZero() && int(i.Resolved.Unix()/60) < oldest {
				continue
			}
			id := v.teller(*i)
			if id == "" {
				continue
			}
			for cell, bouts := range v.shownBouts(*i) {
				for _, b := range bouts {
					if s := p.stretch(v, b, *i, id); s.from < s.to && s.to > oldest {
						p.bouts[column(cell)] = append(p.bouts[column(cell)], s)
					}
				}
			}
		}
	}
	for _, list := range p.bouts {
		slices.SortFunc(list, func(a, b stretch) int {
			return cmp.Or(cmp.Compare(a.from, b.from), cmp.Compare(a.to, b.to), cmp.Compare(a.id, b.id), cmp.Compare(a.severity, b.severity))
		})
	}
	return p
}

// teller gives the ID of the incident by which customers know of i: its own, or
// that of one that spoke for it; "" if they do not.
func (v view) teller(i incident.Incident) string {
	if isPublic(i) {
		return string(i.ID)
	}
	if i.Private || i.Withheld || i.ExplainedBy == "" {
		return ""
	}
	for _, list := range [][]incident.Incident{v.board.Open, v.board.Past} {
		for n := range list {
			by := &list[n]
			if !isPublic(*by) || !by.Resolved.IsZero() && by.Resolved.Before(i.Detected) {
				continue
			}
			for _, u := range by.Updates {
				if !u.Inside && slices.Contains(u.Also, i.Component) && !u.Said.Before(i.Detected) && (i.Resolved.IsZero() || !u.Said.After(i.Resolved)) {
					return string(by.ID)
				}
			}
		}
	}
	return ""
}

// shownBouts gives the bouts that customers are shown, each cell's in their order:
// what an incident is shown to be as its time goes by, and what it grew out of,
// since its beginning is what they read.
func (v view) shownBouts(i incident.Incident) map[incident.Cell][]incident.Bout {
	out := map[incident.Cell][]incident.Bout{}
	for _, b := range i.Bouts {
		if b.Region == "" && b.Rule == "" && !b.To.IsZero() && len(v.config.Regions) > 0 {
			continue // nobody had said yet where it is; who did put it where it is from its beginning
		}
		cell := incident.Cell{Component: cmp.Or(b.Component, i.Component), Region: b.Region}
		out[cell] = append(out[cell], b)
	}
	for cell, bouts := range out {
		slices.SortStableFunc(bouts, func(a, b incident.Bout) int { return a.From.Compare(b.From) })
		shown := make([]bool, len(bouts))
		for n := len(bouts) - 1; n >= 0; n-- {
			b := bouts[n]
			shown[n] = v.config.Policies[b.Severity].Public || isPublic(i) && (b.Severity >= i.Peak || b.Set)
			if shown[n] || b.To.IsZero() {
				continue
			}
			for m := n + 1; m < len(bouts); m++ {
				next := bouts[m]
				shown[n] = shown[n] || shown[m] && next.Rule == b.Rule && next.Service == b.Service && next.From.Equal(b.To) && next.Severity > b.Severity
			}
		}
		kept := bouts[:0]
		for n, b := range bouts {
			if shown[n] {
				kept = append(kept, b)
			}
		}
		out[cell] = kept
	}
	return out
}

// stretch rounds a bout to whole minutes, each that it touches. What was before the
// incident's beginning, as customers read it, is no part of it.
func (p *past) stretch(v view, b incident.Bout, i incident.Incident, id string) stretch {
	if b.From.Before(i.Began) {
		b.From = i.Began
	}
	s := stretch{from: int(b.From.Unix() / 60), to: p.end, severity: slices.Index(severities[:], b.Severity), id: id}
	if !b.To.IsZero() {
		s.to = min(s.to, int(b.To.Add(time.Minute-1).Unix()/60))
	}
	rule, known := v.config.Rule(b.Rule)
	s.status = statusOf(b.Severity, known && rule.Signal.Kind == rules.KindQuantile, true)
	return s
}

// The days that records are about.
func (p *past) lastDay() int  { return (p.end - 1) / incident.PerDay }
func (p *past) firstDay() int { return p.lastDay() - recordDays + 1 }

// sets is what a component's word asks of a day of a cell in which it was down.
type sets struct{ watched, major incident.Minutes }

// cellRecord is a cell's record, and what a component's asks for besides.
type cellRecord struct {
	first int // number of the first day
	days  []templates.DayRecord
	down  map[int]sets // by day: where there is any such minute
}

// record gives the days of a cell from its first on.
func (p *past) record(at place) cellRecord {
	cells, bouts := p.cells[at], p.bouts[at]
	out := cellRecord{first: p.lastDay() + 1}
	for _, cell := range cells {
		out.first = min(out.first, incident.DayOf(p.history.Since(cell)))
	}
	for _, b := range bouts {
		out.first = min(out.first, b.from/incident.PerDay)
	}
	out.first = max(out.first, p.firstDay())
	if out.first > p.lastDay() {
		return out
	}
	out.days = make([]templates.DayRecord, 0, p.lastDay()-out.first+1)
	known, begin, gone := []*incident.Day(nil), 0, p.end
	single := len(cells) == 1
	if single {
		known = p.history.Days(cells[0], out.first, p.lastDay())
		begin = int(p.history.Since(cells[0]).Unix() / 60)
		if at, is := p.gone[cells[0]]; is {
			gone = min(gone, at)
		}
	}
	var touching []stretch
	for day := out.first; day <= p.lastDay(); day++ {
		from, to := day*incident.PerDay, (day+1)*incident.PerDay
		touching = touching[:0]
		for _, b := range bouts {
			if b.from < to && b.to > from {
				touching = append(touching, b)
			}
		}
		if single && len(touching) == 0 && begin <= from && to <= gone {
			out.days = append(out.days, plain(known[day-out.first], day))
			continue
		}
		d, down := p.day(cells, touching, day)
		out.days = append(out.days, d)
		if down.major != (incident.Minutes{}) {
			if out.down == nil {
				out.down = map[int]sets{}
			}
			out.down[day] = down
		}
	}
	return out
}

// plain is day for the most of them: a whole day of one cell with nothing bad.
func plain(known *incident.Day, day int) templates.DayRecord {
	d := templates.DayRecord{Date: incident.Midnight(day), Minutes: templates.Minutes{Unknown: incident.PerDay}}
	if known != nil {
		d.Minutes.Good, d.Minutes.Maintenance = known.Good, known.Maintained
		d.Minutes.Unknown -= known.Good + known.Maintained
	}
	d.Worst = word(d.Minutes)
	return d
}

// day counts the minutes of a column. Where several regions stand in it, it is as
// bad as the worst, and a minute is maintenance only if it is in all of them.
func (p *past) day(cells []incident.Cell, bouts []stretch, day int) (d templates.DayRecord, down sets) {
	begin := day * incident.PerDay
	d.Date, d.Worst = incident.Midnight(day), templates.NotWatched
	var known, maintained, open incident.Minutes // open: watched in some region without maintenance
	for _, cell := range cells {
		until := p.end
		if gone, is := p.gone[cell]; is {
			until = min(until, gone)
		}
		watched := incident.Between(int(p.history.Since(cell).Unix()/60)-begin, until-begin)
		down.watched = down.watched.Or(watched)
		var of incident.Day
		if h := p.history.Day(cell, day); h != nil {
			of = *h
		}
		known = known.Or(watched.And(of.Known).Less(of.Maintenance))
		maintained = maintained.Or(watched.And(of.Maintenance))
		open = open.Or(watched.Less(of.Maintenance))
	}
	maintained = maintained.Less(open)
	var worse incident.Minutes
	for severity := range severities {
		var bad incident.Minutes
		for _, b := range bouts {
			if b.severity != severity {
				continue
			}
			minutes := incident.Between(b.from-begin, b.to-begin).Less(maintained)
			if minutes != (incident.Minutes{}) && rank(b.status) > rank(d.Worst) {
				d.Worst = b.status
			}
			bad = bad.Or(minutes)
		}
		bad = bad.Less(worse)
		worse = worse.Or(bad)
		d.Minutes.Bad[severity] = bad.Len()
		if severity == 0 {
			down.major = bad
		}
	}
	good := known.Less(worse)
	down.watched = down.watched.Or(worse) // an incident's minutes are known, whatever was measured
	d.Minutes.Good = good.Len()
	d.Minutes.Maintenance = maintained.Len()
	d.Minutes.Unknown = down.watched.Len() - worse.Len() - d.Minutes.Good - d.Minutes.Maintenance
	for _, b := range bouts {
		if !slices.Contains(d.Incidents, b.id) {
			d.Incidents = append(d.Incidents, b.id)
		}
	}
	slices.Sort(d.Incidents)
	if d.Worst == templates.NotWatched {
		d.Worst = word(d.Minutes)
	}
	return d, down
}

// word gives the worst word of minutes none of which was bad: a minute that nobody
// knows of does not make a day of which much is known a bad one.
func word(m templates.Minutes) templates.Status {
	switch {
	case m.Good > 0:
		return templates.Operational
	case m.Maintenance > 0:
		return templates.Maintenance
	case m.Unknown > 0:
		return templates.NoData
	default:
		return templates.NotWatched
	}
}

// records fills in the records of a component and its cells. The component's minutes
// are those of all cells together.
func (p *past) records(id string, c *templates.Component) {
	cells := make([]cellRecord, len(c.Cells))
	first := p.lastDay() + 1
	for n := range c.Cells {
		cells[n] = p.record(place{id, c.Cells[n].Region})
		c.Cells[n].Record.Days = cells[n].days
		first = min(first, cells[n].first)
	}
	if first > p.lastDay() {
		return
	}
	c.Record.Days = make([]templates.DayRecord, 0, p.lastDay()-first+1)
	for day := first; day <= p.lastDay(); day++ {
		c.Record.Days = append(c.Record.Days, together(cells, day))
	}
}

// together adds the cells of a component up.
func together(cells []cellRecord, day int) templates.DayRecord {
	all := templates.DayRecord{Date: incident.Midnight(day)}
	worst, bad := templates.NotWatched, false
	for n := range cells {
		at := day - cells[n].first
		if at < 0 || at >= len(cells[n].days) {
			continue
		}
		d := &cells[n].days[at]
		all.Minutes = all.Minutes.And(d.Minutes)
		bad = bad || d.Minutes.Bad != [5]int{}
		for _, id := range d.Incidents {
			if !slices.Contains(all.Incidents, id) {
				all.Incidents = append(all.Incidents, id)
			}
		}
		if rank(d.Worst) > rank(worst) {
			worst = d.Worst
		}
	}
	slices.Sort(all.Incidents)
	switch {
	case !bad:
		all.Worst = word(all.Minutes)
	case worst == templates.Major && !downEverywhere(cells, day):
		all.Worst = templates.Partial // as worstOf has it: never all of them at the same time
	default:
		all.Worst = worst
	}
	return all
}

// downEverywhere reports whether there was a minute in which all cells that were
// watched were down.
func downEverywhere(cells []cellRecord, day int) bool {
	minutes, some := incident.Between(0, incident.PerDay), incident.Minutes{}
	for n := range cells {
		at := day - cells[n].first
		if at < 0 || at >= len(cells[n].days) || cells[n].days[at].Minutes == (templates.Minutes{}) {
			continue
		}
		down, any := cells[n].down[day]
		if !any {
			return false
		}
		some = some.Or(down.major)
		minutes = minutes.Less(down.watched.Less(down.major))
	}
	return minutes.And(some) != (incident.Minutes{})
}

// figures gives what a component allows to be shown of a column.
func (p *past) figures(at place, kinds []string) []templates.Figure {
	last := time.Unix(int64(p.end-1)*60, 0).UTC().Truncate(incident.Step)
	from := last.Add(-time.Duration(figureSteps-1) * incident.Step)
	var out []templates.Figure
	for _, kind := range kinds {
		f := templates.Figure{Kind: kind, From: from, Step: incident.Step, Points: make([]float64, figureSteps)}
		for n := range f.Points {
			f.Points[n] = math.NaN()
		}
		seen := false
		for _, cell := range p.cells[at] {
			for _, r := range p.history.Line(cell, kind) {
				n := int(r.Step.Sub(from) / incident.Step)
				if r.Step.Before(from) || n >= figureSteps {
					continue
				}
				if seen = true; !(f.Points[n] >= r.Value) { // NaN is not, either
					f.Points[n] = r.Value
				}
			}
		}
		if seen {
			out = append(out, f)
		}
	}
	return out
}
