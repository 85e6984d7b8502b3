package incident

import (
	"cmp"
	"slices"
	"time"

	"github.com/featuresignals/tocsin/rules"
)

// Incident is one incident.
type Incident struct {
	ID        ID
	Component string
	State     State
	Began     time.Time // the first bad minute
	Detected  time.Time // when the first level had held
	Resolved  time.Time // zero while open
	Peak      rules.Severity
	Causes    []Cause // in the order in which they came
	Bouts     []Bout  // what was how bad when, in the order in which it became so
	Updates   []Update
	Earlier   int // how many of Updates were made before it was opened again; 0 if it was not

	// ExplainedBy is the incident of a component that this one's depends on,
	// which broke in the same region; "" if there was none.
	ExplainedBy ID

	// What people said.
	Private    bool        // customers read nothing of it
	Topic      string      // what it is about, as "security"; "" if nobody said
	Words      rules.Words // go before those of rules
	Integrity  Integrity
	Grade      *Grade   // the severity that a person set; nil: what the causes demand
	Components []string // that it is about besides Component, since their incidents were merged into it
	Into       ID       // the incident that it goes on as; "" if none
	Related    []ID
	Lead       string // ID of the person who leads it; "" if nobody does

	// What customers are to read first. Draft waits until it is due, or for a
	// person; Withheld says that one decided against it.
	Draft    *Draft
	Withheld bool

	// What people are called for.
	Alarms    []Alarm // each severity that called for people, in the order of coming
	Ack       *Ack    // nil: nobody is on it
	Answered  bool    // somebody was, since it was opened, or opened again
	Pages     int     // how often those on call were called since the last acknowledgement
	LastPage  time.Time
	Escalated []Rung
	Overdue   bool      // nobody acknowledged in time
	Reminded  time.Time // the promise that somebody was last reminded of
	Called    int       // how many calls there were, and words that they are over
	Notices   []Notice  // the newest of them, oldest first
	Ringing   []Ring    // where calls went since it was opened, or opened again
	Roused    []string  // IDs of the people whom they were for
	Tasks     []Todo

	// When it came so far for the first time; zero: not yet.
	Acked, Posted, Identified, Mitigated time.Time

	// Promise is the time by which the next update was promised; zero while
	// nothing is promised. Missed promises are kept in Missed.
	Promise time.Time
	Missed  []time.Time
	Kept    int // promises that were kept

	Forced bool      // a person closed it although not all was well
	Moved  time.Time // when a person set the state; zero: nobody did since Tocsin moved it
}

// Grade is a severity that a person set.
type Grade struct {
	Severity rules.Severity
	Demanded rules.Severity // what the causes demanded then: more than that counts again
	By       Actor
	Why      string
	At       time.Time
}

// Draft is the first words about an incident, while they wait.
type Draft struct {
	Since time.Time
	Due   time.Time // when they go out if nobody says anything; zero: they wait for a person
	Limit time.Time // customers are to have read something by then; zero: nobody promised
	Text  string    // what a person wrote so far
	By    Actor     // who did; "" if nobody has

	Pinned bool // a person said when: a rise does not bring it forward
}

// Alarm is when a severity began to call for people.
type Alarm struct {
	Severity rules.Severity
	At       time.Time
}

// Ack is somebody's word to be on it.
type Ack struct {
	By    Actor
	At    time.Time
	Until time.Time // zero: to the incident's end

	Severity rules.Severity // at which it was given
}

// Rung is a step of a severity's escalation.
type Rung struct {
	Severity rules.Severity
	Step     int // from 1
}

// Ring is a channel that calls went to.
type Ring struct {
	Channel string
	Quiet   bool // it was told since the last of them that somebody is on it
}

// Notice is a call to people, or the word that it is over.
type Notice struct {
	Number   int // from 1
	At       time.Time
	Kind     Kind   // Paged, Escalated, Reminded, StoodDown
	Reason   Reason // StoodDown
	Severity rules.Severity
	To       []string // IDs of people
	Role     string
	Step     int
	Due      time.Time // Reminded: of the promise
	Reached  bool      // some channel leads to them
	Why      string    // how bad it is; where nobody was reached, why not
}

// Todo is a task and what has become of it.
type Todo struct {
	Task
	Checklist string
	To        string // ID of the person who has it; "" if nobody does
	Done      bool
	By        Actor // who ticked it
	At        time.Time
}

// Cause is one rule's breach in one region of one service, or, without a rule,
// what a person declared of a region.
type Cause struct {
	Rule      string
	Service   string
	Region    string
	Component string         // "": the incident's
	Severity  rules.Severity // none once recovered
	Peak      rules.Severity
	Began     time.Time
	Ended     time.Time // when it recovered; zero while it lasts
	Gone      bool      // it did not recover: no rule looks at it any more
	Let       bool      // it did not recover: a person closed the incident all the same
}

// demanded is the worst that any cause demands now.
func (i Incident) demanded() rules.Severity {
	worst := rules.SeverityNone
	for _, c := range i.Causes {
		worst = max(worst, c.Severity)
	}
	return worst
}

// Severity is what the incident is worked on as: the worst that any cause
// demands now, or what a person made of that.
func (i Incident) Severity() rules.Severity { return i.graded(i.demanded()) }

// covers lists the components that the incident is about.
func (i Incident) covers() []string {
	if i.Component == "" {
		return i.Components
	}
	return append([]string{i.Component}, i.Components...)
}

// graded gives what a person made of the severity of a part: one that is worse
// than they said is not, and the worst parts are as bad as they said.
func (i Incident) graded(s rules.Severity) rules.Severity {
	switch {
	case i.Grade == nil || s == rules.SeverityNone:
		return s
	case s > i.Grade.Severity, s == i.demanded():
		return i.Grade.Severity
	default:
		return s
	}
}

// standing is the severity at which the incident is spoken of: what its causes
// demand, or what was said last while they demand nothing and it is not over.
func (i Incident) standing() rules.Severity {
	s := i.Severity()
	if s != rules.SeverityNone || i.State == StateResolved {
		return s
	}
	if last, ok := i.last(); ok {
		return last.Severity
	}
	return s
}

// last gives the newest update that customers may read.
func (i Incident) last() (Update, bool) {
	for _, u := range slices.Backward(i.Updates) {
		if !u.Inside {
			return u, true
		}
	}
	return Update{}, false
}

// said gives when customers were last told something, by the times that they read.
func (i Incident) said() time.Time {
	var newest time.Time
	for _, u := range i.Updates {
		if !u.Inside && u.Said.After(newest) {
			newest = u.Said
		}
	}
	return newest
}

// Told reports whether customers may have read of the incident.
func (i Incident) Told() bool {
	_, told := i.last()
	return told
}

// Covers reports whether the incident is about a component.
func (i Incident) Covers(component string) bool {
	return component == i.Component || slices.Contains(i.Components, component)
}

// Regions lists the regions touched so far, in the order in which they were.
func (i Incident) Regions() []string {
	var out []string
	for _, c := range i.Causes {
		if !slices.Contains(out, c.Region) {
			out = append(out, c.Region)
		}
	}
	return out
}

// RegionSeverity is the worst that any cause demands in a region now, or what a
// person made of it.
func (i Incident) RegionSeverity(region string) rules.Severity { return i.worstOf("", region) }

// CellSeverity is the same of one of the components that the incident is about.
func (i Incident) CellSeverity(component, region string) rules.Severity {
	return i.worstOf(component, region)
}

func (i Incident) worstOf(component, region string) rules.Severity {
	return i.graded(i.cellDemand(component, region))
}

// cellDemand is the worst that any cause demands in a region now, whatever a
// person made of it; of one component, or of all where it is "".
func (i Incident) cellDemand(component, region string) rules.Severity {
	worst := rules.SeverityNone
	for _, c := range i.Causes {
		if c.Region == region && (component == "" || i.componentOf(c) == component) {
			worst = max(worst, c.Severity)
		}
	}
	return worst
}

// componentOf gives the component that a cause is about.
func (i Incident) componentOf(c Cause) string { return cmp.Or(c.Component, i.Component) }

// cause finds a cause, -1 if the incident has none like it. What people declare
// has no rule to be told apart by, only a component.
func (i Incident) cause(like Cause) int {
	return slices.IndexFunc(i.Causes, func(c Cause) bool {
		return key(c) == key(like) && (c.Rule != "" || i.componentOf(c) == cmp.Or(like.Component, i.Component))
	})
}

// key is what findings know a cause by.
func key(c Cause) Cause { return Cause{Rule: c.Rule, Service: c.Service, Region: c.Region} }

// declared reports whether it was a person who said that a cause is there.
func (c Cause) declared() bool { return c.Rule == "" }

// task finds a task, -1 if the incident has none of that ID.
func (i Incident) task(id string) int {
	return slices.IndexFunc(i.Tasks, func(t Todo) bool { return t.ID == id })
}

// AckBy gives by when somebody is to have acknowledged; ok is false if nobody has
// to.
func (i Incident) AckBy(c *rules.Config) (by time.Time, ok bool) {
	s := i.Severity()
	policy := c.Policies[s]
	since, called := i.CalledSince(s)
	if !called || policy.Ack == (rules.Within{}) {
		return time.Time{}, false
	}
	return policy.By(c.Business, since, policy.Ack), true
}

// CalledSince gives since when people are called at a severity or a worse one:
// what a policy gives people time for counts from then.
func (i Incident) CalledSince(s rules.Severity) (at time.Time, ok bool) {
	for _, a := range i.Alarms {
		if a.Severity >= s {
			return a.At, true
		}
	}
	return time.Time{}, false
}
