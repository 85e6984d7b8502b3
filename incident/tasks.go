package incident

import (
	"slices"

	"github.com/featuresignals/tocsin/evaluator"
	"github.com/featuresignals/tocsin/rules"
)

// Security is the topic of incidents that begin private, and whose end has a
// post-mortem at any severity.
const Security = "security"

// checklists puts on an incident the checklists that its causes call for, and
// ticks what Tocsin has seen done.
func (d *decision) checklists(id ID) {
	inc := d.find(id)
	for _, list := range d.in.Config.Checklists {
		if inc.State != StateResolved && !has(inc, list.ID) && slices.ContainsFunc(inc.Causes, func(c Cause) bool { return d.calledFor(list, inc, c) }) {
			d.say(d.tasked(inc, list, Tocsin))
		}
	}
	inc = d.find(id)
	for _, t := range inc.Tasks {
		if !t.Done && t.At.IsZero() && t.Seen != "" && d.seen(inc, t.Seen) { // what a person took back stays so
			d.say(Event{Kind: Ticked, Incident: id, At: d.at, By: Tocsin, Component: inc.Component, Task: t.ID})
		}
	}
}

func has(inc Incident, checklist string) bool {
	return slices.ContainsFunc(inc.Tasks, func(t Todo) bool { return t.Checklist == checklist })
}

// calledFor reports whether a cause calls for a checklist.
func (d *decision) calledFor(list rules.Checklist, inc Incident, c Cause) bool {
	if c.Severity == rules.SeverityNone {
		return false
	}
	rule, known := d.in.Config.Rule(c.Rule)
	if !known && !c.declared() {
		return false
	}
	rule.Component = inc.componentOf(c)
	return list.For.Fits(rule, c.Severity, inc.Topic)
}

// tasked puts a checklist on an incident.
func (d *decision) tasked(inc Incident, list rules.Checklist, by Actor) Event {
	e := Event{Kind: Tasked, Incident: inc.ID, At: d.at, By: by, Component: inc.Component, Checklist: list.ID, Why: list.Title}
	for _, s := range list.Steps {
		e.Tasks = append(e.Tasks, Task{ID: list.ID + "/" + s.ID, Text: s.Text, Command: s.Command, Link: s.Link, Seen: s.Seen})
	}
	return e
}

// seen reports whether one of rules.SeenConditions is so. That all is well again
// counts only once it was mitigated: at the begin of an outage of one thing the
// others are well, and nothing has been verified.
func (d *decision) seen(inc Incident, condition string) bool {
	over := inc.State == StateResolved && !inc.Forced && inc.Into == ""
	mended := inc.State == Monitoring || over
	switch condition {
	case rules.SeenOpened:
		return true
	case rules.SeenAcknowledged:
		return !inc.Acked.IsZero()
	case rules.SeenAssigned:
		return inc.Lead != ""
	case rules.SeenPosted:
		return !inc.Posted.IsZero()
	case rules.SeenIdentified:
		return !inc.Identified.IsZero()
	case rules.SeenProbes:
		good, any := d.probes(inc)
		return mended && good && any
	case rules.SeenSignals:
		return over || mended && d.facts(inc).well()
	case rules.SeenResolved:
		return over
	default:
		return false
	}
}

// probes reports whether every probe in the incident's regions is well, and
// whether there is any.
func (d *decision) probes(inc Incident) (good, any bool) {
	good = true
	for _, f := range d.in.Latest {
		rule, ok := d.in.Config.Rule(f.Rule)
		if !ok || rule.Source() != rules.SourceProbes || f.Kind == rules.KindGauge || !slices.Contains(inc.Regions(), f.Series.Region) {
			continue
		}
		any = true
		good = good && f.Seen && f.Now == evaluator.Good
	}
	return good, any
}
