package console

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/featuresignals/tocsin/incident"
	"github.com/featuresignals/tocsin/rules"
)

// Checklist is the tasks of an incident that belong together.
type Checklist struct {
	ID, Title  string
	Done, All  int
	Open       bool // to be shown: something is left to do
	Steps      []Step
	Incident   string
	CanTick    bool
	Percentage int
}

// Step is one task.
type Step struct {
	ID       string // of the task
	Anchor   string
	Text     string
	Done     bool
	By       string // who ticked it, and when
	To       string
	Auto     string // what Tocsin waits to see, to tick it itself
	Folded   bool   // it is done: its commands are of little use
	Commands []Command
	Links    []Link
}

// Command is a step's command with the values of a region.
type Command struct {
	Region  string // "" where it is the same for all
	Parts   []CommandPart
	Plain   string // to be copied
	Missing string // keys that somebody has to fill in
}

// CommandPart is a stretch of a command; a missing value stands out.
type CommandPart struct {
	Text    string
	Missing bool
}

var autos = map[string]string{
	rules.SeenOpened: "the incident is declared", rules.SeenAcknowledged: "somebody has acknowledged", rules.SeenAssigned: "somebody leads",
	rules.SeenPosted: "customers have read the first words", rules.SeenIdentified: "the cause is named",
	rules.SeenProbes: "every probe is well", rules.SeenSignals: "every signal is well", rules.SeenResolved: "it is over",
}

// checklists groups an incident's tasks.
func (s scene) checklists(i incident.Incident) []Checklist {
	var out []Checklist
	at := map[string]int{}
	for _, t := range i.Tasks {
		n, ok := at[t.Checklist]
		if !ok {
			n = len(out)
			at[t.Checklist] = n
			out = append(out, Checklist{ID: cmp.Or(t.Checklist, "own"), Title: s.checklist(t.Checklist), Incident: string(i.ID), CanTick: s.who.act})
		}
		l := &out[n]
		l.All++
		l.Done += truth(t.Done)
		l.Steps = append(l.Steps, s.step(i, t))
	}
	// What is about the incident's own topic goes first.
	slices.SortStableFunc(out, func(a, b Checklist) int { return truth(s.topical(b.ID, i)) - truth(s.topical(a.ID, i)) })
	shown := false
	for n := range out {
		out[n].Open = out[n].Done < out[n].All && !shown
		shown = shown || out[n].Open
		out[n].Percentage = 100 * out[n].Done / out[n].All
	}
	return out
}

func (s scene) topical(id string, i incident.Incident) bool {
	l, ok := s.config.Checklist(id)
	return ok && i.Topic != "" && slices.Contains(l.For.Topics, i.Topic)
}

func (s scene) checklist(id string) string {
	if id == "" {
		return "Tasks of our own"
	}
	l, ok := s.config.Checklist(id)
	if !ok {
		return id
	}
	return cmp.Or(l.Title, l.ID)
}

func (s scene) step(i incident.Incident, t incident.Todo) Step {
	out := Step{ID: t.ID, Anchor: anchor(t.ID), Text: t.Text, Done: t.Done}
	switch {
	case t.Done:
		out.By = fmt.Sprintf("%s, %s UTC", s.actor(t.By), clock(t.At, s.at))
	case t.Seen != "":
		out.Auto = autos[t.Seen]
	}
	if t.To != "" {
		out.To = s.person(t.To)
	}
	for _, r := range s.rendered(i, t.Command) {
		out.Commands = append(out.Commands, command(r.name, r.text, r.missing))
	}
	for _, r := range s.rendered(i, t.Link) {
		if len(r.missing) == 0 && web(r.text) {
			out.Links = append(out.Links, Link{Title: "Open", Of: r.name, URL: r.text})
		}
	}
	out.Folded = out.Done && len(out.Commands) > 0
	return out
}

type renderedFor struct {
	name, text string
	missing    []string
}

// rendered fills a text with the values of each region that is affected. A text
// that asks for none is the same for all of them.
func (s scene) rendered(i incident.Incident, text string) []renderedFor {
	if text == "" {
		return nil
	}
	var out []renderedFor
	for _, code := range i.Regions() {
		region, ok := s.config.Region(code)
		if !ok {
			region = rules.Region{Code: code, Name: s.region(code)}
		}
		filled, missing := region.Fill(text)
		if filled == text {
			return []renderedFor{{text: text}}
		}
		out = append(out, renderedFor{s.region(code), filled, missing})
	}
	if len(out) == 0 {
		filled, missing := rules.Region{}.Fill(text)
		return []renderedFor{{text: filled, missing: missing}}
	}
	for _, r := range out[1:] {
		if r.text != out[0].text {
			return out
		}
	}
	return []renderedFor{{text: out[0].text, missing: out[0].missing}}
}

func command(region, text string, missing []string) Command {
	c := Command{Region: region, Plain: text, Missing: strings.Join(missing, ", ")}
	for text != "" {
		first, key := -1, ""
		for _, m := range missing {
			if at := strings.Index(text, "<"+m+">"); at >= 0 && (first < 0 || at < first) {
				first, key = at, "<"+m+">"
			}
		}
		if first < 0 {
			c.Parts = append(c.Parts, CommandPart{Text: text})
			break
		}
		if first > 0 {
			c.Parts = append(c.Parts, CommandPart{Text: text[:first]})
		}
		c.Parts = append(c.Parts, CommandPart{key, true})
		text = text[first+len(key):]
	}
	return c
}

var noAnchor = regexp.MustCompile(`[^A-Za-z0-9]+`)

// anchor is where a task stands on the page.
func anchor(id string) string { return "t-" + noAnchor.ReplaceAllString(id, "-") }

// web reports whether an address is one that a page may lead to.
func web(address string) bool {
	return strings.HasPrefix(address, "https://") || strings.HasPrefix(address, "http://")
}
