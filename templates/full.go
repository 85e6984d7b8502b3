package templates

import "time"

// full gives a value with every field filled, to try templates with.
func full() Public {
	at := func(hour, minute int) time.Time { return time.Date(2026, 5, 20, hour, minute, 0, 0, time.UTC) }
	europe, india, us := Region{"eu", "Europe"}, Region{"in", "India"}, Region{"us", "United States"}
	regions := []Region{us, europe, india}
	component := func(id, name string, status Status, cells ...Status) Component {
		c := Component{ID: id, Name: name, Description: "What it is for", Status: status}
		for n, s := range cells {
			c.Cells = append(c.Cells, Cell{Region: regions[n], Status: s, Since: at(10, 2)})
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
				Impact: "failed requests when they change flags", Figure: "about 15 % of requests", Workaround: "use another region",
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
