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

// event is an incident or a maintenance. The form has them nearly alike: one of
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

// parts is the components as the form has them.
type apiParts struct {
	all []apiComponent
	of  map[string][]apiComponent // what stands for a component of ours: itself, then its regions
}

// componentsOf lists the components. The form has one level of groups, and
// clients print a part's name beside its group's. Where the page has several
// regions, a component is a group whose parts are its regions: which region is
// hit is what a client cannot know from anywhere else. Where it has one, the
// headings are the groups, and each component is one part.
//
// A part that was never heard of is left out, since every status that there is
// would be a claim.
func componentsOf(p templates.Public) apiParts {
	out := apiParts{all: []apiComponent{}, of: map[string][]apiComponent{}}
	headings, position := map[string]int{}, 0 // where a heading stands in out.all
	for _, c := range p.Components {
		list := componentOf(p, c)
		if len(list) == 0 {
			continue
		}
		heading := c.Group
		if list[0].Group {
			heading = ""
		}
		if heading == "" {
			position++
			list[0].Position = position
			out.of[c.ID] = list
			out.all = append(out.all, list...)
			continue
		}
		at, there := headings[heading]
		if !there {
			position++
			group := blank(p, "group", heading, heading)
			group.Position, group.Group, group.Status = position, true, templates.Operational
			at = len(out.all)
			headings[heading] = at
			out.all = append(out.all, group)
		}
		group := &out.all[at]
		list[0].GroupID = new(group.ID)
		group.Components = append(group.Components, list[0].ID)
		list[0].Position = len(group.Components)
		out.of[c.ID] = list
		out.all = append(out.all, list...)
	}
	for _, at := range headings {
		group := &out.all[at]
		var all []templates.Status
		for _, c := range out.all {
			if slices.Contains(group.Components, c.ID) {
				all = append(all, c.Status)
				group.UpdatedAt = newer(group.UpdatedAt, c.UpdatedAt)
			}
		}
		group.Status = together(all)
	}
	out.tellApart()
	return out
}

// componentOf gives one component, and after it its regions where it has several.
func componentOf(p templates.Public, c templates.Component) []apiComponent {
	var regions []apiComponent
	var all []templates.Status
	top := blank(p, "component", c.ID, nameOf(c))
	if c.Description != "" {
		top.Description = &c.Description
	}
	for n, cell := range c.Cells {
		now, known := lastKnown(p, c, cell.Region.Code, cell.Status)
		if !known {
			continue
		}
		all = append(all, now)
		part := blank(p, "component", c.ID+"/"+cell.Region.Code, nameOfRegion(cell.Region))
		part.key, part.Position, part.Status, part.GroupID = cell.Region.Code, n+1, now, &top.ID
		if statuspage.Knows(cell.Status) && !cell.Since.IsZero() {
			part.UpdatedAt = statuspage.Stamp(cell.Since)
			top.UpdatedAt = newer(top.UpdatedAt, part.UpdatedAt)
		}
		regions = append(regions, part)
	}
	var known bool
	switch top.Status, known = lastKnown(p, c, "", c.Status); {
	case len(regions) == 0 && !known:
		return nil
	case !statuspage.Knows(c.Status) && len(regions) > 0:
		top.Status = together(all)
	}
	if len(c.Cells) < 2 || len(regions) == 0 {
		return []apiComponent{top}
	}
	top.Group = true
	for _, part := range regions {
		top.Components = append(top.Components, part.ID)
	}
	return append([]apiComponent{top}, regions...)
}

func blank(p templates.Public, kind, key, name string) apiComponent {
	c := apiComponent{
		ID: statuspage.ID(kind, key), Name: name, Showcase: true, PageID: statuspage.ID("page", p.Organisation),
		CreatedAt: statuspage.Stamp(p.Since), UpdatedAt: statuspage.Stamp(p.Since), key: key,
	}
	if !p.Since.IsZero() {
		c.StartDate = new(p.Since.UTC().Format(time.DateOnly))
	}
	return c
}

// tellApart gives components of one name in one group names of their own, since
// clients know them by it.
func (ps apiParts) tellApart() {
	type place struct{ group, name string }
	at := func(c apiComponent) place { return place{*cmp.Or(c.GroupID, new("")), c.Name} }
	for _, mark := range []func(apiComponent) string{
		func(c apiComponent) string { return c.key },
		func(c apiComponent) string { return c.ID }, // somebody called one as another has become
	} {
		count := map[place]int{}
		for _, c := range ps.all {
			count[at(c)]++
		}
		for n, c := range ps.all {
			if count[at(c)] > 1 {
				ps.all[n].Name += " (" + mark(c) + ")"
			}
		}
	}
	names := map[string]string{}
	for _, c := range ps.all {
		names[c.ID] = c.Name
	}
	for _, list := range ps.of {
		for n := range list {
			list[n].Name = names[list[n].ID]
		}
	}
}

// touched gives what stands for a component in some of the regions: itself, and
// the parts for those regions, so that no name stands without its group's.
func (ps apiParts) touched(id string, regions []templates.Region, all bool) []apiComponent {
	var out []apiComponent
	for n, c := range ps.of[id] {
		if n == 0 || all || slices.ContainsFunc(regions, func(r templates.Region) bool { return r.Code == c.key }) {
			out = append(out, c)
		}
	}
	return out
}

// name gives the name of a component with its group's.
func (ps apiParts) name(id, otherwise string) string {
	list := ps.of[id]
	if len(list) == 0 {
		return otherwise
	}
	if list[0].GroupID == nil {
		return list[0].Name
	}
	for _, c := range ps.all {
		if c.ID == *list[0].GroupID {
			return c.Name + " - " + list[0].Name
		}
	}
	return list[0].Name
}

// newer gives the later of two times.
func newer(a, b statuspage.Stamp) statuspage.Stamp {
	if time.Time(b).After(time.Time(a)) {
		return b
	}
	return a
}

func nameOf(c templates.Component) string { return cmp.Or(c.Name, c.ID) }

func nameOfRegion(r templates.Region) string { return cmp.Or(r.Name, r.Code) }

// lastKnown gives the status of a component, in a region if one is named, that
// was known last. Missing data neither open nor resolve an incident, so what
// was in trouble when data ceased has an open incident still, and what has
// none was well, or is being worked on.
func lastKnown(p templates.Public, c templates.Component, region string, now templates.Status) (s templates.Status, known bool) {
	if statuspage.Knows(now) {
		return now, true
	}
	s = templates.Operational
	for _, w := range p.Works {
		if w.State == "in_progress" && isWorkedOn(w, c.ID, region) {
			s = templates.Maintenance
		}
	}
	for _, i := range p.Incidents {
		if !isAbout(i, c.ID) || region != "" && !isIn(i, region) {
			continue
		}
		said := statuspage.OfPhrase(i.Status)
		if region != "" && i.Severity == "P0" && said == templates.Partial {
			said = templates.Major // the region is out, the component is not
		}
		if rankOf(said) > rankOf(s) {
			s = said
		}
	}
	return s, now != templates.NotWatched && now != "" || s != templates.Operational
}

// isAbout reports whether an incident is about a component, by itself or since
// one of that component was merged into it.
func isAbout(i templates.Incident, component string) bool {
	return i.Component.ID == component || slices.Contains(i.Also, component)
}

// isIn reports whether an incident touches a region.
func isIn(i templates.Incident, region string) bool {
	return i.AllRegions || slices.ContainsFunc(i.Regions, func(r templates.Region) bool { return r.Code == region })
}

// isWorkedOn reports whether maintenance is of a component, in a region if one
// is named; without one it has to be all of them.
func isWorkedOn(w templates.Work, component, region string) bool {
	return (w.AllComponents || slices.ContainsFunc(w.Components, func(c templates.Component) bool { return c.ID == component })) &&
		(w.AllRegions || region != "" && slices.ContainsFunc(w.Regions, func(r templates.Region) bool { return r.Code == region }))
}

func rankOf(s templates.Status) int {
	return slices.Index([]templates.Status{templates.Operational, templates.Maintenance, templates.Degraded, templates.Partial, templates.Major}, s)
}

// together rolls statuses up into one: an outage is a partial one while not all
// are out.
func together(all []templates.Status) templates.Status {
	worst := templates.Operational
	for _, s := range all {
		if rankOf(s) > rankOf(worst) {
			worst = s
		}
	}
	if worst == templates.Major && slices.ContainsFunc(all, func(s templates.Status) bool { return s != templates.Major }) {
		return templates.Partial
	}
	return worst
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
