package publisher

import (
	"slices"
	"time"

	"github.com/featuresignals/tocsin/incident"
	"github.com/featuresignals/tocsin/rules"
	"github.com/featuresignals/tocsin/templates"
)

// component gives a component's row: how its cells are and, where there is a past,
// how they did.
func (v view) component(c rules.Component, regions []templates.Region, past *past) templates.Component {
	out := templates.Component{ID: line(c.ID), Name: line(c.Name), Description: line(c.Description), Group: line(c.Group), Target: c.Target}
	for _, r := range regions {
		out.Cells = append(out.Cells, v.cell(c.ID, r))
	}
	out.Status = templates.Together(out.Cells)
	if past == nil {
		return out
	}
	past.records(c.ID, &out)
	for n, r := range regions {
		out.Cells[n].Figures = past.figures(place{c.ID, r}, c.Figures)
	}
	return out
}

// cell gives the word of one component in one column. Several raw regions may
// stand in the column of the rest; it shows the worst of them.
func (v view) cell(component string, column templates.Region) templates.Cell {
	best := templates.Cell{Region: column, Status: templates.NotWatched}
	codes := map[string]bool{}
	for _, code := range v.heard[component] {
		if v.name(code) == column {
			codes[code] = true
		}
	}
	for _, inc := range v.on(component) {
		for _, r := range inc.Regions() {
			if v.name(r) == column && inc.CellSeverity(component, r) != rules.SeverityNone {
				codes[r] = true
			}
		}
	}
	for code := range codes {
		c := v.one(component, code)
		c.Region = column
		if rank(c.Status) > rank(best.Status) || rank(c.Status) == rank(best.Status) && c.Since.Before(best.Since) {
			best = c
		}
	}
	return best
}

// on gives the open incidents of a component that customers have heard of.
func (v view) on(component string) []incident.Incident {
	var all []incident.Incident
	for _, i := range v.board.Open {
		if i.Covers(component) && isOpen(i) && v.told(i) {
			all = append(all, i)
		}
	}
	return all
}

// told reports whether customers have heard of an incident, by itself or as part
// of one that spoke for it; nothing explains away that a person wanted it kept
// from them.
func (v view) told(inc incident.Incident) bool {
	if isPublic(inc) || inc.Private || inc.Withheld || inc.ExplainedBy == "" {
		return isPublic(inc)
	}
	return slices.ContainsFunc(v.open(), func(by incident.Incident) bool {
		return slices.ContainsFunc(public(by), func(u incident.Update) bool {
			return slices.Contains(u.Also, inc.Component) && !u.Said.Before(inc.Detected)
		})
	})
}

func (v view) one(component, code string) templates.Cell {
	worst := templates.Cell{Status: templates.Operational}
	for _, inc := range v.on(component) {
		s := inc.CellSeverity(component, code)
		c := templates.Cell{Status: statusOf(s, v.slow(inc, code), v.shown(inc, s)), Since: since(inc, code)}
		if rank(c.Status) > rank(worst.Status) {
			worst = c
		}
	}
	if worst.Status != templates.Operational {
		return worst
	}
	sense := v.board.Senses[incident.Cell{Component: component, Region: code}]
	begun, maintained := v.maintained(component, code)
	switch {
	case sense.Sense == incident.SenseNone:
		return templates.Cell{Status: templates.NotWatched}
	case maintained:
		return templates.Cell{Status: templates.Maintenance, Since: begun}
	case sense.Sense == incident.SenseNothing:
		return templates.Cell{Status: templates.NoData, Since: sense.Since}
	case !v.board.Blind.IsZero():
		return templates.Cell{Status: templates.NoData, Since: v.board.Blind}
	case sense.Sense == incident.SenseThin:
		return templates.Cell{Status: templates.LowTraffic, Since: sense.Since}
	default:
		return templates.Cell{Status: templates.Operational}
	}
}

// since gives the first bad minute of what lasts in a region.
func since(inc incident.Incident, code string) time.Time {
	var t time.Time
	for _, c := range inc.Causes {
		if c.Region == code && c.Severity != rules.SeverityNone && (t.IsZero() || c.Began.Before(t)) {
			t = c.Began
		}
	}
	return t
}

// slow reports whether only latency rules demand a region's severity.
func (v view) slow(inc incident.Incident, code string) bool {
	if !isPublic(inc) {
		return false // another incident speaks for it
	}
	for _, r := range newest(inc).Regions {
		if r.Region == code {
			return r.Slow
		}
	}
	return false
}

// shown reports whether customers are shown a severity that an incident has now.
// What is left of an incident when all that they should read of is over is not;
// an incident that never was worse, or that a person set so low, is, since they
// read of it.
func (v view) shown(i incident.Incident, s rules.Severity) bool {
	return v.config.Policies[s].Public || isPublic(i) && (s >= i.Peak || i.Grade != nil && i.Grade.Severity == s)
}

// statusOf maps a cell's severity onto its status. shown is said of those below
// P2, which customers read of only where somebody decided so.
func statusOf(s rules.Severity, slow, shown bool) templates.Status {
	switch {
	case s == rules.P0:
		return templates.Major
	case s == rules.P1 && !slow:
		return templates.Partial
	case s == rules.P1, s == rules.P2, s != rules.SeverityNone && shown:
		return templates.Degraded
	default:
		return templates.Operational
	}
}

// rank orders statuses by how much they take a component's word; unknown is
// worse than well and better than broken.
func rank(s templates.Status) int {
	return slices.Index([]templates.Status{
		templates.NotWatched, templates.Operational, templates.LowTraffic, templates.NoData,
		templates.Maintenance, templates.Degraded, templates.Partial, templates.Major,
	}, s)
}

// rollUp gives the page's indicator and one-line description.
func rollUp(p templates.Public) (indicator, description string) {
	if !p.Blind.IsZero() && len(p.Incidents) == 0 {
		return "none", "No data since " + p.Blind.UTC().Format("15:04 UTC")
	}
	major, watched := 0, 0
	worst := templates.NotWatched
	for _, c := range p.Components {
		if c.Status != templates.NotWatched {
			watched++
		}
		if c.Status == templates.Major {
			major++
		}
		if rank(c.Status) > rank(worst) {
			worst = c.Status
		}
	}
	impacts := []string{"none", "minor", "major", "critical"}
	level := 0
	for _, i := range p.Incidents {
		level = max(level, slices.Index(impacts, i.Impact))
	}
	switch worst {
	case templates.Major:
		if level = max(level, 2); major*2 > watched {
			return "critical", "Major Service Outage"
		}
		return impacts[level], "Partial System Outage"
	case templates.Partial:
		return impacts[max(level, 2)], "Partial System Outage"
	case templates.Degraded:
		return impacts[max(level, 1)], "Partially Degraded Service"
	case templates.NoData:
		return impacts[level], "No data from some components"
	case templates.LowTraffic:
		return impacts[level], "Too little traffic to judge some components"
	case templates.Maintenance:
		return impacts[level], "Service Under Maintenance"
	case templates.NotWatched:
		return impacts[level], "Waiting for the first data"
	default:
		return impacts[level], "All Systems Operational"
	}
}
