package page

import (
	"cmp"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/featuresignals/tocsin/publisher/page/pagetest"
	"github.com/featuresignals/tocsin/templates"
)

var samplesTo = flag.String("samples", "", "folder to write the page of every sample to, to look at")

// TestWriteSamples writes the samples to the folder that -samples names, for
// people to look at, and else only sees that it could.
func TestWriteSamples(t *testing.T) {
	folder := cmp.Or(*samplesTo, t.TempDir())
	for name, p := range samples() {
		files, err := New("status", "", load(t)).Render(p)
		if err != nil {
			t.Fatal(err)
		}
		if name == "stale" {
			for file, b := range files {
				files[file] = templates.Grey(b)
			}
		}
		for file, b := range files {
			path := filepath.Join(folder, name, file)
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, b, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
}

var loaded = sync.OnceValues(func() (*templates.Set, error) { return templates.Load(nil) })

func load(t testing.TB) *templates.Set {
	t.Helper()
	s, err := loaded()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

var (
	us     = templates.Region{Code: "us", Name: "United States"}
	europe = templates.Region{Code: "eu", Name: "Europe"}
	india  = templates.Region{Code: "in", Name: "India"}
)

// today gives a time of the day that all samples speak from.
func today(hour, minute int) time.Time {
	return time.Date(2026, 5, 20, hour, minute, 0, 0, time.UTC)
}

func ago(days, hour, minute int) time.Time { return today(hour, minute).AddDate(0, 0, -days) }

// samples gives a page for each situation that people will meet.
func samples() map[string]templates.Public {
	all := map[string]templates.Public{
		"fine":    fine(),
		"p0":      p0(),
		"p1":      p1(),
		"blind":   blind(),
		"stale":   p0(),
		"quiet":   quiet(),
		"history": long(),
		"zero":    zero(),
		"large":   large(),
	}
	for _, state := range pagetest.States {
		if state != "stale" && state != "huge" {
			all["full "+state] = pagetest.Public(state)
		}
	}
	return all
}

func fine() templates.Public {
	p := templates.Public{
		Organisation: "FeatureSignals", Title: "FeatureSignals status", URL: "https://status.featuresignals.example", Support: "support@featuresignals.example",
		Rendered: today(10, 42).Add(3 * time.Second), Checked: today(10, 42), ValidUntil: today(10, 47), Since: ago(90, 0, 0),
		Indicator: "none", Description: "All Systems Operational",
		Regions: []templates.Region{us, europe, india},
	}
	for _, c := range [][3]string{
		{"api", "Management API", "Create and change flags"},
		{"evaluations", "Flag evaluations", "What SDKs ask for"},
		{"dashboard", "Dashboard", ""},
		{"webhooks", "Webhooks", "Events to your systems"},
	} {
		comp := templates.Component{ID: c[0], Name: c[1], Description: c[2], Status: templates.Operational}
		for _, r := range p.Regions {
			comp.Cells = append(comp.Cells, templates.Cell{Region: r, Status: templates.Operational})
		}
		p.Components = append(p.Components, comp)
	}
	p.Past = []templates.Incident{past(p, "INC-2026-0007", p.Components[0], europe, ago(3, 9, 14), 43*time.Minute)}
	return p
}

// past gives a resolved incident.
func past(p templates.Public, id string, c templates.Component, r templates.Region, began time.Time, lasted time.Duration) templates.Incident {
	i := templates.Incident{
		ID: id, State: "resolved", Severity: "P1", Impact: "major", Status: "Operational", Symptom: "elevated errors", Component: c,
		Regions: []templates.Region{r}, Integrity: "under review", Began: began, Detected: began.Add(5 * time.Minute), Resolved: began.Add(lasted),
	}
	for n, state := range []string{"resolved", "monitoring", "investigating"} {
		said := began.Add(lasted - time.Duration(n)*lasted/3)
		i.Updates = append(i.Updates, templates.Update{
			Number: 3 - n, ID: fmt.Sprintf("%s-%d", id, 3-n), State: state, Severity: "P1",
			Status: []string{"Operational", "Operational", "Partial service"}[n], Regions: i.Regions, Symptom: i.Symptom,
			Impact: "failed requests", Trend: []string{"over", "calm", "new"}[n], Calm: 3 * time.Minute, Watching: time.Duration(n) * 7 * time.Minute,
			Measured: []templates.Measured{2: {Share: .06}}[n], Said: said, AsOf: said.Add(-time.Minute), Every: time.Hour, Next: said.Add(time.Hour),
		})
	}
	return i
}

func p0() templates.Public {
	p := fine()
	p.Indicator, p.Description = "major", "Partial System Outage"
	api := &p.Components[0]
	api.Status = templates.Partial
	api.Cells[1] = templates.Cell{Region: europe, Status: templates.Major, Since: today(9, 58)}
	i := templates.Incident{
		ID: "INC-2026-0008", State: "investigating", Severity: "P0", Impact: "major", Status: "Partial service",
		Symptom: "failing requests to the Management API", Component: *api, Regions: []templates.Region{europe},
		Workaround: "", Integrity: "under review", Began: today(9, 58), Detected: today(10, 2), Next: today(11, 2), Every: 30 * time.Minute,
	}
	for n, u := range []templates.Update{
		{State: "investigating", Trend: "unchanged", Measured: templates.Measured{Share: .62}, Said: today(10, 32)},
		{State: "investigating", Trend: "worse", Measured: templates.Measured{Share: .6}, Said: today(10, 12)},
		{State: "investigating", Trend: "new", Measured: templates.Measured{Share: .24}, Said: today(10, 2)},
	} {
		u.Number, u.ID = 3-n, fmt.Sprintf("%s-%d", i.ID, 3-n)
		u.Severity, u.Status, u.Regions, u.Symptom, u.Impact = "P0", i.Status, i.Regions, i.Symptom, "errors when they create or change flags; flags that are live keep working"
		u.AsOf, u.Next, u.Every = u.Said.Add(-time.Minute), u.Said.Add(30*time.Minute), 30*time.Minute
		i.Updates = append(i.Updates, u)
	}
	p.Incidents = []templates.Incident{i}
	return p
}

func p1() templates.Public {
	p := p0()
	p.Indicator, p.Description = "minor", "Partially Degraded Service"
	api := &p.Components[0]
	api.Status = templates.Operational
	api.Cells[1] = templates.Cell{Region: europe, Status: templates.Operational}
	evaluations := &p.Components[1]
	evaluations.Status = templates.Degraded
	evaluations.Cells[2] = templates.Cell{Region: india, Status: templates.Degraded, Since: today(10, 20)}
	evaluations.Cells[0] = templates.Cell{Region: us, Status: templates.Degraded, Since: today(10, 20)}

	calm := &p.Incidents[0]
	calm.State, calm.Status = "monitoring", "Operational"
	calm.Updates = append([]templates.Update{{
		Number: 4, ID: "INC-2026-0008-4", State: "monitoring", Severity: "P0", Status: "Operational", Regions: calm.Regions, Symptom: calm.Symptom,
		Impact: calm.Updates[0].Impact, Trend: "calm", Calm: 3 * time.Minute, Watching: 7 * time.Minute,
		Said: today(10, 40), AsOf: today(10, 39), Next: today(11, 10), Every: 30 * time.Minute,
	}}, calm.Updates...)
	calm.Next = today(11, 10)

	slow := templates.Incident{
		ID: "INC-2026-0009", State: "identified", Severity: "P1", Impact: "major", Status: "Degraded performance",
		Symptom: "slow flag evaluations", Component: *evaluations, Regions: []templates.Region{us, india},
		Workaround: "Raise the time-out of your SDK to 10 seconds", Integrity: "not impacted", Began: today(10, 20), Detected: today(10, 25), Next: today(11, 30), Every: time.Hour,
	}
	for n, u := range []templates.Update{
		{State: "identified", Trend: "better", Measured: templates.Measured{Share: .01, Over: 2500 * time.Millisecond}, Said: today(10, 30), Integrity: "not impacted", Text: "A cache was sized too small in a release of this morning.\nWe are making it larger, region by region."},
		{State: "investigating", Trend: "new", Measured: templates.Measured{Share: .01, Over: 5600 * time.Millisecond}, Said: today(10, 25), Late: true},
	} {
		u.Number, u.ID = 2-n, fmt.Sprintf("%s-%d", slow.ID, 2-n)
		u.Severity, u.Status, u.Regions, u.Symptom, u.Impact = "P1", slow.Status, slow.Regions, slow.Symptom, "slow answers, and defaults where an SDK gives up waiting"
		u.Workaround, u.AsOf, u.Next, u.Every = slow.Workaround, u.Said.Add(-time.Minute), u.Said.Add(time.Hour), time.Hour
		slow.Updates = append(slow.Updates, u)
	}
	p.Incidents = append([]templates.Incident{slow}, p.Incidents...)
	return p
}

func blind() templates.Public {
	p := p0()
	p.Blind, p.Checked = today(10, 20), today(10, 20)
	p.Description = "No data since 10:20 UTC"
	for c := range p.Components {
		p.Components[c].Status = templates.NoData
		for n := range p.Components[c].Cells {
			p.Components[c].Cells[n].Status, p.Components[c].Cells[n].Since = templates.NoData, today(10, 20)
		}
	}
	u := &p.Incidents[0].Updates[0]
	u.Trend, u.Blind, u.AsOf, u.Measured = "unknown", today(10, 20), today(10, 20), templates.Measured{Share: .6}
	return p
}

// quiet has nothing wrong and cells that cannot be judged.
func quiet() templates.Public {
	p := fine()
	p.Components[3].Status = templates.NotWatched
	for n := range p.Components[3].Cells {
		p.Components[3].Cells[n].Status = templates.NotWatched
	}
	p.Components[2].Cells[2] = templates.Cell{Region: india, Status: templates.LowTraffic}
	p.Components[1].Cells[1] = templates.Cell{Region: europe, Status: templates.NoData, Since: today(10, 2)}
	p.Since = ago(4, 12, 0)
	return p
}

// long has a year of incidents behind it, some of them on one day.
func long() templates.Public {
	p := fine()
	p.Past, p.Since = nil, ago(400, 0, 0)
	for n := range 60 {
		began := ago(n*6, (n*7)%24, (n*13)%60)
		p.Past = append(p.Past, past(p, fmt.Sprintf("INC-%d-%04d", began.Year(), 100-n), p.Components[n%4], p.Regions[n%3], began, time.Duration(20+n*9)*time.Minute))
	}
	p.Past = append(p.Past, past(p, "INC-2026-0101", p.Components[1], india, ago(3, 21, 0), 7*time.Hour))
	return p
}

// zero is what a fresh install shows before it has seen anything.
func zero() templates.Public {
	return templates.Public{Organisation: "Acme", Title: "Acme status", Rendered: today(10, 42), Indicator: "none"}
}

// large is a busy day of a large product: the weight of the page is measured
// with it.
func large() templates.Public {
	p := p1()
	p.Regions, p.Components = nil, nil
	for n, name := range []string{"Oregon", "Virginia", "Ireland", "Frankfurt", "Mumbai", "Singapore", "Tokyo", "São Paulo"} {
		p.Regions = append(p.Regions, templates.Region{Code: fmt.Sprintf("r%d", n), Name: name})
	}
	statuses := []templates.Status{templates.Operational, templates.Operational, templates.Operational, templates.Degraded, templates.NoData, templates.LowTraffic, templates.Major, templates.NotWatched}
	for n := range 15 {
		c := templates.Component{ID: fmt.Sprintf("c%d", n), Name: fmt.Sprintf("Component number %d", n), Description: "What customers use it for", Status: templates.Partial}
		for m, r := range p.Regions {
			c.Cells = append(c.Cells, templates.Cell{Region: r, Status: statuses[(n*3+m*m)%len(statuses)], Since: today(9, n)})
		}
		p.Components = append(p.Components, c)
	}
	for n := range 4 {
		i := p.Incidents[n%2]
		i.Updates = slices.Clone(i.Updates)
		i.ID = fmt.Sprintf("INC-2026-%04d", 20+n)
		i.Component, i.Regions = p.Components[n], p.Regions[:n+1]
		for len(i.Updates) < 12 {
			i.Updates = append(i.Updates, i.Updates[len(i.Updates)-1])
		}
		for m := range i.Updates {
			i.Updates[m].Number = len(i.Updates) - m
			i.Updates[m].ID = fmt.Sprintf("%s-%d", i.ID, i.Updates[m].Number)
		}
		p.Incidents = append(p.Incidents, i)
	}
	p.Incidents = p.Incidents[2:]
	return p
}
