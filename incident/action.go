package incident

import (
	"fmt"
	"time"

	"github.com/featuresignals/tocsin/rules"
)

// Verb is what a person can do.
type Verb string

const (
	Declare     Verb = "declare"     // begin an incident: Component, Regions, Severity, Words; Private, Topic, Began
	Acknowledge Verb = "acknowledge" // be on it; For: how long it counts
	Say         Verb = "say"         // public words, at once: Text; also State, Integrity, Words
	Write       Verb = "note"        // internal words: Text
	SetSeverity Verb = "severity"    // Severity, Why
	SetState    Verb = "state"       // State (resolved: see Resolve); Text: public words that go with it
	Correct     Verb = "began"       // Began, earlier than it is said to have; Why
	Assess      Verb = "integrity"   // Integrity
	Advise      Verb = "workaround"  // Words.Workaround
	Hold        Verb = "hold"        // the first words wait longer: Until, or For from now
	Edit        Verb = "edit"        // the first words: Text, Words
	Approve     Verb = "approve"     // the first words go out now
	Veto        Verb = "veto"        // the first words do not go out: Why
	Resolve     Verb = "resolve"     // Text; Force and Why where not all is well
	Merge       Verb = "merge"       // the incident goes on as Other
	Relate      Verb = "link"        // Other
	Assign      Verb = "assign"      // To leads the incident, or has Task
	AddTask     Verb = "task"        // Text, To
	AddList     Verb = "checklist"   // Checklist
	Tick        Verb = "tick"        // Task
	Untick      Verb = "untick"      // Task
	Disclose    Verb = "disclose"    // a private incident is private no longer
)

// Action is something that a person does. Which fields count is said at the
// verb.
type Action struct {
	Do       Verb
	By       Actor
	Via      string // "cli", "api", "console", "slack"
	Role     string // of the person, for the audit log
	From     string // the address that it came from, likewise
	Incident ID
	Why      string

	Text      string
	Words     rules.Words
	Component string
	Regions   []string
	Severity  rules.Severity
	Private   bool
	Topic     string
	Began     time.Time
	State     State
	Integrity Integrity
	For       time.Duration
	Until     time.Time
	Force     bool
	Other     ID
	To        string
	Task      string
	Checklist string
}

// Refusal says why an action is not carried out, and what to do instead.
type Refusal struct {
	Kind   RefusalKind
	Reason string
}

func (r *Refusal) Error() string { return r.Reason }

// RefusalKind says what is in the way.
type RefusalKind uint8

const (
	Senseless  RefusalKind = iota // the action says too little, or what makes no sense
	Unknown                       // there is no such incident, person or task
	NotNow                        // as things stand; Reason says what would have to be otherwise
	Unfinished                    // not all is well: only with Force and a reason
)

func refuse(kind RefusalKind, format string, args ...any) error {
	return &Refusal{kind, fmt.Sprintf(format, args...)}
}

// Done is what became of an action.
type Done struct {
	Incident ID      // the one that it was about, or that was declared
	Events   []Event // none if it said what was so already
}
