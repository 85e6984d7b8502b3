package publisher

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/featuresignals/tocsin/incident"
	"github.com/featuresignals/tocsin/rules"
	"github.com/featuresignals/tocsin/templates"
)

// naiveDay counts a day minute by minute, as docs/uptime.md says it.
func naiveDay(k Known, component string, regions []string, day time.Time) (m templates.Minutes) {
	for at := day; at.Before(day.Add(24*time.Hour)) && at.Before(k.Judged); at = at.Add(time.Minute) {
		watched, open, known := false, false, false
		bad := rules.SeverityNone
		for _, region := range regions {
			cell := incident.Cell{Component: component, Region: region}
			since := k.History.Since(cell)
			if since.IsZero() || at.Before(since) {
				continue
			}
			if s, ok := k.Board.Senses[cell]; ok && s.Sense == incident.SenseNone && !at.Before(s.Since) {
				continue
			}
			watched = true
			d := k.History.Day(cell, incident.DayOf(at))
			minute := at.Hour()*60 + at.Minute()
			if d != nil && d.Maintenance.Has(minute) {
				continue
			}
			open = true
			known = known || d != nil && d.Known.Has(minute)
		}
		for _, i := range slices.Concat(k.Board.Past, k.Board.Open) {
			if i.Private || !i.Told() {
				continue
			}
			for _, b := range i.Bouts {
				if b.Component == component && slices.Contains(regions, b.Region) && b.From.Before(at.Add(time.Minute)) && (b.To.IsZero() || b.To.After(at)) {
					bad = max(bad, b.Severity)
				}
			}
		}
		switch {
		case watched && !open:
			m.Maintenance++
		case bad != rules.SeverityNone:
			m.Bad[slices.Index([]rules.Severity{rules.P0, rules.P1, rules.P2, rules.P3, rules.P4}, bad)]++
		case !watched:
		case known:
			m.Good++
		default:
			m.Unknown++
		}
	}
	return m
}

// Whatever was known, planned and broken: each minute of a cell counts once, and
// what the sets count is what counting by hand does.
func TestADayIsCountedAsByHand(t *testing.T) {
	c := projectConfig(t)
	c.Regions[1].Aliases = []string{"europe"} // it was called so once
	r := rand.New(rand.NewPCG(3, 14))
	for round := range 25 {
		k := Known{Config: c, Judged: time.Date(2027, 1, 2, 0, 0, 0, 0, time.UTC).Add(time.Duration(r.IntN(1440)) * time.Minute)}
		start := k.Judged.Add(-time.Duration(1+r.IntN(6000)) * time.Minute) // over the end of a year
		b := incident.Board{Senses: map[incident.Cell]incident.Sensing{}}
		regions := []string{"us", "eu", "europe", "mars", "moon"} // the last two share a column
		var marks []incident.Mark
		for _, region := range regions {
			cell := incident.Cell{Component: "api", Region: region}
			since := start.Add(time.Duration(r.IntN(2000)) * time.Minute)
			b.Senses[cell] = incident.Sensing{Sense: incident.SenseSeen, Since: since}
			if r.IntN(5) == 0 {
				b.Senses[cell] = incident.Sensing{Sense: incident.SenseNone, Since: since.Add(time.Duration(r.IntN(3000)) * time.Minute)}
			}
			known, maintained := true, false
			for at := since; at.Before(k.Judged.Add(time.Hour)); at = at.Add(time.Minute) { // one source is ahead
				if r.IntN(100) == 0 {
					known = !known
				}
				if r.IntN(300) == 0 {
					maintained = !maintained
				}
				if known || maintained || at.Equal(since) {
					marks = append(marks, incident.Mark{Cell: cell, Minute: at, Known: known && at.After(since), Maintenance: maintained})
				}
			}
		}
		k.History = (*incident.History)(nil).With(marks, nil)
		for n := range 12 {
			i := incident.Incident{ID: incident.ID(fmt.Sprintf("INC-2026-%04d", n+1)), Component: "api", Private: r.IntN(6) == 0, State: incident.Investigating, Peak: rules.P0}
			if r.IntN(6) > 0 {
				i.Updates = []incident.Update{{Number: 1, Severity: rules.P2, Said: start, Regions: []incident.RegionState{{Region: "eu", Severity: rules.P2}}}}
			}
			for range 1 + r.IntN(3) {
				x := incident.Bout{Component: "api", Region: pickOf(r, regions), Rule: pickOf(r, []string{"errs", "slow", "gone"}), Severity: pickOf(r, []rules.Severity{rules.P0, rules.P1, rules.P2})}
				x.From = start.Add(time.Duration(r.IntN(6000*60)-6000) * time.Second) // people act at any second
				if i.Began.IsZero() || x.From.Before(i.Began) {
					i.Began = x.From
				}
				if x.To = x.From.Add(time.Duration(r.IntN(200*60)) * time.Second); x.To.After(k.Judged) {
					x.To = time.Time{}
				}
				i.Bouts = append(i.Bouts, x)
			}
			b.Open = append(b.Open, i)
		}
		k.Board = b
		p := k.Project(k.Judged)
		of := map[string][]string{"us": {"us"}, "eu": {"eu", "europe"}, "other": {"mars", "moon"}}
		for _, comp := range p.Components {
			var sums []templates.Minutes
			days := map[time.Time]templates.Minutes{}
			for _, cell := range comp.Cells {
				for n, d := range cell.Record.Days {
					if n > 0 && !d.Date.Equal(cell.Record.Days[n-1].Date.Add(24*time.Hour)) {
						t.Fatalf("after %s comes %s", cell.Record.Days[n-1].Date, d.Date)
					}
					if want := naiveDay(k, comp.ID, of[cell.Region.Code], d.Date); d.Minutes != want {
						t.Fatalf("round %d: %s/%s on %s:\n got %+v\nwant %+v", round, comp.ID, cell.Region.Code, d.Date.Format(time.DateOnly), d.Minutes, want)
					}
					days[d.Date] = days[d.Date].And(d.Minutes)
				}
				sums = append(sums, cell.Record.Sum())
			}
			for _, d := range comp.Record.Days {
				if d.Minutes != days[d.Date] {
					t.Fatalf("%s on %s is not the sum of its cells", comp.ID, d.Date)
				}
			}
			var all templates.Minutes
			for _, s := range sums {
				all = all.And(s)
			}
			if comp.Record.Sum() != all {
				t.Fatalf("%s is not the sum of its cells", comp.ID)
			}
		}
	}
}

func pickOf[T any](r *rand.Rand, xs []T) T { return xs[r.IntN(len(xs))] }

// watchedSince marks all cells as known for days before judged, whole ones.
func watchedSince(c *rules.Config, judged time.Time, days int) *incident.History {
	since, list := map[incident.Cell]time.Time{}, []incident.Stored(nil)
	for _, comp := range c.Components {
		for _, region := range c.Regions {
			cell := incident.Cell{Component: comp.ID, Region: region.Code}
			last := incident.DayOf(judged)
			since[cell] = incident.Midnight(last - days)
			for day := last - days; day <= last; day++ {
				list = append(list, incident.Stored{Cell: cell, Day: day, Known: incident.Between(0, incident.PerDay)})
			}
		}
	}
	return incident.NewHistory(since, list, nil)
}

// An incident that says "from 11:56 until 12:30" has exactly those minutes bad, in
// its cell and in no other.
func TestTheBarsSayWhatTheIncidentSays(t *testing.T) {
	c := projectConfig(t)
	b := broken(seen(), rules.P1, false, "eu")
	b = b.With(incident.Event{Kind: incident.Recovered, Incident: "INC-2026-0007", Component: "api", Rule: "errs", Service: "svc", Region: "eu", At: noon.Add(30 * time.Minute)})
	b = b.With(incident.Event{Kind: incident.Resolved, Incident: "INC-2026-0007", Component: "api", At: noon.Add(30 * time.Minute)})
	k := Known{Config: c, Board: b, History: watchedSince(c, noon, 100), Judged: noon.Add(2 * time.Hour)}
	p := k.Project(k.Judged)
	if len(p.Past) != 1 || !p.Past[0].Began.Equal(noon.Add(-4*time.Minute)) || !p.Past[0].Resolved.Equal(noon.Add(30*time.Minute)) {
		t.Fatalf("customers read %+v", p.Past)
	}
	us, eu := p.Components[0].Cells[0].Record, p.Components[0].Cells[1].Record
	if len(us.Days) != 90 || len(eu.Days) != 90 || !eu.Days[89].Date.Equal(noon.Truncate(24*time.Hour)) {
		t.Fatalf("there are %d and %d days, the last is %s", len(us.Days), len(eu.Days), eu.Days[89].Date)
	}
	today := eu.Days[89]
	if want := (templates.Minutes{Good: 14*60 - 34, Bad: [5]int{1: 34}}); today.Minutes != want || today.Worst != templates.Partial || !slices.Equal(today.Incidents, []string{"INC-2026-0007"}) {
		t.Errorf("today was %+v", today)
	}
	if today := us.Days[89]; today.Minutes != (templates.Minutes{Good: 14 * 60}) || today.Worst != templates.Operational || today.Incidents != nil {
		t.Errorf("elsewhere it was %+v", today)
	}
	if n := eu.Sum(); n.Good+n.Bad[1] != 89*1440+14*60 {
		t.Errorf("ninety days are %+v", n)
	}
	all := p.Components[0].Record.Days[89]
	if all.Minutes.Good != 2*14*60-34 || all.Worst != templates.Partial || len(all.Incidents) != 1 {
		t.Errorf("the component's day was %+v", all)
	}
	if p.Weights != (templates.Weights{1, 0.3}) {
		t.Errorf("a bad minute counts %v", p.Weights)
	}
	if percent, ok := today.Minutes.Uptime(p.Weights); !ok || math.Abs(percent-100*(1-0.3*34/840)) > 1e-9 {
		t.Errorf("it was up %v %%", percent)
	}
}

func TestAComponentIsDownWhenAllOfItIs(t *testing.T) {
	c := projectConfig(t)
	for name, k := range map[string]struct {
		regions []string
		want    templates.Status
	}{"in one region": {[]string{"eu"}, templates.Partial}, "in all": {[]string{"us", "eu"}, templates.Major}} {
		b := broken(seen(), rules.P0, false, k.regions...)
		p := Known{Config: c, Board: b, History: watchedSince(c, noon, 3), Judged: noon.Add(time.Hour)}.Project(noon)
		if got := p.Components[0].Record.Days[3]; got.Worst != k.want || got.Minutes.Bad[0] != 64*len(k.regions) {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// What customers have not read of is in no bar, however bad it was.
func TestWhatNobodyWasToldOfIsInNoBar(t *testing.T) {
	c := projectConfig(t)
	history := watchedSince(c, noon, 3)
	clean := Known{Config: c, Board: seen(), History: history, Judged: noon.Add(time.Hour)}
	want, err := json.Marshal(clean.Project(noon).Components)
	if err != nil {
		t.Fatal(err)
	}
	quietly := func(edit func(*incident.Incident)) incident.Board {
		b := broken(seen(), rules.P0, false, "eu")
		edit(&b.Open[0])
		return b
	}
	for name, b := range map[string]incident.Board{
		"private":                     quietly(func(i *incident.Incident) { i.Private = true }),
		"vetoed":                      quietly(func(i *incident.Incident) { i.Updates, i.Withheld = nil, true }),
		"waiting for its first words": quietly(func(i *incident.Incident) { i.Updates, i.Draft = nil, &incident.Draft{} }),
		"told inside alone":           quietly(func(i *incident.Incident) { i.Updates[0].Inside = true }),
		"vetoed and explained": quietly(func(i *incident.Incident) {
			i.Updates, i.Withheld, i.ExplainedBy = nil, true, "INC-2026-0001"
		}),
	} {
		for _, resolved := range []bool{false, true} {
			if resolved {
				b = b.With(incident.Event{Kind: incident.Resolved, Incident: "INC-2026-0007", At: noon.Add(20 * time.Minute), By: incident.Person("ana")})
			}
			k := clean
			k.Board = b
			got, err := json.Marshal(k.Project(noon).Components)
			if err != nil {
				t.Fatal(err)
			}
			if string(got) != string(want) {
				t.Errorf("%s, resolved: %v: something of it is on the page", name, resolved)
			}
		}
	}
}

// The parts of an incident that customers are not shown are in no bar either; what
// it grew out of is, since they read when it began.
func TestOfAnIncidentThePartsCount(t *testing.T) {
	c := projectConfig(t)
	at := func(minute int) time.Time { return noon.Add(time.Duration(minute) * time.Minute) }
	told := []incident.Update{{Number: 1, Severity: rules.P1, Said: noon, Regions: []incident.RegionState{{Region: "eu", Severity: rules.P1}}}}
	bout := func(region, rule string, s rules.Severity, from, to int) incident.Bout {
		return incident.Bout{Component: "api", Region: region, Rule: rule, Service: "svc", Severity: s, From: at(from), To: at(to)}
	}
	for name, k := range map[string]struct {
		i      incident.Incident
		us, eu [5]int
	}{
		"what is internal in another region": {
			incident.Incident{Peak: rules.P1, Began: at(0), Bouts: []incident.Bout{bout("eu", "errs", rules.P1, 0, 10), bout("us", "errs", rules.P3, 0, 30)}},
			[5]int{},
			[5]int{1: 10},
		},
		"what is left when the worst is over": {
			incident.Incident{Peak: rules.P1, Began: at(0), Bouts: []incident.Bout{bout("eu", "errs", rules.P1, 0, 10), bout("eu", "errs", rules.P3, 10, 30)}},
			[5]int{},
			[5]int{1: 10},
		},
		"what it grew out of": {
			incident.Incident{Peak: rules.P1, Began: at(0), Bouts: []incident.Bout{bout("eu", "errs", rules.P3, 0, 5), bout("eu", "errs", rules.P1, 5, 10)}},
			[5]int{},
			[5]int{1: 5, 3: 5},
		},
		"what was before it concerned customers": {
			incident.Incident{Peak: rules.P1, Began: at(4), Bouts: []incident.Bout{bout("eu", "errs", rules.P3, -60, 5), bout("eu", "errs", rules.P1, 5, 10)}},
			[5]int{},
			[5]int{1: 5, 3: 1},
		},
		"one that was never worse, and told by a person": {
			incident.Incident{Peak: rules.P3, Began: at(0), Bouts: []incident.Bout{bout("eu", "errs", rules.P3, 0, 5)}},
			[5]int{},
			[5]int{3: 5},
		},
		"two causes at a time count once, as the worse": {
			incident.Incident{Peak: rules.P0, Began: at(0), Bouts: []incident.Bout{bout("eu", "errs", rules.P0, 3, 6), bout("eu", "slow", rules.P2, 0, 10)}},
			[5]int{},
			[5]int{0: 3, 2: 7},
		},
		"a cause of no region that was put into all": {
			incident.Incident{Peak: rules.P1, Began: at(0), Bouts: []incident.Bout{bout("", "", rules.P1, 0, 5), bout("eu", "", rules.P1, 0, 9), bout("us", "", rules.P1, 0, 9)}},
			[5]int{1: 9},
			[5]int{1: 9},
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := seen()
			k.i.ID, k.i.Component, k.i.Updates, k.i.State, k.i.Resolved = "INC-2026-0007", "api", told, incident.StateResolved, at(60)
			b.Past = []incident.Incident{k.i}
			p := Known{Config: c, Board: b, History: watchedSince(c, noon, 2), Judged: at(120)}.Project(noon)
			if len(p.Regions) != 2 {
				t.Fatalf("the page has the regions %v", p.Regions)
			}
			for n, want := range [][5]int{k.us, k.eu} {
				if got := p.Components[0].Cells[n].Record.Days[2].Minutes.Bad; got != want {
					t.Errorf("in %s %v minutes are bad, want %v", p.Regions[n].Code, got, want)
				}
			}
		})
	}
}

// An incident of a component that another one's explains is spoken for there, and
// known by that one's number.
func TestWhatAnotherIncidentSpokeForCounts(t *testing.T) {
	c := projectConfig(t)
	b := broken(seen(), rules.P1, false, "eu")
	b.Open[0].Updates[0].Also = []string{"eval"}
	b.Past = []incident.Incident{{
		ID: "INC-2026-0008", Component: "eval", ExplainedBy: "INC-2026-0007", Began: noon.Add(-3 * time.Minute), Detected: noon.Add(-time.Minute), Peak: rules.P1,
		State: incident.StateResolved, Resolved: noon.Add(20 * time.Minute),
		Bouts: []incident.Bout{{Component: "eval", Region: "eu", Rule: "x", From: noon.Add(-3 * time.Minute), To: noon.Add(20 * time.Minute), Severity: rules.P1}},
	}}
	p := Known{Config: c, Board: b, History: watchedSince(c, noon, 2), Judged: noon.Add(time.Hour)}.Project(noon)
	if d := p.Components[1].Cells[1].Record.Days[2]; d.Minutes.Bad[1] != 23 || !slices.Equal(d.Incidents, []string{"INC-2026-0007"}) {
		t.Errorf("it was %+v", d)
	}
	whole, err := json.Marshal(p)
	if err != nil || strings.Contains(string(whole), "INC-2026-0008") {
		t.Errorf("%v: the number of an incident that nobody reads of is public", err)
	}
}

// What was bad before anything was measured is on record; what nobody watched is not.
func TestARecordBeginsWithWhatIsKnown(t *testing.T) {
	c := projectConfig(t)
	midnight := noon.Truncate(24 * time.Hour)
	first := midnight.Add(2 * time.Minute)
	history := (*incident.History)(nil).With([]incident.Mark{{Cell: incident.Cell{Component: "api", Region: "eu"}, Minute: first, Known: true}}, nil)
	b := broken(seen(), rules.P1, false, "eu")
	b.Open[0].Began, b.Open[0].Bouts[0].From = midnight.Add(-3*time.Minute), midnight.Add(-3*time.Minute)
	p := Known{Config: c, Board: b, History: history, Judged: midnight.Add(5 * time.Minute)}.Project(noon)
	cell := p.Components[0].Cells[1].Record
	if want := []int{3, 5}; len(cell.Days) != 2 || cell.Days[0].Minutes != (templates.Minutes{Bad: [5]int{1: want[0]}}) || cell.Days[1].Minutes != (templates.Minutes{Bad: [5]int{1: want[1]}}) {
		t.Errorf("it is %+v", cell)
	}
	for _, never := range []templates.Record{p.Components[0].Cells[0].Record, p.Components[1].Record} {
		if never.Days != nil {
			t.Errorf("what was never watched has days: %+v", never)
		}
	}
	if empty := (Known{Config: c, Board: b, Judged: noon}).Project(noon); empty.Components[0].Record.Days != nil {
		t.Error("without a history there is a record")
	}
	if empty := (Known{Config: c, Board: b, History: history}).Project(noon); empty.Components[0].Record.Days != nil {
		t.Error("before anything was judged there is a record")
	}
}

// The last minute of a day is judged at midnight, and the new day has no minute yet.
func TestMidnightIsTheEndOfADay(t *testing.T) {
	c := projectConfig(t)
	midnight := noon.Truncate(24 * time.Hour)
	p := Known{Config: c, Board: seen(), History: watchedSince(c, midnight.Add(-time.Minute), 1), Judged: midnight}.Project(noon)
	days := p.Components[0].Cells[0].Record.Days
	if last := days[len(days)-1]; !last.Date.Equal(midnight.AddDate(0, 0, -1)) || last.Minutes.Good != 1440 {
		t.Errorf("the last day is %+v", last)
	}
}

func TestFiguresAreADayInQuarters(t *testing.T) {
	c := projectConfig(t)
	c.Components[0].Figures = []string{"p99", "error_rate"}
	cell := incident.Cell{Component: "api", Region: "eu"}
	reading := func(back time.Duration, v float64) incident.Reading {
		return incident.Reading{Cell: cell, Kind: "error_rate", Step: noon.Add(-back), Value: v}
	}
	history := watchedSince(c, noon, 1).With(nil, []incident.Reading{
		reading(24*time.Hour, 0.9), reading(24*time.Hour-15*time.Minute, 0.1), reading(15*time.Minute, 0.2), reading(15*time.Minute, 0.15), reading(0, 0.3),
	})
	p := Known{Config: c, Board: seen(), History: history, Judged: noon}.Project(noon) // the last minute ends at noon
	if p.Components[0].Cells[0].Figures != nil {
		t.Error("a line of nothing is shown")
	}
	f := p.Components[0].Cells[1].Figures
	if len(f) != 1 || f[0].Kind != "error_rate" || len(f[0].Points) != 96 || f[0].Step != 15*time.Minute || !f[0].From.Equal(noon.Add(-24*time.Hour)) {
		t.Fatalf("the figures are %+v", f)
	}
	for n, v := range f[0].Points {
		want, known := map[int]float64{0: 0.9, 1: 0.1, 95: 0.2}[n]
		if known && v != want || !known && !math.IsNaN(v) {
			t.Errorf("point %d is %v", n, v)
		}
	}
}

// The day that docs/uptime.md counts by hand.
func TestTheExampleOfTheDocsIsCountedSo(t *testing.T) {
	c := projectConfig(t)
	midnight := noon.Truncate(24 * time.Hour)
	at := func(hour, minute int) time.Time {
		return midnight.Add(time.Duration(hour)*time.Hour + time.Duration(minute)*time.Minute)
	}
	cell := incident.Cell{Component: "api", Region: "eu"}
	var marks []incident.Mark
	for n := range 2 * incident.PerDay {
		minute := midnight.Add(time.Duration(n) * time.Minute)
		if between := func(a, b time.Time) bool { return !minute.Before(a) && minute.Before(b) }; !between(at(3, 0), at(4, 0)) {
			marks = append(marks, incident.Mark{Cell: cell, Minute: minute, Known: !between(at(14, 20), at(14, 30)), Maintenance: between(at(14, 35), at(15, 0))})
		}
	}
	b := seen()
	b.Past = []incident.Incident{{
		ID: "INC-2026-0001", Component: "api", Began: at(14, 2), Resolved: at(14, 41), State: incident.StateResolved, Peak: rules.P1,
		Updates: []incident.Update{{Number: 1, Severity: rules.P2, Said: at(14, 5)}},
		Bouts: []incident.Bout{
			{Component: "api", Region: "eu", Rule: "errs", From: at(14, 2), To: at(14, 12), Severity: rules.P2},
			{Component: "api", Region: "eu", Rule: "errs", From: at(14, 12), To: at(14, 41), Severity: rules.P1},
		},
	}}
	k := Known{Config: c, Board: b, History: (*incident.History)(nil).With(marks, nil), Judged: at(36, 0)}
	p := k.Project(noon)
	d := p.Components[0].Cells[1].Record.Days[0].Minutes
	if want := (templates.Minutes{Good: 1322, Bad: [5]int{1: 23, 2: 10}, Unknown: 60, Maintenance: 25}); d != want {
		t.Errorf("got %+v, want %+v", d, want)
	}
	uptime, _ := d.Uptime(p.Weights)
	coverage, _ := d.Coverage()
	if got := fmt.Sprintf("%.2f %.2f", uptime, coverage); got != "99.49 95.76" {
		t.Errorf("uptime and coverage are %s", got)
	}

	// What is taken out of the configuration is not shown, and comes back as it was.
	gone := projectConfig(t)
	gone.Components = gone.Components[1:]
	k.Config = gone
	if p := k.Project(noon); len(p.Components) != 1 || p.Components[0].Record.Days != nil {
		t.Errorf("the other component has %+v", p.Components[0].Record)
	}
	k.Config = projectConfig(t)
	if again := k.Project(noon); again.Components[0].Cells[1].Record.Days[0].Minutes != d {
		t.Error("it came back with another past")
	}
}

// Two values that are made of the same are the same, and so are the keys by which a
// Preparer knows them again.
func TestAPreparerTellsHistoriesApart(t *testing.T) {
	c := projectConfig(t)
	var p Preparer
	k := Known{Config: c, Board: seen(), History: watchedSince(c, noon, 1), Judged: noon}
	for range 2 {
		d, err := p.Prepare(k, Row{Channel: "status"}, noon)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(k.Project(noon), d.Public); diff != "" {
			t.Errorf("it differs:\n%s", diff)
		}
		k.History = k.History.With([]incident.Mark{{Cell: incident.Cell{Component: "api", Region: "eu"}, Minute: noon.Add(-time.Hour), Maintenance: true}}, nil)
	}
}

// A hundred components in three regions, ninety days, and five hundred incidents.
func BenchmarkProject(b *testing.B) {
	var yaml strings.Builder
	yaml.WriteString("regions: [{code: us, name: US}, {code: eu, name: Europe}, {code: in, name: India}]\ncomponents:\n")
	for n := range 100 {
		fmt.Fprintf(&yaml, "  - {id: c%d, name: Component %d}\n", n, n)
	}
	c, err := rules.Parse([]rules.File{{Name: "tocsin.yaml", Body: []byte(yaml.String() + "rules:\n  - {id: errs, component: c0, signal: error_rate, levels: {P0: {above: 50%}}}\n")}})
	if err != nil {
		b.Fatal(err)
	}
	board := incident.Board{Senses: map[incident.Cell]incident.Sensing{}}
	for n := range 500 {
		from := noon.AddDate(0, 0, -n%90).Add(-time.Hour)
		component, region := fmt.Sprint("c", n%100), c.Regions[n%3].Code
		board.Past = append(board.Past, incident.Incident{
			ID: incident.ID(fmt.Sprintf("INC-2026-%04d", n)), Component: component, Began: from, Resolved: from.Add(time.Hour), State: incident.StateResolved, Peak: rules.P1,
			Updates: []incident.Update{{Number: 1, Severity: rules.P1, Said: from, Regions: []incident.RegionState{{Region: region, Severity: rules.P1}}}},
			Bouts:   []incident.Bout{{Component: component, Region: region, Rule: "errs", From: from, To: from.Add(time.Hour), Severity: rules.P1}},
		})
	}
	for _, comp := range c.Components {
		for _, region := range c.Regions {
			board.Senses[incident.Cell{Component: comp.ID, Region: region.Code}] = incident.Sensing{Sense: incident.SenseSeen, Since: noon}
		}
	}
	known := Known{Config: c, Board: board, Judged: noon}
	b.Run("without records", func(b *testing.B) {
		for b.Loop() {
			known.Project(noon)
		}
	})
	known.History = watchedSince(c, noon, 100)
	b.Run("with records", func(b *testing.B) {
		for b.Loop() {
			known.Project(noon)
		}
	})
}
