package console

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/featuresignals/tocsin/evaluator"
	"github.com/featuresignals/tocsin/incident"
	"github.com/featuresignals/tocsin/rules"
)

// Findings gives the newest finding of a series. History.Latest is one.
type Findings func(rule, service, region string) (evaluator.Finding, bool)

// scene is all that a view is made from, at one moment. Its methods are pure.
type scene struct {
	config   *rules.Config
	board    incident.Board
	judged   time.Time
	findings Findings
	wrong    []string // with the configuration as it is written
	who      person
	at       time.Time
}

// person is who looks: what they may see and do.
type person struct {
	id          string
	act, secret bool // may act; may see what is private
	admin       bool
}

// visible reports whether an incident is to be seen by whoever looks.
func (s scene) visible(i incident.Incident) bool { return !i.Private || s.who.secret }

// person gives somebody's name.
func (s scene) person(id string) string {
	if p, ok := s.config.Person(id); ok && p.Name != "" {
		return p.Name
	}
	return cmp.Or(id, "nobody")
}

// actor gives whoever did something: a person's name, or what did it.
func (s scene) actor(a incident.Actor) string {
	if id := a.Person(); id != "" {
		return s.person(id)
	}
	if id, ok := strings.CutPrefix(string(a), "rule:"); ok {
		return "the rule " + id
	}
	return "Tocsin"
}

func (s scene) people(ids []string) string {
	var names []string
	for _, id := range ids {
		names = append(names, s.person(id))
	}
	return list(names)
}

func (s scene) component(id string) string {
	c, _ := s.config.Component(id)
	return cmp.Or(c.Name, id)
}

func (s scene) region(code string) string {
	r, _ := s.config.Region(code)
	return cmp.Or(r.Name, code, "no region")
}

func (s scene) regions(codes []string) string {
	var names []string
	for _, c := range codes {
		names = append(names, s.region(c))
	}
	return list(names)
}

// where gives the regions of an incident: those that are bad now, else those that
// were; "all regions" where that is so.
func (s scene) where(i incident.Incident) string {
	var bad []string
	for _, r := range i.Regions() {
		if i.RegionSeverity(r) != rules.SeverityNone {
			bad = append(bad, r)
		}
	}
	if len(bad) == 0 {
		bad = i.Regions()
	}
	if len(bad) == 1 && bad[0] == "" {
		return ""
	}
	if n := len(s.config.Regions); n > 1 && len(bad) >= n {
		return "all regions"
	}
	return s.regions(bad)
}

// about gives the components of an incident.
func (s scene) about(i incident.Incident) string {
	var names []string
	for _, id := range append([]string{i.Component}, i.Components...) {
		if id != "" {
			names = append(names, s.component(id))
		}
	}
	return list(names)
}

// title says in a few words what is wrong.
func (s scene) title(i incident.Incident) string {
	symptom := i.Words.Symptom
	if symptom == "" && len(i.Updates) > 0 {
		symptom = i.Updates[len(i.Updates)-1].Words.Symptom
	}
	if symptom == "" {
		rule, _ := s.config.Rule(s.worst(i).Rule)
		symptom = rule.Public.Symptom
	}
	switch {
	case symptom != "":
		return sentence(symptom)
	case i.Topic != "":
		return sentence(i.Topic) + " incident"
	case i.Component != "":
		return "Problems with " + s.component(i.Component)
	default:
		return "Incident"
	}
}

// worst is the cause that says most of how bad it is: the most severe now, or
// ever where all are over; of those one that is measured and seen, and the
// farthest from its limit.
func (s scene) worst(i incident.Incident) incident.Cause {
	causes := slices.Clone(i.Causes)
	slices.SortStableFunc(causes, func(a, b incident.Cause) int {
		fa, oka := s.finding(a)
		fb, okb := s.finding(b)
		return cmp.Or(
			cmp.Compare(b.Severity, a.Severity), cmp.Compare(b.Peak, a.Peak),
			truth(b.Rule != "")-truth(a.Rule != ""), truth(okb)-truth(oka), cmp.Compare(excess(fb), excess(fa)),
		)
	})
	if len(causes) == 0 {
		return incident.Cause{}
	}
	return causes[0]
}

func (s scene) finding(c incident.Cause) (evaluator.Finding, bool) {
	if s.findings == nil || c.Rule == "" {
		return evaluator.Finding{}, false
	}
	return s.findings(c.Rule, c.Service, c.Region)
}

// excess is how far a value is from its limit, as a factor.
func excess(f evaluator.Finding) float64 {
	if f.Limit == 0 || !f.Seen {
		return 0
	}
	return f.Value / f.Limit
}

func truth(b bool) int {
	if b {
		return 1
	}
	return 0
}

// standing is the severity that an incident is shown with: what it demands, or
// while it is about to end, or has ended, its worst.
func standing(i incident.Incident) rules.Severity {
	if s := i.Severity(); s != rules.SeverityNone && i.State != incident.StateResolved {
		return s
	}
	return i.Peak
}

func class(s rules.Severity) string { return strings.ToLower(s.String()) }
