package rules

import (
	"fmt"
	"slices"
)

var (
	overrideShape = shape{
		example: "{regions: [in], levels: {P1: {above: 10%, for: 5m}}}",
		keys:    []string{"services", "regions", "probes", "levels", "recover", "confidence"},
		hints: map[string]string{
			"window": "cannot differ: write a rule of its own, and leave the region or service out of this one",
			"where":  "is services and regions here: {regions: [in], levels: …}",
			"spread": "belongs to the rule, which it is about as a whole",
			"public": "cannot differ: write a rule of its own, and leave the region or service out of this one",
		},
	}
	spreadShape = shape{
		example: "{regions: 2, severity: P1}",
		keys:    []string{"all_regions", "regions", "traffic", "severity"},
	}
)

func (r *ruleReader) readOverrides(v value) []Override {
	const example = "[{regions: [in], levels: {P1: {above: 10%, for: 5m}}}]"
	items, ok := v.list(example)
	if ok && len(items) == 0 {
		v.mistake("the list is empty: add one, as in %s, or leave the key out", example)
	}
	first := map[string]Pos{}
	var all []Override
	for _, item := range items {
		item.name = "override"
		o, ok := item.object(overrideShape)
		if !ok {
			continue
		}
		over := r.readOverride(o)
		covers := over.Services.String() + " " + over.Regions.String()
		if at, twice := first[covers]; twice {
			item.mistake("the override at %s covers the same and comes first: put both into one", at)
			continue
		}
		first[covers] = item.pos()
		all = append(all, over)
	}
	return all
}

func (r *ruleReader) readOverride(o object) Override {
	over := Override{Pos: o.pos()}
	own, other, looks := "services", "probes", "spans"
	if r.rule.Where.FromProbes {
		own, other, looks = other, own, "probes" // a probe's series has its ID as the service
	}
	if v := o.get(other); v.given() {
		v.mistake("this rule looks at %s: write %s", looks, own)
		delete(o.fields, other)
	} else if !o.get(own).given() && !o.get("regions").given() {
		o.mistake("this would hold everywhere: say where it holds, as in regions: [in] or %s: [api]", own)
	}
	w := r.d.readWhere(o, Where{})
	over.Services, over.Regions = w.Services, w.Regions
	if r.rule.Where.FromProbes {
		over.Services = w.Probes
	}
	levels, rec, confidence := o.get("levels"), o.get("recover"), o.get("confidence")
	if !levels.given() && !rec.given() && !confidence.given() {
		o.mistake("this changes nothing: add levels, recover or confidence")
	}
	r.overrideLevels(&over, levels, rec)
	if confidence.given() && !slices.Contains(counted, r.kind()) && r.kind() != KindUnknown {
		confidence.mistake("%s has no use for it (a measurement leaves nothing to chance): leave it out", r.rule.Signal)
		return over
	}
	over.Confidence, _ = confidence.confidence()
	return over
}

// overrideLevels reads levels as the rule's own are read, and when they are
// well again.
func (r *ruleReader) overrideLevels(over *Override, levels, rec value) {
	effective := r.rule.Levels
	if levels.given() {
		over.Levels = r.readLevels(levels)
		effective = over.Levels
		if len(effective) > 0 && len(r.rule.Levels) > 0 && effective[0].Under != r.rule.Levels[0].Under {
			levels.mistake("the rule's own levels say %s: the levels of a rule go one way; write a rule of its own for the other", direction(r.rule.Levels[0].Under))
			return
		}
	}
	if !levels.given() && !rec.given() {
		return
	}
	at := levels
	if rec.given() {
		at = rec
	}
	over.Recover = r.readRecover(rec, at, effective, r.recover).Recover
}

// readSpread reads a list of conditions, or a single one.
func (r *ruleReader) readSpread(v value) []Spread {
	const example = "{all_regions: P0}"
	n, ok := v.read(example)
	if !ok {
		return nil
	}
	items := []value{v}
	if found(n) != "a mapping" {
		if items, ok = v.list("[" + example + "]"); !ok {
			return nil
		}
		if len(items) == 0 {
			v.mistake("the list is empty: add a condition, as in %s, or leave the key out", example)
		}
	}
	if s := r.rule.Signal; s.Kind == KindSilence && s.Of == OfService {
		v.mistake("a service is silent in all its regions at once: leave it out, or write of: series")
		return nil
	}
	var all []Spread
	var places []value
	for _, item := range items {
		item.name = "spread"
		if o, ok := item.object(spreadShape); ok {
			if s, ok := r.readCondition(o); ok {
				all, places = append(all, s), append(places, item)
			}
		}
	}
	for i, s := range all {
		for _, t := range all[:i] {
			if why := untold(s, t); why != "" {
				places[i].mistake("%s", why)
				break
			}
		}
	}
	slices.SortStableFunc(all, func(a, b Spread) int { return int(b.Severity) - int(a.Severity) })
	return all
}

func (r *ruleReader) readCondition(o object) (s Spread, ok bool) {
	everywhere, regions, traffic := o.get("all_regions"), o.get("regions"), o.get("traffic")
	given := 0
	for _, v := range []value{everywhere, regions, traffic} {
		if v.given() {
			given++
		}
	}
	severity := o.get("severity")
	switch {
	case given != 1:
		o.mistake("want one of all_regions, regions and traffic, as in {all_regions: P0} or %s; found %d of them", spreadShape.example, given)
		return s, false
	case everywhere.given() && severity.given():
		severity.mistake("all_regions names the severity itself, as in {all_regions: P0}: leave it out")
		return s, false
	case everywhere.given():
		s.AllRegions, severity = true, everywhere
	case regions.given():
		s.Regions, ok = regions.number(2, 1000, "2")
		if most := len(r.rule.Where.Regions.Any); ok && most > 0 && s.Regions > most && !slices.ContainsFunc(r.rule.Where.Regions.Any, wild) {
			regions.mistake("the rule looks at no more than %d: want at most that many, or more regions in where", most)
		}
	default:
		s.Share, ok = traffic.share(0.01, 0.99, "50%")
		if ok && (r.rule.Where.FromProbes || r.kind() == KindSilence) {
			traffic.mistake("here are no requests of customers to take a share of: want {regions: 2, severity: P1} or {all_regions: P0}")
		}
	}
	if !everywhere.given() {
		severity = o.need("severity", "severity: P0")
	}
	known := false
	if s.Severity, known = severity.severity(); !known {
		return s, false
	}
	if n := len(r.rule.Levels); n > 0 && s.Severity <= r.rule.Levels[n-1].Severity {
		severity.mistake("the rule is never milder than %s, and %s raises nothing: want a worse severity", r.rule.Levels[n-1].Severity, s.Severity)
	}
	return s, ok || everywhere.given()
}

// severity reads a severity that stands as a value.
func (v value) severity() (Severity, bool) {
	s, ok := v.text("P0")
	if !ok {
		return SeverityNone, false
	}
	severity, ok := ParseSeverity(s)
	if !ok {
		v.mistake("unknown severity %s", unknown(s, severityNames))
	}
	return severity, ok
}

// untold says why one of two conditions would never be told from the other.
func untold(a, b Spread) string {
	if a.Severity < b.Severity {
		a, b = b, a
	}
	what := ""
	switch {
	case a.AllRegions && b.AllRegions:
		what = "all_regions"
	case a.Regions > 0 && b.Regions > 0 && (a.Severity == b.Severity || a.Regions <= b.Regions):
		what = "regions"
	case a.Share > 0 && b.Share > 0 && (a.Severity == b.Severity || a.Share <= b.Share):
		what = "traffic"
	default:
		return ""
	}
	if a.Severity == b.Severity || a.AllRegions {
		return fmt.Sprintf("%s stands twice: keep one", what)
	}
	return fmt.Sprintf("%s is worse than %s and must ask for more: want more %s for %s", a.Severity, b.Severity, what, a.Severity)
}
