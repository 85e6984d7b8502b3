// Package incident runs the incidents: findings, people's words and due times
// in, events out.
//
// An incident is the fold of its events. Decide (pure) says which events a
// round of findings or a due time calls for; With (pure) is the only place
// where state changes; Desk is the only writer, and appends an event before it
// believes it.
package incident

import (
	"time"

	"github.com/featuresignals/tocsin/rules"
)

// ID names an incident: "INC-2026-0001". Numbers rise within a year and are
// never used twice.
type ID string

// Kind says what happened.
type Kind string

const (
	Opened    Kind = "opened"    // an incident begins; the first cause follows as Raised
	Raised    Kind = "raised"    // a cause joins a cell, or became worse, or came back
	Eased     Kind = "eased"     // a cause fell to a milder level, after its soak
	Recovered Kind = "recovered" // a cause is over
	Moved     Kind = "moved"     // the incident's state changed
	Updated   Kind = "updated"   // words go out, with the promise of the next
	Missed    Kind = "missed"    // a promise was not kept in time
	Resolved  Kind = "resolved"  // every cell is well again
	Sensed    Kind = "sensed"    // what can be seen of a cell changed
	Blinded   Kind = "blinded"   // the source stopped answering
	Sighted   Kind = "sighted"   // the source answers again, and all its minutes are judged
	Reopened  Kind = "reopened"  // a resolved incident broke again so soon that it is the same one
	Surfaced  Kind = "surfaced"  // what was internal so far concerns customers from here on
	Linked    Kind = "linked"    // the incident of a component that this one depends on explains it
	Muted     Kind = "muted"     // a level holds, and maintenance or a silence keeps it from opening anything
	Entered   Kind = "entered"   // maintenance begins
	Left      Kind = "left"      // maintenance is over
	Skipped   Kind = "skipped"   // minutes that will never be judged: the stop was longer than catch_up
)

// State is where an incident stands.
type State string

const (
	Investigating State = "investigating"
	Identified    State = "identified"
	Monitoring    State = "monitoring"
	StateResolved State = "resolved"
)

// Sense is what can be seen of a cell.
type Sense string

const (
	SenseNone    Sense = ""        // never seen, or not watched any more
	SenseSeen    Sense = "seen"    // enough to judge
	SenseThin    Sense = "thin"    // too little traffic to judge what is over a limit
	SenseNothing Sense = "nothing" // no requests in the window
)

// Trend is how an incident does compared with what was last said of it.
type Trend string

const (
	TrendNone      Trend = ""
	TrendNew       Trend = "new"
	TrendWorse     Trend = "worse"
	TrendUnchanged Trend = "unchanged"
	TrendBetter    Trend = "better"
	TrendCalm      Trend = "calm"    // within the recover limit for Calm
	TrendUnknown   Trend = "unknown" // no fresh data
	TrendOver      Trend = "over"    // resolved
	TrendBack      Trend = "back"    // it was resolved, and has come back
	TrendGone      Trend = "gone"    // closed, since no rule looks at it any more: whether it is over is not known
)

// Actor says who did it: "rule:ID", "clock" or "tocsin".
type Actor string

// Clock acts when something is due, Tocsin when the program itself is the cause.
const (
	Clock  Actor = "clock"
	Tocsin Actor = "tocsin"
)

// Event is one thing that happened. It is never changed once written.
type Event struct {
	Seq      uint64    `json:"-"` // its place in the log, given by it; rises, may have gaps
	Incident ID        `json:"-"` // "" where it concerns the source or a cell, not an incident
	Kind     Kind      `json:"-"`
	At       time.Time `json:"-"` // the time of its data, or the due time that it answers
	Recorded time.Time `json:"-"` // when it was written

	By        Actor          `json:"by"`
	Component string         `json:"component,omitzero"`
	Region    string         `json:"region,omitzero"`
	Rule      string         `json:"rule,omitzero"`
	Service   string         `json:"service,omitzero"`
	Severity  rules.Severity `json:"severity,omitzero"` // Opened, Raised, Eased: the cause's; Updated: the incident's
	State     State          `json:"state,omitzero"`    // Moved, Updated
	Sense     Sense          `json:"sense,omitzero"`    // Sensed
	Began     time.Time      `json:"began,omitzero"`    // Opened, Raised: first bad minute; Blinded, Sensed, Skipped: since when
	Value     float64        `json:"value,omitzero"`
	Limit     float64        `json:"limit,omitzero"`
	Requests  uint64         `json:"requests,omitzero"`
	Errors    uint64         `json:"errors,omitzero"`
	Why       string         `json:"why,omitzero"`   // private
	Cause     ID             `json:"cause,omitzero"` // Linked: the incident that explains this one
	Plan      string         `json:"plan,omitzero"`  // Muted, Entered, Left: "maintenance ID" or "silence ID"

	// Of an Updated event: what the public words are made from.
	Update *Update `json:"update,omitzero"`

	Due   time.Time `json:"due,omitzero"`   // Missed: the promise that was not kept
	Posts []Post    `json:"posts,omitzero"` // the deliveries it calls for
}

// Update is one thing said in public, or to channels, about an incident.
type Update struct {
	Number   int            `json:"number"`   // from 1
	State    State          `json:"state"`    // the incident's, when it was said
	Severity rules.Severity `json:"severity"` // the worst of its cells; when resolved, the worst there was
	Trend    Trend          `json:"trend,omitzero"`
	Said     time.Time      `json:"said"`              // when it counts as said
	AsOf     time.Time      `json:"as_of,omitzero"`    // end of the newest minute it rests on
	Late     bool           `json:"late,omitzero"`     // entered after the fact: nobody could read it then
	Calm     time.Duration  `json:"calm,omitzero"`     // TrendCalm: for how long
	Watching time.Duration  `json:"watching,omitzero"` // Monitoring: how much longer it must stay well to be resolved
	Blind    time.Time      `json:"blind,omitzero"`    // TrendUnknown: since when data are missing
	Next     time.Time      `json:"next,omitzero"`     // the promise: the next update comes by then; zero: none
	Every    time.Duration  `json:"every,omitzero"`    // the interval that the promise rests on
	Words    rules.Words    `json:"words"`             // of the rule of the worst cause
	Quantile uint64         `json:"quantile,omitzero"` // of that rule, as in rules.Signal; 0: an error rate
	Value    float64        `json:"value,omitzero"`    // of the worst cause: a ratio, or nanoseconds
	Regions  []RegionState  `json:"regions"`           // each region touched so far
	Also     []string       `json:"also,omitzero"`     // components for whose incidents this one speaks
}

// RegionState is how one region of an incident did when an update was said.
type RegionState struct {
	Region   string         `json:"region"`
	Severity rules.Severity `json:"severity"`      // none once well again
	Slow     bool           `json:"slow,omitzero"` // only latency rules demand the severity
}

// Post is one delivery that an event calls for. The log stores it in the same
// transaction as the event.
type Post struct {
	Channel string    `json:"channel"`
	Key     string    `json:"key"` // idempotency key, unique within the channel; "" for a page: the newest swallows older ones
	Due     time.Time `json:"due"`
}
