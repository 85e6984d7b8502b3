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
	Status      Status
	Cells       []Cell // one for each region, in their order
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
	Region Region
	Status Status
	Since  time.Time // NoData: since when; otherwise when the status began, if known
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
	Impact     string // what customers may experience, the rule's words: "failed requests when they change flags"; may be ""
	Figure     string // rounded: "about 15 % of requests", "the slowest 1 % take more than 2.5 s"; "" if unknown
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
	PostMortem time.Time // resolved: by when the post-mortem is due; zero: none is promised
	Into       string    // "merged": ID of the incident that it goes on as; "" if customers cannot read of that one
}

// Trends lists what an update can say of how an incident does: "told" is that a
// person reported it and nothing that is measured says more, "gone" that nothing
// is measured any more, "forced" that a person closed it although not all that
// is measured is well, and "merged" that it goes on as another incident.
var Trends = []string{"new", "worse", "unchanged", "better", "calm", "unknown", "over", "back", "gone", "told", "forced", "merged"}
