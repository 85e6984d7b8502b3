package page

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/featuresignals/tocsin/publisher/statuspage"
	"github.com/featuresignals/tocsin/templates"
)

// The document below has the exact shape of Statuspage's /api/v2/summary.json,
// so that its clients can read it. It knows no word for missing data: a
// component keeps there the status that was known last, and the description
// says since when data are missing. What it has no place for is in tocsin.json.

type summary struct {
	Page         summaryPage        `json:"page"`
	Components   []summaryComponent `json:"components"`
	Incidents    []summaryIncident  `json:"incidents"`
	Maintenances []struct{}         `json:"scheduled_maintenances"`
	Status       summaryStatus      `json:"status"`
}

type summaryPage struct {
	ID        string           `json:"id"`
	Name      string           `json:"name"`
	URL       string           `json:"url"`
	TimeZone  string           `json:"time_zone"`
	UpdatedAt statuspage.Stamp `json:"updated_at"`
}

type summaryStatus struct {
	Indicator   string `json:"indicator"`
	Description string `json:"description"`
}

type summaryComponent struct {
	ID                 string           `json:"id"`
	Name               string           `json:"name"`
	Status             string           `json:"status"`
	CreatedAt          statuspage.Stamp `json:"created_at"`
	UpdatedAt          statuspage.Stamp `json:"updated_at"`
	Position           int              `json:"position"`
	Description        *string          `json:"description"`
	Showcase           bool             `json:"showcase"`
	StartDate          *string          `json:"start_date"`
	GroupID            *string          `json:"group_id"`
	PageID             string           `json:"page_id"`
	Group              bool             `json:"group"`
	OnlyShowIfDegraded bool             `json:"only_show_if_degraded"`
	Components         []string         `json:"components,omitempty"` // there only where Group is true
}

type summaryIncident struct {
	ID                string             `json:"id"`
	Name              string             `json:"name"`
	Status            string             `json:"status"`
	CreatedAt         statuspage.Stamp   `json:"created_at"`
	UpdatedAt         statuspage.Stamp   `json:"updated_at"`
	MonitoringAt      *statuspage.Stamp  `json:"monitoring_at"`
	ResolvedAt        *statuspage.Stamp  `json:"resolved_at"`
	Impact            string             `json:"impact"`
	Shortlink         string             `json:"shortlink"`
	StartedAt         statuspage.Stamp   `json:"started_at"`
	PageID            string             `json:"page_id"`
	Updates           []summaryUpdate    `json:"incident_updates"`
	Components        []summaryComponent `json:"components"`
	ReminderIntervals *string            `json:"reminder_intervals"`
}

type summaryUpdate struct {
	ID                   string                `json:"id"`
	Status               string                `json:"status"`
	Body                 string                `json:"body"`
	IncidentID           string                `json:"incident_id"`
	CreatedAt            statuspage.Stamp      `json:"created_at"`
	UpdatedAt            statuspage.Stamp      `json:"updated_at"`
	DisplayAt            statuspage.Stamp      `json:"display_at"`
	AffectedComponents   []statuspage.Affected `json:"affected_components"` // null, never []
	DeliverNotifications bool                  `json:"deliver_notifications"`
	CustomTweet          *string               `json:"custom_tweet"`
	TweetID              *string               `json:"tweet_id"`
}

var (
	indicators = []string{"none", "minor", "major", "critical", "maintenance"}
	states     = []string{"investigating", "identified", "monitoring", "resolved", "postmortem"}
	statuses   = []templates.Status{
		templates.Operational, templates.Degraded, templates.Partial, templates.Major, templates.Maintenance,
	}
)

// summary makes summary.json.
func (c *Channel) summary(p templates.Public) ([]byte, error) {
	s := summary{
		Page: summaryPage{
			ID:        statuspage.ID("page", p.Organisation),
			Name:      cmp.Or(p.Organisation, p.Title, "Status"),
			URL:       p.URL,
			TimeZone:  "Etc/UTC",
			UpdatedAt: statuspage.Stamp(changed(p)),
		},
		Components:   []summaryComponent{},
		Incidents:    []summaryIncident{},
		Maintenances: []struct{}{},
		Status:       summaryStatus{Indicator: cmp.Or(p.Indicator, "none"), Description: description(p)},
	}
	if !slices.Contains(indicators, s.Status.Indicator) {
		return nil, fmt.Errorf("indicator %q: want one of %s", p.Indicator, strings.Join(indicators, " "))
	}
	for n, comp := range p.Components {
		s.Components = append(s.Components, components(p, comp, n+1)...)
	}
	for _, i := range p.Incidents {
		v, err := c.summaryIncident(p, i)
		if err != nil {
			return nil, fmt.Errorf("incident %s: %w", i.ID, err)
		}
		s.Incidents = append(s.Incidents, v)
	}
	return encode(s)
}

// description is the one sentence for programs to show.
func description(p templates.Public) string {
	d := cmp.Or(p.Description, "All Systems Operational")
	if at := p.Blind.UTC().Format("15:04 UTC"); !p.Blind.IsZero() && !strings.Contains(d, at) {
		d += ", data delayed since " + at
	}
	return d
}

// components gives a component, and below it its regions where it has several:
// then the component is a group in Statuspage's sense. A part that was never
// heard of is left out, since every status that there is would be a claim.
func components(p templates.Public, c templates.Component, position int) []summaryComponent {
	var parts []summaryComponent
	top := component(p, c.ID, cmp.Or(c.Name, c.ID), position)
	if c.Description != "" {
		top.Description = &c.Description
	}
	var worst templates.Status
	for n, cell := range c.Cells {
		status, known := lastKnown(p, c, cell.Region.Code, cell.Status)
		if !known {
			continue
		}
		if rankOf(status) > rankOf(worst) {
			worst = status
		}
		part := component(p, c.ID+"/"+cell.Region.Code, cmp.Or(cell.Region.Name, cell.Region.Code), n+1)
		part.Status = string(status)
		part.GroupID = &top.ID
		if slices.Contains(statuses, cell.Status) && !cell.Since.IsZero() {
			part.UpdatedAt = statuspage.Stamp(cell.Since)
			if cell.Since.After(time.Time(top.UpdatedAt)) {
				top.UpdatedAt = part.UpdatedAt
			}
		}
		parts = append(parts, part)
	}
	status, known := lastKnown(p, c, "", c.Status)
	switch {
	case len(parts) == 0 && !known:
		return nil
	case !slices.Contains(statuses, c.Status) && worst != "":
		status = worst
		if worst == templates.Major && len(parts) > 1 {
			status = templates.Partial
		}
	}
	top.Status = string(status)
	if len(c.Cells) < 2 || len(parts) == 0 {
		return []summaryComponent{top}
	}
	top.Group = true
	for _, part := range parts {
		top.Components = append(top.Components, part.ID)
	}
	return append([]summaryComponent{top}, parts...)
}

func component(p templates.Public, key, name string, position int) summaryComponent {
	c := summaryComponent{
		ID: statuspage.ID("component", key), Name: name, Position: position, Showcase: true, PageID: statuspage.ID("page", p.Organisation),
		CreatedAt: statuspage.Stamp(p.Since), UpdatedAt: statuspage.Stamp(p.Since),
	}
	if !p.Since.IsZero() {
		c.StartDate = new(p.Since.UTC().Format(time.DateOnly))
	}
	return c
}

// lastKnown gives the status of a component, in a region if one is named, that
// was known last. Missing data neither open nor resolve an incident, so what
// was in trouble when data ceased has an open incident still, and what has
// none was well.
func lastKnown(p templates.Public, c templates.Component, region string, now templates.Status) (status templates.Status, known bool) {
	if slices.Contains(statuses, now) {
		return now, true
	}
	status = templates.Operational
	for _, i := range p.Incidents {
		touched := region == "" || i.AllRegions || slices.ContainsFunc(i.Regions, func(r templates.Region) bool { return r.Code == region })
		if !isAbout(i, c.ID) || !touched {
			continue
		}
		s := statuspage.StatusOf(i.Status)
		if region != "" && i.Severity == "P0" && s == templates.Partial {
			s = templates.Major // the region is out, the component is not
		}
		if rankOf(s) > rankOf(status) {
			status = s
		}
	}
	return status, now != templates.NotWatched && now != "" || status != templates.Operational
}

// isAbout reports whether an incident is about a component, by itself or since
// one of that component was merged into it.
func isAbout(i templates.Incident, component string) bool {
	return i.Component.ID == component || slices.Contains(i.Also, component)
}

func rankOf(s templates.Status) int {
	return slices.Index([]templates.Status{templates.Operational, templates.Maintenance, templates.Degraded, templates.Partial, templates.Major}, s)
}

func (c *Channel) summaryIncident(p templates.Public, i templates.Incident) (summaryIncident, error) {
	first, last := i.Updates[len(i.Updates)-1], i.Updates[0]
	v := summaryIncident{
		ID: i.ID, Name: templates.Post{Page: p, Incident: i, Update: last}.Title(), Status: i.State,
		CreatedAt: statuspage.Stamp(first.Said), UpdatedAt: statuspage.Stamp(last.Said), StartedAt: statuspage.Stamp(i.Began),
		Impact: cmp.Or(i.Impact, "none"), Shortlink: link(p, i.ID), PageID: statuspage.ID("page", p.Organisation),
		Components: []summaryComponent{},
	}
	if !slices.Contains(states, i.State) {
		return v, fmt.Errorf("state %q: want one of %s", i.State, strings.Join(states, " "))
	}
	if !slices.Contains(indicators, v.Impact) {
		return v, fmt.Errorf("impact %q: want one of %s", i.Impact, strings.Join(indicators, " "))
	}
	if i.Began.IsZero() {
		v.StartedAt = v.CreatedAt
	}
	if !i.Resolved.IsZero() {
		v.ResolvedAt = new(statuspage.Stamp(i.Resolved))
	}
	for n, comp := range p.Components {
		if isAbout(i, comp.ID) {
			v.Components = append(v.Components, components(p, comp, n+1)...)
		}
	}
	before := string(templates.Operational)
	for n := len(i.Updates) - 1; n >= 0; n-- {
		u := i.Updates[n]
		if !slices.Contains(states, u.State) {
			return v, fmt.Errorf("update %s: state %q: want one of %s", u.ID, u.State, strings.Join(states, " "))
		}
		if u.State == "monitoring" && (n == len(i.Updates)-1 || i.Updates[n+1].State != "monitoring") {
			v.MonitoringAt = new(statuspage.Stamp(u.Said))
		}
		body, err := c.t.Body(p, i, u)
		if err != nil {
			return v, err
		}
		update := summaryUpdate{
			ID: u.ID, Status: u.State, Body: strings.TrimSpace(body), IncidentID: i.ID,
			CreatedAt: statuspage.Stamp(u.Said), UpdatedAt: statuspage.Stamp(u.Said), DisplayAt: statuspage.Stamp(u.Said), DeliverNotifications: true,
		}
		if now := string(statuspage.StatusOf(u.Status)); now != before && i.Component.ID != "" {
			update.AffectedComponents = []statuspage.Affected{{
				Code: statuspage.ID("component", i.Component.ID), Name: cmp.Or(i.Component.Name, i.Component.ID), OldStatus: before, NewStatus: now,
			}}
			before = now
		}
		v.Updates = append(v.Updates, update)
	}
	slices.Reverse(v.Updates)
	return v, nil
}

// changed gives when what can be read last changed, apart from the watermark
// that moves with every minute.
func changed(p templates.Public) time.Time {
	newest := p.Since
	later := func(t time.Time) {
		if t.After(newest) {
			newest = t
		}
	}
	for _, i := range slices.Concat(p.Incidents, p.Past) {
		for _, u := range i.Updates {
			later(u.Said)
		}
	}
	for _, c := range p.Components {
		for _, cell := range c.Cells {
			later(cell.Since)
		}
	}
	later(p.Blind)
	return newest
}

// link gives an incident's permanent address. It ends in .html so that it
// holds on hosts that know nothing but files.
func link(p templates.Public, incident string) string {
	return strings.TrimSuffix(p.URL, "/") + "/incidents/" + incident + ".html"
}

// encode writes a document for programs, with line breaks for people.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetIndent("", " ")
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}
