package publisher

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/featuresignals/tocsin/incident"
	"github.com/featuresignals/tocsin/rules"
	"github.com/featuresignals/tocsin/templates"
)

func plannedConfig(t *testing.T, plans string) *rules.Config {
	t.Helper()
	c, err := rules.Parse([]rules.File{{Name: "tocsin.yaml", Body: fmt.Appendf(nil, `
regions: [{code: us, name: United States}, {code: eu, name: Europe}]
components: [{id: api, name: API}, {id: eval, name: Evaluations}]
maintenance: [%s]
rules: [{id: errs, component: api, signal: error_rate, levels: {P1: {above: 5%%}}}]
`, plans)}})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// planEvent is an event of a stretch of one hour, with what customers read of it.
func planEvent(kind incident.Kind, id string, from, at time.Time) incident.Event {
	return incident.Event{
		Kind: kind, At: at, Plan: "maintenance " + id, Began: from, Until: from.Add(time.Hour), Title: "Work on " + id, Components: []string{"api"}, Regions: []string{"eu"},
	}
}

func TestMaintenanceIsShownWithWhatItIs(t *testing.T) {
	c := plannedConfig(t, `
  {id: now, title: Now, components: [api], regions: [eu], from: 2026-05-20 11:30, to: 2026-05-20 12:30},
  {id: soon, title: Soon, from: 2026-05-25 10:00, to: 2026-05-25 11:00},
  {id: sooner, title: Sooner, components: [eval], from: 2026-05-22 10:00, to: 2026-05-22 11:00}`)
	b := seen()
	for _, e := range []incident.Event{
		planEvent(incident.Announced, "now", noon.Add(-30*time.Minute), noon.Add(-time.Hour)),
		planEvent(incident.Announced, "soon", time.Date(2026, 5, 25, 10, 0, 0, 0, time.UTC), noon.Add(-3*time.Hour)),
		planEvent(incident.Announced, "sooner", time.Date(2026, 5, 22, 10, 0, 0, 0, time.UTC), noon.Add(-2*time.Hour)),
		planEvent(incident.Announced, "cancelled", noon.AddDate(0, 0, 3), noon.Add(-2*time.Hour)),
		planEvent(incident.Entered, "past", noon.AddDate(0, 0, -3), noon.AddDate(0, 0, -3)),
		planEvent(incident.Left, "past", noon.AddDate(0, 0, -3), noon.AddDate(0, 0, -3).Add(40*time.Minute)),
		planEvent(incident.Entered, "older", noon.AddDate(0, 0, -20), noon.AddDate(0, 0, -20)),
		planEvent(incident.Left, "older", noon.AddDate(0, 0, -20), noon.AddDate(0, 0, -20).Add(2*time.Hour)),
		planEvent(incident.Entered, "too-old", noon.AddDate(0, 0, -95), noon.AddDate(0, 0, -95)),
		planEvent(incident.Left, "too-old", noon.AddDate(0, 0, -95), noon.AddDate(0, 0, -95).Add(time.Hour)),
		planEvent(incident.Entered, "now", noon.Add(-30*time.Minute), noon.Add(-30*time.Minute)),
	} {
		b = b.With(e)
	}
	p := Known{Config: c, Board: b, Judged: noon}.Project(noon)
	var got []string
	for _, w := range p.Works {
		var comps []string
		for _, comp := range w.Components {
			comps = append(comps, comp.ID)
		}
		got = append(got, fmt.Sprintf("%s %s %q %v %v %d regions %v %s–%s", w.ID, w.State, w.Title, comps, w.AllComponents, len(w.Regions), w.AllRegions, w.From.Format("02T15:04"), w.To.Format("02T15:04")))
	}
	want := []string{
		`now-20260520T1130Z in_progress "Now" [api] false 1 regions false 20T11:30–20T12:30`,
		`sooner-20260522T1000Z scheduled "Sooner" [eval] false 2 regions true 22T10:00–22T11:00`,
		`soon-20260525T1000Z scheduled "Soon" [api eval] true 2 regions true 25T10:00–25T11:00`,
		`past-20260517T1200Z completed "Work on past" [api] false 1 regions false 17T12:00–17T13:00`,
		`older-20260430T1200Z completed "Work on older" [api] false 1 regions false 30T12:00–30T13:00`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q\nwant %q", got, want)
	}
	if w := p.Works[0]; !w.Announced.Equal(noon.Add(-time.Hour)) || !w.Ended.IsZero() {
		t.Errorf("it was announced at %s and ended at %s", w.Announced, w.Ended)
	}
	if e := p.Works[3].Ended; !e.Equal(noon.AddDate(0, 0, -3).Add(40 * time.Minute)) {
		t.Errorf("what ended before its time ended at %s", e)
	}
	if e := p.Works[4].Ended; !e.Equal(noon.AddDate(0, 0, -20).Add(time.Hour)) {
		t.Errorf("what nobody saw end ended at %s", e)
	}

	us, eu := p.Components[0].Cells[0], p.Components[0].Cells[1]
	if us.Status != templates.Operational || eu.Status != templates.Maintenance || !eu.Since.Equal(noon.Add(-30*time.Minute)) {
		t.Errorf("the cells are %s and %s since %s", us.Status, eu.Status, eu.Since)
	}
	if p.Components[0].Status != templates.Maintenance || p.Description != "Service Under Maintenance" || p.Indicator != "none" {
		t.Errorf("the page says %s: %s, %s", p.Components[0].Status, p.Indicator, p.Description)
	}
	if p := (Known{Config: c, Board: broken(b, rules.P2, false, "eu"), Judged: noon}).Project(noon); p.Components[0].Cells[1].Status != templates.Degraded {
		t.Errorf("with an incident that says worse it is %s", p.Components[0].Cells[1].Status)
	}
	blind := b
	blind.Blind = noon
	if p := (Known{Config: c, Board: blind, Judged: noon}).Project(noon); p.Components[0].Cells[1].Status != templates.Maintenance {
		t.Errorf("without data it is %s", p.Components[0].Cells[1].Status)
	}
}

// What was worked on and is gone from the configuration is known by its ID, as in
// incidents.
func TestMaintenanceOfWhatIsGoneIsShown(t *testing.T) {
	c := plannedConfig(t, "")
	b := seen()
	for n, components := range [][]string{{"old"}, {"old", "eval"}, {"api", "eval", "old"}} {
		from := noon.AddDate(0, 0, -n-1)
		for _, e := range []incident.Event{planEvent(incident.Entered, "db", from, from), planEvent(incident.Left, "db", from, from.Add(time.Hour))} {
			e.Components = components
			b = b.With(e)
		}
	}
	p := Known{Config: c, Board: b, Judged: noon}.Project(noon)
	var got []string
	for _, w := range p.Works {
		var names []string
		for _, c := range w.Components {
			names = append(names, c.ID+"="+c.Name)
		}
		got = append(got, fmt.Sprint(names, w.AllComponents))
	}
	want := []string{"[old=old] false", "[eval=Evaluations old=old] false", "[api=API eval=Evaluations old=old] true"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q\nwant %q", got, want)
	}
}

func TestOfWhatIsOverFiftyAreShown(t *testing.T) {
	c := plannedConfig(t, "")
	b := seen()
	for n := range 70 {
		from := noon.Add(-time.Duration(n+1) * 24 * time.Hour)
		b = b.With(planEvent(incident.Entered, "daily", from, from))
		b = b.With(planEvent(incident.Left, "daily", from, from.Add(time.Hour)))
	}
	works := Known{Config: c, Board: b, Judged: noon}.Project(noon).Works
	if len(works) != 50 || !works[0].From.Equal(noon.Add(-24*time.Hour)) || !works[49].From.Equal(noon.Add(-50*24*time.Hour)) {
		t.Errorf("there are %d, from %s to %s", len(works), works[0].From, works[len(works)-1].From)
	}
}

// What an older Tocsin began stands in the configuration, or is nothing.
func TestAnOldEntryIsKnownByTheConfiguration(t *testing.T) {
	e := incident.Event{Kind: incident.Entered, At: noon, Plan: "maintenance db", Began: noon, Why: "private words"}
	if p := (Known{Config: plannedConfig(t, ""), Board: seen().With(e), Judged: noon}).Project(noon); len(p.Works) != 0 || p.Components[0].Status != templates.Operational {
		t.Errorf("it is %+v, %s", p.Works, p.Components[0].Status)
	}
	c := plannedConfig(t, "{id: db, title: Database, from: 2026-05-20 12:00, to: 2026-05-20 13:00}")
	if p := (Known{Config: c, Board: seen().With(e), Judged: noon}).Project(noon); len(p.Works) != 1 || p.Works[0].Title != "Database" || p.Components[0].Status != templates.Maintenance {
		t.Errorf("it is %+v, %s", p.Works, p.Components[0].Status)
	}
}
