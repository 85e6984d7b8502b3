package rules

import (
	"fmt"
	"slices"
	"time"
)

var (
	severityNames = func() []string {
		names := make([]string, len(Severities))
		for i, s := range Severities {
			names[i] = s.String()
		}
		return names
	}()

	stepShape = shape{example: "{every: 30m}", keys: []string{"for", "every", "on"}}
	everySpan = span{10 * time.Second, 30 * 24 * time.Hour, time.Second, "30m"}
	forSpan   = span{10 * time.Second, 30 * 24 * time.Hour, time.Second, "1h"}
)

// severity reads a key of a mapping by severity.
func (e entry) severity() (Severity, bool) {
	s, ok := ParseSeverity(e.name)
	if !ok {
		e.mistake("unknown severity %s", unknown(e.name, severityNames))
	}
	return s, ok
}

// readSeverities overrides the built-in scale; what is not said stays.
func (d *draft) readSeverities(v value) {
	entries, _ := v.entries("{P0: {cadence: [{every: 30m}]}}")
	for _, e := range entries {
		s, ok := e.severity()
		if !ok || !e.key.onceSeverity(d.severities, s) {
			continue
		}
		o, ok := e.val.object(policyShape)
		if !ok {
			continue
		}
		d.cfg.Policies[s] = d.readPolicy(s, d.cfg.Policies[s], o)
	}
}

func (v value) onceSeverity(taken map[Severity]Pos, s Severity) bool {
	if at, twice := taken[s]; twice {
		v.mistake("%s is described twice: first at %s; put both into one place", s, at)
		return false
	}
	taken[s] = v.pos()
	return true
}

// readCadence reads how often an incident is spoken of, or that its beginning
// and its end are all that is told.
func readCadence(v value, p *Policy) {
	items, ok := v.list("[{for: 1h, every: 15m}, {every: 30m}]")
	if !ok {
		return
	}
	p.Cadence, p.OnOpened, p.OnResolved = nil, false, false
	clock := slices.ContainsFunc(items, func(v value) bool {
		_, every := v.peek("every")
		return every
	})
	for i, item := range items {
		item.name = "cadence"
		o, ok := item.object(stepShape)
		if !ok {
			continue
		}
		if o.get("on").given() {
			o.onMoment(p, clock)
			continue
		}
		p.Cadence = append(p.Cadence, o.step(i == len(items)-1))
	}
}

// moments are what a cadence can be without a clock.
var moments = []string{"opened", "resolved"}

// onMoment reads a step such as {on: resolved}.
func (o object) onMoment(p *Policy, clock bool) {
	on := o.get("on")
	moment, ok := on.oneOf(moments)
	told := &p.OnOpened
	if moment == "resolved" {
		told = &p.OnResolved
	}
	switch {
	case !ok:
	case clock || o.get("for").given():
		o.mistake("where incidents are spoken of by the clock, their beginning and end are told anyway: write [{on: opened}, {on: resolved}] or one of them alone, or leave it out")
	case *told:
		on.mistake("%s stands twice: keep one", moment)
	default:
		*told = true
	}
}

func (o object) step(last bool) Step {
	step := Step{}
	step.Every, _ = o.need("every", "every: 30m").duration(everySpan)
	step.For, _ = o.get("for").duration(forSpan)
	switch {
	case !last && !o.get("for").given():
		o.mistake("this step never ends, so that those after it never begin: add for: 1h")
	case last && o.get("for").given():
		o.get("for").mistake("the last step holds until the incident's end, or customers would be promised nothing afterwards: leave for out")
	}
	return step
}

// readSeverityNames reads a list of severities.
func readSeverityNames(v value) []Severity {
	names, places, _ := v.texts("[P0, P1]")
	var all []Severity
	for i, name := range names {
		s, ok := ParseSeverity(name)
		switch {
		case !ok:
			places[i].mistake("unknown severity %s", unknown(name, severityNames))
		case slices.Contains(all, s):
			places[i].mistake("%s stands twice: keep one", s)
		default:
			all = append(all, s)
		}
	}
	return all
}

// readChannelNames reads names of channels, which may be declared in another
// file or not at all: the built-in page is always there.
func (d *draft) readChannelNames(v value) []string {
	names, places, _ := v.texts("[status]")
	for i, name := range names {
		places[i].later(func() string {
			declared := make([]string, 0, len(d.cfg.Channels))
			for _, c := range d.cfg.Channels {
				if c.Name == name {
					return ""
				}
				declared = append(declared, c.Name)
			}
			if d.unread {
				return ""
			}
			return fmt.Sprintf("unknown channel %s; declare it under channels: in %s", unknown(name, declared), d.files[0])
		})
	}
	return names
}
