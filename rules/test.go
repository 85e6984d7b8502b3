package rules

import "time"

// Test is a rule test: minutes in, findings and incidents out.
type Test struct {
	Name     string
	Start    time.Time    // of the first minute; 2026-01-01 00:00 in the zone in force by default
	Series   []TestSeries // what the sources say
	Down     []TestDown   // when a source does not answer
	Expect   []Expected
	Timeline string // the whole of what happens, a line each; "" if it is not asked for, "\n" if it is still to be written
	Pos      Pos
}

// TestSeries is the minutes of some spans of a service and region, or of a
// probe, from Start on.
type TestSeries struct {
	Service, Region string
	Probe           bool // Service is a probe's ID

	// What the spans carry, which decides the streams that they belong to.
	Route      string
	Operation  string
	Kind       string // "server" by default
	Status     int    // response code; 0: none
	Attributes map[string]string

	Minutes []Sample // equal ones share their slices and maps
	Pos     Pos
}

// Sample is one minute of a TestSeries.
type Sample struct {
	Requests, Errors uint64
	Duration         time.Duration // of each request; 10 ms by default
	Slow             []SlowPart    // further requests, with durations of their own
	Gauges           map[string]float64
}

// SlowPart is so many requests that took so long.
type SlowPart struct {
	Requests uint64
	Duration time.Duration
}

// TestDown is a stretch of ticks at which a source does not answer, counted in
// minutes from Start: the minute that ends at 12 is asked for at 12 + lag.
type TestDown struct {
	Source   string // SourceSpans or SourceProbes
	From, To int
}

// Expected is one thing that must be so once the minute that ends at At has been
// judged: a rule's finding for a cell, or a component's incident.
type Expected struct {
	At   time.Duration // since Start
	Text string        // as people would say it

	Rule    string // finding: the rule, and its cell
	Cell    string // service/region; one of them is empty for a group that is silent
	Now     string // "unsure", "good", "bad"; "" if it does not matter
	Held    Severity
	AnyHeld bool // Held does not matter

	Component string   // incident: of this component
	State     string   // "none" (no incident is open), "open", "investigating", "monitoring", "resolved"; "" if it does not matter
	Severity  Severity // SeverityNone if it does not matter
	Pos       Pos
}
