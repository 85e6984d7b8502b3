package publisher

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/featuresignals/tocsin/incident"
	"github.com/featuresignals/tocsin/rules"
	"github.com/featuresignals/tocsin/templates"
)

var noon = time.Date(2026, 5, 20, 12, 0, 0, 0, time.UTC)

func projectConfig(t *testing.T) *rules.Config {
	t.Helper()
	c, err := rules.Parse([]rules.File{{Name: "tocsin.yaml", Body: []byte(`
organisation: Acme
regions: [{code: us, name: United States}, {code: eu, name: Europe}]
components: [{id: api, name: API}, {id: eval, name: Evaluations}]
rules:
  - {id: errs, component: api, signal: error_rate, levels: {P0: {above: 50%}, P1: {above: 5%}, P2: {above: 1%}}, public: {symptom: elevated errors}}
  - {id: slow, component: api, signal: p99, levels: {P1: {above: 5s}, P2: {above: 1s}}, public: {symptom: slow responses}}
`)}})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// seen makes a board on which every cell has been seen.
func seen() incident.Board {
	var b incident.Board
	for _, comp := range []string{"api", "eval"} {
		for _, region := range []string{"us", "eu"} {
			b = b.With(incident.Event{Kind: incident.Sensed, Component: comp, Region: region, Sense: incident.SenseSeen, At: noon, Began: noon})
		}
	}
	return b
}

// broken opens an incident of the API at a severity in some regions.
func broken(b incident.Board, s rules.Severity, slow bool, regions ...string) incident.Board {
	b = b.With(incident.Event{Kind: incident.Opened, Incident: "INC-2026-0007", Component: "api", At: noon, Began: noon.Add(-4 * time.Minute)})
	rule := "errs"
	if slow {
		rule = "slow"
	}
	u := incident.Update{Number: 1, State: incident.Investigating, Severity: s, Said: noon, Next: noon.Add(30 * time.Minute), Words: rules.Words{Symptom: "elevated errors"}}
	for _, r := range regions {
		b = b.With(incident.Event{Kind: incident.Raised, Incident: "INC-2026-0007", Component: "api", Rule: rule, Service: "svc", Region: r, Severity: s, At: noon, Began: noon.Add(-4 * time.Minute)})
		u.Regions = append(u.Regions, incident.RegionState{Region: r, Severity: s, Slow: slow})
	}
	return b.With(incident.Event{Kind: incident.Updated, Incident: "INC-2026-0007", Update: &u, At: noon})
}

// The table of severities.md, section 1, and the roll-up of the status page.
func TestWhatASeverityIsCalled(t *testing.T) {
	c := projectConfig(t)
	for _, k := range []struct {
		name      string
		severity  rules.Severity
		slow      bool
		regions   []string
		cell      templates.Status
		component templates.Status
		phrase    string
		impact    string
		indicator string
	}{
		{"P0 in one region", rules.P0, false, []string{"eu"}, templates.Major, templates.Partial, "Partial service", "major", "major"},
		{"P0 in all regions", rules.P0, false, []string{"us", "eu"}, templates.Major, templates.Major, "Major outage", "critical", "critical"},
		{"P1 by errors", rules.P1, false, []string{"eu"}, templates.Partial, templates.Partial, "Partial service", "major", "major"},
		{"P1 by latency", rules.P1, true, []string{"eu"}, templates.Degraded, templates.Degraded, "Degraded performance", "major", "major"},
		{"P2", rules.P2, false, []string{"eu"}, templates.Degraded, templates.Degraded, "Degraded performance", "minor", "minor"},
	} {
		t.Run(k.name, func(t *testing.T) {
			p := Project(c, broken(seen(), k.severity, k.slow, k.regions...), noon, noon)
			i := p.Incidents[0]
			got := fmt.Sprint(p.Components[0].Cells[1].Status, p.Components[0].Status, i.Status, i.Impact, p.Indicator)
			want := fmt.Sprint(k.cell, k.component, k.phrase, k.impact, k.indicator)
			if got != want {
				t.Errorf("%s, want %s", got, want)
			}
			if p.Components[1].Status != templates.Operational {
				t.Errorf("the other component is %s", p.Components[1].Status)
			}
			if strings.Contains(i.Status, "outage") != (p.Components[0].Status == templates.Major) {
				t.Errorf("%q of a component that is %s", i.Status, p.Components[0].Status)
			}
		})
	}
}

// How far an outage reaches is said of the regions that it is an outage in.
func TestAnOutageInOneRegionIsNotWidenedByOthers(t *testing.T) {
	c := projectConfig(t)
	for _, k := range []struct {
		name   string
		milder string // region in which it is P2
		worst  string // another in which it is P0, besides eu
		all    bool
		want   string
	}{
		{"a milder trouble elsewhere", "us", "", true, "partial_outage Partial service major major"},
		{"a region that nobody declared", "", "lab-7", false, "partial_outage Partial service major major"},
		{"all that are declared", "", "us", true, "major_outage Major outage critical critical"},
	} {
		t.Run(k.name, func(t *testing.T) {
			const id = "INC-2026-0007"
			b := seen().With(incident.Event{Kind: incident.Opened, Incident: id, Component: "api", At: noon, Began: noon})
			u := incident.Update{Number: 1, State: incident.Investigating, Severity: rules.P0, Said: noon}
			hit := func(region string, s rules.Severity) {
				if region == "" {
					return
				}
				b = b.With(incident.Event{Kind: incident.Raised, Incident: id, Component: "api", Rule: "errs", Service: "svc", Region: region, Severity: s, At: noon, Began: noon})
				u.Regions = append(u.Regions, incident.RegionState{Region: region, Severity: s})
			}
			hit("eu", rules.P0)
			hit(k.milder, rules.P2)
			hit(k.worst, rules.P0)
			b = b.With(incident.Event{Kind: incident.Updated, Incident: id, Update: &u, At: noon})
			p := Project(c, b, noon, noon)
			i := p.Incidents[0]
			if got := fmt.Sprint(p.Components[0].Status, " ", i.Status, " ", i.Impact, " ", p.Indicator); got != k.want {
				t.Errorf("%s, want %s", got, k.want)
			}
			if i.AllRegions != k.all {
				t.Errorf("all regions are touched: %v", i.AllRegions)
			}
			b = b.With(incident.Event{Kind: incident.Resolved, Incident: id, At: noon})
			if got := Project(c, b, noon, noon).Past[0].Impact; got != i.Impact {
				t.Errorf("its impact was %s, afterwards it is %s", i.Impact, got)
			}
		})
	}
}

// What was over in a region an hour ago is not since when it is bad now.
func TestABreachThatCameBackBeganWhenItCameBack(t *testing.T) {
	for _, rule := range []string{"errs", "slow"} {
		b := broken(seen(), rules.P1, false, "eu", "us")
		again := noon.Add(time.Hour)
		for _, e := range []incident.Event{
			{Kind: incident.Recovered, Rule: "errs", At: noon.Add(10 * time.Minute)},
			{Kind: incident.Raised, Rule: rule, Severity: rules.P1, At: again, Began: again},
		} {
			e.Incident, e.Component, e.Service, e.Region = "INC-2026-0007", "api", "svc", "eu"
			b = b.With(e)
		}
		p := Project(projectConfig(t), b, again, again)
		if got := p.Components[0].Cells[1].Since; !got.Equal(again) {
			t.Errorf("%s: bad since %s, want %s", rule, got, again)
		}
		if got := p.Incidents[0].Began; !got.Equal(noon.Add(-4 * time.Minute)) {
			t.Errorf("%s: the incident began %s", rule, got)
		}
	}
}

// Feeds promise that an entry never changes. When an incident comes back, and is
// over for a second time, its first end stays what it was.
func TestWhatWasSaidOfAnEndStays(t *testing.T) {
	is := func(b incident.Board, kind incident.Kind, at time.Time) incident.Board {
		return b.With(incident.Event{Kind: kind, Incident: "INC-2026-0007", Component: "api", At: at})
	}
	over := func(b incident.Board, number int, at time.Time) incident.Board {
		u := incident.Update{Number: number, State: incident.StateResolved, Severity: rules.P1, Trend: incident.TrendOver, Said: at.Add(time.Minute), AsOf: at}
		b = is(b, incident.Resolved, at)
		return b.With(incident.Event{Kind: incident.Updated, Incident: "INC-2026-0007", Update: &u, At: u.Said})
	}
	config := projectConfig(t)
	ended := func(b incident.Board) (all []string) {
		p := Project(config, b, noon.Add(time.Hour), noon.Add(time.Hour))
		for _, i := range append(p.Incidents, p.Past...) {
			for _, u := range i.Updates {
				if u.Trend == "over" {
					all = append(all, templates.Post{Page: p, Incident: i, Update: u}.Ended().Format("15:04"))
				}
			}
		}
		return all
	}
	b := over(broken(seen(), rules.P1, false, "eu"), 2, noon.Add(10*time.Minute))
	first := fmt.Sprint(ended(b))
	b = is(b, incident.Reopened, noon.Add(20*time.Minute))
	if again := fmt.Sprint(ended(b)); first != "[12:10]" || again != first {
		t.Errorf("it ended at %s, and since it came back at %s: want 12:10", first, again)
	}
	if twice := fmt.Sprint(ended(over(b, 3, noon.Add(40*time.Minute)))); twice != "[12:40 12:10]" {
		t.Errorf("the two ends are %s, want 12:40 and 12:10", twice)
	}
}

func TestWhatIsNotSeenIsNeitherGreenNorRed(t *testing.T) {
	c := projectConfig(t)
	sensed := func(b incident.Board, s incident.Sense) incident.Board {
		return b.With(incident.Event{Kind: incident.Sensed, Component: "api", Region: "eu", Sense: s, At: noon, Began: noon.Add(-time.Minute)})
	}
	for _, k := range []struct {
		name  string
		board incident.Board
		cell  templates.Status
		says  string
	}{
		{"never heard of", incident.Board{}, templates.NotWatched, "Waiting for the first data"},
		{"silent", sensed(seen(), incident.SenseNothing), templates.NoData, "No data from some components"},
		{"too little traffic", sensed(seen(), incident.SenseThin), templates.LowTraffic, "Too little traffic to judge some components"},
		{"the store is away", seen().With(incident.Event{Kind: incident.Blinded, Began: noon, At: noon}), templates.NoData, "No data since 12:00 UTC"},
		{"an outage outranks silence", sensed(broken(seen(), rules.P1, false, "eu"), incident.SenseNothing), templates.Partial, "Partial System Outage"},
		{"all is well", seen(), templates.Operational, "All Systems Operational"},
	} {
		t.Run(k.name, func(t *testing.T) {
			p := Project(c, k.board, noon, noon)
			if got := p.Components[0].Cells[1].Status; got != k.cell {
				t.Errorf("the cell is %s, want %s", got, k.cell)
			}
			if p.Description != k.says {
				t.Errorf("the page says %q, want %q", p.Description, k.says)
			}
		})
	}
}

// A region that nobody declared comes out of a span: its name is not public.
func TestAnUndeclaredRegionHasNoName(t *testing.T) {
	c := projectConfig(t)
	const secret = "db-7.internal.acme.example"
	b := broken(seen(), rules.P1, false, "eu", secret).With(incident.Event{
		Kind: incident.Sensed, Component: "eval", Region: secret + "2", Service: "svc-secret", Sense: incident.SenseNothing, At: noon, Began: noon, Why: "svc-secret failed",
	})
	p := Project(c, b, noon, noon)
	body, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	for _, word := range []string{"internal", "svc"} {
		if strings.Contains(string(body), word) {
			t.Errorf("%q is public: %s", word, body)
		}
	}
	if n := len(p.Regions); n != 3 || p.Regions[2].Name != "Other regions" {
		t.Errorf("the regions are %v", p.Regions)
	}
	if p.Components[0].Cells[2].Status != templates.Partial || p.Components[1].Cells[2].Status != templates.NoData {
		t.Errorf("the rest is not shown: %+v", p.Components)
	}
}

// A region that is called otherwise by now is the same in what was said of it, as in
// its bars: its old code has become an alias.
func TestARegionKeepsItsIncidentsByAnotherCode(t *testing.T) {
	c := projectConfig(t)
	b := broken(seen(), rules.P1, false, "us", "europe")
	b = b.With(incident.Event{Kind: incident.Resolved, Incident: "INC-2026-0007", Component: "api", At: noon.Add(30 * time.Minute), By: incident.Person("ana")})
	k := Known{Config: c, Board: b, History: watchedSince(c, noon, 3), Judged: noon.Add(time.Hour)}
	if p := k.Project(noon); p.Past[0].AllRegions || p.Past[0].Regions[1].Name != "Other regions" {
		t.Fatalf("before, it was in %v", p.Past[0].Regions)
	}
	c.Regions[1].Aliases = []string{"europe"}
	p := k.Project(noon)
	if in := p.Past[0].Regions; !p.Past[0].AllRegions || len(in) != 2 || in[1].Name != "Europe" || len(p.Regions) != 2 {
		t.Errorf("it was in %v", in)
	}
	if d := p.Components[0].Cells[1].Record.Days[3]; d.Minutes.Bad[1] != 34 {
		t.Errorf("its bars say %+v", d)
	}
}

func TestFiguresAreRound(t *testing.T) {
	for _, k := range []struct {
		u    incident.Update
		want string
	}{
		{incident.Update{Value: 0.1532}, "about 15 % of requests"},
		{incident.Update{Value: 0.0123}, "about 1.2 % of requests"},
		{incident.Update{Value: 1}, "about 100 % of requests"},
		{incident.Update{Value: 2.5e9, Quantile: 9900}, "the slowest 1 % of requests take more than 2.5 s"},
		{incident.Update{Value: 843e6, Quantile: 9990}, "the slowest 0.1 % of requests take more than 843 ms"},
		{incident.Update{Value: 12.4e9, Quantile: 5000}, "the slowest 50 % of requests take more than 12 s"},
		{incident.Update{Value: 0.2, Trend: incident.TrendUnknown}, ""},
		{incident.Update{}, ""},
	} {
		if got := measured(k.u).String(); got != k.want {
			t.Errorf("%+v: %q, want %q", k.u, got, k.want)
		}
	}
}

func TestPrepareFindsTheUpdate(t *testing.T) {
	c, b := projectConfig(t), broken(seen(), rules.P1, false, "eu")
	d, err := Prepare(c, b, Row{Channel: "hook", Key: "INC-2026-0007/1", Seq: 9}, noon, noon)
	if err != nil || d.Incident == nil || d.Incident.ID != "INC-2026-0007" || d.Update.Number != 1 {
		t.Errorf("%+v %v", d, err)
	}
	for _, key := range []string{"INC-2026-0007/2", "INC-2026-0008/1", "INC-2026-0007/notice/1", "INC-2026-0007/notice/", "INC-2026-0007", "nonsense", "/", "/1"} {
		if _, err := Prepare(c, b, Row{Key: key}, noon, noon); !errors.Is(err, ErrPermanent) {
			t.Errorf("%q: %v, want a permanent error", key, err)
		}
	}
	if _, err := Prepare(c, b, Row{Channel: "status", Key: "INC-2026-0007/1"}, noon, noon); !errors.Is(err, ErrPermanent) {
		t.Errorf("an update for a page: %v, want a permanent error", err)
	}
}

// The page told of an incident whose words waited, or had to be approved, as soon
// as another was linked to it, though that one did not speak for it: it was milder.
func TestWhatIsHeldIsNotShownSinceAnotherIsLinked(t *testing.T) {
	const id = "INC-2026-0008"
	b := broken(seen(), rules.P2, false, "eu")
	b = b.With(incident.Event{Kind: incident.Opened, Incident: id, Component: "eval", At: noon, Began: noon})
	b = b.With(incident.Event{Kind: incident.Raised, Incident: id, Component: "eval", Rule: "errs", Region: "eu", Severity: rules.P0, At: noon, Began: noon})
	b = b.With(incident.Event{Kind: incident.Linked, Incident: id, Component: "eval", Cause: "INC-2026-0007", At: noon})
	b = b.With(incident.Event{Kind: incident.Held, Incident: id, Component: "eval", At: noon}) // for approval
	c := projectConfig(t)
	if s := Project(c, b, noon, noon).Components[1].Status; s != templates.Operational {
		t.Errorf("its words wait, and the page says %s", s)
	}
	u := b.Open[0].Updates[0]
	u.Number, u.Also = 2, []string{"eval"}
	b = b.With(incident.Event{Kind: incident.Updated, Incident: "INC-2026-0007", Update: &u, At: noon})
	if s := Project(c, b, noon, noon).Components[1].Status; s == templates.Operational {
		t.Errorf("customers have read that it is affected, too, and the page says %s", s)
	}
}
