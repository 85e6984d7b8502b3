package publisher

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/featuresignals/tocsin/incident"
	"github.com/featuresignals/tocsin/rules"
	"github.com/featuresignals/tocsin/templates"
)

// called is what the scale says of a severity: the runbook's words, the
// component's status and Statuspage's impact.
type called struct {
	phrase    string
	component templates.Status
	impact    string
}

// scale is the table of severities.md, section 1, written out: for all regions,
// for one, and where only latency rules demand it.
var scale = map[rules.Severity]map[string]called{
	rules.P0: {
		"all":  {"Major outage", templates.Major, "critical"},
		"one":  {"Partial service", templates.Partial, "major"},
		"slow": {"Partial service", templates.Partial, "major"},
	},
	rules.P1: {
		"all":  {"Partial service", templates.Partial, "major"},
		"one":  {"Partial service", templates.Partial, "major"},
		"slow": {"Degraded performance", templates.Degraded, "major"},
	},
	rules.P2: {
		"all":  {"Degraded performance", templates.Degraded, "minor"},
		"one":  {"Degraded performance", templates.Degraded, "minor"},
		"slow": {"Degraded performance", templates.Degraded, "minor"},
	},
	rules.P3: {
		"all":  {"Degraded performance", templates.Degraded, "none"},
		"one":  {"Degraded performance", templates.Degraded, "none"},
		"slow": {"Degraded performance", templates.Degraded, "none"},
	},
}

// trends says which trends a state can have.
var trends = map[incident.State][]incident.Trend{
	incident.Investigating: {incident.TrendNew, incident.TrendWorse, incident.TrendUnchanged, incident.TrendBetter, incident.TrendCalm, incident.TrendUnknown, incident.TrendBack, incident.TrendTold},
	incident.Identified:    {incident.TrendNew, incident.TrendWorse, incident.TrendUnchanged, incident.TrendBetter, incident.TrendCalm, incident.TrendUnknown, incident.TrendTold},
	incident.Monitoring:    {incident.TrendUnchanged, incident.TrendBetter, incident.TrendCalm, incident.TrendUnknown, incident.TrendTold},
	incident.StateResolved: {incident.TrendOver, incident.TrendGone, incident.TrendForced, incident.TrendTold, incident.TrendMerged},
}

// TestEverySeverityStateAndTrendIsCalledByItsName goes through all there is.
func TestEverySeverityStateAndTrendIsCalledByItsName(t *testing.T) {
	words, err := templates.Load(nil)
	if err != nil {
		t.Fatal(err)
	}
	c := projectConfig(t)
	for severity, scopes := range scale {
		for scope, want := range scopes {
			for state, list := range trends {
				for _, trend := range list {
					t.Run(fmt.Sprintf("%s %s %s %s", severity, scope, state, trend), func(t *testing.T) {
						regions := []string{"eu"}
						if scope == "all" {
							regions = []string{"us", "eu"}
						}
						over := state == incident.StateResolved
						p := Project(c, going(severity, scope == "slow", regions, state, trend), noon, noon)
						list, want := p.Incidents, want
						if over {
							list = p.Past
							want.component = templates.Operational // nothing is measured any more
							if trend != incident.TrendMerged {
								want.phrase = "Operational"
							}
						}
						if len(list) != 1 || len(p.Incidents)+len(p.Past) != 1 {
							t.Fatalf("%d open, %d past", len(p.Incidents), len(p.Past))
						}
						i := list[0]
						if got := (called{i.Status, p.Components[0].Status, i.Impact}); got != want {
							t.Errorf("got %v, want %v", got, want)
						}
						text, err := words.Update(p, i, i.Updates[0])
						if err != nil {
							t.Fatal(err)
						}
						if !strings.Contains(text, "\nStatus: "+want.phrase+"\n") {
							t.Errorf("the form says\n%s", text)
						}
						m, err := words.Message(p, i, i.Updates[0])
						if err != nil {
							t.Fatal(err)
						}
						for name, words := range map[string]string{"the form": text, "the message": m.Subject + m.Body, "the page's one line": p.Description} {
							out := slices.Contains([]templates.Status{templates.Major, templates.Partial}, want.component)
							if strings.Contains(strings.ToLower(words), "outage") && !out && want.phrase != "Major outage" {
								t.Errorf("%s speaks of an outage, and the component is %s:\n%s", name, want.component, words)
							}
						}
						if strings.Contains(text+p.Description+i.Status, severity.String()) {
							t.Errorf("the severity is on the page:\n%s", text)
						}
					})
				}
			}
		}
	}
}

// going makes a board on which an incident was opened at a severity, and then
// said to be in a state, with a trend.
func going(s rules.Severity, slow bool, regions []string, state incident.State, trend incident.Trend) incident.Board {
	b := broken(seen(), s, slow, regions...)
	i := &b.Open[0]
	u := i.Updates[0]
	u.Number, u.State, u.Trend, u.Said = 2, state, trend, noon.Add(10*time.Minute)
	if state == incident.StateResolved {
		u.Next = time.Time{}
		u.Regions = slices.Clone(u.Regions)
		for n := range u.Regions {
			u.Regions[n].Severity = rules.SeverityNone
		}
		if trend == incident.TrendMerged {
			u.Into, i.Into = "INC-2026-0008", "INC-2026-0008"
		}
	}
	i.Updates = append(slices.Clip(i.Updates), u)
	if i.State = state; state == incident.StateResolved {
		i.Resolved = u.Said
		b.Past, b.Open = b.Open, nil
	}
	return b
}

// What customers never were to read of does not colour the page when the rest of
// an incident is over; a minor incident that somebody published does.
func TestBelowP2OnlyWhatIsPublishedIsShown(t *testing.T) {
	c := projectConfig(t)
	for _, k := range []struct {
		name   string
		peak   rules.Severity
		grade  *incident.Grade
		policy bool
		want   string
	}{
		{"a P3 that somebody published", rules.P3, nil, false, "degraded_performance Degraded performance"},
		{"what is left of a P1", rules.P1, nil, false, "operational Operational"},
		{"what is left of a P1 where P3 is public", rules.P1, nil, true, "degraded_performance Degraded performance"},
		{"a P1 that a person calls a P3", rules.P1, &incident.Grade{Severity: rules.P3}, false, "degraded_performance Degraded performance"},
	} {
		t.Run(k.name, func(t *testing.T) {
			c := *c
			c.Policies = map[rules.Severity]rules.Policy{rules.P3: {Public: k.policy}}
			b := broken(seen(), rules.P3, false, "eu")
			b.Open[0].Peak, b.Open[0].Grade = k.peak, k.grade
			p := Project(&c, b, noon, noon)
			if got := string(p.Components[0].Status) + " " + p.Incidents[0].Status; got != k.want {
				t.Errorf("got %s, want %s", got, k.want)
			}
		})
	}
}

func TestWhatAPersonDeclaredIsShown(t *testing.T) {
	b := seen().With(incident.Event{Kind: incident.Opened, Incident: "INC-2026-0007", Component: "api", By: incident.Person("ann"), At: noon, Began: noon})
	in := &b.Open[0]
	in.Causes = []incident.Cause{{Region: "eu", Severity: rules.P1, Peak: rules.P1, Began: noon}}
	in.Integrity = incident.NotImpacted
	in.Updates = []incident.Update{{
		Number: 1, State: incident.Investigating, Severity: rules.P1, Trend: incident.TrendTold, Said: noon, Text: " Told by a customer.\r\n\r\n\tWe look into it",
		Words: rules.Words{Symptom: "wrong numbers"}, Regions: []incident.RegionState{{Region: "eu", Severity: rules.P1}}, Value: 0.3,
	}}
	p := Project(projectConfig(t), b, noon, noon)
	i := p.Incidents[0]
	u := i.Updates[0]
	got := fmt.Sprint(p.Components[0].Cells[1].Status, i.Status, i.Integrity, u.Integrity, u.Measured)
	if want := fmt.Sprint(templates.Partial, "Partial service", "not impacted", "under review", ""); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if want := "Told by a customer.\nWe look into it."; u.Text != want {
		t.Errorf("the text is %q, want %q", u.Text, want)
	}
	if err := p.Lint(); err != nil {
		t.Errorf("the page would not be rendered: %v", err)
	}
}

func TestAnIncidentThatGoesOnAsAnother(t *testing.T) {
	b := going(rules.P1, false, []string{"eu"}, incident.StateResolved, incident.TrendMerged)
	other := incident.Incident{
		ID: "INC-2026-0008", Component: "eval", Components: []string{"api"}, State: incident.Investigating, Began: noon, Peak: rules.P1,
		Causes: []incident.Cause{
			{Rule: "errs", Region: "eu", Severity: rules.P1, Peak: rules.P1, Began: noon},
			{Rule: "api", Component: "api", Region: "eu", Severity: rules.P1, Peak: rules.P1, Began: noon},
		},
	}
	u := incident.Update{Number: 1, State: incident.Investigating, Severity: rules.P1, Said: noon, Regions: []incident.RegionState{{Region: "eu", Severity: rules.P1}}}
	told := u
	told.Number, told.Said = 2, b.Past[0].Resolved
	other.Updates = []incident.Update{u, told}
	b.Open = []incident.Incident{other}
	c := projectConfig(t)
	p := Project(c, b, noon, noon)
	if len(p.Incidents) != 1 || len(p.Past) != 1 {
		t.Fatalf("%d open, %d past", len(p.Incidents), len(p.Past))
	}
	if was := p.Past[0]; was.State != "resolved" || was.Into != "INC-2026-0008" || was.Updates[0].Into != was.Into || was.Status != "Partial service" || !was.Next.IsZero() {
		t.Errorf("what was merged is %+v", was)
	}
	is := p.Incidents[0]
	if got := fmt.Sprint(is.Also, is.Updates[0].Also, is.Updates[1].Also); got != "[api] [API] []" {
		t.Errorf("it covers %s: what was said before the merge names nothing else, what is said since does", got)
	}
	for n := range 2 {
		if s := p.Components[n].Status; s != templates.Partial {
			t.Errorf("%s is %s", p.Components[n].ID, s)
		}
	}
	// One that customers cannot read of is not named.
	b.Open[0].Private = true
	p = Project(c, b, noon, noon)
	if was := p.Past[0]; was.Into != "" || was.Updates[0].Into != "" || len(p.Incidents) != 0 || p.Components[0].Status != templates.Operational {
		t.Errorf("of a private one is told: %+v", p)
	}
}

func TestNothingIsComparedWithWhatNobodyRead(t *testing.T) {
	b := broken(seen(), rules.P1, false, "eu")
	i := &b.Open[0]
	inside, said := i.Updates[0], i.Updates[0]
	inside.Inside, inside.Severity = true, rules.P3
	said.Number, said.Trend = 2, incident.TrendWorse
	i.Updates = []incident.Update{inside, said}
	p := Project(projectConfig(t), b, noon, noon)
	if u := p.Incidents[0].Updates; len(u) != 1 || u[0].Trend != "new" {
		t.Errorf("customers read %+v", u)
	}
}
