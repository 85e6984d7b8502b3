package rules

import (
	"fmt"
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

	policyShape = shape{
		example: "{cadence: [{every: 30m}], channels: [status], public: true}",
		keys:    []string{"cadence", "channels", "public", "hold"},
		hints: notYet("ack", "page", "escalate", "war_room", "hours", "postmortem", "resolve_goal", "start",
			"approve", "confirm_with", "wording", "impact"),
	}
	stepShape = shape{
		example: "{every: 30m}",
		keys:    []string{"for", "every"},
		hints:   map[string]string{"on": "is not needed: an incident's end is always posted; for no other posts write cadence: []"},
	}
	everySpan = span{10 * time.Second, 30 * 24 * time.Hour, time.Second, "30m"}
	forSpan   = span{10 * time.Second, 30 * 24 * time.Hour, time.Second, "1h"}
	holdSpan  = span{0, 24 * time.Hour, time.Second, "0s"}
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
		p := d.cfg.Policies[s]
		if c := o.get("cadence"); c.given() {
			p.Cadence = readCadence(c)
		}
		if c := o.get("channels"); c.given() {
			p.Channels = d.readChannelNames(c)
		}
		if c := o.get("public"); c.given() {
			p.Public, _ = c.truth()
		}
		if hold, ok := o.get("hold").duration(holdSpan); ok && hold > 0 {
			o.get("hold").mistake("only 0s is supported in this version: approving, changing and vetoing a post come with the desk " +
				"for people, and a hold that nobody can use would only make the first words late. The first post goes out at once")
		}
		d.cfg.Policies[s] = p
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

func readCadence(v value) []Step {
	const example = "[{for: 1h, every: 15m}, {every: 30m}]"
	items, _ := v.list(example)
	var steps []Step
	for i, item := range items {
		item.name = "cadence"
		o, ok := item.object(stepShape)
		if !ok {
			continue
		}
		step := Step{}
		step.Every, _ = o.need("every", "every: 30m").duration(everySpan)
		step.For, _ = o.get("for").duration(forSpan)
		switch last := i == len(items)-1; {
		case !last && !o.get("for").given():
			o.mistake("this step never ends, so that those after it never begin: add for: 1h")
		case last && o.get("for").given():
			o.get("for").mistake("the last step holds until the incident's end, or customers would be promised nothing afterwards: leave for out")
		}
		steps = append(steps, step)
	}
	return steps
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
