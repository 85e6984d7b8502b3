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
		if e.Component != "" {
			s += " " + e.Component
		}
		s += " since " + at(e.Began)
		if e.Private {
			s += ", private"
		}
	case Raised, Eased, Recovered:
		by := e.Rule
		if by == "" {
			by = string(e.By)
		}
		s += cell + " " + e.Severity.String() + " by " + by
		if e.Kind == Raised {
			s += " since " + at(e.Began)
		}
	case Moved:
		s += " to " + string(e.State)
	case Linked, Related, Merged, Absorbed:
		s += map[Kind]string{Linked: " to ", Related: " to ", Merged: " into ", Absorbed: " "}[e.Kind] + short(e.Cause, begin)
	case Cleared:
		s += cell + " " + e.Rule
	case Muted:
		s += cell + " " + e.Severity.String() + " by " + e.Rule + ": " + e.Plan
	case Announced:
		s += " " + e.Plan + " from " + at(e.Began) + " until " + at(e.Until)
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
		if e.Update != nil {
			s += e.Update.line(at)
		}
	default:
		s += e.ofPeople(at)
	}
	if who := e.By.Person(); who != "" && e.Kind != Raised && e.Kind != Recovered {
		s += " by " + who
	}
	return s
}

// ofPeople says what people do and are called for.
func (e Event) ofPeople(at func(time.Time) string) string {
	to := strings.Join(e.To, " ")
	if to == "" {
		to = "nobody"
	}
	switch e.Kind {
	case Held:
		if e.Due.IsZero() {
			return " for approval"
		}
		return " until " + at(e.Due)
	case Edited:
		return fmt.Sprintf(": %q", e.Text)
	case Alarmed, Graded:
		return " " + e.Severity.String()
	case Overdue:
		return " the acknowledgement"
	case Paged:
		return fmt.Sprintf(" %s #%d", to, e.Step)
	case Escalated:
		return fmt.Sprintf(" to %s: %s", e.Role, to)
	case Reminded:
		return fmt.Sprintf(" %s of %s", to, at(e.Due))
	case StoodDown:
		return fmt.Sprintf(" %s, %s", to, e.Reason)
	case Acknowledged:
		if e.Until.IsZero() {
			return ""
		}
		return " until " + at(e.Until)
	case Noted:
		return fmt.Sprintf(": %q", e.Text)
	case Corrected:
		return ": it began at " + at(e.Began)
	case Assessed:
		return ": data integrity is " + e.Integrity.String()
	case Advised:
		return fmt.Sprintf(": %q", e.Words.Workaround)
	case Assigned:
		if e.Task != "" {
			return " " + e.Task + " to " + to
		}
		return " to " + to
	case Tasked:
		if e.Checklist != "" || len(e.Tasks) != 1 {
			return fmt.Sprintf(" %s: %d steps", e.Checklist, len(e.Tasks))
		}
		return " " + e.Tasks[0].ID + ": " + e.Tasks[0].Text
	case Ticked, Unticked:
		return " " + e.Task
	default:
		return ""
	}
}

func (u *Update) line(at func(time.Time) string) string {
	s := fmt.Sprintf(" #%d said %s: %s, %s", u.Number, at(u.Said), u.State, u.Severity)
	if u.Trend != TrendNone {
		s += ", " + string(u.Trend)
	}
	if u.Calm > 0 {
		s += " for " + u.Calm.String()
	}
	if !u.Blind.IsZero() {
		s += " since " + at(u.Blind)
	}
	if u.Late {
		s += ", entered late"
	}
	if u.Inside {
		s += ", inside"
	}
	if u.Integrity != UnderReview {
		s += ", data " + u.Integrity.String()
	}
	if u.Text != "" {
		s += fmt.Sprintf(", %q", u.Text)
	}
	if !u.Next.IsZero() {
		s += ", next by " + at(u.Next)
	}
	return s
}

// spell writes a duration for people: "16m", "1h30m".
func spell(d time.Duration) string {
	s := d.Round(time.Second).String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
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
