package incident_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/featuresignals/tocsin/evaluator"
	"github.com/featuresignals/tocsin/incident"
	"github.com/featuresignals/tocsin/rules"
	"github.com/featuresignals/tocsin/telemetry"
)

var noon = time.Date(2026, 5, 20, 12, 0, 0, 0, time.UTC)

const twoRegions = `
severities: {P0: {hold: 0s}, P1: {hold: 0s}, P2: {hold: 0s}}
components: [{id: api, name: API}, {id: app, name: App}]
regions: [{code: eu, name: Europe}, {code: us, name: United States}]
rules:
  - {id: errs, component: api, signal: error_rate, where: {services: [svc]}, levels: {P1: {above: 5%}, P2: {above: 1%}}}
`

func configOf(t *testing.T, yaml string) *rules.Config {
	t.Helper()
	c, err := rules.Parse([]rules.File{{Name: "rules.yaml", Body: []byte(yaml)}})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// told is what the rule says of a region: broken at a severity, or well.
func told(region string, held rules.Severity) evaluator.Finding {
	f := evaluator.Finding{Rule: "errs", Component: "api", Series: telemetry.Series{Service: "svc", Region: region}, Requests: 100}
	if held == rules.SeverityNone {
		f.Now, f.Recovered, f.Calm = evaluator.Good, true, time.Minute
		return f
	}
	f.Now, f.Held, f.Floor = evaluator.Bad, held, held
	return f
}

// round decides a minute and gives the board after it, with what happened.
func round(b incident.Board, c *rules.Config, r evaluator.Round) (incident.Board, []incident.Event) {
	for i := range r.Findings {
		r.Findings[i].At, r.Findings[i].LastSeen = r.At, r.At
		r.Findings[i].Began = r.At.Add(-time.Minute)
	}
	events := b.Decide(incident.Input{Config: c, Round: &r, Latest: r.Findings, AsOf: r.At}, r.At.Add(c.SigNoz.Lag))
	for _, e := range events {
		b = b.With(e)
	}
	return b, events
}

// A stop hides an outage that spreads in the middle of it. What is entered
// afterwards about the spreading was read by nobody: the promise was not kept.
func TestWordsEnteredLateKeepNoPromise(t *testing.T) {
	c := configOf(t, twoRegions)
	b, _ := round(incident.Board{}, c, evaluator.Round{At: noon, Live: true, Findings: []evaluator.Finding{told("eu", rules.P1)}})
	promised := b.Open[0].Promise
	if promised.IsZero() {
		t.Fatal("nothing was promised")
	}
	var missed []time.Time
	for m := 1; m <= 120; m++ {
		r := evaluator.Round{At: noon.Add(time.Duration(m) * time.Minute), Live: m == 120, Findings: []evaluator.Finding{told("eu", rules.P1)}}
		if m > 10 {
			r.Findings = append(r.Findings, told("us", rules.P1))
		}
		var events []incident.Event
		b, events = round(b, c, r)
		for _, e := range events {
			if e.Kind == incident.Missed {
				missed = append(missed, e.Due)
			}
		}
	}
	if !slices.Equal(missed, []time.Time{promised}) {
		t.Errorf("missed %v, want the promise of %s", missed, promised)
	}
	if len(b.Open[0].Updates) != 3 || b.Open[0].Promise.IsZero() {
		t.Errorf("%d updates, the next promised for %s", len(b.Open[0].Updates), b.Open[0].Promise)
	}
}

// A rise that was entered late still may not put off what was promised before.
func TestARiseEnteredLatePutsNothingOff(t *testing.T) {
	c := configOf(t, twoRegions)
	b, _ := round(incident.Board{}, c, evaluator.Round{At: noon, Live: true, Findings: []evaluator.Finding{told("eu", rules.P2)}})
	promised := b.Open[0].Promise // in four hours
	near := promised.Add(-10 * time.Minute)
	b, _ = round(b, c, evaluator.Round{At: near, Findings: []evaluator.Finding{told("eu", rules.P1)}})
	b, _ = round(b, c, evaluator.Round{At: near.Add(time.Minute), Live: true, Findings: []evaluator.Finding{told("eu", rules.P1)}})
	if got := b.Open[0].Promise; !got.Equal(promised) {
		t.Errorf("the next update is promised for %s, it was promised for %s", got, promised)
	}
}

// A cause that no rule looks at any more would keep its incident open for ever.
func TestACauseEndsWhenNoRuleLooksAtIt(t *testing.T) {
	for _, k := range []struct{ name, old, new string }{
		{"the rule is gone", "id: errs", "id: other"},
		{"the rule was moved to another component", "component: api", "component: app"},
		{"the rule looks at other services", "services: [svc]", "services: [new]"},
		{"the rule looks at other regions", "services: [svc]", "services: [svc], regions: [us]"},
		{"the region is an alias of another now", "regions: [{code: eu, name: Europe}, {code: us,", "regions: [{code: us, aliases: [eu],"},
	} {
		t.Run(k.name, func(t *testing.T) {
			b, _ := round(incident.Board{}, configOf(t, twoRegions), evaluator.Round{At: noon, Live: true, Findings: []evaluator.Finding{told("eu", rules.P1)}})
			yaml := strings.Replace(twoRegions, k.old, k.new, 1)
			if yaml == twoRegions {
				t.Fatal("nothing was changed")
			}
			b, events := round(b, configOf(t, yaml), evaluator.Round{At: noon.Add(time.Minute), Live: true})
			if len(b.Open) != 0 {
				t.Errorf("it is still open after %+v", events)
			}
			if s := b.Senses[incident.Cell{Component: "api", Region: "eu"}].Sense; s != incident.SenseNone && k.name != "the rule looks at other services" && k.name != "the rule is gone" {
				t.Errorf("the cell is still %q", s)
			}
		})
	}
}

// After a stop longer than catch_up nothing may be left of a region to judge.
// Its cell must not stay green.
func TestACellOfWhichNothingIsLeftIsNotSeen(t *testing.T) {
	c := configOf(t, twoRegions)
	b, _ := round(incident.Board{}, c, evaluator.Round{At: noon, Live: true, Findings: []evaluator.Finding{told("eu", 0), told("us", 0)}})
	later := evaluator.Round{At: noon.Add(8 * time.Hour), Live: true, Skipped: 8*time.Hour - time.Minute, Findings: []evaluator.Finding{told("eu", 0)}}
	b, _ = round(b, c, later)
	us := incident.Cell{Component: "api", Region: "us"}
	if got, want := b.Senses[us], (incident.Sensing{Sense: incident.SenseNothing, Since: noon}); got != want {
		t.Errorf("us is %+v, want %+v", got, want)
	}
	later.At, later.Skipped = later.At.Add(time.Minute), 0
	if _, events := round(b, c, later); len(events) != 0 {
		t.Errorf("it is told twice: %+v", events)
	}
}
