package publisher

import (
	"cmp"
	"slices"
	"time"

	"github.com/featuresignals/tocsin/incident"
	"github.com/featuresignals/tocsin/rules"
	"github.com/featuresignals/tocsin/templates"
)

// What is over is shown for as long as the bars reach back, and no more than so
// many of it.
const (
	workDays  = recordDays * 24 * time.Hour
	mostWorks = 50
)

// works gives the maintenance that customers are told of, at the time at: under
// way, then to come, then over. What is over stands as it was written down when it
// began; of what is to come only that counts which is still planned.
func (v view) works(at time.Time) []templates.Work {
	var now, soon, over []templates.Work
	for _, w := range v.board.Works {
		w, planned := v.planned(w)
		out, ok := v.work(w)
		switch {
		case !ok:
		case w.UnderWay():
			out.State = "in_progress"
			now = append(now, out)
		case !w.Left.IsZero():
			if out.State, out.Ended = "completed", w.Left; at.Sub(w.Left) <= workDays {
				over = append(over, out)
			}
		case planned && w.To.After(at):
			out.State = "scheduled"
			soon = append(soon, out)
		}
	}
	byBeginning := func(a, b templates.Work) int { return cmp.Or(a.From.Compare(b.From), cmp.Compare(a.ID, b.ID)) }
	slices.SortFunc(now, byBeginning)
	slices.SortFunc(soon, byBeginning)
	slices.SortFunc(over, func(a, b templates.Work) int { return cmp.Or(b.Ended.Compare(a.Ended), byBeginning(b, a)) })
	return slices.Concat(now, soon, over[:min(len(over), mostWorks)])
}

// planned gives a stretch that is not over as the configuration has it now, if it
// still does.
func (v view) planned(w incident.Work) (incident.Work, bool) {
	n := slices.IndexFunc(v.config.Maintenance, func(m rules.Maintenance) bool { return m.ID == w.ID })
	if n < 0 {
		return w, false
	}
	m := v.config.Maintenance[n]
	if w.Title == "" { // an older Tocsin wrote no more down than that it began
		w.Title, w.Components, w.Regions = m.Title, m.Components, m.Regions
	}
	from, to, ok := m.Next(w.From)
	if !ok || !from.Equal(w.From) {
		return w, false
	}
	if w.To.IsZero() || w.Left.IsZero() {
		w.To = to
	}
	if w.Left.IsZero() {
		w.Title, w.Components, w.Regions = m.Title, m.Components, m.Regions
	}
	return w, true
}

// work gives the public face of a stretch; ok is false where nothing is left that
// customers know it by.
func (v view) work(w incident.Work) (out templates.Work, ok bool) {
	out = templates.Work{
		ID: line(w.ID) + "-" + w.From.UTC().Format("20060102T1504Z"), Title: line(w.Title),
		From: w.From, To: w.To, Announced: w.Announced,
		AllComponents: len(w.Components) == 0, AllRegions: len(w.Regions) == 0 || v.all(w.Regions),
	}
	for _, c := range v.config.Components {
		if out.AllComponents || slices.Contains(w.Components, c.ID) {
			out.Components = append(out.Components, templates.Component{
				ID: line(c.ID), Name: line(c.Name), Description: line(c.Description), Group: line(c.Group),
			})
		}
	}
	out.AllComponents = len(out.Components) == len(v.config.Components)
	for _, id := range w.Components {
		if _, ok := v.config.Component(id); !ok { // it is gone, and known by its ID as in incidents
			out.Components = append(out.Components, templates.Component{ID: line(id), Name: v.title(id)})
		}
	}
	for _, r := range v.regions() {
		if len(w.Regions) == 0 || slices.ContainsFunc(w.Regions, func(code string) bool { return v.name(code) == r }) {
			out.Regions = append(out.Regions, r)
		}
	}
	if len(out.Regions) == 0 {
		out.Regions = []templates.Region{v.rest()}
	}
	return out, out.Title != "" && len(out.Components) > 0 && !out.To.IsZero()
}

// maintained gives since when a cell is under maintenance; ok is false if it is not.
func (v view) maintained(component, region string) (since time.Time, ok bool) {
	for _, w := range v.board.Works {
		if w.UnderWay() {
			if w, _ = v.planned(w); w.Title != "" && w.Touches(component, region) && (!ok || w.From.Before(since)) {
				since, ok = w.From, true
			}
		}
	}
	return since, ok
}
