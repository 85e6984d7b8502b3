// Package pagetest makes pages to try things with: what customers may read of a
// product in each situation that they will meet, with ninety days behind it. All
// is made up, and the same at every call.
package pagetest

import (
	"cmp"
	"encoding/base64"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/featuresignals/tocsin/templates"
)

// States lists the situations that Public knows.
//
//   - good: all is well, and maintenance is to come
//   - incident: one region of one component is out
//   - many: five incidents at once, maintenance under way, and places without data
//   - maintenance: two components are under maintenance, and more is to come
//   - stale: as incident, and older than it is valid; whoever serves it greys it (templates.Grey)
//   - blind: all data are missing while an incident is open
//   - quiet: nothing is wrong, and not all can be judged
//   - first: configured, and nothing measured yet
//   - huge: as incident, with a hundred components
var States = []string{"good", "incident", "many", "maintenance", "stale", "blind", "quiet", "first", "huge"}

// Now is the time that all pages speak from.
var Now = time.Date(2026, 5, 20, 10, 42, 0, 0, time.UTC)

// RecordDays is how many days of record the components have, today among them.
const RecordDays = 90

func today(hour, minute int) time.Time { return time.Date(2026, 5, 20, hour, minute, 0, 0, time.UTC) }

func ago(days, hour, minute int) time.Time { return today(hour, minute).AddDate(0, 0, -days) }

// Regions are those of the product.
var Regions = []templates.Region{{Code: "us", Name: "United States"}, {Code: "eu", Name: "Europe"}, {Code: "in", Name: "India"}}

// parts are the components of the product.
var parts = []templates.Component{
	{ID: "api", Name: "Management API", Group: "Feature flags", Description: "Create and change flags", Target: 99.9},
	{ID: "evaluations", Name: "Flag evaluations", Group: "Feature flags", Description: "What SDKs ask for", Target: 99.95},
	{ID: "streaming", Name: "Streaming", Group: "Feature flags", Description: "Changes pushed to SDKs"},
	{ID: "dashboard", Name: "Dashboard", Group: "Workspace"},
	{ID: "sign-in", Name: "Sign-in", Group: "Workspace", Description: "Passwords, SSO and tokens"},
	{ID: "webhooks", Name: "Webhooks", Group: "Workspace", Description: "Events to your systems"},
	{ID: "audit-log", Name: "Audit log", Group: "Workspace"},
	{ID: "experiments", Name: "Experiments", Group: "Data"},
	{ID: "exports", Name: "Data export", Group: "Data", Description: "To your warehouse, every hour"},
	{ID: "billing", Name: "Billing", Group: "Data"},
}

// logo is a bell on a ground.
const logo = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="8" fill="%s"/><path fill="none" stroke="%s" stroke-width="2.4" stroke-linecap="round" stroke-linejoin="round" d="M9 21c2-2 2-4 2-7a5 5 0 0 1 10 0c0 3 0 5 2 7zM14 25h4"/></svg>`

func picture(ground, line string) templates.Image {
	return templates.Image{Data: "data:image/svg+xml;base64," + base64.StdEncoding.EncodeToString(fmt.Appendf(nil, logo, ground, line)), Width: 32, Height: 32}
}

// happening is an incident of the past: how a component did in a region.
type happening struct {
	ago, hour, minute, lasts int // days, and minutes
	component, region        int
	severity                 int // 0 … 2
	symptom, impact          string
}

// happened is ninety days of a product that does well.
var happened = []happening{
	{3, 9, 14, 43, 0, 1, 1, "elevated errors on the Management API", "failed requests when they change flags"},
	{3, 21, 5, 190, 8, 0, 2, "late data exports", "exports that are up to two hours late"},
	{9, 14, 31, 26, 1, 2, 0, "failing flag evaluations", "defaults where an SDK cannot evaluate"},
	{16, 23, 40, 55, 3, 0, 2, "a slow dashboard", "pages that take seconds to load"},
	{27, 6, 2, 18, 4, 1, 1, "failing sign-ins", "errors when they sign in"},
	{31, 11, 20, 75, 0, 0, 2, "a slow Management API", "slow answers when they change flags"},
	{44, 17, 45, 12, 2, 1, 0, "no streaming of changes", "changes that arrive late"},
	{58, 8, 10, 34, 5, 0, 2, "delayed webhooks", "events that arrive late"},
	{71, 20, 25, 95, 0, 2, 1, "elevated errors on the Management API", "failed requests when they change flags"},
	{83, 3, 50, 21, 7, 1, 2, "slow experiments", "results that are late"},
}

func (h happening) began() time.Time { return ago(h.ago, h.hour, h.minute) }

// Public gives the page of a situation. It panics where there is none of the
// name.
func Public(state string) templates.Public {
	switch state {
	case "good":
		return good()
	case "incident", "stale":
		return incident()
	case "many":
		return many()
	case "maintenance":
		return maintenance()
	case "blind":
		return blind()
	case "quiet":
		return quiet()
	case "first":
		return first()
	case "huge":
		return huge()
	default:
		panic("pagetest: there is no situation " + state)
	}
}

// All gives every situation by its name.
func All() map[string]templates.Public {
	all := make(map[string]templates.Public, len(States))
	for _, s := range States {
		all[s] = Public(s)
	}
	return all
}

// bare is the product before anything was measured.
func bare(regions []templates.Region, parts []templates.Component) templates.Public {
	p := templates.Public{
		Organisation: "FeatureSignals", Title: "FeatureSignals status", URL: "https://status.featuresignals.example", Support: "support@featuresignals.example",
		Rendered: Now.Add(3 * time.Second), Checked: Now, ValidUntil: Now.Add(5 * time.Minute), Since: ago(400, 0, 0),
		Indicator: "none", Description: "All Systems Operational", Regions: slices.Clone(regions),
		Weights: templates.Weights{1, 0.5, 0.1, 0.1, 0.1},
		Brand: templates.Brand{
			Logo: picture("#0a55c4", "#ffffff"), DarkLogo: picture("#8ab6ff", "#10141a"), Accent: "#0a55c4", DarkAccent: "#8ab6ff",
			Header: "Feature flags you can rely on",
			Links:  []templates.Link{{Text: "Documentation", Href: "https://docs.featuresignals.example/"}, {Text: "Support", Href: "mailto:support@featuresignals.example"}},
		},
	}
	for _, c := range parts {
		c.Status = templates.Operational
		for _, r := range regions {
			c.Cells = append(c.Cells, templates.Cell{Region: r, Status: templates.Operational})
		}
		p.Components = append(p.Components, c)
	}
	return p
}

// plain is a component as incidents and maintenance name it.
func plain(c templates.Component) templates.Component {
	return templates.Component{ID: c.ID, Name: c.Name, Description: c.Description, Group: c.Group, Status: c.Status}
}

func good() templates.Public {
	p := bare(Regions, parts)
	year := map[int]int{}
	for _, h := range slices.Backward(happened) {
		year[h.began().Year()]++
		p.Past = append(p.Past, past(p, h, fmt.Sprintf("INC-%d-%04d", h.began().Year(), year[h.began().Year()])))
	}
	slices.Reverse(p.Past)
	p.Works = []templates.Work{
		work(p, "Upgrade of the database", "scheduled", ago(-2, 22, 0), 90*time.Minute, []int{0, 3}, []int{0}),
		work(p, "New network in Europe", "completed", ago(24, 2, 0), time.Hour, []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, []int{1}),
		work(p, "Move of the audit log", "completed", ago(52, 4, 0), 2*time.Hour, []int{6}, []int{0, 1, 2}),
	}
	record(&p, p.Past)
	for n := range 2 {
		figures(&p.Components[n])
	}
	return p
}

// work is maintenance of some components in some regions.
func work(p templates.Public, title, state string, from time.Time, lasts time.Duration, components, regions []int) templates.Work {
	w := templates.Work{
		ID:    fmt.Sprintf("work-%s", from.Format("20060102T1504Z")),
		Title: title, State: state, From: from, To: from.Add(lasts), Announced: from.AddDate(0, 0, -7),
		AllComponents: len(components) == len(p.Components), AllRegions: len(regions) == len(p.Regions),
	}
	for _, n := range components {
		w.Components = append(w.Components, plain(p.Components[n]))
	}
	for _, n := range regions {
		w.Regions = append(w.Regions, p.Regions[n])
	}
	if state == "completed" {
		w.Ended = w.To
	}
	return w
}

// past gives a resolved incident.
func past(p templates.Public, h happening, id string) templates.Incident {
	i := templates.Incident{
		ID: id, State: "resolved", Severity: fmt.Sprintf("P%d", h.severity), Impact: []string{"critical", "major", "minor"}[h.severity], Status: "Operational",
		Symptom: h.symptom, Component: plain(p.Components[h.component]), Regions: []templates.Region{p.Regions[h.region]},
		Integrity: "not impacted", Began: h.began(), Detected: h.began().Add(4 * time.Minute), Resolved: h.began().Add(time.Duration(h.lasts) * time.Minute),
	}
	lasted := i.Resolved.Sub(i.Detected)
	for n, u := range []templates.Update{
		{State: "resolved", Status: "Operational", Trend: "over", Integrity: "not impacted", PostMortem: i.Resolved.Add(5 * 24 * time.Hour)},
		{State: "monitoring", Status: "Operational", Trend: "calm", Calm: 3 * time.Minute, Watching: 7 * time.Minute, Integrity: "not impacted"},
		{State: "investigating", Status: phrase(h.severity), Trend: "new", Measured: templates.Measured{Share: .06}, Integrity: "under review"},
	} {
		u.Number, u.ID = 3-n, fmt.Sprintf("%s-%d", id, 3-n)
		u.Severity, u.Regions, u.Symptom, u.Impact = i.Severity, i.Regions, i.Symptom, h.impact
		u.Said = i.Detected.Add(lasted - time.Duration(n)*lasted/2).Truncate(time.Minute)
		u.AsOf, u.Every = u.Said.Add(-time.Minute), time.Hour
		if u.State != "resolved" {
			u.Next = u.Said.Add(time.Hour)
		} else {
			u.Every = 0
		}
		i.Updates = append(i.Updates, u)
	}
	return i
}

// phrase is the Status line of a severity.
func phrase(severity int) string {
	return []string{"Major outage", "Partial service", "Degraded performance"}[min(severity, 2)]
}

// status is a cell's word at a severity.
func status(severity int) templates.Status {
	return []templates.Status{templates.Major, templates.Partial, templates.Degraded}[min(severity, 2)]
}

var order = []templates.Status{
	templates.NotWatched, templates.Operational, templates.LowTraffic, templates.NoData,
	templates.Maintenance, templates.Degraded, templates.Partial, templates.Major,
}

func worse(a, b templates.Status) templates.Status {
	if slices.Index(order, a) > slices.Index(order, b) {
		return a
	}
	return b
}

// record fills in what is on record of each component and region: unknown
// minutes here and there, the incidents, the maintenance, and the rest good.
func record(p *templates.Public, incidents []templates.Incident) {
	r := rand.New(rand.NewPCG(7, 11))
	for c := range p.Components {
		comp := &p.Components[c]
		comp.Record = templates.Record{}
		for n := RecordDays - 1; n >= 0; n-- {
			date := ago(n, 0, 0)
			end := date.AddDate(0, 0, 1)
			if n == 0 {
				end = p.Checked
			}
			whole := templates.DayRecord{Date: date}
			for m := range comp.Cells {
				d := dayOf(*p, incidents, *comp, comp.Cells[m].Region, date, end, r)
				comp.Cells[m].Record.Days = append(comp.Cells[m].Record.Days, d)
				whole.Minutes, whole.Worst = whole.Minutes.And(d.Minutes), worse(cmp.Or(whole.Worst, templates.NotWatched), d.Worst)
				for _, id := range d.Incidents {
					if !slices.Contains(whole.Incidents, id) {
						whole.Incidents = append(whole.Incidents, id)
					}
				}
			}
			comp.Record.Days = append(comp.Record.Days, whole)
		}
	}
}

// dayOf is one day of one component in one region.
func dayOf(p templates.Public, incidents []templates.Incident, c templates.Component, region templates.Region, from, to time.Time, r *rand.Rand) templates.DayRecord {
	d := templates.DayRecord{Date: from, Worst: templates.Operational}
	var minutes []int // -1 maintenance, -2 unknown, 0 good, 1 + severity; nil: all good
	mark := func(a, b time.Time, as int) (any bool) {
		if !a.Before(to) || !b.After(from) {
			return false
		}
		if minutes == nil {
			minutes = make([]int, int(to.Sub(from)/time.Minute))
		}
		for n := max(0, int(a.Sub(from)/time.Minute)); n < min(len(minutes), int(b.Sub(from)/time.Minute)); n++ {
			any = true
			if minutes[n] == 0 || as > 0 && minutes[n] > as {
				minutes[n] = as
			}
		}
		return any
	}
	for _, w := range p.Works {
		touched := slices.ContainsFunc(w.Components, func(x templates.Component) bool { return x.ID == c.ID }) && slices.Contains(w.Regions, region)
		if touched && w.State != "scheduled" {
			mark(w.From, w.To, -1)
		}
	}
	for _, i := range incidents {
		if i.Component.ID != c.ID || !slices.Contains(i.Regions, region) {
			continue
		}
		until := i.Resolved
		if until.IsZero() {
			until = p.Checked
		}
		if mark(i.Began, until, 1+int(i.Severity[1]-'0')) {
			d.Incidents = append(d.Incidents, i.ID)
		}
	}
	if r.IntN(6) == 0 { // a gap in what was measured
		start := from.Add(time.Duration(r.IntN(1200)) * time.Minute)
		mark(start, start.Add(time.Duration(1+r.IntN(60))*time.Minute), -2)
	}
	if minutes == nil {
		d.Minutes.Good = int(to.Sub(from) / time.Minute)
	}
	for _, m := range minutes {
		switch m {
		case -1:
			d.Minutes.Maintenance++
		case -2:
			d.Minutes.Unknown++
		case 0:
			d.Minutes.Good++
		default:
			d.Minutes.Bad[m-1]++
			d.Worst = worse(d.Worst, status(m-1))
		}
	}
	return d
}

// figures gives a component a day of lines.
func figures(c *templates.Component) {
	r := rand.New(rand.NewPCG(uint64(len(c.ID)), 3))
	for n := range c.Cells {
		const points = 96
		from := Now.Truncate(15*time.Minute).AddDate(0, 0, -1)
		slow := templates.Figure{Kind: "p99", From: from, Step: 15 * time.Minute}
		failed := templates.Figure{Kind: "error_rate", From: from, Step: 15 * time.Minute}
		bad := c.Cells[n].Status != templates.Operational
		for at := range points {
			wave := 0.28 + 0.05*math.Sin(float64(at)/9) + 0.04*r.Float64()
			share := 0.0008 + 0.0012*r.Float64()
			switch {
			case n == 2 && at >= 40 && at < 44:
				wave, share = math.NaN(), math.NaN()
			case bad && at >= points-3:
				wave, share = wave*6, 0.2+0.2*float64(at-points+3)
			}
			slow.Points, failed.Points = append(slow.Points, math.Round(wave*1000)/1000), append(failed.Points, math.Round(share*10000)/10000)
		}
		c.Cells[n].Figures = []templates.Figure{failed, slow}
	}
}

// rolled brings the components' words in line with their cells, and the page's
// with its components.
func rolled(p *templates.Public) {
	major, any := 0, templates.Operational
	for n := range p.Components {
		c := &p.Components[n]
		worst, out := templates.NotWatched, 0
		for _, cell := range c.Cells {
			worst = worse(worst, cell.Status)
			if cell.Status == templates.Major {
				out++
			}
		}
		if worst == templates.Major && out < len(c.Cells) {
			worst = templates.Partial
		}
		c.Status = worst
		any = worse(any, worst)
		if worst == templates.Major {
			major++
		}
	}
	switch {
	case 2*major > len(p.Components):
		p.Indicator, p.Description = "critical", "Major Service Outage"
	case any == templates.Major || any == templates.Partial:
		p.Indicator, p.Description = "major", "Partial System Outage"
	case any == templates.Degraded:
		p.Indicator, p.Description = "minor", "Partially Degraded Service"
	case any == templates.Maintenance:
		p.Indicator, p.Description = "maintenance", "Service Under Maintenance"
	}
}

// open adds an incident that is going on. Its updates are given newest first.
func open(p *templates.Public, id string, severity, component int, regions []int, began time.Time, symptom, impact string, updates ...templates.Update) {
	c := &p.Components[component]
	i := templates.Incident{
		ID: id, State: updates[0].State, Severity: fmt.Sprintf("P%d", severity), Impact: []string{"major", "major", "minor"}[severity],
		Status: cmp.Or(updates[0].Status, phrase(severity)), Symptom: symptom, Integrity: cmp.Or(updates[0].Integrity, "under review"), Workaround: updates[0].Workaround,
		Began: began, Detected: began.Add(4 * time.Minute), Every: 30 * time.Minute << min(severity, 2), AllRegions: len(regions) == len(p.Regions),
	}
	if i.Status == "Major outage" && !i.AllRegions {
		i.Status = "Partial service"
	}
	for _, n := range regions {
		i.Regions = append(i.Regions, p.Regions[n])
		if i.Status != "Operational" {
			c.Cells[n].Status, c.Cells[n].Since = status(severity), began
		}
	}
	for n, u := range updates {
		u.Number, u.ID = len(updates)-n, fmt.Sprintf("%s-%d", id, len(updates)-n)
		u.Status, u.Integrity = cmp.Or(u.Status, i.Status), cmp.Or(u.Integrity, "under review")
		if u.Status == "Major outage" && !i.AllRegions {
			u.Status = "Partial service"
		}
		u.Severity, u.Regions, u.AllRegions, u.Symptom, u.Impact = i.Severity, i.Regions, i.AllRegions, symptom, impact
		u.AsOf, u.Every, u.Next = u.Said.Add(-time.Minute), i.Every, u.Said.Add(i.Every)
		i.Updates = append(i.Updates, u)
	}
	i.Next = i.Updates[0].Next
	i.Component = plain(*c)
	p.Incidents = append(p.Incidents, i)
}

// settled makes the rest of the page fit the open incidents.
func settled(p *templates.Public) {
	slices.SortStableFunc(p.Incidents, func(a, b templates.Incident) int { return b.Began.Compare(a.Began) })
	rolled(p)
	for n := range p.Incidents {
		for _, c := range p.Components {
			if c.ID == p.Incidents[n].Component.ID {
				p.Incidents[n].Component = plain(c)
			}
		}
	}
	for n := range p.Components {
		for m := range p.Components[n].Cells {
			p.Components[n].Cells[m].Record, p.Components[n].Cells[m].Figures = templates.Record{}, nil
		}
	}
	record(p, slices.Concat(p.Incidents, p.Past))
	for n := range 2 {
		figures(&p.Components[n])
	}
}

func firstOutage(p *templates.Public) {
	open(p, "INC-2026-0011", 0, 0, []int{1}, today(9, 58), "failing requests to the Management API", "errors when they create or change flags; flags that are live keep working",
		templates.Update{State: "investigating", Trend: "unchanged", Measured: templates.Measured{Share: .62}, Said: today(10, 32)},
		templates.Update{State: "investigating", Trend: "worse", Measured: templates.Measured{Share: .6}, Said: today(10, 12)},
		templates.Update{State: "investigating", Trend: "new", Measured: templates.Measured{Share: .24}, Said: today(10, 2)},
	)
}

func incident() templates.Public {
	p := good()
	firstOutage(&p)
	settled(&p)
	return p
}

func many() templates.Public {
	p := good()
	firstOutage(&p)
	open(&p, "INC-2026-0012", 2, 1, []int{0, 2}, today(10, 20), "slow flag evaluations", "slow answers, and defaults where an SDK gives up waiting",
		templates.Update{State: "identified", Trend: "better", Measured: templates.Measured{Share: .01, Over: 2500 * time.Millisecond}, Said: today(10, 30), Integrity: "not impacted", Workaround: "Raise the time-out of your SDK to 10 seconds", Text: "A cache was sized too small in a release of this morning.\nWe are making it larger, region by region."},
		templates.Update{State: "investigating", Trend: "new", Measured: templates.Measured{Share: .01, Over: 5600 * time.Millisecond}, Said: today(10, 25)},
	)
	open(&p, "INC-2026-0013", 1, 5, []int{0, 1, 2}, today(10, 24), "delayed webhooks", "events that arrive up to half an hour late",
		templates.Update{State: "investigating", Trend: "new", Measured: templates.Measured{Share: .31}, Said: today(10, 28)},
	)
	open(&p, "INC-2026-0014", 1, 4, []int{1}, today(9, 59), "failing sign-ins", "errors when they sign in",
		templates.Update{State: "monitoring", Status: "Operational", Trend: "calm", Calm: 4 * time.Minute, Watching: 6 * time.Minute, Said: today(10, 40), Integrity: "not impacted"},
		templates.Update{State: "investigating", Trend: "worse", Measured: templates.Measured{Share: .18}, Said: today(10, 20)},
		templates.Update{State: "investigating", Trend: "new", Measured: templates.Measured{Share: .06}, Said: today(10, 4)},
	)
	open(&p, "INC-2026-0015", 2, 3, []int{1}, today(10, 1), "a slow dashboard", "pages that take seconds to load",
		templates.Update{State: "investigating", Trend: "new", Measured: templates.Measured{Share: .01, Over: 4000 * time.Millisecond}, Said: today(10, 6)},
	)
	begin(&p, "Reindexing of the audit log", today(10, 0), 3*time.Hour, []int{6}, []int{0, 1, 2})
	p.Components[9].Cells[2] = templates.Cell{Region: Regions[2], Status: templates.NoData, Since: today(10, 11)}
	p.Components[7].Cells[2] = templates.Cell{Region: Regions[2], Status: templates.LowTraffic}
	settled(&p)
	return p
}

// begin adds maintenance that is under way.
func begin(p *templates.Public, title string, from time.Time, lasts time.Duration, components, regions []int) {
	p.Works = slices.Insert(p.Works, 0, work(*p, title, "in_progress", from, lasts, components, regions))
	for _, c := range components {
		for _, r := range regions {
			if cell := &p.Components[c].Cells[r]; cell.Status == templates.Operational {
				cell.Status, cell.Since = templates.Maintenance, from
			}
		}
	}
}

func maintenance() templates.Public {
	p := good()
	begin(&p, "New storage for flags", today(10, 0), 2*time.Hour, []int{0, 1}, []int{2})
	p.Works = slices.Insert(p.Works, 2,
		work(p, "Renewal of certificates", "scheduled", ago(-5, 6, 0), 30*time.Minute, []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, []int{0, 1, 2}),
	)
	settled(&p)
	return p
}

func blind() templates.Public {
	p := incident()
	p.Blind, p.Checked, p.Description = today(10, 20), today(10, 20), "No data since 10:20 UTC"
	for c := range p.Components {
		if p.Components[c].Status == templates.Operational {
			p.Components[c].Status = templates.NoData
		}
		for n := range p.Components[c].Cells {
			if cell := &p.Components[c].Cells[n]; cell.Status == templates.Operational {
				cell.Status, cell.Since = templates.NoData, p.Blind
			}
			for f := range p.Components[c].Cells[n].Figures {
				points := p.Components[c].Cells[n].Figures[f].Points
				points[len(points)-1], points[len(points)-2] = math.NaN(), math.NaN()
			}
		}
	}
	u := &p.Incidents[0].Updates[0]
	u.Trend, u.Blind, u.AsOf, u.Measured = "unknown", p.Blind, p.Blind, templates.Measured{Share: .6}
	return p
}

// quiet has been watching for a month.
func quiet() templates.Public {
	p := good()
	p.Since = ago(30, 9, 0)
	p.Past = slices.DeleteFunc(p.Past, func(i templates.Incident) bool { return i.Began.Before(p.Since) })
	p.Works = nil
	settled(&p)
	for c := range p.Components {
		comp := &p.Components[c]
		forget := func(r *templates.Record) {
			for n := range r.Days {
				if r.Days[n].Date.Before(p.Since) {
					r.Days[n] = templates.DayRecord{Date: r.Days[n].Date, Worst: templates.NotWatched}
				}
			}
		}
		forget(&comp.Record)
		for n := range comp.Cells {
			forget(&comp.Cells[n].Record)
		}
	}
	p.Components[9].Status = templates.NotWatched
	p.Components[9].Record = templates.Record{}
	for n := range p.Components[9].Cells {
		p.Components[9].Cells[n] = templates.Cell{Region: Regions[n], Status: templates.NotWatched}
	}
	p.Components[8].Cells[2].Status = templates.LowTraffic
	p.Components[3].Cells[1].Status, p.Components[3].Cells[1].Since = templates.NoData, today(10, 2)
	rolled(&p)
	return p
}

// first is what a fresh install shows before it has seen anything.
func first() templates.Public {
	p := bare(Regions, parts)
	p.Checked, p.ValidUntil, p.Since = time.Time{}, time.Time{}, time.Time{}
	p.Description = "Waiting for the first data"
	for c := range p.Components {
		p.Components[c].Status = templates.NotWatched
		for n := range p.Components[c].Cells {
			p.Components[c].Cells[n].Status = templates.NotWatched
		}
	}
	return p
}

// huge is a large product.
func huge() templates.Public {
	var many []templates.Component
	for n := range 100 {
		c := parts[n%len(parts)]
		if n >= len(parts) {
			c.ID, c.Name, c.Target = fmt.Sprintf("%s-%d", c.ID, n/len(parts)), fmt.Sprintf("%s %d", c.Name, n/len(parts)), 0
			c.Group = fmt.Sprintf("%s %d", c.Group, n/len(parts))
		}
		many = append(many, c)
	}
	small := incident()
	p := bare(Regions, many)
	p.Past, p.Works = small.Past, small.Works
	firstOutage(&p)
	settled(&p)
	return p
}
