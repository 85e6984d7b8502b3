package console

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/featuresignals/tocsin/cmd/tocsin/api"
	"github.com/featuresignals/tocsin/incident"
	"github.com/featuresignals/tocsin/rules"
)

// Form is one deed that can be done here.
type Form struct {
	ID      string
	Action  string // where it is sent
	Verb    incident.Verb
	Title   string
	Help    string
	Button  string
	Hidden  []Value
	Fields  []Input
	Open    bool
	Plain   bool // nothing is asked: a button alone
	Grave   bool // its button is not the one to press by habit
	Problem string
	Typed   bool    // it holds what somebody typed
	Rare    []Input // fields that few need, folded away
	RareNow bool    // one of them is filled in
}

// Value is a field that is not shown.
type Value struct{ Name, Value string }

// Input is one field.
type Input struct {
	ID, Name, Label, Help, Value string
	Kind                         string // text, line, select, checks, flag, time, duration
	Required                     bool
	Options                      []Option
	Rows                         int
}

// Option is one value of a select, or one box of several.
type Option struct {
	Value, Text string
	Chosen      bool
}

// typed is what somebody sent and is not done, to be shown again.
type typed struct {
	verb    incident.Verb
	values  map[string]string
	task    string
	problem string
	force   bool // what is asked for can be forced
}

// deskForms is what can be done with an incident: first what is needed most, then
// the rest. What the words card and the checklists offer is not among them.
func (s scene) deskForms(i incident.Incident, again *typed) (first, more []Form) {
	if !s.who.act {
		return nil, nil
	}
	open := i.State != incident.StateResolved
	add := func(list *[]Form, verbs ...incident.Verb) {
		for _, v := range verbs {
			if d, ok := api.Find(v); ok {
				*list = append(*list, s.form(i, d, again))
			}
		}
	}
	if !open {
		add(&first, incident.Write)
		add(&more, incident.Assign, incident.AddTask)
		if len(s.lists(i)) > 0 {
			add(&more, incident.AddList)
		}
		if len(s.candidates(i, false)) > 0 {
			add(&more, incident.Relate)
		}
		return first, more
	}
	if !i.Private {
		add(&first, incident.Say)
	}
	add(&first, incident.Write, incident.SetState, incident.SetSeverity, incident.Assign, incident.Resolve)
	if i.Ack != nil || len(s.config.People) > 0 {
		add(&more, incident.Acknowledge)
	}
	if !i.Private {
		add(&more, incident.Assess, incident.Advise)
	}
	add(&more, incident.Correct, incident.AddTask)
	if len(s.lists(i)) > 0 {
		add(&more, incident.AddList)
	}
	if len(s.candidates(i, false)) > 0 {
		add(&more, incident.Relate)
	}
	if len(s.candidates(i, true)) > 0 {
		add(&more, incident.Merge)
	}
	if i.Private {
		add(&more, incident.Disclose)
	}
	return first, more
}

// labels names fields for people; what depends on the deed stands first.
var labels = map[string]string{
	"note.text": "Note", "task.text": "What is to be done", "resolve.text": "Last words for customers", "edit.text": "Words besides the form’s",
	"merge.other": "Goes on as", "assign.to": "Lead", "acknowledge.for": "For how long",
	"why": "Reason", "text": "Words for customers", "symptom": "Symptom", "impact": "Impact", "workaround": "Workaround",
	"severity": "Severity", "state": "State", "integrity": "Data integrity", "for": "For", "until": "Until (UTC)", "began": "Began (UTC)",
	"component": "Component", "regions": "Regions", "private": "Private", "topic": "Topic", "other": "Incident", "to": "Who",
	"checklist": "Checklist", "task": "Task", "force": "Close it although not all is well",
}

func (s scene) form(i incident.Incident, d api.Deed, again *typed) Form {
	f := Form{
		ID: "do-" + string(d.Verb), Action: "/incidents/" + string(i.ID) + "/" + string(d.Verb), Verb: d.Verb,
		Title: d.Title, Help: d.Help, Button: d.Title,
		Grave: slices.Contains([]incident.Verb{incident.Veto, incident.Resolve, incident.Merge, incident.Disclose}, d.Verb),
	}
	values := s.given(i, d.Verb)
	if again != nil && again.verb == d.Verb {
		f.Open, f.Problem, f.Typed = true, again.problem, true
		values = again.values
	}
	if d.Verb == incident.Acknowledge && i.Ack != nil {
		f.Title, f.Button, f.Help = "Acknowledge again", "Acknowledge", "Say that you are on it now, or for how long."
	}
	forced := again != nil && again.force && again.verb == d.Verb
	for _, field := range d.Fields {
		switch {
		case d.Verb == incident.Assign && field.Name == "task":
			continue // tasks have forms of their own
		case d.Verb == incident.Resolve && field.Name == "force":
			if forced {
				f.Hidden = append(f.Hidden, Value{"force", "true"})
				f.Title, f.Button = "Resolve by force", "Close it although not all is well"
			}
			continue
		case d.Verb == incident.Resolve && field.Name == "why":
			if !forced {
				continue
			}
			field.Required = true
		case d.Verb == incident.Resolve && field.Name == "text" && i.Private:
			continue
		}
		f.Fields = append(f.Fields, s.input(f.ID, i, d, field, values[field.Name]))
	}
	f.Plain = len(f.Fields) == 0
	return f
}

// given is what a form's fields hold before somebody types: what is so already,
// where that is to be changed.
func (s scene) given(i incident.Incident, v incident.Verb) map[string]string {
	switch v {
	case incident.SetSeverity:
		return map[string]string{"severity": standing(i).String()}
	case incident.SetState:
		next := map[incident.State]incident.State{
			incident.Investigating: incident.Identified, incident.Identified: incident.Monitoring, incident.Monitoring: incident.Monitoring,
		}
		return map[string]string{"state": string(next[i.State])}
	case incident.Assess:
		return map[string]string{"integrity": i.Integrity.String()}
	case incident.Advise:
		return map[string]string{"workaround": i.Words.Workaround}
	case incident.Assign:
		return map[string]string{"to": cmp.Or(i.Lead, s.who.id)}
	case incident.Edit:
		w := s.publicWords(i)
		m := map[string]string{"symptom": w.Symptom, "impact": w.Impact, "workaround": w.Workaround}
		if i.Draft != nil {
			m["text"] = i.Draft.Text
		}
		return m
	default:
		return nil
	}
}

// publicWords are the words that customers read, as things stand.
func (s scene) publicWords(i incident.Incident) rules.Words {
	rule, _ := s.config.Rule(s.worst(i).Rule)
	w := rule.Public
	if n := len(i.Updates); n > 0 && rule.ID == "" {
		w = i.Updates[n-1].Words
	}
	return i.Words.Over(w)
}

func (s scene) input(form string, i incident.Incident, d api.Deed, f api.Field, value string) Input {
	in := Input{
		ID: form + "-" + f.Name, Name: f.Name, Label: cmp.Or(labels[string(d.Verb)+"."+f.Name], labels[f.Name], f.Name),
		Help: f.Help, Value: value, Required: f.Required, Kind: string(f.Type),
	}
	options := func(all []Option, none string) {
		in.Kind = "select"
		if !f.Required || value == "" && none != "" {
			in.Options = append(in.Options, Option{"", cmp.Or(none, "–"), value == ""})
		}
		for _, o := range all {
			o.Chosen = o.Value == value
			in.Options = append(in.Options, o)
		}
	}
	switch f.Type {
	case api.Text:
		in.Rows = 3
	case api.Severity:
		var all []Option
		for _, sev := range rules.Severities {
			all = append(all, Option{sev.String(), sev.String() + " – " + meaning[sev], false})
		}
		options(all, "Choose")
	case api.State:
		options([]Option{{"investigating", "Investigating", false}, {"identified", "Identified: the cause is known", false}, {"monitoring", "Monitoring: mended, being watched", false}}, "As it is")
	case api.Integrity:
		options([]Option{{"under review", "Under review", false}, {"not known", "Not known", false}, {"not impacted", "Not impacted", false}}, "Under review")
		if !f.Required {
			in.Options = in.Options[1:]
		}
	case api.Person:
		if len(s.config.People) == 0 {
			in.Kind = "line"
			break
		}
		var all []Option
		for _, p := range s.config.People {
			name := s.person(p.ID)
			if p.ID == s.who.id {
				name += " (you)"
			}
			all = append(all, Option{p.ID, name, false})
		}
		options(all, "Nobody")
	case api.Component:
		var all []Option
		for _, c := range s.config.Components {
			all = append(all, Option{c.ID, s.component(c.ID), false})
		}
		options(all, "Choose")
	case api.Regions:
		in.Kind = "checks"
		chosen := strings.Split(value, ",")
		for _, r := range s.config.Regions {
			in.Options = append(in.Options, Option{r.Code, s.region(r.Code), slices.Contains(chosen, r.Code)})
		}
		if len(in.Options) == 0 {
			in.Kind = "line"
		}
	case api.Checklist:
		options(s.lists(i), "Choose")
	case api.Incident:
		options(s.candidates(i, d.Verb == incident.Merge), "Choose")
	case api.Time:
		in.Kind = "time"
		if t, err := time.Parse(time.RFC3339, value); err == nil {
			in.Value = t.UTC().Format("2006-01-02T15:04")
		}
	default:
	}
	return in
}

// lists are the checklists that an incident does not have yet.
func (s scene) lists(i incident.Incident) []Option {
	var all []Option
	for _, l := range s.config.Checklists {
		if !slices.ContainsFunc(i.Tasks, func(t incident.Todo) bool { return t.Checklist == l.ID }) {
			all = append(all, Option{Value: l.ID, Text: cmp.Or(l.Title, l.ID)})
		}
	}
	return all
}

// candidates are the incidents that one can be linked to, or merged into.
func (s scene) candidates(i incident.Incident, merge bool) []Option {
	var all []Option
	for _, o := range s.open() {
		if o.ID != i.ID && (!merge || o.Private == i.Private) {
			all = append(all, Option{Value: string(o.ID), Text: string(o.ID) + " – " + brief(s.title(o), 50)})
		}
	}
	if merge {
		return all
	}
	n := 0
	for o := range s.past() {
		if n++; n > 20 {
			break
		}
		if o.ID != i.ID {
			all = append(all, Option{Value: string(o.ID), Text: string(o.ID) + " – " + brief(s.title(o), 50) + ", resolved " + clock(o.Resolved, s.at)})
		}
	}
	return all
}

// declareForm is the form for an incident that no rule has found.
func (s scene) declareForm(again *typed) Form {
	f := Form{ID: "do-declare", Action: "/declare", Verb: incident.Declare, Title: api.Declare.Title, Button: "Declare", Help: api.Declare.Help}
	var values map[string]string
	if again != nil && !again.secret() {
		f.Problem, f.Typed, values = again.problem, true, again.values
	}
	for _, field := range api.Declare.Fields {
		field.Required = field.Required || slices.Contains([]string{"component", "symptom"}, field.Name)
		in := s.input(f.ID, incident.Incident{}, api.Declare, field, values[field.Name])
		switch field.Name {
		case "impact", "workaround", "private", "topic", "integrity", "began", "why":
			f.Rare = append(f.Rare, in)
			f.RareNow = f.RareNow || values[field.Name] != "" && field.Name != "integrity"
		case "component":
			in.Help = "What customers see go bad."
			f.Fields = append(f.Fields, in)
		default:
			f.Fields = append(f.Fields, in)
		}
	}
	return f
}

// secretForm is the short form for what nobody outside is to read of.
func (s scene) secretForm(again *typed) Form {
	f := Form{
		ID: "do-secret", Action: "/declare", Verb: incident.Declare, Title: "A security incident, in private", Button: "Declare privately",
		Help:   "Customers and viewers see nothing of it. It stays private: to tell customers later, declare another with a component, and link the two.",
		Hidden: []Value{{"private", "true"}, {"topic", incident.Security}, {"form", "secret"}},
	}
	values := map[string]string{"severity": rules.P1.String()}
	if again != nil && again.secret() {
		f.Problem, f.Typed, values = again.problem, true, again.values
	}
	for _, field := range api.Declare.Fields {
		if field.Name == "severity" || field.Name == "why" {
			in := s.input(f.ID, incident.Incident{}, api.Declare, field, values[field.Name])
			if field.Name == "why" {
				in.Label, in.Help = "What is known", "One line for colleagues; it can wait."
			}
			f.Fields = append(f.Fields, in)
		}
	}
	return f
}

func (t *typed) secret() bool { return t.task == "secret" }
