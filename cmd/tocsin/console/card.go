package console

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/featuresignals/tocsin/cmd/tocsin/plot"
	"github.com/featuresignals/tocsin/evaluator"
	"github.com/featuresignals/tocsin/incident"
	"github.com/featuresignals/tocsin/rules"
)

// Card is one incident in short, as the first page shows it and its own page
// begins.
type Card struct {
	ID, Href   string
	Severity   string // P0
	Class      string // p0
	Meaning    string // what the severity means
	Title      string
	Where      string // component and regions
	State      string
	Open       bool
	Private    bool
	Topic      string
	Since      Text   // "since 02:51 UTC, for 21 min"
	Sure       string // a sentence that can be checked
	SureOf     string // what the sentence is about, and of when it is
	Others     string // what else is wrong
	Crew       Line
	Words      Line
	CanAck     bool // nobody is on it, and whoever looks may be
	WordsWait  bool
	Detected   time.Time
	Acked      bool
	Short      bool // one of many: what it rests on is left to its own page
	Components string
}

// How long texts of others may be where there is little room.
const (
	mostTitle = 160
	mostWhy   = 400
	mostPlace = 160
)

// Line is a sentence and whether it calls for somebody.
type Line struct {
	Text   Text
	Urgent bool
}

func (s scene) card(i incident.Incident) Card {
	sev := standing(i)
	c := Card{
		ID: string(i.ID), Href: "/incidents/" + string(i.ID), Severity: sev.String(), Class: class(sev), Meaning: meaning[sev],
		Title: brief(s.title(i), mostTitle), State: string(i.State), Open: i.State != incident.StateResolved, Private: i.Private, Topic: i.Topic,
		Detected: i.Detected, Acked: i.Ack != nil, Components: s.about(i),
	}
	c.Where = sentence(strings.Join(nonempty(c.Components, s.where(i)), " · "))
	if c.Open {
		c.Since = text("since "+clock(i.Began, s.at)+" UTC, for ", lasted(i.Began, s.at))
	} else {
		c.Since = text(fmt.Sprintf("%s to %s UTC, %s", clock(i.Began, s.at), clock(i.Resolved, s.at), plot.Lasting(i.Resolved.Sub(i.Began))))
	}
	c.Sure, c.SureOf, c.Others = s.sure(i)
	c.Sure = firm(c.Sure)
	c.Crew, c.Words = s.crew(i), s.words(i)
	c.CanAck = c.Open && i.Ack == nil && s.who.act
	c.WordsWait = i.Draft != nil && c.Open
	return c
}

var meaning = map[rules.Severity]string{
	rules.P0: "critical: unavailable, for all or for a whole region",
	rules.P1: "high: a major part fails",
	rules.P2: "medium: some requests or users fail",
	rules.P3: "low: minor, customers hardly notice",
	rules.P4: "info: no effect on customers",
}

func nonempty(all ...string) []string {
	return slices.DeleteFunc(all, func(s string) bool { return s == "" })
}

// sure says what the incident rests on now.
func (s scene) sure(i incident.Incident) (why, of, more string) {
	c := s.worst(i)
	f, ok := s.finding(c)
	named := c.Region
	if named != "" {
		named = s.region(c.Region)
	}
	place := strings.Join(nonempty(c.Rule, strings.Join(nonempty(c.Service, named), " in ")), ", ")
	switch {
	case len(i.Causes) == 0 || i.State == incident.StateResolved:
		return "", "", ""
	case c.Rule == "":
		why = "A person reported it; nothing that is measured says so."
	case !ok:
		why, of = "Nothing was judged of it since Tocsin started.", place
	default:
		why = brief(sentence(f.Why), mostWhy) + "."
		of = brief(place, mostPlace) + ", at " + clock(f.At, s.at) + " UTC"
		if calm := s.calm(i, c, f); calm != "" {
			of += "; " + calm
		}
	}
	if n := s.others(i, c); n > 0 && i.State != incident.StateResolved {
		more = plot.Plural(n, "other series is bad, too", "other series are bad, too")
	}
	return why, of, more
}

// calm tells how far a recovery is.
func (s scene) calm(i incident.Incident, c incident.Cause, f evaluator.Finding) string {
	rule, ok := s.config.Rule(c.Rule)
	if !ok || i.State == incident.StateResolved || f.Now != evaluator.Good {
		return ""
	}
	if f.Calm == 0 {
		return "within its limit, not well yet"
	}
	return fmt.Sprintf("well for %s of the %s that count as recovered", short(f.Calm), short(rule.Recover.For))
}

func (s scene) others(i incident.Incident, worst incident.Cause) int {
	n := 0
	for _, c := range i.Causes {
		if c != worst && c.Severity != rules.SeverityNone && c.Rule != "" {
			n++
		}
	}
	return n
}

// crew says who is on it, or how far the search for somebody is.
func (s scene) crew(i incident.Incident) Line {
	if i.State == incident.StateResolved {
		return s.crewOfPast(i)
	}
	lead := ""
	if i.Lead != "" {
		lead = " " + s.person(i.Lead) + " leads."
	}
	if ack := i.Ack; ack != nil {
		parts := []any{strong(s.actor(ack.By)), " is on it since " + clock(ack.At, s.at) + " UTC"}
		if !i.Acked.IsZero() && i.Acked.Equal(ack.At) {
			parts = append(parts, ", "+after(ack.At, i.Detected, "detection"))
		}
		if !ack.Until.IsZero() {
			parts = append(parts, ", until "+clock(ack.Until, s.at))
		}
		return Line{Text: text(append(parts, "."+lead)...)}
	}
	sev := i.Severity()
	policy := s.config.Policies[sev]
	parts := []any{strong("Nobody yet.")}
	if lead != "" {
		parts = []any{strong(s.person(i.Lead) + " leads"), ", and has not acknowledged."}
	}
	urgent := policy.Page.Repeat > 0
	switch {
	case len(s.config.People) == 0:
		return Line{Text: text(append(parts, " No people are configured, so nobody is called.")...), Urgent: urgent}
	case i.Pages == 0 && policy.Page.Repeat == 0:
		parts = append(parts, fmt.Sprintf(" %s pages nobody.", sev))
	case i.Pages == 0:
		parts = append(parts, " Nobody was paged so far.")
	default:
		times := map[int]string{1: "once", 2: "twice"}[i.Pages]
		if times == "" {
			times = fmt.Sprintf("%d times", i.Pages)
		}
		parts = append(parts, fmt.Sprintf(" %s paged %s, last at %s", s.called(i, policy.Page.To), times, clock(i.LastPage, s.at)))
		switch {
		case i.State == incident.Monitoring:
			parts = append(parts, "; while it recovers, nobody is")
		case policy.Page.Repeat > 0:
			parts = append(parts, "; again ", due(policy.By(s.config.Business, i.LastPage, rules.Within{Time: policy.Page.Repeat}), s.at))
		}
		parts = append(parts, ".")
	}
	if n := len(i.Notices); n > 0 && !i.Notices[n-1].Reached && i.Notices[n-1].Why != "" {
		parts = append(parts, " The last call reached nobody: "+i.Notices[n-1].Why+".")
	}
	if i.Overdue {
		parts = append(parts, " The time to acknowledge is over.")
	}
	return Line{Text: text(parts...), Urgent: urgent}
}

// called names who was paged last.
func (s scene) called(i incident.Incident, role string) string {
	for _, n := range slices.Backward(i.Notices) {
		if n.Kind == incident.Paged {
			if len(n.To) == 0 {
				return "Nobody could be"
			}
			return s.people(n.To)
		}
	}
	return cmp.Or(role, rules.OnCall)
}

func (s scene) crewOfPast(i incident.Incident) Line {
	switch {
	case i.Lead != "":
		return Line{Text: text("Led by ", strong(s.person(i.Lead)), ".")}
	case i.Ack != nil:
		return Line{Text: text("Acknowledged by ", strong(s.actor(i.Ack.By)), ", "+after(i.Acked, i.Detected, "detection")+".")}
	case i.Acked.IsZero():
		return Line{Text: text("Nobody acknowledged it.")}
	default:
		return Line{}
	}
}

// words says what customers have read, and what they wait for.
func (s scene) words(i incident.Incident) Line {
	told, last := 0, incident.Update{}
	for _, u := range i.Updates {
		if !u.Inside {
			told, last = told+1, u
		}
	}
	by, _ := s.board.Find(i.ExplainedBy)
	open := i.State != incident.StateResolved
	missed := ""
	if n := len(i.Missed); n > 0 {
		missed = " " + sentence(plot.Plural(n, "promise", "promises")) + " missed."
	}
	switch d := i.Draft; {
	case i.Private:
		return Line{Text: text("Private: customers read nothing of it.")}
	case d != nil && open && by.ID != "" && by.State != incident.StateResolved && s.visible(by):
		return Line{Text: text("The words wait, since ", Piece{Text: string(by.ID), Href: "/incidents/" + string(by.ID)}, " explains it and speaks for it.")}
	case d != nil && open && d.Due.IsZero():
		parts := []any{strong("Words wait for somebody’s approval.")}
		if !d.Limit.IsZero() {
			parts = append(parts, " Customers are to read them by "+clock(d.Limit, s.at)+" UTC, ", due(d.Limit, s.at), ".")
		}
		return Line{Text: text(append(parts, missed)...), Urgent: true}
	case d != nil && open:
		return Line{Text: text(strong("Words wait"), ": they go out ", due(d.Due, s.at), ", at "+d.Due.UTC().Format("15:04:05")+" UTC, unless somebody holds or vetoes them.", missed), Urgent: d.Due.Sub(s.at) < 2*time.Minute}
	case i.Withheld && open:
		return Line{Text: text(strong("Vetoed"), ": customers read nothing until somebody says something.")}
	case told == 0 && !s.config.Policies[standing(i)].Public:
		return Line{Text: text(fmt.Sprintf("Customers read nothing of %s.", standing(i)))}
	case told == 0 && open:
		return Line{Text: text("Customers have read nothing yet.", missed), Urgent: missed != ""}
	case told == 0:
		return Line{Text: text("Customers read nothing of it.")}
	case !open:
		return Line{Text: text("Customers read "+plot.Plural(told, "update", "updates")+".", missed)}
	}
	parts := []any{"Customers read " + plot.Plural(told, "update", "updates") + ", the last at " + clock(last.Said, s.at) + " UTC. "}
	if i.Promise.IsZero() {
		parts = append(parts, "No next one is promised.")
	} else {
		parts = append(parts, "The next is promised by ", strong(clock(i.Promise, s.at)+" UTC"), ", ", due(i.Promise, s.at), ".")
	}
	return Line{Text: text(append(parts, missed)...), Urgent: !i.Promise.IsZero() && i.Promise.Before(s.at)}
}
