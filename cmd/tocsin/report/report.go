// Package report is what a replay found, and how people read it: as text, as
// JSON, and as one HTML file that needs nothing else.
//
// A Collector stands beside each configuration that is replayed and writes down
// its incidents and what their charts need, no more: a month of findings would
// not fit in memory. Compare lays two configurations side by side; a Ledger
// lays one beside what was judged live. Nothing here does I/O or asks for the
// time.
package report

import (
	"slices"
	"time"

	"github.com/featuresignals/tocsin/cmd/tocsin/plot"
	"github.com/featuresignals/tocsin/evaluator"
	"github.com/featuresignals/tocsin/incident"
	"github.com/featuresignals/tocsin/rules"
)

// Report is everything that a replay found. Its JSON is described in
// docs/replay.md: fields are added to it, never renamed.
type Report struct {
	Format int       `json:"format"` // of this JSON: 1
	From   time.Time `json:"from"`
	To     time.Time `json:"to"`
	Zone   string    `json:"zone"`
	Made   time.Time `json:"made,omitzero"`
	Oldest time.Time `json:"oldest,omitzero"` // the first minute that had a request, where the time began before it
	Side
	Against *Against `json:"against,omitzero"` // the other configuration, if there is one
	Record  *Record  `json:"record,omitzero"`  // what was judged live, if it is known
	Notes   []string `json:"notes,omitzero"`   // what a reader should know of how far to trust the rest

	zone *time.Location
	data *Data // nil: there was some all the time
}

// New begins a report about a time. zone is the one that people read times in.
func New(from, to time.Time, zone *time.Location) *Report {
	return &Report{Format: 1, From: from.UTC(), To: to.UTC(), Zone: zone.String(), zone: zone}
}

// Side is what one configuration says.
type Side struct {
	Config    string     `json:"config"` // its file
	Summary   Summary    `json:"summary"`
	Incidents []Incident `json:"incidents"` // in the order in which they were detected
	Quiet     []Quiet    `json:"quiet"`     // breaches that maintenance or a silence kept from opening anything
	Rules     []RuleUse  `json:"rules"`     // in the order of the configuration
}

// Summary counts.
type Summary struct {
	Incidents  int             `json:"incidents"`
	Minutes    int             `json:"minutes"` // that incidents were open at some severity, added up over incidents
	Severities []SeverityCount `json:"severities"`
	Channels   []ChannelCount  `json:"channels"`
	Nights     Nights          `json:"nights"`
	Missed     int             `json:"missed"` // promises of an update that were not kept in time
}

// SeverityCount is one severity's share: how many incidents had it as their
// worst, and for how many minutes it was in force.
type SeverityCount struct {
	Severity  rules.Severity `json:"severity"`
	Incidents int            `json:"incidents"`
	Minutes   int            `json:"minutes"`
}

// ChannelCount is how many updates a channel would have brought.
type ChannelCount struct {
	Channel string `json:"channel"`
	Posts   int    `json:"posts"`
}

// Nights says how often people on call were woken: a P0 or P1 was opened, or an
// incident rose to one, between 22:00 and 07:00.
type Nights struct {
	All     int         `json:"all"`     // in the time that was replayed, as far as there was data
	Woken   int         `json:"woken"`   // those with a waking
	Wakings []time.Time `json:"wakings"` // each of them
}

// Incident is one incident that there would have been. Its ID is the replay's
// own; the timeline of the service numbers differently.
type Incident struct {
	ID         incident.ID    `json:"id"`
	Component  string         `json:"component"`
	Name       string         `json:"name"` // of the component
	Regions    []string       `json:"regions"`
	State      incident.State `json:"state"` // at the end of the time that was replayed
	Began      time.Time      `json:"began"`
	Detected   time.Time      `json:"detected"`
	Ended      time.Time      `json:"ended,omitzero"` // zero: it was open at the end
	Peak       rules.Severity `json:"peak"`
	Severities []Step         `json:"severities"`
	Causes     []Cause        `json:"causes"`
	Posts      []Post         `json:"posts"`
	Reopened   []time.Time    `json:"reopened,omitzero"`
	Missed     []time.Time    `json:"missed,omitzero"`         // promises that were not kept in time
	Wakings    []time.Time    `json:"wakings,omitzero"`        // at night
	UnderWay   bool           `json:"under_way,omitzero"`      // it was bad already when the time began
	Internal   time.Time      `json:"internal_since,omitzero"` // known since then, and of no concern to customers until it was detected
	Explained  incident.ID    `json:"explained_by,omitzero"`   // the incident of a component that it depends on
	Signals    []Signal       `json:"signals"`                 // the worst rule's figure over time; first the worst series

	named []string // its regions, by their names
}

// Quiet is a breach that came of nothing, since it was planned or known.
type Quiet struct {
	At       time.Time      `json:"at"`
	Plan     string         `json:"plan"` // "maintenance ID" or "silence ID"
	Rule     string         `json:"rule"`
	Service  string         `json:"service"`
	Region   string         `json:"region"`
	Severity rules.Severity `json:"severity"`
}

// Step is a severity that holds until the next step; none where the incident
// was over.
type Step struct {
	At       time.Time      `json:"at"`
	Severity rules.Severity `json:"severity"`

	told time.Time // when it was known
}

// Cause is a rule's breach in one region of one service.
type Cause struct {
	Rule    string         `json:"rule"`
	Service string         `json:"service"`
	Region  string         `json:"region"`
	Peak    rules.Severity `json:"peak"`
	Began   time.Time      `json:"began"`
	Ended   time.Time      `json:"ended,omitzero"`
}

// Post is one update, in the words that customers would have read.
type Post struct {
	Number   int            `json:"number"`
	Said     time.Time      `json:"said"`
	State    incident.State `json:"state"`
	Severity rules.Severity `json:"severity"`
	Trend    incident.Trend `json:"trend,omitzero"`
	Next     time.Time      `json:"next,omitzero"` // by when the next one was promised
	Channels []string       `json:"channels"`
	Title    string         `json:"title"`
	Text     string         `json:"text"`
}

// Signal is the figure that a rule looked at, over time.
type Signal struct {
	Rule     string      `json:"rule"`
	Service  string      `json:"service"`
	Region   string      `json:"region"`
	Signal   string      `json:"signal"` // as in the rules: error_rate, p99, …
	Unit     plot.Unit   `json:"unit"`
	Levels   []Threshold `json:"levels"`   // worst first; empty where no fixed value is the limit
	Recover  *float64    `json:"recover"`  // within it, it is well; null where no fixed value is the limit
	From     time.Time   `json:"from"`     // end of the first judged minute
	Step     int         `json:"step"`     // minutes from one value to the next; of several minutes the worst value is kept
	Values   []*float32  `json:"values"`   // null: no value
	Verdicts string      `json:"verdicts"` // a letter a value: b bad, g good, u unsure, - not judged

	limits []float32 // that the verdicts were given against; NaN: none
	moving bool      // the limits are not the same all the time
}

// Threshold is a level's limit, in the signal's unit.
type Threshold struct {
	Severity rules.Severity `json:"severity"`
	Limit    float64        `json:"limit"`
	Under    bool           `json:"under,omitzero"` // the value may not be below it
}

// RuleUse says how much a rule was at work.
type RuleUse struct {
	Rule      string         `json:"rule"`
	Component string         `json:"component"`
	Signal    string         `json:"signal"`
	Series    int            `json:"series"`    // that it judged
	Judged    int            `json:"judged"`    // minutes of series
	Bad       int            `json:"bad"`       // of those: over the mildest level
	Unsure    int            `json:"unsure"`    // of those: nothing could be said
	Incidents int            `json:"incidents"` // that it was among the causes of
	Peak      rules.Severity `json:"peak"`
}

// Against is the other configuration and how the first differs from it.
type Against struct {
	Side
	Same     int          `json:"same"`    // incidents that are equal on both sides
	Changes  []Change     `json:"changes"` // in the order of time
	RuleDiff []RuleChange `json:"rules_changed"`
	Settings []Field      `json:"settings_changed"` // what differs besides rules and makes a difference to incidents

	mates map[incident.ID]incident.ID // of this side's incidents that both have: the other's
}

// Differs reports whether both sides would have done something else.
func (a *Against) Differs() bool { return a != nil && len(a.Changes) > 0 }

// What a change is.
const (
	Appears  = "appears"  // only the first configuration has it
	Vanishes = "vanishes" // only the other one has it
	Changes  = "changes"  // both have it, not alike
)

// Change is an incident that is not the same on both sides.
type Change struct {
	Kind      string      `json:"kind"`
	Component string      `json:"component"`
	ID        incident.ID `json:"id,omitzero"`     // with the first configuration
	Other     incident.ID `json:"other,omitzero"`  // with the other one
	Fields    []Field     `json:"fields,omitzero"` // what changes

	// Beside names an incident of the other side that lies in the same time,
	// and is matched with another: what was one incident has become two.
	Beside incident.ID `json:"beside,omitzero"`
}

// Field is one thing that differs. Times are RFC 3339.
type Field struct {
	What string `json:"what"`
	Was  string `json:"was"` // with the other configuration; "" if it has none
	Is   string `json:"is"`
}

// RuleChange is a rule that is not the same in both configurations.
type RuleChange struct {
	Rule   string  `json:"rule"`
	Kind   string  `json:"kind"` // added, removed, changed
	Fields []Field `json:"fields"`
}

// Record is the replay beside what was judged live.
type Record struct {
	Compared    int          `json:"compared"` // verdicts: one for each minute, rule and series
	Differ      int          `json:"differ"`   // of those
	From        time.Time    `json:"from,omitzero"`
	To          time.Time    `json:"to,omitzero"` // what was compared lies between
	Differences []Difference `json:"differences"`
	Unrecorded  []string     `json:"unrecorded,omitzero"` // rules that the record does not know
	Gone        []string     `json:"gone,omitzero"`       // rules that only the record knows
}

// Difference is a stretch of minutes in which one rule judged one series
// otherwise than it did live, always in the same way.
type Difference struct {
	Rule    string    `json:"rule"`
	Service string    `json:"service"`
	Region  string    `json:"region"`
	From    time.Time `json:"from"` // beginning of the first minute
	To      time.Time `json:"to"`   // end of the last one
	Minutes int       `json:"minutes"`
	Live    Verdict   `json:"live"`
	Replay  Verdict   `json:"replay"`
}

// Verdict is what was said of a minute, and on which numbers.
type Verdict struct {
	At       time.Time      `json:"at,omitzero"` // end of the minute that the numbers are of; zero: nothing was judged
	Now      string         `json:"now"`
	Held     rules.Severity `json:"held"`
	Value    *float64       `json:"value"` // null: none
	Limit    *float64       `json:"limit"`
	Requests uint64         `json:"requests"`
	Errors   uint64         `json:"errors"`
	Unit     plot.Unit      `json:"unit"`
}

func (v Verdict) same(o Verdict) bool { return v.Now == o.Now && v.Held == o.Held }

// Add puts what a configuration says into the report, as its subject.
func (r *Report) Add(file string, c *Collector) {
	r.Side = c.side(file, r)
	if c.ledger != nil {
		r.Record = c.ledger.record()
	}
}

// Compare puts what another configuration says beside it.
func (r *Report) Compare(file string, c, other *Collector) {
	a := &Against{Side: other.side(file, r)}
	a.Changes, a.Same, a.mates = changes(r.Incidents, a.Incidents, r.To)
	a.RuleDiff = ruleChanges(c.config.Rules, other.config.Rules)
	a.Settings = settingChanges(c.config, other.config)
	r.Against = a
}

// Note adds a sentence that a reader should know.
func (r *Report) Note(s string) { r.Notes = append(r.Notes, s) }

// end is when the incident was over, or the end of what is known of it.
func (i Incident) end(to time.Time) time.Time {
	if i.Ended.IsZero() {
		return to
	}
	return i.Ended
}

// Lasted is how long it lasted, as far as it is known.
func (i Incident) lasted(to time.Time) time.Duration { return i.end(to).Sub(i.Began) }

// minutes is for how many minutes each severity was in force.
func (i Incident) minutes(to time.Time) map[rules.Severity]int {
	out := map[rules.Severity]int{}
	for n, s := range i.Severities {
		until := to
		if n+1 < len(i.Severities) {
			until = i.Severities[n+1].At
		}
		if s.Severity != rules.SeverityNone && until.After(s.At) {
			out[s.Severity] += int(until.Sub(s.At) / time.Minute)
		}
	}
	return out
}

// Places lists its regions for people: by their names, where they have some.
func (i Incident) Places() []string {
	if len(i.named) == len(i.Regions) {
		return places(i.named)
	}
	return places(i.Regions)
}

// ruleIDs lists the rules among the causes, each once.
func (i Incident) ruleIDs() []string {
	var out []string
	for _, c := range i.Causes {
		if !slices.Contains(out, c.Rule) {
			out = append(out, c.Rule)
		}
	}
	return out
}

func letter(v evaluator.Verdict) byte {
	switch v {
	case evaluator.Bad:
		return 'b'
	case evaluator.Good:
		return 'g'
	case evaluator.Unsure:
		return 'u'
	}
	return '-'
}
