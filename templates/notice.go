package templates

import (
	"cmp"
	"fmt"
	"strings"
	"time"
)

// Notice is a call to people: what somebody has to know who is woken by it; or
// the word to them that they need not come. It is private. It holds links, names of people and what was measured, it is never
// rendered for customers, and nothing of Public is made from it.
type Notice struct {
	ID       string // of the incident: "INC-2026-0001"
	Number   int    // of the notice, from 1
	Kind     string // "paged", "escalated", "reminded"; "acknowledged", "over": those who were called are needed no longer
	At       time.Time
	Private  bool   // customers read nothing of the incident, and are to hear nothing
	State    string // of the incident, as Incident.State
	Into     string // the incident that it goes on as; "" if none
	Severity string // "P0" …

	Title      string // the symptom, or what it is about
	Component  string
	Regions    []string // names
	AllRegions bool
	Began      time.Time
	Detected   time.Time
	Summary    string // what was measured: one sentence a person can check

	To    []string // names of who is called
	Role  string   // as what: "on-call", "cto"
	Step  int      // paged: which call it is; escalated: which of the severity's steps; both from 1
	Due   time.Time
	AckBy time.Time // by when somebody is to acknowledge; zero: nobody has to
	Acked string    // name of who has; "" if nobody has

	Console, WarRoom, Runbook, SigNoz string // addresses; "" where there is none
}

// noticeLine is how many characters the first line may have: telephones show
// little more before they are unlocked.
const noticeLine = 120

// Head gives the first line up to what is wrong: how bad, why somebody is
// called, and where.
func (n Notice) Head() string {
	words := []string{cmp.Or(oneline(n.Severity), "Incident")}
	switch {
	case n.Over():
		words = append(words, "(over)")
	case n.Kind == "acknowledged" && n.Acked != "":
		words = append(words, "(acknowledged by "+brief(24, oneline(n.Acked))+")")
	case n.Kind == "acknowledged":
		words = append(words, "(acknowledged)")
	case n.Kind == "escalated":
		words = append(words, "(escalated)")
	case n.Kind == "reminded":
		words = append(words, "(update due)")
	case n.Step > 1:
		words = append(words, fmt.Sprintf("(call %d)", n.Step))
	}
	if n.Private {
		words = append(words, "private")
	}
	return strings.Join(append(words, n.Where()), " ")
}

// Where gives the component and the regions, short enough for the first line.
func (n Notice) Where() string {
	where := brief(28, cmp.Or(oneline(n.Component), "something"))
	switch {
	case n.AllRegions:
		return where + " in all regions"
	case len(n.Regions) == 0:
		return where
	case len(n.Regions) > 2:
		return fmt.Sprintf("%s in %d regions", where, len(n.Regions))
	default:
		return where + " in " + brief(24, oneline(english.enumerate(n.Regions)))
	}
}

// First gives the first line: where, what and since when. What is wrong is
// shortened to fit between the rest.
func (n Notice) First() string { return n.first(times{}) }

func (n Notice) first(z times) string {
	head, since := n.Head()+": ", ""
	if !n.Began.IsZero() {
		since = ", since " + z.moment(n.At, n.Began)
	}
	room := noticeLine - len([]rune(head)) - len([]rune(since))
	return head + brief(max(room, 1), strings.TrimRight(cmp.Or(oneline(n.Title), "problems"), ".")) + since
}

// StandDown reports whether it says that people need not come, and calls nobody.
func (n Notice) StandDown() bool { return n.Kind == "acknowledged" || n.Kind == "over" }

// Over reports whether the incident is over by now.
func (n Notice) Over() bool { return n.State == "resolved" }

// call is a notice as a template is executed with it: it tells the time as those
// who are called read it.
type call struct {
	Notice
	times times
}

// First gives the first line.
func (c call) First() string { return c.first(c.times) }
