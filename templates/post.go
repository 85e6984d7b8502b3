package templates

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// Post is what a text template is executed with: one update of one incident.
// Its methods say what is to be said where a field is empty, so that every
// sentence is whole whatever people left out.
type Post struct {
	Page     Public
	Incident Incident
	Update   Update

	// Turn reports that this update tells more than a new measurement: it is
	// the first, or its state, status, symptom or regions are new.
	Turn bool
}

// posts gives the updates of an incident, newest first.
func posts(p Public, i Incident) []Post {
	list := make([]Post, len(i.Updates))
	for n, u := range i.Updates {
		list[n] = Post{Page: p, Incident: i, Update: u, Turn: true}
		if n+1 < len(i.Updates) {
			before := i.Updates[n+1]
			list[n].Turn = u.State != before.State || u.Status != before.Status || u.Symptom != before.Symptom ||
				u.AllRegions != before.AllRegions || !slices.Equal(u.Regions, before.Regions)
		}
	}
	return list
}

// State gives the state as a word that begins a title.
func (p Post) State() string {
	return sentence(cmp.Or(oneline(p.Update.State), oneline(p.Incident.State), "investigating"))
}

// Resolved reports whether this update closes the incident.
func (p Post) Resolved() bool { return p.State() == "Resolved" }

// Symptom gives what goes wrong, as it stands in the middle of a sentence.
func (p Post) Symptom() string {
	return strings.TrimRight(cmp.Or(oneline(p.Update.Symptom), oneline(p.Incident.Symptom), "problems"), ".")
}

// Title gives the incident's title without the state: at most 80 characters,
// on one line.
func (p Post) Title() string {
	if oneline(p.Update.Symptom+p.Incident.Symptom) == "" {
		return brief(80, "Problems affecting "+p.component())
	}
	return brief(80, sentence(p.Symptom()))
}

func (p Post) component() string {
	all := []string{cmp.Or(oneline(p.Incident.Component.Name), oneline(p.Incident.Component.ID), "our service")}
	for _, name := range p.Update.Also {
		all = append(all, oneline(name))
	}
	return enumerate(all)
}

// Where gives the component, those that depend on it, and the regions that are touched: "Management API
// in Europe", "Management API in all regions". A product with one region has
// none to name.
func (p Post) Where() string {
	regions, all := p.Update.Regions, p.Update.AllRegions
	if len(regions) == 0 {
		regions, all = p.Incident.Regions, p.Incident.AllRegions
	}
	switch {
	case all && len(p.Page.Regions) > 1:
		return p.component() + " in all regions"
	case all || len(regions) == 0:
		return p.component()
	default:
		return p.component() + " in " + enumerate(names(regions))
	}
}

// Impact gives what customers may experience, to follow those words.
func (p Post) Impact() string {
	s := strings.TrimRight(cmp.Or(oneline(p.Update.Impact), p.Symptom()), ".")
	for _, verb := range []string{"see ", "experience "} {
		s = strings.TrimPrefix(s, verb) // "may experience see errors" is what people write first
	}
	return s
}

// Integrity gives what is known of the data: "under review" until a person
// says something else.
func (p Post) Integrity() string { return cmp.Or(oneline(p.Incident.Integrity), "under review") }

// Workaround gives what customers can do meanwhile.
func (p Post) Workaround() string {
	return sentence(cmp.Or(oneline(p.Update.Workaround), oneline(p.Incident.Workaround), "None"))
}

// Figure gives the measured value as a clause, without a full stop.
func (p Post) Figure() string {
	s := strings.TrimRight(oneline(p.Update.Figure), ".")
	if strings.HasSuffix(s, " of requests") {
		return s + " are affected"
	}
	return s
}

// Telling reports whether the trend's sentence says something of its own.
func (p Post) Telling() bool {
	return p.Figure() != "" || !slices.Contains([]string{"", "new"}, p.Update.Trend)
}

// Calm reports whether customers should notice nothing any more.
func (p Post) Calm() bool { return p.State() == "Monitoring" && p.Update.Trend == "calm" }

// Until gives the time at which the incident is closed if the service stays
// well; zero where that cannot be said.
func (p Post) Until() time.Time {
	if p.Update.Watching <= 0 || p.Update.AsOf.IsZero() || p.Update.Trend == "unknown" {
		return time.Time{}
	}
	return p.Update.AsOf.Add(p.Update.Watching)
}

// Ended gives when a resolved incident ended.
func (p Post) Ended() time.Time {
	if p.Incident.Resolved.IsZero() {
		return p.Update.Said
	}
	return p.Incident.Resolved
}

// Lasted gives how long a resolved incident lasted.
func (p Post) Lasted() time.Duration {
	if p.Incident.Began.IsZero() {
		return 0
	}
	return p.Ended().Sub(p.Incident.Began)
}

// postMortemAfter is within how long of its end the most severe incidents get
// a written review.
const postMortemAfter = 48 * time.Hour

// PostMortem gives by when the post-mortem is due; zero where none is promised.
func (p Post) PostMortem() time.Time {
	severity := cmp.Or(p.Update.Severity, p.Incident.Severity)
	if !p.Resolved() || p.Ended().IsZero() || severity != "P0" && severity != "P1" {
		return time.Time{}
	}
	return p.Ended().Add(postMortemAfter)
}
