package report

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/featuresignals/tocsin/cmd/tocsin/plot"
	"github.com/featuresignals/tocsin/rules"
)

// Kinds of rule changes.
const (
	added   = "added"
	removed = "removed"
	changed = "changed"
)

// ruleChanges says which rules of is were not so in was: in the order of is,
// then those that are gone.
func ruleChanges(is, was []rules.Rule) []RuleChange {
	out := []RuleChange{}
	find := func(list []rules.Rule, id string) (rules.Rule, bool) {
		n := slices.IndexFunc(list, func(r rules.Rule) bool { return r.ID == id })
		if n < 0 {
			return rules.Rule{}, false
		}
		return list[n], true
	}
	for _, r := range is {
		old, ok := find(was, r.ID)
		if !ok {
			out = append(out, RuleChange{r.ID, added, fieldsBetween(nil, gist(r))})
			continue
		}
		if f := fieldsBetween(ruleFields(old), ruleFields(r)); len(f) > 0 {
			out = append(out, RuleChange{r.ID, changed, f})
		}
	}
	for _, r := range was {
		if _, ok := find(is, r.ID); !ok {
			out = append(out, RuleChange{r.ID, removed, fieldsBetween(gist(r), nil)})
		}
	}
	return out
}

// line is one thing that people wrote, as they would write it.
type line struct{ key, text string }

// fieldsBetween gives what is not the same, in the order of is, then what is
// gone.
func fieldsBetween(was, is []line) []Field {
	out := []Field{}
	text := func(list []line, key string) string {
		for _, l := range list {
			if l.key == key {
				return l.text
			}
		}
		return ""
	}
	for _, l := range is {
		if old := text(was, l.key); old != l.text {
			out = append(out, Field{l.key, old, l.text})
		}
	}
	for _, l := range was {
		if text(is, l.key) == "" && l.text != "" {
			out = append(out, Field{l.key, l.text, ""})
		}
	}
	return out
}

// notes collects lines, leaving out what says nothing.
type notes []line

func (n *notes) add(key, text string) {
	if text != "" {
		*n = append(*n, line{key, text})
	}
}

// ruleFields spells a rule out, key by key.
func ruleFields(r rules.Rule) []line {
	var n notes
	n.add("component", r.Component)
	n.add("signal", r.Signal.String())
	n.add("codes", spellCodes(r.Signal.Codes))
	if r.Signal.Objective != 0 {
		n.add("objective", spellShare(r.Signal.Objective))
		n.add("period", plot.Duration(r.Signal.Period))
	}
	if r.Signal.Slow != 0 {
		n.add("slower_than", plot.Duration(r.Signal.Slow))
	}
	n.add("gauge", r.Signal.Gauge)
	if r.Signal.Kind == rules.KindSilence {
		n.add("of", [...]string{"series", "service", "region"}[min(r.Signal.Of, 2)])
	}
	if r.HTTP5xx {
		n.add("errors", "span, http_5xx")
	}
	n.add("where.services", spellPatterns(r.Where.Services))
	n.add("where.regions", spellPatterns(r.Where.Regions))
	if r.Where.FromProbes {
		n.add("where.probes", cmp.Or(spellPatterns(r.Where.Probes), "all"))
	}
	n.add("where.routes", spellPatterns(r.Where.Routes))
	n.add("where.operations", spellPatterns(r.Where.Operations))
	n.add("where.kinds", strings.Join(r.Where.Kinds, ", "))
	for _, a := range r.Where.Attributes {
		n.add("where.attributes."+a.Key, spellPatterns(a.Patterns))
	}
	if r.Window != 0 {
		n.add("window", plot.Duration(r.Window))
	}
	for _, l := range r.Levels {
		n.add(l.Severity.String(), spellLevel(l, r.Signal))
	}
	n.add("recover", spellRecover(r))
	n.add("confidence", spellShare(r.Confidence))
	if r.Baseline != (rules.Baseline{}) {
		n.add("baseline", plot.Duration(r.Baseline.Ago)+" ago, over "+plot.Duration(r.Baseline.Over))
	}
	n.add("spread", spellSpread(r.Spread))
	for i, o := range r.Overrides {
		n.add("override "+strconv.Itoa(i+1), spellOverride(o, r))
	}
	n.add("public.symptom", r.Public.Symptom)
	n.add("public.impact", r.Public.Impact)
	n.add("public.workaround", r.Public.Workaround)
	n.add("runbook", r.Runbook)
	return n
}

// gist is what one wants to know of a rule that only one side has.
func gist(r rules.Rule) []line {
	return slices.DeleteFunc(ruleFields(r), func(l line) bool {
		_, level := rules.ParseSeverity(l.key)
		return !level && !slices.Contains([]string{"component", "signal", "window", "recover"}, l.key)
	})
}

// spellLimit writes a limit as the rules do.
func spellLimit(v float64, s rules.Signal) string {
	switch plot.UnitOf(s) {
	case plot.Ratio:
		return spellShare(v)
	case plot.Nanos:
		return plot.Duration(time.Duration(v))
	case plot.PerMinute:
		return plot.Digits(v) + "/min"
	case plot.Factor:
		return plot.Digits(v) + "x"
	case plot.Minutes, plot.Plain:
	}
	return strconv.FormatFloat(v, 'g', -1, 64)
}

func spellShare(v float64) string {
	return strconv.FormatFloat(math.Round(v*1e8)/1e6, 'f', -1, 64) + "%"
}

func spellLevel(l rules.Level, s rules.Signal) string {
	var parts []string
	word := map[bool]string{false: "above", true: "below"}[l.Under]
	switch {
	case s.Kind == rules.KindBurnRate:
		var pairs []string
		for _, b := range l.Burn {
			pairs = append(pairs, fmt.Sprintf("%sx over %s and %s", plot.Digits(b.Factor), plot.Duration(b.Long), plot.Duration(b.Short)))
		}
		parts = append(parts, "burn "+strings.Join(pairs, " or "))
	case s.Kind == rules.KindSilence:
	case !math.IsInf(l.Limit, 0) && (l.Limit != 0 || l.Times == 0):
		parts = append(parts, word+" "+spellLimit(l.Limit, s))
	}
	if l.Times != 0 {
		parts = append(parts, map[bool]string{false: "over", true: "under"}[l.Under]+" "+plot.Digits(l.Times)+"x the baseline")
	}
	parts = append(parts, "for "+plot.Duration(l.For))
	if len(l.ConfirmWith) > 0 {
		parts = append(parts, "confirmed by "+strings.Join(l.ConfirmWith, " or "))
	}
	return strings.Join(parts, ", ")
}

func spellRecover(r rules.Rule) string {
	if r.Recover == (rules.Recover{}) {
		return ""
	}
	word := "below "
	if len(r.Levels) > 0 && r.Levels[0].Under {
		word = "above "
	}
	limit := ""
	if r.Signal.Kind != rules.KindSilence && !math.IsInf(r.Recover.Limit, 0) {
		limit = word + spellLimit(r.Recover.Limit, r.Signal) + ", "
	}
	return limit + "for " + plot.Duration(r.Recover.For)
}

func spellSpread(list []rules.Spread) string {
	var parts []string
	for _, s := range list {
		switch {
		case s.AllRegions:
			parts = append(parts, "all regions: "+s.Severity.String())
		case s.Regions > 0:
			parts = append(parts, strconv.Itoa(s.Regions)+" regions: "+s.Severity.String())
		default:
			parts = append(parts, "more than "+spellShare(s.Share)+" of the traffic: "+s.Severity.String())
		}
	}
	return strings.Join(parts, ", ")
}

func spellOverride(o rules.Override, r rules.Rule) string {
	var parts []string
	if p := spellPatterns(o.Services); p != "" {
		parts = append(parts, "services "+p)
	}
	if p := spellPatterns(o.Regions); p != "" {
		parts = append(parts, "regions "+p)
	}
	for _, l := range o.Levels {
		parts = append(parts, l.Severity.String()+": "+spellLevel(l, r.Signal))
	}
	if o.Recover != (rules.Recover{}) {
		own := r
		own.Recover = o.Recover
		parts = append(parts, "recover: "+spellRecover(own))
	}
	if o.Confidence != 0 {
		parts = append(parts, "confidence: "+spellShare(o.Confidence))
	}
	return strings.Join(parts, "; ")
}

func spellCodes(list []rules.Codes) string {
	var parts []string
	for _, c := range list {
		if c.From == c.To {
			parts = append(parts, strconv.Itoa(int(c.From)))
		} else {
			parts = append(parts, fmt.Sprintf("%d-%d", c.From, c.To))
		}
	}
	return strings.Join(parts, ", ")
}

func spellPatterns(p rules.Patterns) string {
	quote := func(list []string) string {
		var out []string
		for _, g := range list {
			if g == "" || strings.ContainsAny(g, " ,;") {
				g = strconv.Quote(g)
			}
			out = append(out, g)
		}
		return strings.Join(out, ", ")
	}
	s := quote(p.Any)
	if len(p.Not) > 0 {
		s = strings.TrimLeft(s+"; not "+quote(p.Not), "; ")
	}
	return s
}

// settingChanges says what else differs and makes a difference to incidents.
func settingChanges(is, was *rules.Config) []Field {
	return fieldsBetween(settings(was), settings(is))
}

func settings(c *rules.Config) []line {
	var n notes
	for _, sev := range rules.Severities {
		n.add("severity "+sev.String(), spellPolicy(c, sev))
	}
	n.add("reopen_within", plot.Duration(c.ReopenWithin))
	n.add("lag", plot.Duration(c.SigNoz.Lag))
	for _, comp := range c.Components {
		n.add("component "+comp.ID, strings.TrimSpace(comp.Name+" "+spellAfter("depends on ", comp.DependsOn)))
	}
	for _, r := range c.Regions {
		n.add("region "+r.Code, strings.TrimSpace(r.Name+" "+spellAfter("also ", r.Aliases)))
	}
	for _, s := range c.Services {
		n.add("services "+spellPatterns(s.Names), "sample rate "+spellShare(s.SampleRate))
	}
	for _, m := range c.Maintenance {
		n.add("maintenance "+m.ID, spellMaintenance(m))
	}
	for _, s := range c.Silences {
		n.add("silence "+s.ID, spellSilence(s))
	}
	return n
}

func spellAfter(word string, list []string) string {
	if len(list) == 0 {
		return ""
	}
	return word + strings.Join(list, ", ")
}

func spellPolicy(c *rules.Config, sev rules.Severity) string {
	p := c.Policies[sev]
	var steps []string
	for _, s := range p.Cadence {
		t := "every " + plot.Duration(s.Every)
		if s.For != 0 {
			t += " for " + plot.Duration(s.For)
		}
		steps = append(steps, t)
	}
	parts := []string{cmp.Or(strings.Join(steps, ", then "), "no cadence")}
	if !p.Public {
		parts = append(parts, "not public")
	}
	if p.Hold != 0 {
		parts = append(parts, "held for "+plot.Duration(p.Hold))
	}
	if heard := c.Hears(sev); len(heard) > 0 {
		parts = append(parts, "to "+strings.Join(heard, ", "))
	}
	return strings.Join(parts, "; ")
}

func spellMaintenance(m rules.Maintenance) string {
	parts := []string{m.Title}
	if len(m.Weekly.Days) > 0 {
		var days []string
		for _, d := range m.Weekly.Days {
			days = append(days, strings.ToLower(d.String()))
		}
		at := m.Weekly.At
		when := fmt.Sprintf("%s at %02d:%02d for %s", strings.Join(days, ", "), int(at/time.Hour), int(at%time.Hour/time.Minute), plot.Duration(m.Weekly.For))
		if m.Weekly.Zone != nil {
			when += " " + m.Weekly.Zone.String()
		}
		parts = append(parts, when)
	}
	parts = append(parts, spellAfter("components ", m.Components), spellAfter("regions ", m.Regions), between(m.From, m.To))
	return join(parts)
}

func spellSilence(s rules.Silence) string {
	of := func(word string, p rules.Patterns) string {
		if t := spellPatterns(p); t != "" {
			return word + t
		}
		return ""
	}
	return join([]string{of("rules ", s.Rules), of("services ", s.Services), of("regions ", s.Regions), between(s.From, s.Until), s.Reason})
}

func between(from, to time.Time) string {
	var parts []string
	if !from.IsZero() {
		parts = append(parts, "from "+stamp(from))
	}
	if !to.IsZero() {
		parts = append(parts, "until "+stamp(to))
	}
	return strings.Join(parts, " ")
}

func join(parts []string) string {
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), "; ")
}
