package webhook

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/featuresignals/tocsin/publisher"
	"github.com/featuresignals/tocsin/publisher/statuspage"
	"github.com/featuresignals/tocsin/templates"
)

// statuspageLimit is more than the standard's advice: the form repeats much, and
// nobody can do with half of an incident.
const statuspageLimit = 64_000

// statuspageUpdates is how many updates of an incident are told, the newest.
const statuspageUpdates = 25

// spDocument is what Statuspage posts to webhook subscribers of an incident, and
// beside it what it posts of a component, where the update changed its status:
// there the two come as messages of their own, here as one, so that a message
// that is repeated is one. Whoever reads one of the two passes over the other.
type spDocument struct {
	Meta            spMeta             `json:"meta"`
	Page            spPage             `json:"page"`
	Incident        spIncident         `json:"incident"`
	Component       *spComponent       `json:"component,omitempty"`
	ComponentUpdate *spComponentUpdate `json:"component_update,omitempty"`
}

type spMeta struct {
	Unsubscribe   string           `json:"unsubscribe"` // nobody subscribed: the configuration says who hears
	Documentation string           `json:"documentation"`
	GeneratedAt   statuspage.Stamp `json:"generated_at"`
}

type spPage struct {
	ID          string `json:"id"`
	Indicator   string `json:"status_indicator"`
	Description string `json:"status_description"`
}

type spIncident struct {
	ID                   string            `json:"id"`
	Name                 string            `json:"name"`
	Status               string            `json:"status"`
	Impact               string            `json:"impact"`
	ImpactOverride       *string           `json:"impact_override"`
	CreatedAt            statuspage.Stamp  `json:"created_at"`
	UpdatedAt            statuspage.Stamp  `json:"updated_at"`
	StartedAt            statuspage.Stamp  `json:"started_at"`
	MonitoringAt         *statuspage.Stamp `json:"monitoring_at"`
	ResolvedAt           *statuspage.Stamp `json:"resolved_at"`
	Shortlink            string            `json:"shortlink"`
	PageID               string            `json:"page_id"`
	Backfilled           bool              `json:"backfilled"`
	ScheduledFor         *statuspage.Stamp `json:"scheduled_for"`
	ScheduledUntil       *statuspage.Stamp `json:"scheduled_until"`
	ScheduledPrior       bool              `json:"scheduled_remind_prior"`
	ScheduledReminded    *statuspage.Stamp `json:"scheduled_reminded_at"`
	ScheduledProgress    bool              `json:"scheduled_auto_in_progress"`
	ScheduledCompleted   bool              `json:"scheduled_auto_completed"`
	PostmortemIgnored    bool              `json:"postmortem_ignored"`
	PostmortemBody       *string           `json:"postmortem_body"`
	PostmortemBodyAt     *statuspage.Stamp `json:"postmortem_body_last_updated_at"`
	PostmortemPublished  *statuspage.Stamp `json:"postmortem_published_at"`
	PostmortemNotified   bool              `json:"postmortem_notified_subscribers"`
	PostmortemNotifiedTw bool              `json:"postmortem_notified_twitter"`
	Updates              []spUpdate        `json:"incident_updates"`
	Components           []spComponent     `json:"components"`
}

type spUpdate struct {
	ID                 string                `json:"id"`
	IncidentID         string                `json:"incident_id"`
	Status             string                `json:"status"`
	Body               string                `json:"body"`
	CreatedAt          statuspage.Stamp      `json:"created_at"`
	UpdatedAt          statuspage.Stamp      `json:"updated_at"`
	DisplayAt          statuspage.Stamp      `json:"display_at"`
	Affected           []statuspage.Affected `json:"affected_components"` // null, never []
	Deliver            bool                  `json:"deliver_notifications"`
	CustomTweet        *string               `json:"custom_tweet"`
	WantsTwitterUpdate bool                  `json:"wants_twitter_update"`
	TwitterUpdatedAt   *statuspage.Stamp     `json:"twitter_updated_at"`
}

type spComponent struct {
	ID          string           `json:"id"`
	Name        string           `json:"name"`
	Status      string           `json:"status"`
	CreatedAt   statuspage.Stamp `json:"created_at"`
	UpdatedAt   statuspage.Stamp `json:"updated_at"`
	Position    int              `json:"position"`
	Description *string          `json:"description"`
	Showcase    bool             `json:"showcase"`
	PageID      string           `json:"page_id"`
	GroupID     *string          `json:"group_id"`
}

type spComponentUpdate struct {
	ID          string           `json:"id"`
	ComponentID string           `json:"component_id"`
	Type        string           `json:"component_type"`
	OldStatus   string           `json:"old_status"`
	NewStatus   string           `json:"new_status"`
	CreatedAt   statuspage.Stamp `json:"created_at"`
}

// statuspageBody renders an update in Statuspage's form.
func (c *Channel) statuspageBody(d publisher.Delivery) ([]byte, error) {
	if d.Notice != nil {
		return nil, fmt.Errorf("statuspage is the form of what customers read, and has no calls to people: take this channel out of reach, or give it the format standard: %w", publisher.ErrPermanent)
	}
	doc, err := c.statuspage(d)
	if err != nil {
		return nil, err
	}
	for {
		b, err := marshal(doc)
		if err != nil {
			return nil, fmt.Errorf("write the document: %w", err)
		}
		updates := &doc.Incident.Updates
		if len(b) < statuspageLimit || len(*updates) == 1 {
			return b, nil
		}
		*updates = (*updates)[:len(*updates)-1]
	}
}

// statuspage tells how the incident stood when the update was said, as
// newDocument does.
func (c *Channel) statuspage(d publisher.Delivery) (spDocument, error) {
	i, u, page := d.Incident, d.Update, d.Public
	pageID := statuspage.ID("page", page.Organisation)
	doc := spDocument{
		Meta: spMeta{Documentation: whole(page.URL), GeneratedAt: statuspage.Stamp(u.Said)},
		Page: spPage{ID: pageID, Indicator: statuspage.Indicator(page), Description: clip(statuspage.Description(page), wordsLimit)},
		Incident: spIncident{
			ID: i.ID, Name: templates.Post{Page: page, Incident: *i, Update: *u}.Title(), Status: u.State, Impact: cmp.Or(i.Impact, "none"),
			UpdatedAt: statuspage.Stamp(u.Said), StartedAt: statuspage.Stamp(i.Began), Shortlink: link(page.URL, i.ID), PageID: pageID,
			Backfilled: u.Late, Updates: []spUpdate{}, Components: []spComponent{},
		},
	}
	if u.State == "resolved" {
		doc.Incident.ResolvedAt = new(statuspage.Stamp(i.Resolved))
		if i.Resolved.IsZero() {
			doc.Incident.ResolvedAt = new(statuspage.Stamp(u.Said))
		}
	}
	said := slices.DeleteFunc(slices.Clone(i.Updates), func(e templates.Update) bool { return e.Number > u.Number })
	slices.SortStableFunc(said, func(a, b templates.Update) int { return a.Number - b.Number })
	doc.Incident.CreatedAt = statuspage.Stamp(said[0].Said)
	if i.Began.IsZero() {
		doc.Incident.StartedAt = doc.Incident.CreatedAt
	}
	code := statuspage.ID("component", i.Component.ID)
	before, state := string(templates.Operational), ""
	for _, e := range said {
		up := spUpdate{
			ID: e.ID, IncidentID: i.ID, Status: e.State, Body: c.words(page, *i, e),
			CreatedAt: statuspage.Stamp(e.Said), UpdatedAt: statuspage.Stamp(e.Said), DisplayAt: statuspage.Stamp(e.Said), Deliver: true,
		}
		if now := string(statuspage.OfPhrase(e.Status)); now != before && i.Component.ID != "" {
			up.Affected = []statuspage.Affected{{Code: code, Name: clip(cmp.Or(i.Component.Name, i.Component.ID), wordsLimit), OldStatus: before, NewStatus: now}}
			before = now
		}
		if e.State == "monitoring" && state != "monitoring" {
			doc.Incident.MonitoringAt = new(statuspage.Stamp(e.Said))
		}
		state = e.State
		doc.Incident.Updates = append(doc.Incident.Updates, up)
	}
	slices.Reverse(doc.Incident.Updates)
	doc.Incident.Updates = doc.Incident.Updates[:min(len(doc.Incident.Updates), statuspageUpdates)]

	if i.Component.ID == "" {
		return doc, nil
	}
	comp := spComponent{
		ID: code, Name: clip(cmp.Or(i.Component.Name, i.Component.ID), wordsLimit), Status: string(statuspage.OfPhrase(u.Status)),
		CreatedAt: statuspage.Stamp(page.Since), UpdatedAt: statuspage.Stamp(u.Said), Showcase: true, PageID: pageID,
		Position: 1 + slices.IndexFunc(page.Components, func(p templates.Component) bool { return p.ID == i.Component.ID }),
	}
	if i.Component.Description != "" {
		comp.Description = new(clip(i.Component.Description, wordsLimit))
	}
	doc.Incident.Components = append(doc.Incident.Components, comp)
	if now := doc.Incident.Updates[0]; now.Affected != nil {
		doc.Component = &comp
		doc.ComponentUpdate = &spComponentUpdate{
			ID: statuspage.ID("component_update", u.ID), ComponentID: code, Type: "Component",
			OldStatus: now.Affected[0].OldStatus, NewStatus: now.Affected[0].NewStatus, CreatedAt: statuspage.Stamp(u.Said),
		}
	}
	return doc, nil
}

// words gives what an update says, as plain text.
func (c *Channel) words(page templates.Public, i templates.Incident, u templates.Update) string {
	if c.Templates != nil {
		body, err := c.Templates.Body(page, i, u)
		if err == nil {
			return clip(strings.TrimSpace(body), messageLimit)
		}
		c.Logger.Error("an update could not be worded and goes out with its title alone", "channel", c.Config.Name, "update", u.ID, "err", err)
	}
	p := templates.Post{Page: page, Incident: i, Update: u}
	return clip(p.State()+": "+p.Title(), wordsLimit)
}
