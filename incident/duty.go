package incident

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/featuresignals/tocsin/rules"
)

// duty is something that falls due: to be done at at, or as soon after as
// somebody looks. Doing it changes the board so that it is due no more, or
// later.
type duty struct {
	at    time.Time
	words bool // it says how things are, or rests on it: not before that is known
	do    func()
}

// duties lists what falls due of an open incident, now or later, as things
// stand. What does not fall due by the clock is not among them.
func (d *decision) duties(inc Incident) []duty {
	return slices.Concat(d.promised(inc), d.calls(inc))
}

// promised is what customers wait for.
func (d *decision) promised(inc Incident) []duty {
	var due []duty
	if !inc.Promise.IsZero() {
		due = append(due, duty{inc.Promise, true, func() { d.update(inc.ID, true, "") }})
	}
	draft := inc.Draft
	if draft == nil || d.explained(inc) || !d.public(inc) {
		return due
	}
	if !draft.Due.IsZero() && !d.approval(inc) {
		due = append(due, duty{draft.Due, true, func() { d.update(inc.ID, true, draft.Text) }})
	}
	if limit := draft.Limit; !limit.IsZero() && !slices.ContainsFunc(inc.Missed, limit.Equal) {
		// A draft that goes out in time never comes to this.
		due = append(due, duty{limit.Add(grace), true, func() {
			d.say(Event{
				Kind: Missed, Incident: inc.ID, At: limit, By: Clock, Component: inc.Component, Due: limit,
				Why: fmt.Sprintf("the first words were to be out by %s, and still wait", limit.UTC().Format(time.RFC3339)),
			})
		}})
	}
	return due
}

// calls is who is to be called, and when. Nobody is where no people are
// configured.
func (d *decision) calls(inc Incident) []duty {
	if len(d.in.Config.People) == 0 {
		return nil
	}
	s := inc.Severity()
	policy := d.in.Config.Policies[s]
	base, alarmed := inc.CalledSince(s)
	// What was found may be over by now; what a person has just said is so.
	found := d.by == "" || !slices.ContainsFunc(inc.Causes, func(c Cause) bool { return c.declared() && c.Severity != rules.SeverityNone })
	var due []duty
	if !alarmed && needsPeople(policy) && (d.by != "" || d.in.Round != nil) { // by the clock alone nothing gets worse
		return []duty{{d.at, found, func() {
			d.say(Event{Kind: Alarmed, Incident: inc.ID, At: d.at, By: Tocsin, Component: inc.Component, Severity: s})
			if ack := inc.Ack; ack != nil && s > ack.Severity && policy.Page.Repeat > 0 {
				// Whoever took a P2 on may be asleep when it becomes a P0.
				d.say(Event{
					Kind: Lapsed, Incident: inc.ID, At: d.at, By: Tocsin, Component: inc.Component, Severity: s,
					Why: fmt.Sprintf("%s acknowledged it at %s, and it is %s now", ack.By.Person(), ack.Severity, s),
				})
			}
		}}}
	}
	if ack := inc.Ack; ack != nil && !ack.Until.IsZero() {
		due = append(due, duty{ack.Until, false, func() {
			d.say(Event{
				Kind: Lapsed, Incident: inc.ID, At: d.at, By: Clock, Component: inc.Component,
				Why: fmt.Sprintf("%s acknowledged at %s, and has not said so again", ack.By.Person(), ack.At.UTC().Format("15:04 UTC")),
			})
		}})
	}
	if !alarmed {
		return append(due, d.reminders(inc, policy)...)
	}
	by := func(from time.Time, w rules.Within) time.Time { return policy.By(d.in.Config.Business, from, w) }
	if every := policy.Page.Repeat; every > 0 && inc.Ack == nil && inc.State != Monitoring { // what recovers by itself wakes nobody up
		next := by(base, rules.Within{})
		if inc.Pages > 0 {
			next = by(inc.LastPage, rules.Within{Time: every})
			if inc.LastPage.After(d.at) {
				next = d.at // the clock was put back; nobody is left uncalled for that
			}
		}
		due = append(due, duty{next, found, func() { d.page(inc, policy, s) }})
	}
	if limit, ok := inc.AckBy(d.in.Config); ok && !inc.Answered && !inc.Overdue {
		due = append(due, duty{limit, true, func() {
			d.say(Event{
				Kind: Overdue, Incident: inc.ID, At: d.at, By: Clock, Component: inc.Component, Severity: s,
				Why: "nobody has acknowledged in time",
			})
		}})
	}
	for n, step := range policy.Escalate {
		done := slices.Contains(inc.Escalated, Rung{s, n + 1})
		if done || step.Unless != rules.UnlessResolved && inc.Ack != nil {
			continue
		}
		due = append(due, duty{by(base, rules.Within{Time: step.After}), found, func() { d.escalate(inc, step, s, n+1) }})
	}
	return append(due, d.reminders(inc, policy)...)
}

// needsPeople reports whether a policy asks anything of people.
func needsPeople(p rules.Policy) bool {
	return p.Page.Repeat > 0 || len(p.Escalate) > 0 || p.Ack != (rules.Within{})
}

func (d *decision) page(inc Incident, policy rules.Policy, s rules.Severity) {
	d.notify(Event{
		Kind: Paged, Incident: inc.ID, At: d.at, By: Clock, Component: inc.Component, Severity: s,
		Role: policy.Page.To, Step: inc.Pages + 1,
	}, d.in.Config.Who(policy.Page.To))
}

func (d *decision) escalate(inc Incident, step rules.Escalation, s rules.Severity, n int) {
	d.notify(Event{
		Kind: Escalated, Incident: inc.ID, At: d.at, By: Clock, Component: inc.Component, Severity: s, Role: step.To, Step: n,
	}, d.in.Config.Who(step.To))
}

// reminders is the reminder of the promise that stands.
func (d *decision) reminders(inc Incident, policy rules.Policy) []duty {
	last, told := inc.last()
	at := inc.Promise.Add(-policy.Remind)
	to := d.onIt(inc, policy)
	if !told || inc.Promise.IsZero() || policy.Remind == 0 || inc.Reminded.Equal(inc.Promise) || len(to) == 0 ||
		!at.After(last.Said.Add(policy.Remind)) { // it would come right after the update before
		return nil
	}
	return []duty{{at, true, func() {
		d.notify(Event{
			Kind: Reminded, Incident: inc.ID, At: d.at, By: Clock, Component: inc.Component, Severity: inc.Severity(), Due: inc.Promise,
		}, to)
	}}}
}

// onIt is whoever works on an incident, else those on call.
func (d *decision) onIt(inc Incident, policy rules.Policy) []rules.Person {
	for _, id := range []string{inc.Lead, inc.ackBy()} {
		if p, ok := d.in.Config.Person(id); ok {
			return []rules.Person{p}
		}
	}
	return d.in.Config.Who(policy.Page.To)
}

// ackBy gives the ID of the person who acknowledged, "" if nobody has.
func (i Incident) ackBy() string {
	if i.Ack == nil {
		return ""
	}
	return i.Ack.By.Person()
}

// notify calls people. One delivery goes to each channel that reaches some of
// them; the event says who was called, and that nobody could be.
func (d *decision) notify(e Event, people []rules.Person) {
	inc, _ := d.board.Find(e.Incident)
	var channels []string
	for _, p := range people {
		e.To = append(e.To, p.ID)
		for _, name := range p.Reach {
			if !slices.Contains(channels, name) {
				channels = append(channels, name)
			}
		}
	}
	switch {
	case len(people) == 0:
		e.Why = fmt.Sprintf("nobody has the role %q", e.Role)
	case len(channels) == 0:
		e.Why = "no channel reaches them"
	default:
		e.Why = d.reason(inc)
	}
	for _, name := range channels {
		e.Posts = append(e.Posts, d.notice(inc, name))
	}
	d.say(e)
}

// notice is the delivery of the next notice of an incident to a channel.
func (d *decision) notice(inc Incident, channel string) Post {
	return Post{Channel: channel, Key: fmt.Sprintf("%s%s%d", inc.ID, noticeKey, inc.Called+1), Due: d.at}
}

// standDown tells where people were called that they need not come, once for
// each channel: a pager's alert would stay open for ever. Nobody is told who was
// not called, nor through a channel that there is no longer.
func (d *decision) standDown(after Event, why Reason) {
	inc := d.find(after.Incident)
	e := Event{
		Kind: StoodDown, Incident: inc.ID, At: d.at, By: after.By, Component: inc.Component, Severity: inc.Severity(),
		Reason: why, To: inc.Roused, Cause: after.Cause, Why: cmp.Or(after.Why, d.reason(inc)),
	}
	if why == AllOver {
		e.Severity = inc.Peak
	}
	for _, r := range inc.Ringing {
		if r.Quiet && why == TakenOn || !slices.ContainsFunc(d.in.Config.Channels, func(c rules.Channel) bool { return c.Name == r.Channel }) {
			continue
		}
		e.Posts = append(e.Posts, d.notice(inc, r.Channel))
	}
	if len(e.Posts) > 0 {
		d.say(e)
	}
}

// reason says in a sentence that a person can check why an incident is as bad as
// it is: what was last found of its worst cause, or what a person gave as one.
func (d *decision) reason(inc Incident) string {
	facts := d.facts(inc)
	worst := facts.worst(inc)
	if found, ok := facts.by[key(worst)]; ok && !worst.declared() {
		return found.Why
	}
	return cmp.Or(inc.Words.Symptom, inc.Topic)
}

// most is how many duties of one incident are done at one look: each changes
// what is due, and a mistake of ours must not keep the desk busy for ever.
const most = 64

// due does what has fallen due without a round.
func (d *decision) due() {
	for _, inc := range d.board.Open {
		d.perform(inc.ID, d.duties)
		d.checklists(inc.ID)
	}
}

// call does what has fallen due with people.
func (d *decision) call(id ID) { d.perform(id, d.calls) }

func (d *decision) perform(id ID, duties func(Incident) []duty) {
	for range most {
		inc, ok := d.board.Find(id)
		if !ok || inc.State == StateResolved {
			return
		}
		first := duty{}
		for _, x := range duties(d.about(inc)) {
			if (first.do == nil || x.at.Before(first.at)) && !x.at.After(d.at) && (!x.words || d.in.Known) {
				first = x
			}
		}
		if first.do == nil {
			return
		}
		first.do()
	}
}

// NextDue gives when the clock is to look at the board again; zero if nothing
// will fall due by itself. Of in, Config and Known count.
func (b Board) NextDue(in Input, at time.Time) time.Time {
	d := decision{board: b, in: in, at: at}
	var first time.Time
	for _, inc := range b.Open {
		for _, x := range d.duties(d.about(inc)) {
			if x.words && !in.Known {
				continue
			}
			x.at = x.at.Add(fresh)
			if first.IsZero() || x.at.Before(first) {
				first = x.at
			}
		}
	}
	return first
}
