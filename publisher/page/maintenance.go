package page

import (
	"fmt"
	"slices"
	"time"

	"github.com/featuresignals/tocsin/publisher/statuspage"
	"github.com/featuresignals/tocsin/templates"
)

// stage is one thing that customers are told about maintenance: that it is to
// come, that it has begun, that it is over.
type stage struct {
	id    string // unique for ever: "database-20261128T2200Z-scheduled"
	state string // Statuspage's word
	at    time.Time
}

// stages gives what was said about maintenance, newest first and at least one.
// When is what the plan says, and not a clock: of equal values the same is told.
func stages(w templates.Work) []stage {
	announced := w.Announced
	if announced.IsZero() {
		announced = w.From // the form demands a time even where nobody knows it
	}
	var out []stage
	if announced.Before(w.From) || w.State == "scheduled" {
		out = append(out, stage{"", "scheduled", announced})
	}
	begun := w.From
	if announced.After(begun) {
		begun = announced // it was under way when customers were told
	}
	if w.State != "scheduled" {
		out = append(out, stage{"", "in_progress", begun})
	}
	if w.State == "completed" {
		ended := w.Ended
		if ended.IsZero() {
			ended = w.To
		}
		if ended.Before(begun) {
			ended = begun
		}
		out = append(out, stage{"", "completed", ended})
	}
	for n := range out {
		out[n].id = w.ID + "-" + out[n].state
	}
	slices.Reverse(out)
	return out
}

// words say it in a sentence.
func (s stage) words(said templates.Words, p templates.Public, w templates.Work) string {
	what := said.Where(p, w)
	switch s.state {
	case "scheduled":
		return said.Say("work.said.scheduled", what, said.Stamp(w.From), until(said, w))
	case "in_progress":
		return said.Say("work.said.in_progress", what, until(said, w))
	default:
		return said.Say("work.said.completed", what)
	}
}

// until gives the planned end, without the date where it is that of the beginning.
func until(said templates.Words, w templates.Work) string {
	if w.From.UTC().Format(time.DateOnly) == w.To.UTC().Format(time.DateOnly) {
		return said.Clock(w.To)
	}
	return said.Stamp(w.To)
}

// workLink gives where maintenance stands on the page. It is on one page with all
// other.
func workLink(p templates.Public) string { return address(p, "maintenance/index.html") }

// workEvent gives maintenance as the API has it.
func workEvent(said templates.Words, p templates.Public, parts apiParts, w templates.Work) (apiEvent, error) {
	if !slices.Contains([]string{"scheduled", "in_progress", "completed"}, w.State) {
		return apiEvent{}, fmt.Errorf("state %q: want one of scheduled in_progress completed", w.State)
	}
	told := stages(w)
	first, last := told[len(told)-1], told[0]
	v := apiEvent{
		ID: w.ID, Name: w.Title, Status: w.State, Impact: "maintenance", Shortlink: workLink(p), PageID: statuspage.ID("page", p.Organisation),
		CreatedAt: statuspage.Stamp(first.at), UpdatedAt: statuspage.Stamp(last.at), StartedAt: statuspage.Stamp(w.From),
		Components: []apiComponent{}, schedule: &schedule{statuspage.Stamp(w.From), statuspage.Stamp(w.To)},
	}
	if w.State == "completed" {
		v.ResolvedAt = new(statuspage.Stamp(last.at))
	}
	for _, comp := range p.Components {
		if w.AllComponents || slices.ContainsFunc(w.Components, func(c templates.Component) bool { return c.ID == comp.ID }) {
			v.Components = append(v.Components, parts.touched(comp.ID, w.Regions, w.AllRegions)...)
		}
	}
	for _, s := range told {
		v.Updates = append(v.Updates, newUpdate(w.ID, s.id, s.state, s.words(said, p, w), s.at))
	}
	return v, nil
}
