// Package templates holds the words and the pages, embedded in the program,
// and the values that they are made from.
//
// What is public is a type: Public and what it holds is an allow-list. Only
// times, numbers, words that people wrote for customers (in configuration, or
// about one incident) and words of fixed lists are in it; span attributes, SQL,
// host names, service names and ids from the inside have no field to come in by.
// Notice is for the people who are called, and never for customers.
package templates

import "time"

// Public is everything that customers may read.
type Public struct {
	Organisation string // "FeatureSignals"
	Title        string // of the page: "FeatureSignals status"
	URL          string // where the page is reached; "" if nobody said
	Support      string // mail or web address; "" if nobody said

	Rendered   time.Time // when this value was made
	Checked    time.Time // end of the newest minute that was judged; zero: none yet
	ValidUntil time.Time // past it the page is stale, and says so
	Since      time.Time // since when there is any data to speak from; zero: nobody knows
	Blind      time.Time // since when data are missing altogether; zero: they are not

	Indicator   string // Statuspage's: none minor major critical
	Description string // "Partial System Outage", "All Systems Operational", "No data since 14:02 UTC"

	Regions    []Region
	Components []Component
	Incidents  []Incident // open, newest first
	Past       []Incident // resolved, newest first
	Works      []Work     // maintenance: under way, then to come by its beginning, then over, newest first

	Weights Weights // how a bad minute counts against uptime
	Brand   Brand
}

// Brand is what the page looks like besides the way that it is built to.
type Brand struct {
	Logo, DarkLogo     Image  // the dark one is shown in the dark; without it the other is
	Accent, DarkAccent string // colour of links, "#0a55c4"; "" is the built-in
	Header             string // one line beside the name
	Links              []Link // at the top
	CSS                string // a style sheet of one's own, after the built-in one
	Language           string // of the catalogue of words: "en"
}

// Image is a picture as a part of the page.
type Image struct {
	Data          string // "data:image/svg+xml;base64,…"; "" is none
	Width, Height int    // CSS pixels
}

// Work is maintenance that customers are told of: one stretch of it.
type Work struct {
	ID                        string // unique for ever, made of its name and its beginning: "database-20261128T2200Z"
	Title                     string
	State                     string      // "scheduled", "in_progress", "completed"
	Components                []Component // without cells; never empty
	Regions                   []Region    // never empty
	AllComponents, AllRegions bool
	From, To                  time.Time // as planned; Ended says when it was over
	Announced                 time.Time // since when customers can read of it
	Ended                     time.Time // zero until it is over
}

// Minutes counts minutes by what can be said of them. Those of maintenance are
// apart: whatever happened in them, they are in no other count.
type Minutes struct {
	Good        int
	Bad         [5]int // in an incident that customers read of, by the severity of that time: P0 … P4
	Unknown     int    // nothing, or too little, was measured
	Maintenance int
}

// Weights says which share of a bad minute counts against uptime, by severity
// P0 … P4: 1 is all of it.
type Weights [5]float64

// Record is how a component, or a component in a region, did on past days.
type Record struct {
	Days []DayRecord // oldest first, each day once up to today; nil: nothing is on record
}

// DayRecord is one day of a Record, in UTC.
type DayRecord struct {
	Date      time.Time
	Minutes   Minutes  // of a component those of all its cells together
	Worst     Status   // of the minutes that are known; else Maintenance, NoData, or NotWatched where there is none
	Incidents []string // IDs of those that touched it
}

// Figure is something measured, as a line over time.
type Figure struct {
	Kind   string // "error_rate" (a share from 0 to 1) or "p99" (seconds; any pNN)
	From   time.Time
	Step   time.Duration // between points
	Points []float64     // the worst of each step; NaN where nothing was measured
}

// Region is one column of the page.
type Region struct {
	Code string // as configuration spells it; "other" for all that it does not list
	Name string
}

// Component is one row of the page.
type Component struct {
	ID          string // as configuration spells it
	Name        string
	Description string
	Group       string // heading that it stands under; "" if none
	Status      Status
	Cells       []Cell // one for each region, in their order
	Record      Record
	Target      float64 // promised uptime in percent of a calendar month; 0: none is
}

// Status is a component's or a cell's word. The first five are Statuspage's.
type Status string

const (
	Operational Status = "operational"
	Degraded    Status = "degraded_performance"
	Partial     Status = "partial_outage"
	Major       Status = "major_outage"
	Maintenance Status = "under_maintenance"
	NoData      Status = "no_data"     // nothing was heard since Cell.Since
	LowTraffic  Status = "low_traffic" // too little to judge by
	NotWatched  Status = "not_watched" // never heard of: no claim is made
)

// Cell is a component in a region.
type Cell struct {
	Region  Region
	Status  Status
	Since   time.Time // NoData: since when; otherwise when the status began, if known
	Record  Record
	Figures []Figure // what the component allows to be shown
}

// Known is how many minutes something can be said of.
func (m Minutes) Known() int {
	n := m.Good
	for _, bad := range m.Bad {
		n += bad
	}
	return n
}

// Uptime is the share of the known minutes that were good, in percent: a bad
// minute counts as far as its weight says, and maintenance not at all. ok is
// false where nothing is known.
func (m Minutes) Uptime(w Weights) (percent float64, ok bool) {
	known := m.Known()
	if known == 0 {
		return 0, false
	}
	lost := 0.0
	for s, bad := range m.Bad {
		lost += w[s] * float64(bad)
	}
	return 100 * (1 - lost/float64(known)), true
}

// Coverage is the share of the minutes outside maintenance that are known, in
// percent. ok is false where there was nothing but maintenance.
func (m Minutes) Coverage() (percent float64, ok bool) {
	known := m.Known()
	if known+m.Unknown == 0 {
		return 0, false
	}
	return 100 * float64(known) / float64(known+m.Unknown), true
}

// And adds up.
func (m Minutes) And(o Minutes) Minutes {
	m.Good, m.Unknown, m.Maintenance = m.Good+o.Good, m.Unknown+o.Unknown, m.Maintenance+o.Maintenance
	for s := range m.Bad {
		m.Bad[s] += o.Bad[s]
	}
	return m
}

// Sum is all days together.
func (r Record) Sum() Minutes {
	var all Minutes
	for _, d := range r.Days {
		all = all.And(d.Minutes)
	}
	return all
}

// Incident is one incident as customers see it.
type Incident struct {
	ID         string // "INC-2026-0001"
	State      string // "investigating", "identified", "monitoring", "resolved"
	Severity   string // "P0" …; printed only in the message template, never on the page
	Impact     string // Statuspage's: none minor major critical
	Status     string // "Major outage", "Partial service", "Degraded performance", "Operational"
	Symptom    string // "elevated errors on the management API"
	Component  Component
	Also       []string // IDs of other components that it covers since incidents of theirs were merged into it
	Regions    []Region // touched; AllRegions says whether that is all there are
	AllRegions bool
	Workaround string // "" is none
	Integrity  string // "not known", "not impacted", "under review"
	Began      time.Time
	Detected   time.Time
	Resolved   time.Time // zero while open
	Next       time.Time // by when the next update comes; zero: none is promised
	Every      time.Duration
	Into       string   // ID of the incident that it goes on as; "" if none, or none that customers can read of
	Updates    []Update // newest first, never empty
}

// Update is one thing said about an incident.
type Update struct {
	Number     int
	ID         string // unique for ever: "INC-2026-0001-3"
	State      string
	Severity   string
	Status     string // as Incident.Status, at that time
	Regions    []Region
	AllRegions bool
	Also       []string // names of components that it speaks for besides: they depend on this one's, or incidents of theirs were merged into it
	Symptom    string
	Impact     string   // what customers may experience, the rule's words: "failed requests when they change flags"; may be ""
	Measured   Measured // what customers feel of it
	Workaround string
	Integrity  string // of customers' data, as Incident.Integrity, at that time
	Text       string // a person's own words, a paragraph a line; "" if nobody wrote any
	Trend      string // one of Trends
	Calm       time.Duration
	Watching   time.Duration
	Said       time.Time
	AsOf       time.Time
	Blind      time.Time
	Late       bool
	Next       time.Time
	Every      time.Duration
	Ended      time.Time // resolved: when the incident ended, at that time: it may have come back
	PostMortem time.Time // resolved: by when the post-mortem is due; zero: none is promised
	Into       string    // "merged": ID of the incident that it goes on as; "" if customers cannot read of that one
}

// Trends lists what an update can say of how an incident does: "told" is that a
// person reported it and nothing that is measured says more, "gone" that nothing
// is measured any more, "forced" that a person closed it although not all that
// is measured is well, and "merged" that it goes on as another incident.
var Trends = []string{"new", "worse", "unchanged", "better", "calm", "unknown", "over", "back", "gone", "told", "forced", "merged"}
