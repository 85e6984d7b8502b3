package console

import (
	"fmt"
	"strings"
	"time"

	"github.com/featuresignals/tocsin/cmd/tocsin/plot"
	"github.com/featuresignals/tocsin/incident"
	"github.com/featuresignals/tocsin/rules"
)

// Entry is one event of a timeline, for people.
type Entry struct {
	At    time.Time
	Clock string
	Kind  string // posts, people, signals: what it is about
	Mark  string // a shape and colour beside the words
	Text  Text
	Quote string // words that somebody wrote, or a sentence that can be checked
	Late  string // when it was written down, where that was much later
}

// The filters of a timeline.
const (
	showAll     = "all"
	showPosts   = "posts"
	showPeople  = "people"
	showSignals = "signals"
)

// entry makes an event a sentence. What it says of incidents that whoever looks
// may not see is left out.
func (s scene) entry(e incident.Event, inc incident.Incident) Entry {
	out := Entry{At: e.At, Clock: clock(e.At, s.at), Kind: kindOf(e), Quote: e.Why}
	if d := e.Recorded.Sub(e.At); d > 10*time.Minute {
		out.Late = "written down " + short(d) + " later"
	}
	who := sentence(s.actor(e.By))
	out.Text, out.Mark = s.said(e, inc, who)
	if out.Text == nil {
		out.Text = text(sentence(strings.TrimSpace(afterStamp(e.Line(time.Time{})))) + ".")
	}
	switch e.Kind {
	case incident.Noted, incident.Edited:
		out.Quote = e.Text
	case incident.Updated:
		if e.Update != nil {
			out.Quote = e.Update.Text
		}
	case incident.Resolved:
		if e.Forced && e.Text != "" {
			out.Quote = strings.TrimSpace(e.Why + "\nWhat was not well: " + e.Text)
		}
	case incident.Tasked, incident.Overdue, incident.Missed:
		out.Quote = "" // the sentence says it
	}
	return out
}

// afterStamp cuts the time off a line.
func afterStamp(line string) string {
	f := strings.SplitN(line, " ", 3)
	return f[len(f)-1]
}

func kindOf(e incident.Event) string {
	switch e.Kind {
	case incident.Updated, incident.Held, incident.Edited, incident.Approved, incident.Vetoed, incident.Withdrawn, incident.Missed,
		incident.Disclosed, incident.Corrected, incident.Assessed, incident.Advised:
		return showPosts
	case incident.Alarmed, incident.Paged, incident.Escalated, incident.Overdue, incident.Reminded, incident.Acknowledged,
		incident.StoodDown, incident.Lapsed, incident.Noted, incident.Graded, incident.Merged, incident.Absorbed, incident.Related, incident.Assigned,
		incident.Tasked, incident.Ticked, incident.Unticked:
		return showPeople
	case incident.Opened, incident.Moved, incident.Resolved:
		if e.By.Person() != "" {
			return showPeople
		}
	}
	return showSignals
}

// said gives the sentence and its mark; nil for kinds that it does not know.
func (s scene) said(e incident.Event, inc incident.Incident, who string) (Text, string) {
	at := func(t time.Time) string { return clock(t, s.at) + " UTC" }
	cell := s.component(e.Component)
	switch {
	case e.Region != "" && cell != "":
		cell += " in " + s.region(e.Region)
	case e.Region != "":
		cell = s.region(e.Region)
	}
	sev := e.Severity.String()
	switch e.Kind {
	case incident.Opened:
		t := text(strong("The incident begins"), ": "+cell+" is bad since "+at(e.Began)+".")
		if e.By.Person() != "" {
			t = text(strong(who), " declares the incident; it began at "+at(e.Began)+".")
		}
		if e.Private {
			t = append(t, text(" It is private.")...)
		}
		return t, "open"
	case incident.Raised:
		by := " by " + e.Rule
		if e.Rule == "" {
			by = ", as " + who + " says"
		}
		on := "" // what is declared in private can be about no component
		if cell != "" {
			on = " on " + cell
		}
		return text(strong(sev), on+by+", since "+at(e.Began)+"."), "worse"
	case incident.Eased:
		return text(cell+" is down to ", strong(sev), ", by "+e.Rule+"."), "better"
	case incident.Recovered:
		return text(strong(cell+" has recovered"), ", by "+e.Rule+"."), "better"
	case incident.Moved:
		return text(who+" moves it to ", strong(string(e.State)), "."), "dot"
	case incident.Resolved:
		t := text(strong("Resolved"), " by "+s.actor(e.By)+".")
		if e.Forced {
			t = text(strong("Resolved by force"), " by "+s.actor(e.By)+", although not all was well.")
		}
		return t, "over"
	case incident.Reopened:
		return text(strong("It has come back"), ": the same incident goes on, bad since "+at(e.Began)+"."), "open"
	case incident.Surfaced:
		return text("What was internal concerns customers from here on; it began at " + at(e.Began) + "."), "worse"
	case incident.Linked:
		return text("It depends on what is broken in ", s.link(e.Cause), ", which explains it."), "dot"
	case incident.Muted:
		return text(fmt.Sprintf("%s on %s by %s is kept quiet by %s.", sev, cell, e.Rule, e.Plan)), "dot"
	case incident.Cleared:
		return text("What was left bad in " + cell + " is well, by " + e.Rule + "."), "better"
	case incident.Updated:
		return s.update(e), "post"
	case incident.Missed:
		return text(strong("A promise is missed"), ": words were due at "+at(e.Due)+"."), "bad"
	case incident.Held:
		switch {
		case e.Due.IsZero():
			return text("The first words wait for approval."), "wait"
		case e.By.Person() != "":
			return text(strong(who), " holds the first words until "+at(e.Due)+"."), "wait"
		default:
			return text("The first words wait until " + e.Due.UTC().Format("15:04:05") + " UTC; then they go out."), "wait"
		}
	case incident.Edited:
		return text(strong(who), " changes the words that wait."), "wait"
	case incident.Approved:
		return text(strong(who), " lets the words go out."), "post"
	case incident.Vetoed:
		return text(strong(who), " vetoes the words: customers read nothing."), "bad"
	case incident.Withdrawn:
		return text("The words that waited are withdrawn."), "dot"
	case incident.Disclosed:
		return text(strong(who), " discloses it: it is private no longer."), "post"
	case incident.Corrected:
		return text(strong(who), " corrects the begin: it began at "+at(e.Began)+"."), "dot"
	case incident.Assessed:
		return text(strong(who), " says that data integrity is ", strong(e.Integrity.String()), "."), "dot"
	case incident.Advised:
		return text(strong(who), " gives customers words: "+words(e.Words)), "dot"
	default:
		return s.saidOfPeople(e, inc, who, at)
	}
}

func words(w rules.Words) string {
	var parts []string
	for _, p := range []struct{ name, text string }{{"symptom", w.Symptom}, {"impact", w.Impact}, {"workaround", w.Workaround}} {
		if p.text != "" {
			parts = append(parts, p.name+" “"+p.text+"”")
		}
	}
	return strings.Join(parts, ", ") + "."
}

// link leads to an incident, if it is to be seen.
func (s scene) link(id incident.ID) Piece {
	if other, ok := s.board.Find(id); ok && !s.visible(other) {
		return Piece{Text: "an incident that is private"}
	}
	return Piece{Text: string(id), Href: "/incidents/" + string(id)}
}

func (s scene) update(e incident.Event) Text {
	u := e.Update
	if u == nil {
		return text("Words went out.")
	}
	to := "Customers read "
	if u.Inside {
		to = "The inside channels read "
	}
	t := text(to, strong(fmt.Sprintf("update %d", u.Number)), ": "+string(u.State)+", "+trend(*u))
	if e.By.Person() != "" {
		t = append(t, text(", by ", strong(s.actor(e.By)))...)
	}
	if u.Late {
		t = append(t, text("; entered afterwards")...)
	}
	if !u.Next.IsZero() {
		t = append(t, text(". The next is promised by "+clock(u.Next, s.at)+" UTC")...)
	}
	return append(t, text(".")...)
}

func trend(u incident.Update) string {
	switch u.Trend {
	case incident.TrendNew:
		return "new"
	case incident.TrendWorse:
		return "worse than before"
	case incident.TrendUnchanged:
		return "unchanged"
	case incident.TrendBetter:
		return "better, not over"
	case incident.TrendCalm:
		return "well for " + short(u.Calm)
	case incident.TrendUnknown:
		return "no fresh data"
	case incident.TrendOver:
		return "all well again"
	case incident.TrendBack:
		return "it has come back"
	case incident.TrendGone:
		return "closed, since nothing measures it any more"
	case incident.TrendTold:
		return "as a person reports"
	case incident.TrendForced:
		return "closed by force"
	case incident.TrendMerged:
		return "it goes on as another incident"
	case incident.TrendNone:
	}
	return u.Severity.String()
}

func (s scene) saidOfPeople(e incident.Event, inc incident.Incident, who string, at func(time.Time) string) (Text, string) {
	to := s.people(e.To)
	switch e.Kind {
	case incident.Alarmed:
		return text(strong(e.Severity.String()), " needs people: their clocks start."), "call"
	case incident.Paged:
		if to == "" {
			return text(strong("Nobody could be paged"), fmt.Sprintf(", call %d.", e.Step)), "bad"
		}
		return text(strong(to), fmt.Sprintf(" paged, call %d.", e.Step)), "call"
	case incident.Escalated:
		if to == "" {
			return text("Escalated to " + e.Role + ": there is nobody."), "bad"
		}
		return text("Escalated to ", strong(to), ", "+e.Role+"."), "call"
	case incident.Overdue:
		return text(strong("Nobody acknowledged in time"), "."), "bad"
	case incident.Reminded:
		if to == "" {
			to = "Nobody"
		}
		return text(to + " is reminded: words are promised by " + at(e.Due) + "."), "call"
	case incident.Acknowledged:
		t := text(strong(who), " acknowledges, "+after(e.At, inc.Detected, "detection"))
		if !e.Until.IsZero() {
			t = append(t, text(", until "+at(e.Until))...)
		}
		return append(t, text(".")...), "good"
	case incident.StoodDown:
		why := "somebody is on it"
		if e.Reason == incident.AllOver {
			why = "it is over"
		}
		return text(strong(to), " told that "+why+"."), "dot"
	case incident.Lapsed:
		return text("The acknowledgement counts no longer."), "bad"
	case incident.Noted:
		return text(strong(who), " notes:"), "note"
	case incident.Graded:
		return text(strong(who), " sets the severity to ", strong(e.Severity.String()), "."), "worse"
	case incident.Merged:
		return text(strong(who), " merges it into ", s.link(e.Cause), "."), "over"
	case incident.Absorbed:
		return text(s.link(e.Cause), " goes on as this incident, says "+s.actor(e.By)+"."), "dot"
	case incident.Related:
		return text(strong(who), " links ", s.link(e.Cause), "."), "dot"
	case incident.Assigned:
		what := "the incident"
		if e.Task != "" {
			what = "“" + brief(s.task(inc, e.Task), 80) + "”"
		}
		switch {
		case to == "":
			return text(strong(who), " takes "+what+" from whoever had it."), "dot"
		case e.Task == "":
			return text(strong(to), " leads, says "+s.actor(e.By)+"."), "dot"
		default:
			return text(strong(to), " has "+what+", says "+s.actor(e.By)+"."), "dot"
		}
	case incident.Tasked:
		if e.Checklist != "" {
			title := e.Why
			if title == "" {
				title = e.Checklist
			}
			return text(who + " adds the checklist “" + title + "”, " + plot.Plural(len(e.Tasks), "step", "steps") + "."), "task"
		}
		if len(e.Tasks) > 0 {
			return text(strong(who), " adds a task: “"+e.Tasks[0].Text+"”"), "task"
		}
		return text(strong(who), " adds a task."), "task"
	case incident.Ticked:
		return text(who + " ticks “" + brief(s.task(inc, e.Task), 80) + "”."), "task"
	case incident.Unticked:
		return text(who + " unticks “" + brief(s.task(inc, e.Task), 80) + "”."), "task"
	default:
		return nil, "dot"
	}
}

// task gives the text of a task.
func (s scene) task(inc incident.Incident, id string) string {
	for _, t := range inc.Tasks {
		if t.ID == id {
			return t.Text
		}
	}
	return id
}

// mostEntries is how many events a page shows unless it is asked for all.
const mostEntries = 150

// timeline gives the entries of a filter, newest first, and how many are left
// out.
func (s scene) timeline(events []incident.Event, inc incident.Incident, show string, whole bool) (entries []Entry, left int) {
	for n := len(events) - 1; n >= 0; n-- {
		e := events[n]
		if show != showAll && kindOf(e) != show {
			continue
		}
		if len(entries) >= mostEntries && !whole {
			left++
			continue
		}
		entries = append(entries, s.entry(e, inc))
	}
	return entries, left
}
