package templates

import (
	"math"
	"time"
)

// full gives a value with every field filled, to try templates with.
func full() Public {
	at := func(hour, minute int) time.Time { return time.Date(2026, 5, 20, hour, minute, 0, 0, time.UTC) }
	europe, india, us := Region{"eu", "Europe"}, Region{"in", "India"}, Region{"us", "United States"}
	regions := []Region{us, europe, india}
	record := Record{Days: []DayRecord{
		{at(0, 0).AddDate(0, 0, -3), Minutes{}, NotWatched, []string{"INC-2026-0002"}},
		{at(0, 0).AddDate(0, 0, -2), Minutes{Good: 1400, Unknown: 10, Maintenance: 30}, Operational, []string{"INC-2026-0002"}},
		{at(0, 0).AddDate(0, 0, -1), Minutes{Unknown: 1440}, NoData, []string{"INC-2026-0002"}},
		{at(0, 0), Minutes{Good: 600, Bad: [5]int{8, 7, 6, 5, 4}, Unknown: 240}, Partial, []string{"INC-2026-0001", "INC-2026-0002"}},
	}}
	figures := []Figure{
		{"error_rate", at(0, 0), time.Hour, []float64{0, 0.004, math.NaN(), 0.15}},
		{"p99", at(0, 0), time.Hour, []float64{0.4, math.NaN(), 0.5, 2.5}},
	}
	component := func(id, name string, status Status, cells ...Status) Component {
		c := Component{ID: id, Name: name, Description: "What it is for", Group: "Product", Status: status, Record: record, Target: 99.9}
		for n, s := range cells {
			c.Cells = append(c.Cells, Cell{Region: regions[n], Status: s, Since: at(10, 2), Record: record, Figures: figures})
		}
		return c
	}
	api := component("api", "Management API", Partial, Operational, Major, Degraded)
	var updates []Update
	for n, state := range []string{"resolved", "monitoring", "identified", "investigating"} {
		for m, trend := range Trends {
			said := at(14-n, 20-m)
			updates = append(updates, Update{
				Number: (4-n)*len(Trends) - m, ID: "INC-2026-0001-1", State: state, Severity: "P0", Status: "Partial service",
				Regions: []Region{europe, india}, Symptom: "elevated errors on the management API",
				Impact: "failed requests when they change flags", Measured: Measured{Share: .15}, Workaround: "use another region",
				Trend: trend, Calm: 12 * time.Minute, Watching: 10 * time.Minute, Said: said, AsOf: said.Add(-time.Minute),
				Blind: said.Add(-time.Hour), Late: m == 0, Next: said.Add(30 * time.Minute), Every: 30 * time.Minute,
				Also: []string{"Dashboard"}, Integrity: "not impacted", Text: "The first paragraph.\nThe second one.",
				PostMortem: said.Add(48 * time.Hour), Into: "INC-2026-0003",
			})
		}
	}
	incident := Incident{
		ID: "INC-2026-0001", State: "investigating", Severity: "P0", Impact: "major", Status: "Partial service",
		Symptom: "elevated errors on the management API", Component: api, Regions: []Region{europe, india},
		Workaround: "use another region", Integrity: "under review", Began: at(10, 2), Detected: at(10, 7), Resolved: at(14, 20),
		Next: at(14, 50), Every: 30 * time.Minute, Also: []string{"dashboard"}, Into: "INC-2026-0003", Updates: updates,
	}
	open, past := incident, incident
	open.Resolved, open.Updates = time.Time{}, updates[2*len(Trends):]
	past.ID, past.State, past.Status = "INC-2026-0002", "resolved", "Operational"
	bare := component("dashboard", "Dashboard", Maintenance)
	bare.Cells, bare.Record = nil, Record{}
	var works []Work
	for n, state := range []string{"in_progress", "scheduled", "completed"} {
		from := at(14, 0).AddDate(0, 0, n)
		if state == "completed" {
			from = at(8, 0)
		}
		w := Work{
			ID: "database-" + from.Format("20060102T1504Z"), Title: "Upgrade of the database", State: state, Components: []Component{bare},
			Regions: []Region{europe, india}, AllComponents: n == 1, AllRegions: n == 1, From: from, To: from.Add(time.Hour), Announced: from.AddDate(0, 0, -7),
		}
		if state == "completed" {
			w.Ended = from.Add(50 * time.Minute)
		}
		works = append(works, w)
	}
	return Public{
		Organisation: "FeatureSignals", Title: "FeatureSignals status", URL: "https://status.example.com", Support: "help@example.com",
		Rendered: at(14, 31), Checked: at(14, 30), ValidUntil: at(14, 35), Since: at(0, 0).AddDate(0, -2, 0), Blind: at(14, 2),
		Indicator: "major", Description: "Partial System Outage",
		Regions: regions,
		Components: []Component{
			api,
			component("evaluations", "Flag evaluations", NoData, NoData, LowTraffic, NotWatched),
			component("dashboard", "Dashboard", Maintenance, Maintenance, Operational, Operational),
		},
		Incidents: []Incident{open},
		Past:      []Incident{past},
		Works:     works,
		Weights:   Weights{1, 0.5, 0.1, 0.1, 0.1},
		Brand: Brand{
			Logo:     Image{"data:image/svg+xml;base64,PHN2ZyB4bWxucz0iaHR0cDovL3d3dy53My5vcmcvMjAwMC9zdmciLz4=", 32, 32},
			DarkLogo: Image{"data:image/svg+xml;base64,PHN2ZyB4bWxucz0iaHR0cDovL3d3dy53My5vcmcvMjAwMC9zdmciLz4=", 32, 32},
			Accent:   "#0a55c4", DarkAccent: "#8ab6ff", Header: "How our systems are doing",
			Links: []Link{{"Documentation", "https://docs.example.com/"}, {"Ask us", "mailto:help@example.com"}}, CSS: ".brand { letter-spacing: 0; }", Language: "en",
		},
	}
}

// fullNotice is a notice with every field filled.
func fullNotice() Notice {
	at := func(hour, minute int) time.Time { return time.Date(2026, 5, 20, hour, minute, 0, 0, time.UTC) }
	return Notice{
		ID: "INC-2026-0001", Number: 4, Kind: "escalated", At: at(10, 37), Private: true, State: "investigating", Severity: "P0",
		Title: "elevated errors on the management API", Component: "Management API", Regions: []string{"Europe", "India"}, AllRegions: true,
		Began: at(10, 2), Detected: at(10, 7), Summary: "15 % of 1,204 requests failed, more than 5 %",
		To: []string{"Ann Lee", "Bo Chen"}, Role: "cto", Step: 2, Due: at(11, 2), AckBy: at(10, 12), Acked: "Ann Lee",
		Console: "https://console.example.com/incidents/INC-2026-0001", WarRoom: "https://meet.example.com/war-room",
		Runbook: "https://runbooks.example.com/api", SigNoz: "https://signoz.example.com",
	}
}
