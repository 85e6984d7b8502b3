package rules

import (
	"net/url"
	"slices"
	"strings"
)

var (
	checklistShape = shape{
		example: "{id: region-down, title: A region is down, steps: […]}",
		keys:    []string{"id", "title", "for", "steps"},
		hints: map[string]string{
			"name":       "is called title: title: A region is down",
			"rules":      "belongs to for: for: {rules: [region-silent]}",
			"components": "belongs to for: for: {components: [database]}",
			"signals":    "belongs to for: for: {signals: [p99]}",
			"severities": "belongs to for: for: {severities: [P0]}",
			"topics":     "belongs to for: for: {topics: [security]}",
		},
	}
	checklistForShape = shape{
		example: "{rules: [region-silent], severities: [P0]}",
		keys:    []string{"rules", "components", "signals", "severities", "topics"},
		hints: map[string]string{
			"rule":      "is a list: rules: [region-silent]",
			"component": "is a list: components: [database]",
			"signal":    "is a list: signals: [p99]",
			"severity":  "is a list: severities: [P0]",
			"topic":     "is a list: topics: [security]",
			"regions":   "are not asked: a checklist is rendered with the values of the incident's own",
		},
	}
	stepOfListShape = shape{
		example: "{id: ps, text: See which containers run, command: docker compose ps}",
		keys:    []string{"id", "text", "command", "link", "seen"},
		hints: map[string]string{
			"title":    "is called text: text: See which containers run",
			"url":      "is called link: link: https://wiki.example.com/runbooks/api",
			"commands": "are one block: command: |",
			"run":      "is called command; people run it, Tocsin only shows it",
		},
	}
)

// readChecklists reads what is to be done, step by step.
func (d *draft) readChecklists(v value) {
	items, _ := v.list("[" + checklistShape.example + "]")
	for _, item := range items {
		item.name = "checklist"
		o, ok := item.object(checklistShape)
		if !ok {
			continue
		}
		l := Checklist{Pos: item.pos()}
		id := o.need("id", "id: region-down")
		switch s, ok := id.id("region-down"); {
		case ok && s == "own":
			id.mistake("own is where the tasks stand that people make up: take another name")
		case ok && id.once(d.checklists, s):
			l.ID = s
		}
		l.Title, _ = o.need("title", "title: A region is down").line(120, "A region is down")
		l.For = d.readChecklistFor(o.get("for"))
		l.Steps = readSteps(o.need("steps", "steps: ["+stepOfListShape.example+"]"))
		d.cfg.Checklists = append(d.cfg.Checklists, l)
	}
}

// readChecklistFor reads on which incidents a checklist stands.
func (d *draft) readChecklistFor(v value) ChecklistFor {
	o, ok := v.object(checklistForShape)
	if !ok {
		return ChecklistFor{}
	}
	before := len(d.mistakes)
	f := ChecklistFor{
		Rules: readChosen(o.get("rules"), func(place value, glob string, leftOut bool) {
			place.later(func() string { return d.knownToChecklist(glob, leftOut) })
		}),
		Components: readChosen(o.get("components"), func(place value, glob string, leftOut bool) {
			if literal(glob) && !leftOut && !d.pack {
				place.later(func() string { return d.knownComponent(glob) })
			}
		}),
		Signals:    readKindNames(o.get("signals")),
		Severities: readSeverityNames(o.get("severities")),
	}
	f.Topics, _ = readIDs(o.get("topics"), "[security]")
	if !f.Asks() && len(d.mistakes) == before {
		v.mistake("want at least one condition, as in %s, or leave it out: people then add the list by hand", checklistForShape.example)
	}
	return f
}

// readChosen reads patterns of which ["*"] is one: it asks that there is a rule,
// or a component, whichever.
func readChosen(v value, f seen) Patterns {
	before := 0
	if v.given() {
		before = len(v.src.draft.mistakes)
	}
	p := readPatterns(v, f)
	if v.given() && p.String() == "" && len(v.src.draft.mistakes) == before {
		p.Any = []string{"*"}
	}
	return p
}

// knownToChecklist says what is wrong with a rule that a checklist names. One
// that a pack leaves out here is none: it may be there tomorrow.
func (d *draft) knownToChecklist(glob string, leftOut bool) string {
	for id := range d.leftOut {
		if Glob(glob, id) {
			return ""
		}
	}
	if d.pack {
		return "" // a test asserts that they are there
	}
	return d.knownRule(glob, leftOut)
}

// readKindNames reads signals, of which any pNN is one.
func readKindNames(v value) []Kind {
	items, ok := v.list("[error_rate, p99]")
	if ok && len(items) == 0 {
		v.mistake("the list is empty: name a signal, or leave the key out")
	}
	var kinds []Kind
	for _, item := range items {
		if k := readSignal(item).Kind; k != KindUnknown && !slices.Contains(kinds, k) {
			kinds = append(kinds, k)
		}
	}
	return kinds
}

func readSteps(v value) []ChecklistStep {
	items, ok := v.list("[" + stepOfListShape.example + "]")
	if ok && len(items) == 0 {
		v.mistake("the list is empty: add a step, as in %s", stepOfListShape.example)
	}
	taken := map[string]Pos{}
	var steps []ChecklistStep
	for _, item := range items {
		item.name = "step"
		o, ok := item.object(stepOfListShape)
		if !ok {
			continue
		}
		s := ChecklistStep{Pos: item.pos()}
		id := o.need("id", "id: ps")
		if name, ok := id.id("ps"); ok && id.once(taken, name) {
			s.ID = name
		}
		s.Text, _ = o.need("text", "text: See which containers run").block(500, "See which containers run")
		s.Command, _ = o.get("command").block(4000, "docker compose ps")
		s.Link = readLink(o.get("link"))
		s.Seen = readSeen(o.get("seen"))
		steps = append(steps, s)
	}
	return steps
}

// readLink reads an address that a region's values are put into.
func readLink(v value) string {
	s, ok := v.line(500, "https://wiki.example.com/runbooks/{{region}}")
	if !ok {
		return ""
	}
	// A value that the link begins with may be a whole address.
	filled := valuePattern.ReplaceAllString(strings.TrimPrefix(s, valuePattern.FindString(s)), "x")
	if !strings.HasPrefix(s, "{{") || !valuePattern.MatchString(s) {
		filled = valuePattern.ReplaceAllString(s, "x")
		u, err := url.Parse(filled)
		if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "" || u.User != nil {
			v.mistake("want an address that begins with https:// or http:// and holds no password, or a region's value, as in {{console}}; found %q", shorten(s))
			return ""
		}
	}
	if strings.Contains(filled, "{{") {
		v.mistake("want values by their keys, as in {{host}}; found %q", shorten(s))
		return ""
	}
	return s
}

func readSeen(v value) string {
	s, _ := v.oneOf(SeenConditions)
	return s
}
