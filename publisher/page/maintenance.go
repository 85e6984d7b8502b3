package page

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/featuresignals/tocsin/publisher/statuspage"
	"github.com/featuresignals/tocsin/templates"
)

// stage is one thing that customers are told about maintenance: that it is to
// come, that it has begun, that it is over.
type stage struct {
	id    string // unique for ever: "database-20261128T2200Z-scheduled"
	state string // Statuspage's word
	word  string // for people
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
		out = append(out, stage{"", "scheduled", "Scheduled", announced})
	}
	begun := w.From
	if announced.After(begun) {
		begun = announced // it was under way when customers were told
	}
	if w.State != "scheduled" {
		out = append(out, stage{"", "in_progress", "In progress", begun})
	}
	if w.State == "completed" {
		ended := w.Ended
		if ended.IsZero() {
			ended = w.To
		}
		if ended.Before(begun) {
			ended = begun
		}
		out = append(out, stage{"", "completed", "Completed", ended})
	}
	for n := range out {
		out[n].id = w.ID + "-" + out[n].state
	}
	slices.Reverse(out)
	return out
}

// words say it in a sentence.
func (s stage) words(p templates.Public, w templates.Work) string {
	switch s.state {
	case "scheduled":
		return fmt.Sprintf("Maintenance of %s is planned from %s to %s.", worked(p, w), moment(w.From), until(w))
	case "in_progress":
		return fmt.Sprintf("Maintenance of %s has begun. It is planned to end by %s.", worked(p, w), until(w))
	default:
		return fmt.Sprintf("Maintenance of %s is over.", worked(p, w))
	}
}

func moment(t time.Time) string { return t.UTC().Format("2 Jan 2006, 15:04 UTC") }

// until gives the planned end, without the date where it is that of the beginning.
func until(w templates.Work) string {
	if w.From.UTC().Format(time.DateOnly) == w.To.UTC().Format(time.DateOnly) {
		return w.To.UTC().Format("15:04 UTC")
	}
	return moment(w.To)
}

// worked says what is worked on: "Management API in Europe".
func worked(p templates.Public, w templates.Work) string {
	what := "all components"
	if !w.AllComponents {
		what = "some components"
		var names []string
		for _, c := range w.Components {
			names = append(names, nameOf(c))
		}
		if len(names) > 0 {
			what = enumerate(names)
		}
	}
	switch {
	case len(p.Regions) < 2:
		return what
	case w.AllRegions:
		return what + " in all regions"
	case len(w.Regions) == 0:
		return what
	default:
		var names []string
		for _, r := range w.Regions {
			names = append(names, nameOfRegion(r))
		}
		return what + " in " + enumerate(names)
	}
}

// enumerate joins words as people do.
func enumerate(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:len(words)-1], ", ") + " and " + words[len(words)-1]
}

func workTitle(w templates.Work) string {
	if w.Title == "" {
		return "Maintenance"
	}
	return w.Title
}

// workLink gives where maintenance stands on the page. It is on one page with all
// other.
func workLink(p templates.Public) string { return address(p, "maintenance/index.html") }

// workEvent gives maintenance as the API has it.
func workEvent(p templates.Public, parts apiParts, w templates.Work) (apiEvent, error) {
	if !slices.Contains([]string{"scheduled", "in_progress", "completed"}, w.State) {
		return apiEvent{}, fmt.Errorf("state %q: want one of scheduled in_progress completed", w.State)
	}
	told := stages(w)
	first, last := told[len(told)-1], told[0]
	v := apiEvent{
		ID: w.ID, Name: workTitle(w), Status: w.State, Impact: "maintenance", Shortlink: workLink(p), PageID: statuspage.ID("page", p.Organisation),
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
		v.Updates = append(v.Updates, newUpdate(w.ID, s.id, s.state, s.words(p, w), s.at))
	}
	return v, nil
}
