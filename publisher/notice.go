package publisher

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/featuresignals/tocsin/incident"
	"github.com/featuresignals/tocsin/rules"
	"github.com/featuresignals/tocsin/templates"
)

// notice tells those who are called what they have to know, as things stand at a
// time: a call that comes late does not send people after what is over.
func (v view) notice(i incident.Incident, n incident.Notice, at time.Time) templates.Notice {
	severity := i.Severity()
	if severity == rules.SeverityNone {
		severity = i.Peak
	}
	rule := v.worstRule(i)
	out := templates.Notice{
		ID: string(i.ID), Number: n.Number, Kind: string(n.Kind), At: n.At, Private: i.Private, State: string(i.State), Into: string(i.Into),
		Severity: severity.String(), Title: line(v.symptom(i, rule)), Began: i.Began, Detected: i.Detected, Summary: line(n.Why),
		Role: line(n.Role), Step: n.Step, Due: n.Due, Runbook: rule.Runbook, SigNoz: v.config.SigNoz.URL,
		Component: v.title(i.Component),
	}
	if n.Kind == incident.StoodDown {
		out.Kind = string(n.Reason)
	}
	for _, id := range i.Components {
		if id != i.Component {
			out.Component += ", " + v.title(id)
		}
	}
	for _, code := range i.Regions() {
		name := line(code)
		if r := v.region(code); r != otherRegion {
			name = r.Name
		}
		out.Regions = append(out.Regions, name)
	}
	out.AllRegions = len(v.config.Regions) > 1 && v.all(i.Regions())
	for _, id := range n.To {
		out.To = append(out.To, v.person(id))
	}
	if a := i.Ack; a != nil && (a.Until.IsZero() || a.Until.After(at)) {
		out.Acked = line(cmp.Or(v.person(a.By.Person()), string(a.By)))
	} else {
		out.AckBy, _ = i.AckBy(v.config)
	}
	if console := line(v.config.Console.URL); console != "" { // where nothing of it can be seen there is none
		out.Console = strings.TrimRight(console, "/") + "/incidents/" + string(i.ID)
	}
	if severity >= rules.P1 {
		out.WarRoom = v.config.Console.WarRoom
	}
	return out
}

// moot says why a notice is not to go out any more: what is told later, or was
// told meanwhile, says more. A call that comes after the word that it is over
// would leave a pager's alert open for ever.
func moot(i incident.Incident, n incident.Notice) string {
	over := i.State == incident.StateResolved
	later := func(why incident.Reason) bool {
		return slices.ContainsFunc(i.Notices, func(x incident.Notice) bool {
			return x.Number > n.Number && x.Kind == incident.StoodDown && x.Reason == why
		})
	}
	switch {
	case n.Kind == incident.StoodDown && n.Reason == incident.AllOver && !over:
		return "it was opened again meanwhile"
	case over && later(incident.AllOver):
		return "it is over, which is told by itself"
	case n.Kind == incident.StoodDown && n.Reason == incident.TakenOn && !over && i.Ack == nil:
		return "the acknowledgement counts no longer"
	case (n.Kind == incident.Paged || n.Kind == incident.Escalated) && !over && i.Ack != nil && later(incident.TakenOn):
		return "somebody is on it, which is told by itself"
	default:
		return ""
	}
}

// person gives a person's name, or the ID of one who is no longer configured.
func (v view) person(id string) string {
	p, _ := v.config.Person(id)
	return line(cmp.Or(p.Name, id))
}

// symptom says in a few words what is wrong: as a person put it, as customers
// read it, as the rule has it, or what the incident is about.
func (v view) symptom(i incident.Incident, worst rules.Rule) string {
	said := ""
	if n := len(i.Updates); n > 0 {
		said = i.Updates[n-1].Words.Symptom
	}
	return cmp.Or(i.Words.Symptom, said, worst.Public.Symptom, i.Topic)
}

// worstRule gives the rule of the worst cause: of what lasts if anything does,
// of equals the first that has a runbook.
func (v view) worstRule(i incident.Incident) rules.Rule {
	var worst rules.Rule
	most := rules.SeverityNone
	for _, c := range i.Causes {
		s := c.Severity
		if i.Severity() == rules.SeverityNone {
			s = c.Peak
		}
		rule, ok := v.config.Rule(c.Rule)
		if ok && (worst.ID == "" || s > most || s == most && worst.Runbook == "" && rule.Runbook != "") {
			worst, most = rule, s
		}
	}
	return worst
}
