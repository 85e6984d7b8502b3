package incident

import (
	"cmp"
	"fmt"
	"iter"
	"maps"
	"slices"
	"time"

	"github.com/featuresignals/tocsin/rules"
)

// With gives the board on which e has happened. It is the only place where
// state changes. An event that makes no sense here (an incident that is not
// open) changes nothing: the log is believed, never argued with.
func (b Board) With(e Event) Board {
	b.Seq = max(b.Seq, e.Seq)
	if b.Since.IsZero() {
		b.Since = e.At
	}
	switch e.Kind {
	case Opened:
		return b.open(e)
	case Sensed:
		b.Senses = with(b.Senses, Cell{e.Component, e.Region}, Sensing{e.Sense, e.Began})
	case Blinded:
		b.Blind = e.Began
	case Sighted:
		b.Blind = time.Time{}
	case Muted:
		b.muted = with(b.muted, Cause{Rule: e.Rule, Service: e.Service, Region: e.Region}, mute{e.Plan, e.Began})
	case Announced:
		return b.works(e)
	case Entered:
		b.Plans = with(b.Plans, e.Plan, e.Began)
		return b.works(e)
	case Left:
		b.Plans = maps.Clone(b.Plans)
		delete(b.Plans, e.Plan)
		return b.works(e)
	case Reopened:
		return b.reopen(e)
	case Cleared:
		b.waived = maps.Clone(b.waived)
		delete(b.waived, Cause{Rule: e.Rule, Service: e.Service, Region: e.Region})
	case Skipped:
		// minutes that were never judged change nothing; the timeline has them
	default:
		if i := slices.IndexFunc(b.Open, func(i Incident) bool { return i.ID == e.Incident }); i >= 0 {
			return b.change(i, e)
		}
		// What follows the end of an incident: its last words, what people write
		// down of it, what of its tasks is done.
		if i := slices.IndexFunc(b.Past, func(i Incident) bool { return i.ID == e.Incident }); i >= 0 && slices.Contains(afterwards, e.Kind) {
			b.Past = b.ours(b.Past)
			b.Past[i] = b.Past[i].with(e)
		}
	}
	return b
}

// afterwards lists what can still happen to an incident that is over.
var afterwards = []Kind{Updated, Withdrawn, Missed, StoodDown, Noted, Related, Assigned, Tasked, Ticked, Unticked, Assessed}

// Fold gives the board on which all events of a log have happened.
func Fold(events iter.Seq2[Event, error]) (Board, error) { return Board{}.fold(events) }

// fold gives the board on which further events have happened.
func (b Board) fold(events iter.Seq2[Event, error]) (Board, error) {
	b.Open, b.Past = slices.Clone(b.Open), slices.Clone(b.Past)
	b.own = true
	for e, err := range events {
		if err != nil {
			return Board{}, fmt.Errorf("read the timeline: %w", err)
		}
		b = b.With(e)
	}
	b.own = false
	return b, nil
}

func (b Board) open(e Event) Board {
	var year, number int
	if _, err := fmt.Sscanf(string(e.Incident), "INC-%d-%d", &year, &number); err == nil {
		b.numbers = with(b.numbers, year, max(number, b.numbers[year]))
	}
	b.Open = append(b.full(b.Open), Incident{
		ID: e.Incident, Component: e.Component, State: Investigating, Began: e.Began, Detected: e.At,
		Private: e.Private, Topic: e.Topic, Words: e.Words,
	})
	return b
}

// reopen puts a past incident back among the open ones.
func (b Board) reopen(e Event) Board {
	i := slices.IndexFunc(b.Past, func(i Incident) bool { return i.ID == e.Incident })
	if i < 0 {
		return b
	}
	in := b.Past[i]
	in.State, in.Resolved = Investigating, time.Time{}
	// People are called anew: who was on it may have gone to bed.
	in.Ack, in.Answered, in.Alarms, in.Pages, in.Escalated, in.Overdue = nil, false, nil, 0, nil, false
	in.Ringing, in.Roused, in.Earlier = nil, nil, len(in.Updates)
	in.Draft, in.Grade, in.Forced, in.Moved = nil, nil, false, time.Time{} // a veto stands until somebody says otherwise
	b.Past = slices.Delete(b.ours(b.Past), i, i+1)
	b.Open = append(b.full(b.Open), in)
	return b
}

// change applies e to the i-th open incident, in a copy.
func (b Board) change(i int, e Event) Board {
	b.Open = b.ours(b.Open)
	was := b.Open[i]
	in := was.with(e)
	switch k := key(Cause{Rule: e.Rule, Service: e.Service, Region: e.Region}); {
	case e.Kind == Absorbed:
		in = in.absorb(b, e).bouts(e, was)
	case e.Kind == Raised && b.waived[k] != rules.SeverityNone:
		b.waived = maps.Clone(b.waived)
		delete(b.waived, k)
	}
	if e.Kind == Resolved && e.Forced {
		for _, c := range was.Causes {
			if c.Severity != rules.SeverityNone && !c.declared() {
				b.waived = with(b.waived, key(c), c.Severity)
			}
		}
	}
	if in.State != StateResolved {
		b.Open[i] = in
		return b
	}
	b.Open = slices.Delete(b.Open, i, i+1)
	b.Past = append(b.full(b.Past), in)
	return b
}

// ours gives a list that may be written over.
func (b Board) ours(list []Incident) []Incident {
	if b.own {
		return list
	}
	return slices.Clone(list)
}

// full gives a list whose appending touches nobody else's.
func (b Board) full(list []Incident) []Incident {
	if b.own {
		return list
	}
	return slices.Clip(list)
}

func (i Incident) with(e Event) Incident { return i.apply(e).bouts(e, i) }

func (i Incident) apply(e Event) Incident {
	switch e.Kind {
	case Raised, Eased, Recovered:
		i = i.cell(e)
	case Surfaced:
		i.Began, i.Detected = e.Began, e.At
	case Linked:
		i.ExplainedBy = e.Cause
	case Related:
		if !slices.Contains(i.Related, e.Cause) {
			i.Related = append(slices.Clip(i.Related), e.Cause)
		}
	case Moved:
		i = i.moved(e)
	case Updated:
		i = i.updated(e)
	case Missed:
		i.Missed = append(slices.Clip(i.Missed), e.Due)
		if e.Due.Equal(i.Promise) {
			i.Promise = time.Time{}
		}
	case Resolved, Merged:
		i.State, i.Resolved, i.Promise, i.Into, i.Forced = StateResolved, e.At, time.Time{}, e.Cause, e.Forced
		i.Causes = slices.Clone(i.Causes)
		for n := range i.Causes {
			if c := &i.Causes[n]; e.Kind == Resolved && e.By.Person() != "" && c.Severity != rules.SeverityNone {
				c.Severity, c.Ended, c.Let = rules.SeverityNone, e.At, !c.declared()
			}
		}
	case Disclosed:
		i.Private, i.Component, i.Words = false, cmp.Or(i.Component, e.Component), e.Words.Over(i.Words)
	case Corrected:
		i.Began = e.Began
	case Assessed:
		i.Integrity = e.Integrity
	case Advised:
		i.Words = e.Words.Over(i.Words)
	case Graded:
		i.Grade = &Grade{Severity: e.Severity, Demanded: i.demanded(), By: e.By, Why: e.Why, At: e.At}
		i.Peak = max(i.Peak, e.Severity)
		if i.Ack != nil && i.Ack.By == e.By { // whoever makes it worse is awake, and on it
			ack := *i.Ack
			ack.Severity = max(ack.Severity, e.Severity)
			i.Ack = &ack
		}
	default:
		return i.draft(e).people(e)
	}
	return i
}

// cell applies what happened to one cause.
func (i Incident) cell(e Event) Incident {
	i.Causes = slices.Clone(i.Causes)
	like := Cause{Rule: e.Rule, Service: e.Service, Region: e.Region, Component: e.Component}
	at := i.cause(like)
	if at < 0 {
		like.Began = e.Began
		i.Causes = append(i.Causes, like)
		at = len(i.Causes) - 1
	}
	c := &i.Causes[at]
	if e.Kind == Raised && c.Severity == rules.SeverityNone {
		c.Began = e.Began // it came back: what was before it recovered is another breach
	}
	c.Severity, c.Ended, c.Gone, c.Let = e.Severity, time.Time{}, false, false
	if e.Kind == Recovered {
		c.Severity, c.Ended, c.Gone = rules.SeverityNone, e.At, e.By == Tocsin
	}
	c.Peak = max(c.Peak, c.Severity)
	i.Grade = i.stillGraded()
	i.Peak = max(i.Peak, i.graded(c.Severity))
	if e.Kind == Raised {
		i.Moved = time.Time{}
		if !e.Began.IsZero() && e.Began.Before(i.Began) {
			i.Began = e.Began // a cause that came later may have begun earlier
		}
	}
	return i
}

// stillGraded gives a person's severity, nil once it is worse than what they
// spoke of.
func (i Incident) stillGraded() *Grade {
	if g := i.Grade; g != nil && i.demanded() > max(g.Demanded, g.Severity) {
		return nil
	}
	return i.Grade
}

// moved applies another state.
func (i Incident) moved(e Event) Incident {
	i.State, i.Moved = e.State, time.Time{}
	if e.By.Person() != "" {
		i.Moved = e.At
	}
	switch {
	case e.State == Identified && i.Identified.IsZero():
		i.Identified = e.At
	case e.State == Monitoring && i.Mitigated.IsZero():
		i.Mitigated = e.At
	}
	return i
}

// updated applies words that go out.
func (i Incident) updated(e Event) Incident {
	u := *e.Update
	u.Ended = i.Resolved
	if u.Inside {
		i.Updates = append(slices.Clip(i.Updates), u)
		return i
	}
	if !u.Late {
		if !i.Promise.IsZero() && !u.Said.After(i.Promise.Add(grace)) {
			i.Kept++
		}
		i.Promise = u.Next // what nobody could read keeps no promise
		if i.Posted.IsZero() {
			i.Posted = u.Said
		}
	}
	i.Updates = append(slices.Clip(i.Updates), u)
	i.Draft, i.Withheld = nil, false
	return i
}

// draft applies what happens to the first words while they wait.
func (i Incident) draft(e Event) Incident {
	var now Draft
	if i.Draft != nil {
		now = *i.Draft
	}
	switch e.Kind {
	case Held:
		if i.Draft == nil {
			now.Since = e.At
		}
		now.Due, now.Pinned = e.Due, e.By.Person() != ""
		if !e.Until.IsZero() && (now.Limit.IsZero() || e.Until.Before(now.Limit)) {
			now.Limit = e.Until
		}
	case Edited:
		now.Text, now.By = e.Text, e.By
		i.Words = e.Words.Over(i.Words)
	case Vetoed:
		i.Draft, i.Withheld = nil, true
		return i
	case Withdrawn:
		i.Draft = nil
		return i
	default:
		return i
	}
	i.Draft = &now
	return i
}

// people applies what happens with people.
func (i Incident) people(e Event) Incident {
	switch e.Kind {
	case Alarmed:
		i.Alarms = append(slices.Clip(i.Alarms), Alarm{e.Severity, e.At})
	case Paged:
		i.Pages, i.LastPage = e.Step, e.At
		return i.ring(e).notice(e)
	case Escalated:
		i.Escalated = append(slices.Clip(i.Escalated), Rung{e.Severity, e.Step})
		return i.ring(e).notice(e)
	case StoodDown:
		return i.quiet(e).notice(e)
	case Reminded:
		i.Reminded = e.Due
		return i.notice(e)
	case Overdue:
		i.Overdue = true
	case Acknowledged:
		i.Ack, i.Answered, i.Pages, i.LastPage = &Ack{By: e.By, At: e.At, Until: e.Until, Severity: i.Severity()}, true, 0, time.Time{}
		if i.Acked.IsZero() {
			i.Acked = e.At
		}
	case Lapsed:
		i.Ack, i.Ringing = nil, slices.Clone(i.Ringing)
		for n := range i.Ringing {
			i.Ringing[n].Quiet = false // what they were told holds no longer
		}
	case Assigned:
		return i.assigned(e)
	case Tasked:
		i.Tasks = slices.Clip(i.Tasks)
		for _, t := range e.Tasks {
			i.Tasks = append(i.Tasks, Todo{Task: t, Checklist: e.Checklist})
		}
	case Ticked, Unticked:
		if n := i.task(e.Task); n >= 0 {
			i.Tasks = slices.Clone(i.Tasks)
			i.Tasks[n].Done, i.Tasks[n].By, i.Tasks[n].At = e.Kind == Ticked, e.By, e.At
		}
	}
	return i
}

// mostNotices is how many calls an incident keeps: one that nobody acknowledges for
// a month has ten thousand, which the timeline has.
const mostNotices = 200

// ring notes where a call went, and to whom.
func (i Incident) ring(e Event) Incident {
	i.Ringing, i.Roused = slices.Clone(i.Ringing), slices.Clip(i.Roused)
	for _, p := range e.Posts {
		if !p.Call() {
			continue // a page's
		}
		n := slices.IndexFunc(i.Ringing, func(r Ring) bool { return r.Channel == p.Channel })
		if n < 0 {
			n = len(i.Ringing)
			i.Ringing = append(i.Ringing, Ring{Channel: p.Channel})
		}
		i.Ringing[n].Quiet = false
	}
	for _, id := range e.To {
		if !slices.Contains(i.Roused, id) {
			i.Roused = append(i.Roused, id)
		}
	}
	return i
}

// quiet notes where it was told that people need not come.
func (i Incident) quiet(e Event) Incident {
	if e.Reason == AllOver {
		i.Ringing, i.Roused = nil, nil
		return i
	}
	i.Ringing = slices.Clone(i.Ringing)
	for n := range i.Ringing {
		i.Ringing[n].Quiet = true
	}
	return i
}

func (i Incident) notice(e Event) Incident {
	i.Called++
	if n := len(i.Notices); n >= mostNotices {
		i.Notices = i.Notices[n-mostNotices+1:]
	}
	i.Notices = append(slices.Clip(i.Notices), Notice{
		Number: i.Called, At: e.At, Kind: e.Kind, Reason: e.Reason, To: e.To, Role: e.Role, Step: e.Step, Severity: e.Severity, Due: e.Due, Why: e.Why,
		Reached: slices.ContainsFunc(e.Posts, func(p Post) bool { return p.Key != "" }), // those without are pages'
	})
	return i
}

func (i Incident) assigned(e Event) Incident {
	to := ""
	if len(e.To) > 0 {
		to = e.To[0]
	}
	if e.Task == "" {
		i.Lead = to
		return i
	}
	if n := i.task(e.Task); n >= 0 {
		i.Tasks = slices.Clone(i.Tasks)
		i.Tasks[n].To = to
	}
	return i
}

// absorb takes over what another incident, which goes on as this one, was about.
func (i Incident) absorb(b Board, e Event) Incident {
	from, ok := b.Find(e.Cause)
	if !ok {
		return i
	}
	highest := max(i.Severity(), from.Severity())
	i.Causes = slices.Clone(i.Causes)
	for _, c := range from.Causes {
		c.Component = from.componentOf(c)
		switch at := i.cause(c); {
		case at < 0:
			i.Causes = append(i.Causes, c)
		case c.Severity > i.Causes[at].Severity:
			i.Causes[at] = c
		}
	}
	for _, component := range from.covers() {
		if !i.Covers(component) {
			i.Components = append(slices.Clip(i.Components), component)
		}
	}
	i = i.inherit(from)
	if i.Words.Workaround == "" {
		i.Words.Workaround = from.Words.Workaround // readers of the other were told of it
	}
	i.Peak = max(i.Peak, from.Peak)
	if from.Began.Before(i.Began) {
		i.Began = from.Began
	}
	if from.Detected.Before(i.Detected) {
		i.Detected = from.Detected
	}
	if i.Severity() < highest { // what a person said of the one is not said of both
		i.Grade = nil
		if demanded := i.demanded(); demanded != highest {
			i.Grade = &Grade{Severity: highest, Demanded: demanded, By: e.By, Why: e.Why, At: e.At}
		}
	}
	return i
}

// with gives a copy of m in which k is v.
func with[K comparable, V any](m map[K]V, k K, v V) map[K]V {
	m = maps.Clone(m)
	if m == nil {
		m = make(map[K]V, 1)
	}
	m[k] = v
	return m
}
