package incident

import (
	"cmp"
	"slices"
	"time"

	"github.com/featuresignals/tocsin/rules"
)

// Bout is a stretch of time in which a cause was as bad as it was then: from its
// first bad minute, or from when it became better or worse, until the next such
// time. An incident's bouts say what was how bad when; its causes say only how
// things stand.
type Bout struct {
	Component string // "": the incident's
	Region    string
	Rule      string // "": a person said so
	Service   string
	From      time.Time
	To        time.Time // zero while it lasts
	Severity  rules.Severity
	Set       bool // a person set the severity
}

// bouts writes down what an event, which has been applied, made better or worse. was
// is the incident before it.
func (i Incident) bouts(e Event, was Incident) Incident {
	switch e.Kind {
	case Raised, Eased, Recovered:
		i.Bouts = slices.Clone(i.Bouts)
		if i.Grade == nil && was.Grade == nil { // else all may be another severity now
			like := Cause{Rule: e.Rule, Service: e.Service, Region: e.Region, Component: e.Component}
			if n := i.cause(like); n >= 0 {
				i.bout(i.Causes[n], i.Causes[n].Severity, e)
			}
			return i
		}
	case Graded, Resolved, Merged, Absorbed:
		i.Bouts = slices.Clone(i.Bouts)
	case Corrected:
		return i.earlier(was.Began, e.Began)
	default:
		return i
	}
	demanded := i.demanded()
	for _, c := range i.Causes {
		severity := c.Severity
		if i.Grade != nil && severity != rules.SeverityNone && (severity > i.Grade.Severity || severity == demanded) {
			severity = i.Grade.Severity
		}
		if i.State == StateResolved {
			severity = rules.SeverityNone
		}
		i.bout(c, severity, e)
	}
	return i
}

// bout writes down, in a list of its own, how bad one cause is from an event on.
func (i *Incident) bout(c Cause, severity rules.Severity, e Event) {
	c.Component = i.componentOf(c)
	open := -1
	for n := len(i.Bouts) - 1; n >= 0 && open < 0; n-- {
		if b := i.Bouts[n]; b.To.IsZero() && b.Rule == c.Rule && b.Service == c.Service && b.Region == c.Region &&
			(c.Rule != "" || cmp.Or(b.Component, i.Component) == c.Component) {
			open = n
		}
	}
	raised := e.Kind == Raised && !e.Began.IsZero() &&
		c.Rule == e.Rule && c.Service == e.Service && c.Region == e.Region && (c.Rule != "" || c.Component == cmp.Or(e.Component, i.Component))
	set := i.Grade != nil && i.Grade.Severity == severity
	from := e.At
	switch {
	case open < 0 && raised:
		from = e.Began
	case open >= 0:
		if raised { // the worse level may look further back
			first := i.chain(open)
			first = first[len(first)-1:]
			if b := &i.Bouts[first[0]]; e.Began.Before(b.From) {
				b.From = e.Began
			}
		}
		if i.Bouts[open].Severity == severity && i.Bouts[open].Set == set {
			return
		}
		from = i.cut(open, e.At)
	}
	if severity != rules.SeverityNone {
		i.Bouts = append(i.Bouts, Bout{
			Component: c.Component, Region: c.Region, Rule: c.Rule, Service: c.Service, From: from, Severity: severity, Set: set,
		})
	}
}

// chain lists a bout and those that it goes on from, newest first.
func (i *Incident) chain(n int) []int {
	all := []int{n}
	for m := n - 1; m >= 0; m-- {
		b, next := &i.Bouts[m], &i.Bouts[all[len(all)-1]]
		if b.To.Equal(next.From) && b.Region == next.Region && b.Rule == next.Rule && b.Service == next.Service && b.Component == next.Component {
			all = append(all, m)
		}
	}
	return all
}

// cut ends a bout at a time, and gives from when on the next counts. What people do
// has the time on the wall, and what is measured that of its data, a minute or more
// before: what began only after the time to end at never was.
func (i *Incident) cut(n int, at time.Time) (next time.Time) {
	for _, m := range i.chain(n) { // newest first, so that the places of the others stay
		b := &i.Bouts[m]
		if b.From.Before(at) {
			b.To = at
			return at
		}
		next = b.From
		i.Bouts = slices.Delete(i.Bouts, m, m+1)
	}
	return next
}

// earlier has what began when the incident did begin when a person says.
func (i Incident) earlier(was, began time.Time) Incident {
	i.Bouts = slices.Clone(i.Bouts)
	first := -1
	for n, b := range i.Bouts {
		if first < 0 || b.From.Before(i.Bouts[first].From) {
			first = n
		}
	}
	for n, b := range i.Bouts {
		if (b.From.Equal(was) || n == first) && began.Before(b.From) {
			i.Bouts[n].From = began
		}
	}
	return i
}

// inherit takes over the bouts of an incident that goes on as this one. What
// customers were kept from stays where it was.
func (i Incident) inherit(from Incident) Incident {
	if from.Private || from.Withheld {
		return i
	}
	i.Bouts = slices.Clip(i.Bouts)
	for _, b := range from.Bouts {
		b.Component = cmp.Or(b.Component, from.Component)
		i.Bouts = append(i.Bouts, b)
	}
	return i
}
