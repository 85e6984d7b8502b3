package rules

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"
)

var (
	testShape = shape{
		example: "{name: an outage is a P1, series: […], expect: […]}",
		keys:    []string{"name", "start", "series", "down", "expect", "timeline"},
		hints: map[string]string{
			"values":    "is called series: series: [{of: api/eu, minutes: 100x5 100/60x10}]",
			"rules":     "stands at the top of a file: a test runs with all the rules there are",
			"interval":  "is not needed: a value is a minute",
			"incidents": "belongs to expect: expect: [{at: \"00:10\", incident: api, severity: P1}]",
		},
	}
	testSeriesShape = shape{
		example: "{of: api/eu, minutes: 100x5 100/60x10}",
		keys:    []string{"of", "probe", "route", "operation", "kind", "status", "attributes", "minutes"},
		hints: map[string]string{
			"service": "and region are written together: of: api/eu",
			"region":  "and service are written together: of: api/eu",
			"values":  "is called minutes: minutes: 100x5 100/60x10",
			"routes":  "is one here: route: /v1/evaluate",
			"codes":   "is one here: status: 401",
			"errors":  "stand among the minutes: minutes: 100/60x10",
			"gauges":  "stand among the minutes: minutes: \"4{pool=0.9}x10\"",
		},
	}
	testDownShape = shape{
		example: `{source: spans, from: "00:12", to: "00:22"}`,
		keys:    []string{"source", "from", "to"},
	}
	expectedShape = shape{
		example: `{at: "00:10", incident: api, severity: P1}`,
		keys:    []string{"at", "rule", "cell", "now", "held", "incident", "severity", "state"},
		hints: map[string]string{
			"component": "is called incident: an incident is one of a component: incident: api",
			"service":   "and region are written together: cell: api/eu",
			"region":    "and service are written together: cell: api/eu",
			"verdict":   "is called now: now: bad",
		},
	}

	sourceNames  = []string{SourceSpans, SourceProbes}
	verdictNames = []string{"unsure", "good", "bad"}
	stateNames   = []string{"none", "open", "investigating", "monitoring", "resolved"}
)

// mostSamples bounds the minutes of all tests together.
const mostSamples = 500_000

// ParseTests reads rule tests out of files that the configuration does not
// include, and holds the names in them against its own. Mistakes are reported
// as by Parse.
func (c *Config) ParseTests(files []File) ([]Test, error) {
	d := newDraft()
	d.cfg, d.zone = *c, c.Zone
	d.cfg.Tests = slices.Clip(c.Tests) // no name stands twice
	if d.zone == nil {
		d.zone = time.UTC
	}
	for _, component := range c.Components {
		d.components[component.ID] = component.Pos
	}
	for _, p := range c.Probes {
		d.probes[p.ID] = p.Pos
	}
	sh := shape{example: "tests: […]", keys: []string{"tests"}, hints: map[string]string{}}
	for _, key := range slices.Concat(mainKeys, sharedKeys) {
		if key != "tests" {
			sh.hints[key] = "is not read from a file of tests: they run with the service's own files"
		}
	}
	for _, f := range files {
		s := d.source(f)
		root, ok := s.syntax(f.Body)
		if !ok {
			continue
		}
		if o, ok := (value{src: s, name: "the file", node: root}).object(sh); ok {
			d.readTests(o.need("tests", "tests: [{name: …}]"))
		}
	}
	for _, check := range d.checks {
		check()
	}
	if len(d.mistakes) > 0 {
		return nil, d.joined()
	}
	return d.cfg.Tests[len(c.Tests):], nil
}

func (d *draft) readTests(v value) {
	items, _ := v.list("[{name: an outage is a P1, …}]")
	if len(items) == 0 {
		return // as in most files: what follows goes through all tests so far
	}
	taken, samples := map[string]Pos{}, 0
	for _, t := range d.cfg.Tests {
		taken[t.Name] = t.Pos
		for _, s := range t.Series {
			samples += len(s.Minutes)
		}
	}
	for _, item := range items {
		item.name = "test"
		o, ok := item.object(testShape)
		if !ok {
			continue
		}
		t := Test{Pos: item.pos()}
		name := o.need("name", "name: what must be so")
		if t.Name, ok = name.text("an outage is a P1"); ok {
			switch {
			case strings.TrimSpace(t.Name) == "" || strings.ContainsAny(t.Name, "\r\n"):
				name.mistake("want one line of words that say what must be so")
			default:
				name.once(taken, t.Name)
			}
		}
		d.readTest(&t, o, &samples)
		d.cfg.Tests = append(d.cfg.Tests, t)
	}
}

func (d *draft) readTest(t *Test, o object, samples *int) {
	t.Start = wall{year: 2026, month: time.January, day: 1}.first(d.zone)
	if at, ok := o.get("start").time(d.zone); ok {
		t.Start = at
	}
	series, ok := o.need("series", "series: [{of: api/eu, minutes: 100x5 100/60x10}]").list("[{of: api/eu, minutes: 100x5 100/60x10}]")
	if ok && len(series) == 0 {
		o.get("series").mistake("the list is empty: without a line nothing is judged")
	}
	for _, item := range series {
		item.name = "series"
		if so, ok := item.object(testSeriesShape); ok {
			s := d.readTestSeries(so)
			if *samples += len(s.Minutes); *samples > mostSamples {
				so.mistake("the tests have more than %d minutes together: shorten some", mostSamples)
				return
			}
			t.Series = append(t.Series, s)
		}
	}
	downs, _ := o.get("down").list(`[{source: spans, from: "00:12", to: "00:22"}]`)
	for _, item := range downs {
		item.name = "down"
		if do, ok := item.object(testDownShape); ok {
			t.Down = append(t.Down, readTestDown(do))
		}
	}
	expects, _ := o.get("expect").list(`[{at: "00:10", incident: api, severity: P1}]`)
	for _, item := range expects {
		item.name = "expect"
		if eo, ok := item.object(expectedShape); ok {
			t.Expect = append(t.Expect, d.readExpected(eo, t.Series[:whole(t.Series, len(series))]))
		}
	}
	timeline := o.get("timeline")
	if t.Timeline, ok = timeline.text("| with any word below it, and let `tocsin test --update` write what happens"); ok && t.Timeline == "" {
		t.Timeline = "\n"
	}
	if len(expects) == 0 && !o.get("expect").given() && !timeline.given() {
		o.mistake(`a test that expects nothing cannot fail: add expect: [{at: "00:10", incident: api, severity: P1}]`)
	} else if o.get("expect").given() && len(expects) == 0 && !timeline.given() {
		o.get("expect").mistake("a test that expects nothing cannot fail: add what must be so")
	}
}

func (d *draft) readTestSeries(o object) TestSeries {
	s := TestSeries{Pos: o.pos()}
	of, probe := o.get("of"), o.get("probe")
	switch {
	case of.given() && probe.given():
		probe.mistake("a line is of spans or of a probe: leave of or probe out")
	case probe.given():
		s.Probe = true
		d.readTestProbe(&s, o)
	case of.given():
		d.readTestSpans(&s, o)
	default:
		o.mistake("of is missing: add of: service/region, or probe: id/region")
	}
	minutes := o.need("minutes", "minutes: 100x5 100/60x10")
	s.Minutes = readSamples(minutes)
	d.checkGauges(s, minutes)
	return s
}

func (d *draft) readTestProbe(s *TestSeries, o object) {
	for _, key := range []string{"route", "operation", "kind", "status", "attributes"} {
		if o.get(key).given() {
			o.get(key).mistake("only spans have one: leave it out")
		}
	}
	probe := o.get("probe")
	id, region, ok := probe.cell("api-health/eu")
	if !ok {
		return
	}
	s.Service, s.Region = id, region
	probe.later(func() string {
		if d.unread {
			return ""
		}
		for _, p := range d.cfg.Probes {
			if p.ID == id {
				return unknownTarget(p, region)
			}
		}
		return "unknown probe " + unknown(id, slices.Sorted(maps.Keys(d.probes)))
	})
}

func unknownTarget(p Probe, region string) string {
	codes := make([]string, 0, len(p.Targets))
	for _, t := range p.Targets {
		if t.Region == region {
			return ""
		}
		codes = append(codes, t.Region)
	}
	return fmt.Sprintf("the probe %s has no target for %s", p.ID, unknown(region, codes))
}

func (d *draft) readTestSpans(s *TestSeries, o object) {
	of := o.get("of")
	var ok bool
	if s.Service, s.Region, ok = of.cell("api/eu"); ok && s.Region != "" {
		of.later(func() string { return d.knownRegion(s.Region, false) })
	}
	s.Route, _ = o.get("route").text("/v1/evaluate")
	s.Operation, _ = o.get("operation").text("pool.acquire")
	s.Kind = "server"
	if kind, ok := o.get("kind").oneOf(kindNames); ok {
		s.Kind = kind
	}
	s.Status, _ = o.get("status").number(leastCode, mostCode, "401")
	entries, _ := o.get("attributes").entries("{http.method: POST}")
	for _, e := range entries {
		e.val.name = "attributes"
		if text, ok := e.val.scalar("POST"); ok {
			if s.Attributes == nil {
				s.Attributes = map[string]string{}
			}
			s.Attributes[e.name] = text
		}
	}
}

// checkGauges reports gauges where there are none.
func (d *draft) checkGauges(s TestSeries, minutes value) {
	seen := map[string]bool{}
	for _, m := range s.Minutes {
		for name := range m.Gauges {
			seen[name] = true
		}
	}
	if len(seen) > 0 && !s.Probe {
		minutes.mistake("spans have no gauges: write probe: id/region instead of of:, or leave {…} out")
		return
	}
	for _, name := range slices.Sorted(maps.Keys(seen)) {
		minutes.later(func() string { return d.gaugeOf(s.Service, name) })
	}
}

// gaugeOf says what is wrong with a gauge of a probe.
func (d *draft) gaugeOf(probe, name string) string {
	for _, p := range d.cfg.Probes {
		if p.ID == probe && !slices.Contains(p.gauges(), name) && !d.unread {
			return "the probe " + probe + " has no gauge " + unknown(name, p.gauges())
		}
	}
	return "" // if there is no such probe, the line says so
}

// readSamples reads a line of minutes. A mistake is placed at its character
// where the line stands in the file as it was read.
func readSamples(v value) []Sample {
	const example = "100x5 100/60x10"
	n, ok := v.read(example)
	if !ok {
		return nil
	}
	text := ""
	switch m := n.(type) {
	case *ast.StringNode:
		text = m.Value
	case *ast.LiteralNode:
		text = m.Value.Value
	case *ast.IntegerNode:
		text = m.GetToken().Value
	default:
		v.mistake("want minutes, as in %s; found %s", example, found(n))
		return nil
	}
	samples, err := ParseSamples(text)
	if wrong, ok := errors.AsType[*SampleError](err); ok {
		at := v.pos()
		if origin := strings.TrimSpace(n.GetToken().Origin); strings.Trim(origin, `"'`) == text && !strings.Contains(text, "\n") {
			at.Col += wrong.At + strings.Index(origin, text)
		}
		v.src.mistakeAt(at, "%s: %q: %s", v.name, shorten(wrong.Word), wrong.Msg)
		return nil
	}
	if len(samples) == 0 {
		v.mistake("want at least one minute, as in %s", example)
	}
	return samples
}

func readTestDown(o object) TestDown {
	down := TestDown{}
	down.Source, _ = o.need("source", "source: spans").oneOf(sourceNames)
	from, _ := o.need("from", `from: "00:12"`).elapsed()
	to := o.need("to", `to: "00:22"`)
	until, ok := to.elapsed()
	if ok && until <= from {
		to.mistake("it would be back before it is gone: want a time after from")
	}
	down.From, down.To = int(from/time.Minute), int(until/time.Minute)
	return down
}

func (d *draft) readExpected(o object, series []TestSeries) Expected {
	e := Expected{AnyHeld: true, Pos: o.pos()}
	at := o.need("at", `at: "00:10"`)
	after, ok := at.elapsed()
	if e.At = after; ok && after < time.Minute {
		at.mistake(`the first minute ends at "00:01": nothing is judged before`)
	}
	rule, incident := o.get("rule"), o.get("incident")
	switch {
	case rule.given() && incident.given():
		incident.mistake("expect one thing a line: a rule's finding, or an incident")
	case rule.given():
		o.only("rule", "at", "rule", "cell", "now", "held")
		d.readExpectedFinding(&e, o, series)
	case incident.given():
		o.only("incident", "at", "incident", "severity", "state")
		d.readExpectedIncident(&e, o)
	default:
		o.mistake("say what is expected: add incident: api, or rule: api-errors")
	}
	return e
}

// only reports keys that mean nothing beside another one.
func (o object) only(beside string, keys ...string) {
	for _, name := range slices.Sorted(maps.Keys(o.fields)) {
		if !slices.Contains(keys, name) {
			o.get(name).mistake("means nothing beside %s: leave it out, or write a line of its own", beside)
		}
	}
}

func (d *draft) readExpectedFinding(e *Expected, o object, series []TestSeries) {
	rule := o.get("rule")
	id, ok := rule.scalar("api-errors")
	if ok {
		e.Rule = id
		rule.later(func() string { return d.knownRule(id, false) })
	}
	cell := o.need("cell", "cell: service/region")
	if service, region, ok := cell.cell("api/eu"); ok {
		e.Cell = service + "/" + region
		if why := unknownCell(e.Cell, series); why != "" {
			cell.mistake("%s", why)
		}
	}
	now, held := o.get("now"), o.get("held")
	e.Now, _ = now.oneOf(verdictNames)
	if held.given() {
		e.AnyHeld = false
		if s, ok := held.oneOf(append(slices.Clone(severityNames), SeverityNone.String())); ok {
			e.Held, _ = ParseSeverity(s)
		}
	}
	if !now.given() && !held.given() {
		o.mistake("say what is expected of the rule: add now: bad or held: P1")
	}
	e.Text = e.spell()
}

// whole gives how many lines a test has, and 0 if some could not be read: then
// nothing is said of cells that seem to be missing.
func whole(series []TestSeries, written int) int {
	unread := func(s TestSeries) bool { return s.Service == "" && s.Region == "" }
	if len(series) < written || slices.ContainsFunc(series, unread) {
		return 0
	}
	return written
}

// unknownCell says that no line of a test can give a finding for a cell.
func unknownCell(cell string, series []TestSeries) string {
	if len(series) == 0 {
		return ""
	}
	var cells []string
	for _, s := range series {
		switch cell {
		case s.Service + "/" + s.Region, s.Service + "/", "/" + s.Region:
			return ""
		}
		cells = append(cells, s.Service+"/"+s.Region)
	}
	slices.Sort(cells)
	return "no line of the test is of " + unknown(cell, slices.Compact(cells))
}

func (d *draft) readExpectedIncident(e *Expected, o object) {
	incident := o.get("incident")
	id, ok := incident.scalar("api")
	if ok {
		e.Component = id
		incident.later(func() string { return d.knownComponent(id) })
	}
	state, severity := o.get("state"), o.get("severity")
	e.State, _ = state.oneOf(stateNames)
	if s, ok := severity.oneOf(severityNames); ok {
		e.Severity, _ = ParseSeverity(s)
	}
	switch {
	case !state.given() && !severity.given():
		o.mistake("say what is expected of the incident: add severity: P1, or state: none")
	case e.State == "none" && severity.given():
		severity.mistake("an incident that is not there has none: leave it out, or write another state")
	}
	e.Text = e.spell()
}

// spell says what is expected, for people.
func (e Expected) spell() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%02d:%02d ", int(e.At.Hours()), int(e.At.Minutes())%60)
	part := func(name, s string) {
		if s != "" {
			b.WriteString(", " + name + " " + s)
		}
	}
	if e.Rule != "" {
		b.WriteString("rule " + e.Rule + " for " + e.Cell)
		part("now", e.Now)
		if !e.AnyHeld {
			part("held", e.Held.String())
		}
		return b.String()
	}
	b.WriteString("incident " + e.Component)
	part("state", e.State)
	if e.Severity != SeverityNone {
		part("severity", e.Severity.String())
	}
	return b.String()
}

// cell reads service/region. The region is what follows the last slash.
func (v value) cell(example string) (service, region string, ok bool) {
	s, ok := v.scalar(example)
	if !ok {
		return "", "", false
	}
	slash := strings.LastIndex(s, "/")
	if slash < 0 || s == "/" {
		v.mistake("want service/region, as in %s; found %q", example, shorten(s))
		return "", "", false
	}
	return s[:slash], s[slash+1:], true
}

// elapsed reads hours and minutes since the beginning.
func (v value) elapsed() (time.Duration, bool) {
	s, ok := v.scalar(`"00:10"`)
	if !ok {
		return 0, false
	}
	h, m, ok := parseHourMinute(s)
	if !ok || h*60+m > MostMinutes {
		v.mistake(`want hours and minutes since start, as in "00:10" or "26:00", at most "%d:00"; found %q`, MostMinutes/60, shorten(s))
		return 0, false
	}
	return time.Duration(h*60+m) * time.Minute, true
}
