package publisher

import (
	"fmt"
	"slices"
	"time"

	"github.com/featuresignals/tocsin/incident"
	"github.com/featuresignals/tocsin/rules"
	"github.com/featuresignals/tocsin/templates"
)

// incident gives what updates, oldest first and at least one, tell of an
// incident.
func (v view) incident(i incident.Incident, updates []incident.Update) templates.Incident {
	out := templates.Incident{
		ID: string(i.ID), State: string(i.State), Integrity: integrity(i.Integrity), Into: v.into(i.Into),
		Began: i.Began, Detected: i.Detected, Resolved: i.Resolved,
	}
	if !isOpen(i) {
		out.State = string(incident.StateResolved)
	}
	about, _ := v.config.Component(i.Component)
	out.Component = templates.Component{ID: line(i.Component), Name: v.title(i.Component), Description: line(about.Description)}
	for n, u := range updates {
		said := v.update(i, u)
		switch {
		case n == 0 && slices.Contains(comparing, u.Trend):
			said.Trend = string(incident.TrendNew) // there is nothing that readers could compare with
		case n > 0 && u.Trend == incident.TrendMerged:
			said.Status = out.Updates[n-1].Status // how bad it was; nothing was measured for this
		}
		out.Updates = append(out.Updates, said)
	}
	slices.Reverse(out.Updates)
	last := updates[len(updates)-1]
	newest := out.Updates[0]
	for _, id := range v.merged(i, last.Said) {
		out.Also = append(out.Also, line(id))
	}
	out.Severity, out.Status, out.Regions, out.AllRegions = newest.Severity, newest.Status, newest.Regions, newest.AllRegions
	out.Symptom, out.Workaround, out.Next, out.Every = newest.Symptom, newest.Workaround, newest.Next, newest.Every
	if isOpen(i) {
		out.Next = i.Promise
	}
	out.Impact = impact(last.Severity, v.all(worst(last)))
	if !isOpen(i) {
		var peaks []string
		for _, c := range i.Causes {
			if c.Peak == i.Peak {
				peaks = append(peaks, c.Region)
			}
		}
		out.Impact = impact(i.Peak, v.all(peaks))
	}
	return out
}

// comparing lists the trends that say how it does compared with the update
// before.
var comparing = []incident.Trend{incident.TrendWorse, incident.TrendUnchanged, incident.TrendBetter, incident.TrendBack}

// integrity gives one of the three words that there are.
func integrity(i incident.Integrity) string {
	if i != incident.NotKnown && i != incident.NotImpacted {
		return incident.UnderReview.String()
	}
	return i.String()
}

// into gives the ID of the incident that another one goes on as, "" if there is
// none that customers can read of.
func (v view) into(id incident.ID) string {
	by, ok := v.board.Find(id)
	if !ok || !isPublic(by) {
		return ""
	}
	return string(id)
}

// merged lists the components whose incidents had been merged into i at a time:
// what was said before that does not name them.
func (v view) merged(i incident.Incident, at time.Time) []string {
	var all []string
	into := []incident.ID{i.ID} // what was merged into one of these belongs to i
	for n := 0; n < len(into); n++ {
		for _, past := range v.joined[into[n]] {
			if past.Resolved.After(at) || slices.Contains(into, past.ID) {
				continue
			}
			into = append(into, past.ID)
			if past.Component != i.Component && !slices.Contains(all, past.Component) {
				all = append(all, past.Component)
			}
		}
	}
	return all
}

// worst lists the regions that demand an update's severity. How far an outage
// reaches is said of them: a milder trouble elsewhere does not widen it.
func worst(u incident.Update) []string {
	var codes []string
	for _, r := range u.Regions {
		if r.Severity == u.Severity {
			codes = append(codes, r.Region)
		}
	}
	return codes
}

// all reports whether codes hold every region that is configured; where none
// is, there is one column, and any region fills it.
func (v view) all(codes []string) bool {
	for _, r := range v.config.Regions {
		if !slices.ContainsFunc(codes, func(code string) bool { return v.config.RegionOf(code) == r.Code }) {
			return false
		}
	}
	return len(codes) > 0
}

func (v view) update(i incident.Incident, u incident.Update) templates.Update {
	out := templates.Update{
		Number: u.Number, ID: fmt.Sprintf("%s-%d", i.ID, u.Number), State: string(u.State), Severity: u.Severity.String(),
		Symptom: line(u.Words.Symptom), Impact: line(u.Words.Impact), Workaround: line(u.Words.Workaround),
		Integrity: integrity(u.Integrity), Text: templates.Paragraphs(u.Text),
		Measured: measured(u), Trend: string(u.Trend), Calm: u.Calm, Watching: u.Watching,
		Said: u.Said, AsOf: u.AsOf, Blind: u.Blind, Late: u.Late, Next: u.Next, Every: u.Every,
		Ended: u.Ended, PostMortem: u.PostMortem, Into: v.into(u.Into),
	}
	for _, id := range slices.Concat(u.Also, v.merged(i, u.Said)) {
		if name := v.title(id); !slices.Contains(out.Also, name) {
			out.Also = append(out.Also, name)
		}
	}
	slow := len(u.Regions) > 0
	var touched []string
	for _, r := range u.Regions {
		touched = append(touched, r.Region)
		face := v.name(r.Region)
		if !slices.Contains(out.Regions, face) {
			out.Regions = append(out.Regions, face)
		}
		if r.Severity == u.Severity {
			slow = slow && r.Slow
		}
	}
	out.AllRegions = v.all(touched)
	out.Status = phrase(u, statusOf(u.Severity, slow, v.shown(i, u.Severity)), v.all(worst(u)))
	return out
}

// phrase gives Runbook A's words for a status.
func phrase(u incident.Update, s templates.Status, all bool) string {
	switch {
	case u.State == incident.StateResolved && u.Trend != incident.TrendMerged, s == templates.Operational:
		return "Operational"
	case s == templates.Major && all:
		return "Major outage"
	case s == templates.Major || s == templates.Partial:
		return "Partial service"
	default:
		return "Degraded performance"
	}
}

// impact gives Statuspage's word for a severity and its scope.
func impact(s rules.Severity, all bool) string {
	switch {
	case s == rules.P0 && all:
		return "critical"
	case s == rules.P0 || s == rules.P1:
		return "major"
	case s == rules.P2:
		return "minor"
	default:
		return "none"
	}
}

// measured gives an update's value, as far as there is one to give.
func measured(u incident.Update) templates.Measured {
	switch {
	case u.Value <= 0 || slices.Contains(unmeasured, u.Trend):
		return templates.Measured{}
	case u.Quantile == 0:
		return templates.Measured{Share: u.Value}
	default:
		return templates.Measured{Share: 1 - float64(u.Quantile)/10000, Over: time.Duration(u.Value)}
	}
}

// unmeasured lists the trends that no value goes with.
var unmeasured = []incident.Trend{
	incident.TrendUnknown, incident.TrendOver, incident.TrendGone, incident.TrendCalm, incident.TrendTold, incident.TrendForced, incident.TrendMerged,
}
