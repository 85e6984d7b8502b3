package page

import (
	"encoding/json"
	"math"
	"slices"
	"time"

	"github.com/featuresignals/tocsin/publisher/statuspage"
	"github.com/featuresignals/tocsin/templates"
)

// document is our own status.json: what Statuspage's form has no place for.
// Times are ISO 8601 in UTC; a key that is absent is not known or does not apply.
// What nobody knows is a word of its own here: no_data, low_traffic, not_watched.
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
	Weights     documentWeights     `json:"weights"`
	Uptime      *documentUptime     `json:"uptime,omitempty"` // of everything together
	Components  []documentComponent `json:"components"`
	Incidents   []documentIncident  `json:"incidents"`
	Works       []documentWork      `json:"maintenances"`
}

// documentWeights says which share of a bad minute counts against uptime.
type documentWeights struct {
	Outage float64 `json:"outage"`
	Major  float64 `json:"major_degradation"`
	Minor  float64 `json:"minor_degradation"`
}

type documentComponent struct {
	ID      string           `json:"id"`
	Name    string           `json:"name"`
	Group   string           `json:"group,omitempty"`
	Status  templates.Status `json:"status"`
	Target  float64          `json:"target_percent,omitzero"` // of a calendar month
	Uptime  *documentUptime  `json:"uptime,omitempty"`
	Month   *documentUptime  `json:"this_month,omitempty"` // only where there is a target
	Regions []documentCell   `json:"regions"`
}

type documentCell struct {
	Code    string           `json:"code"`
	Name    string           `json:"name"`
	Status  templates.Status `json:"status"`
	Since   instant          `json:"since,omitzero"`
	Uptime  *documentUptime  `json:"uptime,omitempty"`
	Figures []documentFigure `json:"figures,omitempty"`
}

// documentUptime is a stretch of days. Percent is absent where no minute is
// known, and never rounded up: it is 100 only if nothing was lost.
type documentUptime struct {
	From     string          `json:"from"`
	To       string          `json:"to"`
	Percent  *float64        `json:"percent,omitempty"`
	Coverage *float64        `json:"coverage_percent,omitempty"`
	Lost     float64         `json:"lost_minutes"` // bad ones by their weights
	Minutes  documentMinutes `json:"minutes"`
	Days     *documentDays   `json:"days,omitempty"`
}

type documentMinutes struct {
	Good        int `json:"good"`
	Outage      int `json:"outage"`
	Major       int `json:"major_degradation"`
	Minor       int `json:"minor_degradation"`
	Unknown     int `json:"unknown"`
	Maintenance int `json:"maintenance"`
}

// documentDays has a number for each day from the first to the last; kinds of
// minutes of which there are none are absent.
type documentDays struct {
	Good        []int               `json:"good,omitempty"`
	Outage      []int               `json:"outage,omitempty"`
	Major       []int               `json:"major_degradation,omitempty"`
	Minor       []int               `json:"minor_degradation,omitempty"`
	Unknown     []int               `json:"unknown,omitempty"`
	Maintenance []int               `json:"maintenance,omitempty"`
	Worst       []templates.Status  `json:"worst"`
	Incidents   map[string][]string `json:"incidents,omitempty"` // by date
}

type documentFigure struct {
	Kind   string     `json:"kind"` // "error_rate": a share from 0 to 1; "p99": seconds
	From   instant    `json:"from"`
	Step   int        `json:"step_seconds"`
	Points []*float64 `json:"points"` // null where nothing was measured
}

type documentIncident struct {
	ID           string   `json:"id"`
	Title        string   `json:"title"`
	State        string   `json:"state"`
	Status       string   `json:"status"`
	Component    string   `json:"component"`
	Also         []string `json:"also,omitempty"` // other components that it covers
	Regions      []string `json:"regions"`
	Began        instant  `json:"began,omitzero"`
	Detected     instant  `json:"detected,omitzero"`
	Integrity    string   `json:"data_integrity"`
	Workaround   string   `json:"workaround"`
	NextUpdateBy instant  `json:"next_update_by,omitzero"`
	EverySeconds int      `json:"update_every_seconds,omitzero"`
	Link         string   `json:"link"`
}

type documentWork struct {
	ID         string   `json:"id"`
	Title      string   `json:"title"`
	State      string   `json:"state"`
	Components []string `json:"components"`
	Regions    []string `json:"regions"`
	AllOf      bool     `json:"all_components"`
	AllIn      bool     `json:"all_regions"`
	From       instant  `json:"from"`
	To         instant  `json:"to"`
	Announced  instant  `json:"announced,omitzero"`
	Ended      instant  `json:"ended,omitzero"`
}

// instant is a time to the second.
type instant time.Time

func (i instant) MarshalText() ([]byte, error) {
	return time.Time(i).UTC().AppendFormat(nil, "2006-01-02T15:04:05Z"), nil
}

// IsZero lets omitzero leave out what nobody knows.
func (i instant) IsZero() bool { return time.Time(i).IsZero() }

// facts makes our own document.
func (c *Channel) facts(p templates.Public) (map[string][]byte, error) {
	said := c.t.Words(p)
	d := document{
		Version: 1, Name: p.Organisation, URL: p.URL,
		GeneratedAt: instant(p.Rendered), CheckedAt: instant(p.Checked), ValidUntil: instant(p.ValidUntil),
		NoDataSince: instant(p.Blind), Since: instant(p.Since),
		Indicator: statuspage.Indicator(p), Description: p.Description,
		Weights:    documentWeights{p.Weights[0], p.Weights[1], p.Weights[2]},
		Components: []documentComponent{}, Incidents: []documentIncident{}, Works: []documentWork{},
	}
	var all templates.Record
	for _, c := range p.Components {
		all.Days = append(all.Days, c.Record.Days...)
		v := documentComponent{
			ID: c.ID, Name: c.Name, Group: c.Group, Status: c.Status, Target: c.Target,
			Uptime: uptime(c.Record, p.Weights, true), Regions: []documentCell{},
		}
		if c.Target > 0 {
			v.Month = uptime(month(c.Record), p.Weights, false)
		}
		for _, cell := range c.Cells {
			r := documentCell{
				Code: cell.Region.Code, Name: cell.Region.Name, Status: cell.Status, Since: instant(cell.Since),
				Uptime: uptime(cell.Record, p.Weights, true),
			}
			for _, f := range cell.Figures {
				r.Figures = append(r.Figures, figure(f))
			}
			v.Regions = append(v.Regions, r)
		}
		d.Components = append(d.Components, v)
	}
	d.Uptime = uptime(all, p.Weights, false)
	for _, i := range p.Incidents {
		post := said.Post(p, i, i.Updates[0])
		fixed := templates.Post{Page: p, Incident: i, Update: i.Updates[0]} // in the words of a fixed list
		d.Incidents = append(d.Incidents, documentIncident{
			ID: i.ID, Title: post.Title(), State: i.State, Status: i.Status, Component: i.Component.ID, Also: i.Also, Regions: codes(i.Regions),
			Began: instant(i.Began), Detected: instant(i.Detected), Integrity: fixed.Integrity(), Workaround: post.Workaround(),
			NextUpdateBy: instant(i.Next), EverySeconds: int(i.Every / time.Second), Link: link(p, i.ID),
		})
	}
	for _, w := range p.Works {
		v := documentWork{
			ID: w.ID, Title: w.Title, State: w.State, Components: []string{}, Regions: codes(w.Regions), AllOf: w.AllComponents, AllIn: w.AllRegions,
			From: instant(w.From), To: instant(w.To), Announced: instant(w.Announced), Ended: instant(w.Ended),
		}
		for _, c := range w.Components {
			v.Components = append(v.Components, c.ID)
		}
		d.Works = append(d.Works, v)
	}
	b, err := json.Marshal(d) // without line breaks: a number a line would be most of it
	if err != nil {
		return nil, err
	}
	return map[string][]byte{fileFacts: append(b, '\n')}, nil
}

func codes(regions []templates.Region) []string {
	out := []string{}
	for _, r := range regions {
		out = append(out, r.Code)
	}
	return out
}

// uptime tells of a record; nil where nothing is on record.
func uptime(r templates.Record, w templates.Weights, days bool) *documentUptime {
	if len(r.Days) == 0 {
		return nil
	}
	m := r.Sum()
	first, last := r.Days[0].Date, r.Days[0].Date
	for _, d := range r.Days {
		if d.Date.Before(first) {
			first = d.Date
		}
		if d.Date.After(last) {
			last = d.Date
		}
	}
	u := &documentUptime{
		From: first.UTC().Format(time.DateOnly), To: last.UTC().Format(time.DateOnly),
		Minutes: documentMinutes{m.Good, m.Bad[0], m.Bad[1], m.Bad[2] + m.Bad[3] + m.Bad[4], m.Unknown, m.Maintenance},
	}
	for s, bad := range m.Bad {
		u.Lost += w[s] * float64(bad)
	}
	u.Lost = math.Round(u.Lost*1e4) / 1e4
	if percent, ok := m.Uptime(w); ok {
		u.Percent = new(floor(percent))
	}
	if percent, ok := m.Coverage(); ok {
		u.Coverage = new(floor(percent))
	}
	if days {
		u.Days = daysOf(r)
	}
	return u
}

// floor leaves four digits after the point, and never makes more of a percentage
// than it is. The bit that is added is what counting in binary takes away.
func floor(percent float64) float64 { return math.Floor(percent*1e4+1e-6) / 1e4 }

// month gives the days of a record that are in the month of its last one.
func month(r templates.Record) templates.Record {
	if len(r.Days) == 0 {
		return r
	}
	y, m, _ := r.Days[len(r.Days)-1].Date.UTC().Date()
	return templates.Record{Days: slices.DeleteFunc(slices.Clone(r.Days), func(d templates.DayRecord) bool {
		dy, dm, _ := d.Date.UTC().Date()
		return dy != y || dm != m
	})}
}

func daysOf(r templates.Record) *documentDays {
	out := &documentDays{Worst: []templates.Status{}}
	first := r.Days[0].Date
	n := 1 + int(r.Days[len(r.Days)-1].Date.Sub(first)/(24*time.Hour))
	for range n {
		out.Worst = append(out.Worst, templates.NotWatched)
	}
	put := func(list *[]int, at, minutes int) {
		if minutes == 0 {
			return
		}
		if *list == nil {
			*list = make([]int, n)
		}
		(*list)[at] += minutes
	}
	for _, d := range r.Days {
		at := int(d.Date.Sub(first) / (24 * time.Hour))
		if at < 0 || at >= n {
			continue // not in order: there is no place for it
		}
		m := d.Minutes
		put(&out.Good, at, m.Good)
		put(&out.Outage, at, m.Bad[0])
		put(&out.Major, at, m.Bad[1])
		put(&out.Minor, at, m.Bad[2]+m.Bad[3]+m.Bad[4])
		put(&out.Unknown, at, m.Unknown)
		put(&out.Maintenance, at, m.Maintenance)
		out.Worst[at] = d.Worst
		if len(d.Incidents) > 0 {
			if out.Incidents == nil {
				out.Incidents = map[string][]string{}
			}
			out.Incidents[d.Date.UTC().Format(time.DateOnly)] = d.Incidents
		}
	}
	return out
}

func figure(f templates.Figure) documentFigure {
	out := documentFigure{Kind: f.Kind, From: instant(f.From), Step: int(f.Step / time.Second), Points: []*float64{}}
	for _, v := range f.Points {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			out.Points = append(out.Points, nil)
			continue
		}
		out.Points = append(out.Points, new(v))
	}
	return out
}
