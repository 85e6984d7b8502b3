package incident

import (
	"fmt"
	"strings"
	"time"
)

// Line says the event in one line, as scenarios, rule tests and replay write
// it. Times are hours and minutes since begin, or UTC where begin is zero.
// Numbers are not in it: the event has them, and Why says what they mean.
func (e Event) Line(begin time.Time) string {
	at := func(t time.Time) string { return clock(t, begin) }
	s := at(e.At) + " " + string(e.Kind)
	if e.Incident != "" {
		s += " " + short(e.Incident, begin)
	}
	cell := fmt.Sprintf(" %s/%s", e.Component, e.Region)
	switch e.Kind {
	case Opened, Reopened, Surfaced:
		s += " " + e.Component + " since " + at(e.Began)
	case Raised, Eased, Recovered:
		s += cell + " " + e.Severity.String() + " by " + e.Rule
		if e.Kind == Raised {
			s += " since " + at(e.Began)
		}
	case Moved:
		s += " to " + string(e.State)
	case Linked:
		s += " to " + short(e.Cause, begin)
	case Muted:
		s += cell + " " + e.Severity.String() + " by " + e.Rule + ": " + e.Plan
	case Entered, Left:
		s += " " + e.Plan
	case Sensed:
		switch s += cell + " "; e.Sense {
		case SenseNone:
			s += "no longer watched"
		case SenseNothing:
			s += string(e.Sense) + " since " + at(e.Began)
		default:
			s += string(e.Sense)
		}
	case Blinded, Sighted, Skipped:
		s += " since " + at(e.Began)
	case Missed:
		s += " the update due " + at(e.Due)
	case Updated:
		s += e.Update.line(at)
	}
	return s
}

func (u *Update) line(at func(time.Time) string) string {
	s := fmt.Sprintf(" #%d said %s: %s, %s, %s", u.Number, at(u.Said), u.State, u.Severity, u.Trend)
	if u.Calm > 0 {
		s += " for " + u.Calm.String()
	}
	if !u.Blind.IsZero() {
		s += " since " + at(u.Blind)
	}
	if u.Late {
		s += ", entered late"
	}
	if !u.Next.IsZero() {
		s += ", next by " + at(u.Next)
	}
	return s
}

// short leaves the year out where times count from a beginning: a timeline that
// crosses New Year, or does so in another zone, reads as any other.
func short(id ID, begin time.Time) string {
	if begin.IsZero() {
		return string(id)
	}
	return string(id)[strings.LastIndex(string(id), "-")+1:]
}

func clock(t, begin time.Time) string {
	if begin.IsZero() {
		if t.Second() != 0 {
			return t.UTC().Format("2006-01-02 15:04:05")
		}
		return t.UTC().Format("2006-01-02 15:04")
	}
	d := t.Sub(begin)
	sign := ""
	if d < 0 {
		sign, d = "-", -d // something began before the first minute
	}
	s := fmt.Sprintf("%s%02d:%02d", sign, int(d.Hours()), int(d.Minutes())%60)
	if sec := int(d.Seconds()) % 60; sec != 0 {
		s += fmt.Sprintf(":%02d", sec)
	}
	return s
}
