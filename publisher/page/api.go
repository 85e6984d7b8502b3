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

// The documents below have the exact shape of Statuspage's API, version 2, so
// that its clients can read them. It knows no word for missing data: a component
// keeps there the status that was known last, and the description says since
// when data are missing. What it has no place for is in facts.go.
//
// Its own words (states, statuses, and the description of the whole page) are
// English in every language: programs compare them. What stands there for people,
// titles and what was said, is in the language of the page.

type (
	summary struct {
		Page         apiPage        `json:"page"`
		Components   []apiComponent `json:"components"`
		Incidents    []apiEvent     `json:"incidents"`
		Maintenances []apiEvent     `json:"scheduled_maintenances"`
		Status       apiStatus      `json:"status"`
	}
	statusOnly struct {
		Page   apiPage   `json:"page"`
		Status apiStatus `json:"status"`
	}
	componentsOnly struct {
		Page       apiPage        `json:"page"`
		Components []apiComponent `json:"components"`
	}
	incidentsOnly struct {
		Page      apiPage    `json:"page"`
		Incidents []apiEvent `json:"incidents"`
	}
	worksOnly struct {
		Page         apiPage    `json:"page"`
		Maintenances []apiEvent `json:"scheduled_maintenances"`
	}
)

type apiPage struct {
	ID        string           `json:"id"`
	Name      string           `json:"name"`
	URL       string           `json:"url"`
	TimeZone  string           `json:"time_zone"`
	UpdatedAt statuspage.Stamp `json:"updated_at"`
}

type apiStatus struct {
	Indicator   string `json:"indicator"`
	Description string `json:"description"`
}

type apiComponent struct {
	ID                 string           `json:"id"`
	Name               string           `json:"name"`
	Status             templates.Status `json:"status"`
	CreatedAt          statuspage.Stamp `json:"created_at"`
	UpdatedAt          statuspage.Stamp `json:"updated_at"`
	Position           int              `json:"position"` // among those of its group
	Description        *string          `json:"description"`
	Showcase           bool             `json:"showcase"`
	StartDate          *string          `json:"start_date"`
	GroupID            *string          `json:"group_id"`
	PageID             string           `json:"page_id"`
	Group              bool             `json:"group"`
	OnlyShowIfDegraded bool             `json:"only_show_if_degraded"`
	Components         []string         `json:"components,omitempty"` // there only where Group is true

	key string // ours: what tells it from another of the same name
}

// apiEvent is an incident or a maintenance. The form has them nearly alike: one of
// the two keys below is there.
type apiEvent struct {
	ID           string            `json:"id"`
	Name         string            `json:"name"`
	Status       string            `json:"status"`
	CreatedAt    statuspage.Stamp  `json:"created_at"`
	UpdatedAt    statuspage.Stamp  `json:"updated_at"`
	MonitoringAt *statuspage.Stamp `json:"monitoring_at"`
	ResolvedAt   *statuspage.Stamp `json:"resolved_at"`
	Impact       string            `json:"impact"`
	Shortlink    string            `json:"shortlink"`
	StartedAt    statuspage.Stamp  `json:"started_at"`
	PageID       string            `json:"page_id"`
	Updates      []apiUpdate       `json:"incident_updates"` // newest first, never empty
	Components   []apiComponent    `json:"components"`
	*reminders
	*schedule
}

type reminders struct {
	Intervals *string `json:"reminder_intervals"`
}

type schedule struct {
	For   statuspage.Stamp `json:"scheduled_for"`
	Until statuspage.Stamp `json:"scheduled_until"`
}

type apiUpdate struct {
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

// listed is how many incidents, and how much maintenance, the API lists at most.
const listed = 50

// api makes the documents of the API by the names of their files.
func (c *Channel) api(p templates.Public) (map[string][]byte, error) {
	about := apiPage{
		ID: statuspage.ID("page", p.Organisation), Name: p.Organisation, URL: p.URL,
		TimeZone: "Etc/UTC", UpdatedAt: statuspage.Stamp(changed(p)),
	}
	now := apiStatus{Indicator: statuspage.Indicator(p), Description: statuspage.Description(p)}
	if !slices.Contains(statuspage.Indicators, now.Indicator) {
		return nil, fmt.Errorf("indicator %q: want one of %s", p.Indicator, strings.Join(statuspage.Indicators, " "))
	}
	said, parts := c.t.Words(p), componentsOf(p)
	unresolved, incidents := []apiEvent{}, []apiEvent{}
	for n, i := range newestFirst(p) {
		if n >= listed && i.State == "resolved" {
			continue
		}
		e, err := c.incidentEvent(said, p, parts, i)
		if err != nil {
			return nil, fmt.Errorf("incident %s: %w", i.ID, err)
		}
		if n < listed {
			incidents = append(incidents, e)
		}
		if i.State != "resolved" {
			unresolved = append(unresolved, e)
		}
	}
	works, upcoming, active := []apiEvent{}, []apiEvent{}, []apiEvent{}
	for n, w := range p.Works {
		e, err := workEvent(said, p, parts, w)
		if err != nil {
			return nil, fmt.Errorf("maintenance %s: %w", w.ID, err)
		}
		if n < listed {
			works = append(works, e)
		}
		switch w.State {
		case "scheduled":
			upcoming = append(upcoming, e)
		case "in_progress":
			active = append(active, e)
		}
	}
	files := map[string][]byte{}
	for name, document := range map[string]any{
		fileSummary:    summary{about, parts.all, unresolved, append(append([]apiEvent{}, active...), upcoming...), now},
		fileStatus:     statusOnly{about, now},
		fileComponents: componentsOnly{about, parts.all},
		fileIncidents:  incidentsOnly{about, incidents},
		fileUnresolved: incidentsOnly{about, unresolved},
		fileWorks:      worksOnly{about, works},
		fileUpcoming:   worksOnly{about, upcoming},
		fileActive:     worksOnly{about, active},
	} {
		b, err := encode(document)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		files[name] = b
	}
	return files, nil
}

// newestFirst gives all incidents, the one that was told of last first.
func newestFirst(p templates.Public) []templates.Incident {
	all := slices.Concat(p.Incidents, p.Past)
	slices.SortStableFunc(all, func(a, b templates.Incident) int { return firstSaid(b).Compare(firstSaid(a)) })
	return all
}

func (c *Channel) incidentEvent(said templates.Words, p templates.Public, parts apiParts, i templates.Incident) (apiEvent, error) {
	first, last := i.Updates[len(i.Updates)-1], i.Updates[0]
	v := apiEvent{
		ID: i.ID, Name: said.Post(p, i, last).Title(), Status: i.State,
		CreatedAt: statuspage.Stamp(first.Said), UpdatedAt: statuspage.Stamp(last.Said), StartedAt: statuspage.Stamp(i.Began),
		Impact: cmp.Or(i.Impact, "none"), Shortlink: link(p, i.ID), PageID: statuspage.ID("page", p.Organisation),
		Components: []apiComponent{}, reminders: &reminders{},
	}
	if !slices.Contains(statuspage.States, i.State) {
		return v, fmt.Errorf("state %q: want one of %s", i.State, strings.Join(statuspage.States, " "))
	}
	if !slices.Contains(statuspage.Indicators, v.Impact) {
		return v, fmt.Errorf("impact %q: want one of %s", i.Impact, strings.Join(statuspage.Indicators, " "))
	}
	if i.Began.IsZero() {
		v.StartedAt = v.CreatedAt
	}
	if i.State == "resolved" {
		v.ResolvedAt = new(statuspage.Stamp(last.Said))
		if !i.Resolved.IsZero() {
			v.ResolvedAt = new(statuspage.Stamp(i.Resolved))
		}
	}
	for _, comp := range p.Components {
		if isAbout(i, comp.ID) {
			v.Components = append(v.Components, parts.touched(comp.ID, i.Regions, i.AllRegions)...)
		}
	}
	worded, err := c.wording(p, i)
	if err != nil {
		return v, err
	}
	before := templates.Operational
	for n, u := range slices.Backward(i.Updates) {
		if !slices.Contains(statuspage.States, u.State) {
			return v, fmt.Errorf("update %s: state %q: want one of %s", u.ID, u.State, strings.Join(statuspage.States, " "))
		}
		if u.State == "monitoring" && (n == len(i.Updates)-1 || i.Updates[n+1].State != "monitoring") {
			v.MonitoringAt = new(statuspage.Stamp(u.Said))
		}
		up := newUpdate(i.ID, u.ID, u.State, worded.bodies[n], u.Said)
		if now := statuspage.OfPhrase(u.Status); now != before && i.Component.ID != "" {
			up.AffectedComponents = []statuspage.Affected{{
				Code: statuspage.ID("component", i.Component.ID), Name: parts.name(i.Component.ID, nameOf(i.Component)),
				OldStatus: string(before), NewStatus: string(now),
			}}
			before = now
		}
		v.Updates = append(v.Updates, up)
	}
	slices.Reverse(v.Updates)
	return v, nil
}

func newUpdate(of, id, state, body string, at time.Time) apiUpdate {
	when := statuspage.Stamp(at)
	return apiUpdate{ID: id, Status: state, Body: body, IncidentID: of, CreatedAt: when, UpdatedAt: when, DisplayAt: when, DeliverNotifications: true}
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
	for _, w := range p.Works {
		later(stages(w)[0].at)
	}
	for _, c := range p.Components {
		for _, cell := range c.Cells {
			later(cell.Since)
		}
	}
	later(p.Blind)
	return newest
}

// address gives the address of one of the page's files, or of its top.
func address(p templates.Public, file string) string {
	return strings.TrimSuffix(p.URL, "/") + "/" + file
}

// link gives an incident's permanent address. It ends in .html so that it
// holds on hosts that know nothing but files.
func link(p templates.Public, incident string) string {
	return address(p, folderIncident+"/"+incident+".html")
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
