package rules

import (
	"regexp"
	"slices"
)

// Checklist is what a runbook says is to be done when something is wrong, step
// by step.
type Checklist struct {
	ID    string
	Title string
	For   ChecklistFor
	Steps []ChecklistStep
	Pos   Pos
}

// ChecklistFor says on which incidents a checklist stands by itself: those with
// a cause that Rules, Components and Signals all fit, and those about one of the
// Topics; at one of the Severities, if there are any. Without any condition,
// people add it by hand.
type ChecklistFor struct {
	Rules      Patterns // globs of rule IDs; Any empty and Not empty: not asked
	Components Patterns
	Signals    []Kind
	Severities []Severity
	Topics     []string // what a person said it is about when declaring it: "security", "database", …
}

// ChecklistStep is one step.
type ChecklistStep struct {
	ID      string
	Text    string
	Command string // rendered with the region's values: {{host}}; may have several lines
	Link    string // likewise
	Seen    string // Tocsin ticks it when it has seen this; "": people do. One of SeenConditions
	Pos     Pos
}

// The conditions on which Tocsin ticks a step by itself.
const (
	SeenOpened       = "opened"       // the incident is declared, with its begin
	SeenAcknowledged = "acknowledged" // somebody has acknowledged
	SeenAssigned     = "assigned"     // somebody leads it
	SeenPosted       = "posted"       // customers have read the first words
	SeenIdentified   = "identified"   // the cause is named
	SeenProbes       = "probes_good"  // every probe of its regions is well
	SeenSignals      = "signals_good" // every signal is within its recover limit
	SeenResolved     = "resolved"     // it is over
)

// SeenConditions lists them in the order in which they come.
var SeenConditions = []string{
	SeenOpened, SeenAcknowledged, SeenAssigned, SeenPosted, SeenIdentified, SeenProbes, SeenSignals, SeenResolved,
}

// Asks reports whether there is any condition.
func (f ChecklistFor) Asks() bool {
	return f.Rules.String() != "" || f.Components.String() != "" || len(f.Signals)+len(f.Severities)+len(f.Topics) > 0
}

// Fits reports whether a checklist stands on an incident with a cause of this
// rule, at this severity. rule is the zero Rule, with its component set, for a
// cause that a person declared, about the topic if it is not "".
func (f ChecklistFor) Fits(rule Rule, s Severity, topic string) bool {
	causes := f.Rules.String() != "" || f.Components.String() != "" || len(f.Signals) > 0
	switch {
	case !f.Asks(), len(f.Severities) > 0 && !slices.Contains(f.Severities, s):
		return false
	case topic != "" && slices.Contains(f.Topics, topic):
		return true
	case !causes:
		return len(f.Topics) == 0
	}
	return (f.Rules.String() == "" || rule.ID != "" && f.Rules.Match(rule.ID)) && f.Components.Match(rule.Component) &&
		(len(f.Signals) == 0 || rule.ID != "" && slices.Contains(f.Signals, rule.Signal.Kind))
}

// Checklist gives the checklist with that ID.
func (c *Config) Checklist(id string) (Checklist, bool) {
	for _, l := range c.Checklists {
		if l.ID == id {
			return l, true
		}
	}
	return Checklist{}, false
}

// placeholders lists the keys that stand as {{key}} in a text, each once.
func placeholders(text string) []string {
	var keys []string
	for _, m := range valuePattern.FindAllStringSubmatch(text, -1) {
		if !slices.Contains(keys, m[1]) {
			keys = append(keys, m[1])
		}
	}
	return keys
}

// Fill puts a region's values in place of {{key}}; region and region_name are
// always there. Keys that the region has no value for are given back in missing,
// and stand as <key> in the text, for a person to fill in.
func (r Region) Fill(text string) (filled string, missing []string) {
	filled = valuePattern.ReplaceAllStringFunc(text, func(m string) string {
		key := valuePattern.FindStringSubmatch(m)[1]
		switch v, ok := r.Values[key]; {
		case ok:
			return v
		case key == "region":
			return r.Code
		case key == "region_name":
			return r.Name
		}
		if !slices.Contains(missing, key) {
			missing = append(missing, key)
		}
		return "<" + key + ">"
	})
	return filled, missing
}

var valuePattern = regexp.MustCompile(`\{\{\s*([a-z][a-z0-9_]*)\s*\}\}`)
