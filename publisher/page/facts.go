package page

import (
	"time"

	"github.com/featuresignals/tocsin/templates"
)

// document is tocsin.json: what summary.json has no place for. Times are ISO
// 8601 in UTC; a key that is absent is not known or does not apply.
type document struct {
	Version     int                 `json:"version"`
	Name        string              `json:"name"`
	URL         string              `json:"url,omitempty"`
	GeneratedAt instant             `json:"generated_at,omitzero"`
	CheckedAt   instant             `json:"checked_at,omitzero"`
	ValidUntil  instant             `json:"valid_until,omitzero"`
	NoDataSince instant             `json:"no_data_since,omitzero"`
	Since       instant             `json:"since,omitzero"`
	Indicator   string              `json:"indicator"`
	Description string              `json:"description"`
	Components  []documentComponent `json:"components"`
	Incidents   []documentIncident  `json:"incidents"`
}

type documentComponent struct {
	ID      string           `json:"id"`
	Name    string           `json:"name"`
	Status  templates.Status `json:"status"`
	Regions []documentCell   `json:"regions"`
}

type documentCell struct {
	Code   string           `json:"code"`
	Name   string           `json:"name"`
	Status templates.Status `json:"status"`
	Since  instant          `json:"since,omitzero"`
}

type documentIncident struct {
	ID           string   `json:"id"`
	Title        string   `json:"title"`
	State        string   `json:"state"`
	Status       string   `json:"status"`
	Component    string   `json:"component"`
	Regions      []string `json:"regions"`
	Began        instant  `json:"began,omitzero"`
	Detected     instant  `json:"detected,omitzero"`
	Integrity    string   `json:"data_integrity"`
	Workaround   string   `json:"workaround"`
	NextUpdateBy instant  `json:"next_update_by,omitzero"`
	EverySeconds int      `json:"update_every_seconds,omitzero"`
	Link         string   `json:"link"`
}

// instant is a time to the second.
type instant time.Time

func (i instant) MarshalText() ([]byte, error) {
	return time.Time(i).UTC().AppendFormat(nil, "2006-01-02T15:04:05Z"), nil
}

// IsZero lets omitzero leave out what nobody knows.
func (i instant) IsZero() bool { return time.Time(i).IsZero() }

// facts makes tocsin.json.
func facts(p templates.Public) ([]byte, error) {
	d := document{
		Version: 1, Name: p.Organisation, URL: p.URL,
		GeneratedAt: instant(p.Rendered), CheckedAt: instant(p.Checked), ValidUntil: instant(p.ValidUntil),
		NoDataSince: instant(p.Blind), Since: instant(p.Since),
		Indicator: p.Indicator, Description: p.Description,
		Components: []documentComponent{}, Incidents: []documentIncident{},
	}
	for _, c := range p.Components {
		v := documentComponent{ID: c.ID, Name: c.Name, Status: c.Status, Regions: []documentCell{}}
		for _, cell := range c.Cells {
			v.Regions = append(v.Regions, documentCell{cell.Region.Code, cell.Region.Name, cell.Status, instant(cell.Since)})
		}
		d.Components = append(d.Components, v)
	}
	for _, i := range p.Incidents {
		post := templates.Post{Page: p, Incident: i, Update: i.Updates[0]}
		v := documentIncident{
			ID: i.ID, Title: post.Title(), State: i.State, Status: i.Status, Component: i.Component.ID, Regions: []string{},
			Began: instant(i.Began), Detected: instant(i.Detected), Integrity: post.Integrity(), Workaround: post.Workaround(),
			NextUpdateBy: instant(i.Next), EverySeconds: int(i.Every / time.Second), Link: link(p, i.ID),
		}
		for _, r := range i.Regions {
			v.Regions = append(v.Regions, r.Code)
		}
		d.Incidents = append(d.Incidents, v)
	}
	return encode(d)
}
