// Package incident runs the incidents: findings, people's words and due times
// in, events out.
//
// An incident is the fold of its events. Decide (pure) says which events a
// round of findings or a due time calls for, Act (pure) which ones a person's
// action does; With (pure) is the only place where state changes; Desk is the
// only writer, and appends an event before it believes it.
//
// To read it: what can happen (event.go), what is known of it (incident.go,
// board.go, fold.go), what a round of findings calls for (decide.go), what
// people do (action.go, act.go), what falls due (duty.go), which words go out
// (speak.go), what there is to do (tasks.go); what is known of past minutes, and
// how bad they were (minutes.go, history.go, bout.go), and which maintenance
// customers were told of (works.go); then the desk (desk.go, log.go, latest.go).
package incident

import (
	"cmp"
	"strings"
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
	Announced Kind = "announced" // maintenance will begin, so soon that customers are told
	Entered   Kind = "entered"   // maintenance begins
	Left      Kind = "left"      // maintenance is over
	Skipped   Kind = "skipped"   // minutes that will never be judged: the stop was longer than catch_up
)

// What happens around a post that customers are to read.
const (
	Held      Kind = "held"      // the first words are ready and wait: until Due, or for a person where Due is zero
	Edited    Kind = "edited"    // a person changed the words that wait
	Approved  Kind = "approved"  // a person lets the words go at once
	Vetoed    Kind = "vetoed"    // a person keeps the incident from customers until somebody says otherwise
	Withdrawn Kind = "withdrawn" // it was over before its first words were due: nothing is said
	Disclosed Kind = "disclosed" // a private incident is private no longer
)

// What happens with people.
const (
	Alarmed      Kind = "alarmed"      // people are needed at this severity: their clocks start
	Paged        Kind = "paged"        // those on call are called, once more with each
	Escalated    Kind = "escalated"    // somebody else is called, too
	Overdue      Kind = "overdue"      // nobody acknowledged in time
	Reminded     Kind = "reminded"     // whoever is on it is reminded of a promise
	Acknowledged Kind = "acknowledged" // somebody is on it
	StoodDown    Kind = "stood-down"   // where people were called is told that they need not come: Reason says why
	Lapsed       Kind = "lapsed"       // an acknowledgement counts no longer
	Noted        Kind = "noted"        // a person wrote something down; private
	Graded       Kind = "graded"       // a person set the severity
	Corrected    Kind = "corrected"    // a person said that it began earlier
	Assessed     Kind = "assessed"     // a person said how the data are
	Advised      Kind = "advised"      // a person changed the words for customers, as what they can do meanwhile
	Merged       Kind = "merged"       // it goes on as another incident, named in Cause
	Absorbed     Kind = "absorbed"     // another incident, named in Cause, goes on as this one
	Related      Kind = "related"      // a person says that another incident has to do with it
	Assigned     Kind = "assigned"     // a role on the incident, or a task, has somebody
	Tasked       Kind = "tasked"       // there is something to do
	Ticked       Kind = "ticked"       // it is done
	Unticked     Kind = "unticked"     // it is not done after all
	Cleared      Kind = "cleared"      // what was still bad when a person closed its incident is well
)

// Reason is why those who were called are needed no longer.
type Reason string

const (
	TakenOn Reason = "acknowledged" // somebody is on it
	AllOver Reason = "over"         // it is resolved, or goes on as another incident
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
	TrendTold      Trend = "told"    // a person reported it, and nothing that is measured says more
	TrendForced    Trend = "forced"  // a person closed it although not all that is measured is well
	TrendMerged    Trend = "merged"  // it goes on as another incident
)

// Integrity is what is known of customers' data. The zero value is what is said
// until a person says something else.
type Integrity string

const (
	UnderReview Integrity = ""             // "under review"
	NotKnown    Integrity = "not known"    //
	NotImpacted Integrity = "not impacted" // only a person may say so
)

// Integrities lists what there is to say.
var Integrities = []Integrity{UnderReview, NotKnown, NotImpacted}

// String gives the words that customers read.
func (i Integrity) String() string { return cmp.Or(string(i), "under review") }

// Actor says who did it: "rule:ID", "clock", "tocsin" or "person:ID".
type Actor string

// Person gives the actor that a person is.
func Person(id string) Actor { return Actor("person:" + id) }

// Person gives the person's ID, "" if it was none.
func (a Actor) Person() string {
	id, ok := strings.CutPrefix(string(a), "person:")
	if !ok {
		return ""
	}
	return id
}

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
	Severity  rules.Severity `json:"severity,omitzero"` // Raised, Eased, Muted: the cause's; else the incident's, or the one that it is about
	State     State          `json:"state,omitzero"`    // Moved, Updated
	Sense     Sense          `json:"sense,omitzero"`    // Sensed
	Began     time.Time      `json:"began,omitzero"`    // of what is bad: the first bad minute; Blinded, Sensed, Skipped, Muted and of plans: since when, or from when on
	Value     float64        `json:"value,omitzero"`
	Limit     float64        `json:"limit,omitzero"`
	Requests  uint64         `json:"requests,omitzero"`
	Errors    uint64         `json:"errors,omitzero"`
	Why       string         `json:"why,omitzero"`   // private
	Cause     ID             `json:"cause,omitzero"` // Linked: the incident that explains this one; Merged, Absorbed, Related, StoodDown: the other
	Plan      string         `json:"plan,omitzero"`  // Muted, Announced, Entered, Left: "maintenance ID" or "silence ID"

	// Announced, Entered: what customers read of the maintenance, whatever becomes of
	// its lines in the configuration.
	Title      string   `json:"title,omitzero"`
	Components []string `json:"components,omitzero"` // IDs; empty: all
	Regions    []string `json:"regions,omitzero"`    // codes; empty: all

	// Of an Updated event: what the public words are made from.
	Update *Update `json:"update,omitzero"`

	Private   bool        `json:"private,omitzero"`   // Opened: customers read nothing of it until a person says so
	Topic     string      `json:"topic,omitzero"`     // Opened by a person: what it is about, as "security"
	Words     rules.Words `json:"words,omitzero"`     // Opened, Edited, Advised: a person's, for customers
	Text      string      `json:"text,omitzero"`      // Edited: what customers read besides; private: Noted: what was written down; Resolved: what was not well
	Integrity Integrity   `json:"integrity,omitzero"` // Assessed
	Role      string      `json:"role,omitzero"`      // Escalated: who was meant; Assigned: as what
	To        []string    `json:"to,omitzero"`        // IDs of people: who was called, or has it now
	Reason    Reason      `json:"reason,omitzero"`    // StoodDown
	Step      int         `json:"step,omitzero"`      // Paged: which call it is, Escalated: which of the severity's steps; both from 1
	Forced    bool        `json:"forced,omitzero"`    // Resolved: although not all was well
	Until     time.Time   `json:"until,omitzero"`     // Acknowledged: when it lapses; zero: at the incident's end; Held: when the words are late; Announced, Entered, Left: the end as planned
	Task      string      `json:"task,omitzero"`      // Ticked, Unticked, Assigned: "CHECKLIST/STEP"
	Tasks     []Task      `json:"tasks,omitzero"`     // Tasked
	Checklist string      `json:"checklist,omitzero"` // Tasked: its ID; "" for a task that a person made up

	Due   time.Time `json:"due,omitzero"`   // Missed: the promise that was not kept; Held: when the words go out; Reminded: of what
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

	Text       string    `json:"text,omitzero"`        // a person's own words
	Integrity  Integrity `json:"integrity,omitzero"`   // of customers' data
	Inside     bool      `json:"inside,omitzero"`      // for channels such as the tracker; customers do not read it
	PostMortem time.Time `json:"post_mortem,omitzero"` // resolved: by when the post-mortem is due
	Into       ID        `json:"into,omitzero"`        // TrendMerged: the incident that goes on

	Ended time.Time `json:"-"` // resolved: when the incident ended; the fold knows, and an incident may come back
}

// Task is something to do on an incident: a step of a checklist as it was when
// it was put there, or what a person made up.
type Task struct {
	ID      string `json:"id"` // "CHECKLIST/STEP", unique on the incident
	Text    string `json:"text"`
	Command string `json:"command,omitzero"` // as written, with {{key}} for the region's values
	Link    string `json:"link,omitzero"`
	Seen    string `json:"seen,omitzero"` // one of rules.SeenConditions: Tocsin ticks it when it has seen this
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

// noticeKey parts an incident from the number of a call to people in a key.
const noticeKey = "/notice/"

// Call reports whether it calls people.
func (p Post) Call() bool { return strings.Contains(p.Key, noticeKey) }
