// Package api is what people and programs do with incidents over HTTP, on the
// private listener: the same deeds for the command line, the console and
// whoever else has a token. One table says what can be done, with which fields;
// the routes, the OpenAPI document and the console's forms are made from it,
// and a test holds the command line's flags against it.
package api

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/featuresignals/tocsin/incident"
	"github.com/featuresignals/tocsin/rules"
)

// Deed is one thing that people can do with an incident.
type Deed struct {
	Verb   incident.Verb // also the last part of its path, POST /api/v1/incidents/{id}/VERB
	Title  string        // of a button: "Acknowledge"
	Help   string        // one sentence
	Fields []Field
}

// Field is one thing that a deed takes.
type Field struct {
	Name     string
	Type     Type
	Required bool
	Help     string
}

// Type says what a field's value looks like.
type Type string

const (
	Text      Type = "text"      // several lines
	Line      Type = "line"      // one line
	Severity  Type = "severity"  // P0 … P4
	State     Type = "state"     // investigating, identified, monitoring
	Integrity Type = "integrity" // under review, not known, not impacted
	Duration  Type = "duration"  // 30m, 1h30m
	Time      Type = "time"      // RFC 3339
	Incident  Type = "incident"  // INC-2026-0001
	Person    Type = "person"    // the ID of somebody under people
	Component Type = "component" // the ID of a component
	Regions   Type = "regions"   // codes; in a form or a flag with commas between
	Checklist Type = "checklist" // the ID of a checklist
	Task      Type = "task"      // CHECKLIST/STEP
	Flag      Type = "flag"      // true or false
	Number    Type = "number"    // from 1 on
	Channel   Type = "channel"   // the name of a channel
)

var (
	why        = Field{"why", Line, false, "The reason; the timeline keeps it."}
	whyNeeded  = Field{"why", Line, true, "The reason; the timeline keeps it."}
	symptom    = Field{"symptom", Line, false, "What goes wrong, in customers' words, as it stands in the middle of a sentence: elevated errors on the management API."}
	impact     = Field{"impact", Line, false, "What customers may experience: failed requests when they change flags."}
	workaround = Field{"workaround", Line, false, "What customers can do meanwhile: retry after a minute."}
	text       = Field{"text", Text, false, "Words that customers read as they stand."}
)

// Declare is the deed that needs no incident yet: POST /api/v1/incidents.
var Declare = Deed{incident.Declare, "Declare an incident", "Begin an incident that no rule has found.", []Field{
	{"severity", Severity, true, "How bad it is; when unsure, the worse."},
	{"component", Component, false, "What customers see go bad; needed unless it is private."},
	{"regions", Regions, false, "Where; everywhere if left out."},
	symptom, impact, workaround,
	{"text", Text, false, "Words for customers, to go out at once; without them the first post is held as the severity says."},
	{"private", Flag, false, "Customers read nothing of it until somebody discloses it; for security."},
	{"topic", Line, false, "What it is about, one word: security, database, rollback, scaling; chooses checklists."},
	{"integrity", Integrity, false, "What is known of customers' data."},
	{"began", Time, false, "When it began; now if left out."},
	why,
}}

// Deeds is what can be done with an incident, in the order in which an incident
// needs it.
var Deeds = []Deed{
	{incident.Acknowledge, "Acknowledge", "Be on it: the paging stops, the cadence of updates goes on.", []Field{
		{"for", Duration, false, "How long it counts; to the incident's end, or as the severity says, if left out."}, why,
	}},
	{incident.Say, "Say", "Tell customers something, at once.", []Field{
		{"text", Text, true, text.Help}, {"state", State, false, "The state that goes with the words."}, symptom, impact, workaround,
	}},
	{incident.Write, "Note", "Write something down; customers never read it.", []Field{{"text", Text, true, "What is to be remembered."}}},
	{incident.SetSeverity, "Set severity", "Say how bad it is, over what the rules say.", []Field{
		{"severity", Severity, true, "How bad it is."}, whyNeeded,
	}},
	{incident.SetState, "Set state", "Say where it stands; to close it, resolve it.", []Field{
		{"state", State, true, "Where it stands."},
		{"text", Text, false, "Words for customers that go with it: for identified, the cause in plain words and what is being done."},
		why,
	}},
	{incident.Correct, "Correct the begin", "Say that it began earlier; customers read it in the next update.", []Field{
		{"began", Time, true, "When it began, earlier than it is said to have."}, why,
	}},
	{incident.Assess, "Data integrity", "Say what is known of customers' data.", []Field{{"integrity", Integrity, true, "What is known."}, why}},
	{incident.Advise, "Workaround", "Say what customers can do meanwhile.", []Field{{"workaround", Line, true, workaround.Help}}},
	{incident.Approve, "Approve", "Let the first words go out now.", []Field{why}},
	{incident.Edit, "Edit", "Change the first words before they go out.", []Field{text, symptom, impact, workaround}},
	{incident.Hold, "Hold", "Have the first words wait longer.", []Field{
		{"for", Duration, false, "How long from now."}, {"until", Time, false, "Until when."}, why,
	}},
	{incident.Veto, "Veto", "Keep the first words from going out: customers read nothing until somebody says something.", []Field{whyNeeded}},
	{incident.Resolve, "Resolve", "Close it. What is not well yet stands in the way, unless it is forced.", []Field{
		{"text", Text, false, "Last words for customers."},
		{"force", Flag, false, "Close it although not all is well; with a reason."},
		why,
	}},
	{incident.Assign, "Assign", "Say who leads it, or who has one of its tasks.", []Field{
		{"to", Person, false, "Who; nobody if left out."}, {"task", Task, false, "Which task; the lead of the incident if left out."},
	}},
	{incident.AddTask, "Add a task", "Put something to do on it.", []Field{
		{"text", Line, true, "What is to be done."}, {"to", Person, false, "Who has it."},
	}},
	{incident.AddList, "Add a checklist", "Put a runbook's checklist on it.", []Field{{"checklist", Checklist, true, "Which."}}},
	{incident.Tick, "Tick", "Say that a task is done.", []Field{{"task", Task, true, "Which."}, why}},
	{incident.Untick, "Untick", "Say that a task is not done after all.", []Field{{"task", Task, true, "Which."}, why}},
	{incident.Merge, "Merge", "Have it go on as another incident: the worse severity, the earlier begin, what both are about.", []Field{
		{"other", Incident, true, "The incident that goes on."}, why,
	}},
	{incident.Relate, "Link", "Say that another incident has to do with it.", []Field{{"other", Incident, true, "Which."}, why}},
	{incident.Disclose, "Disclose", "Make a private incident one that customers read of, while it is open.", []Field{
		whyNeeded,
		{"component", Component, false, "What customers see it in, if nobody said so yet."},
		{"regions", Regions, false, "Where, if nobody said so yet; everywhere if left out."},
		symptom, impact,
	}},
}

// Find gives the deed of a verb, Declare among them.
func Find(v incident.Verb) (Deed, bool) {
	if v == incident.Declare {
		return Declare, true
	}
	i := slices.IndexFunc(Deeds, func(d Deed) bool { return d.Verb == v })
	if i < 0 {
		return Deed{}, false
	}
	return Deeds[i], true
}

// Action makes the action from values by the names of fields, as a form has
// them. It reports every value that makes no sense, and every one that is not
// this deed's.
func (d Deed) Action(values map[string]string) (incident.Action, error) {
	a := incident.Action{Do: d.Verb}
	var errs []error
	for _, f := range d.Fields {
		v := strings.TrimSpace(values[f.Name])
		switch {
		case v != "":
			if err := f.set(&a, v); err != nil {
				errs = append(errs, fmt.Errorf("%s: %w", f.Name, err))
			}
		case f.Required:
			errs = append(errs, fmt.Errorf("%s is missing: %s", f.Name, f.Help))
		}
	}
	for name := range values {
		if !slices.ContainsFunc(d.Fields, func(f Field) bool { return f.Name == name }) {
			errs = append(errs, fmt.Errorf("unknown field %q: want some of %s", name, strings.Join(d.names(), " ")))
		}
	}
	slices.SortFunc(errs, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return a, errors.Join(errs...)
}

func (d Deed) names() []string {
	var names []string
	for _, f := range d.Fields {
		names = append(names, f.Name)
	}
	return names
}

// set puts a value into the action.
func (f Field) set(a *incident.Action, v string) (err error) {
	switch f.Name {
	case "why":
		if n := utf8.RuneCountInString(v); n > incident.MostWhy {
			return fmt.Errorf("it has %d characters, at most %d fit: note the rest", n, incident.MostWhy)
		}
		a.Why = v
	case "text":
		a.Text = strings.ReplaceAll(v, "\r\n", "\n")
	case "symptom":
		a.Words.Symptom = v
	case "impact":
		a.Words.Impact = v
	case "workaround":
		a.Words.Workaround = v
	case "severity":
		var ok bool
		if a.Severity, ok = rules.ParseSeverity(strings.ToUpper(v)); !ok {
			return fmt.Errorf("unknown severity %q: want one of P0 P1 P2 P3 P4", v)
		}
	case "state":
		a.State = incident.State(strings.ToLower(v))
	case "integrity":
		if v = strings.ToLower(v); v != incident.UnderReview.String() {
			a.Integrity = incident.Integrity(v)
		}
	case "component":
		a.Component = v
	case "regions":
		for r := range strings.SplitSeq(v, ",") {
			if r = strings.TrimSpace(r); !slices.Contains(a.Regions, r) {
				a.Regions = append(a.Regions, r)
			}
			if len(a.Regions) > incident.MostRegions {
				return fmt.Errorf("want up to %d of them", incident.MostRegions)
			}
		}
	case "topic":
		a.Topic = strings.ToLower(v)
	case "private":
		a.Private, err = truth(v)
	case "force":
		a.Force, err = truth(v)
	case "for":
		a.For, err = time.ParseDuration(v)
		if err != nil {
			err = fmt.Errorf("want a duration, as 30m or 1h30m; found %q", v)
		}
	case "until":
		a.Until, err = moment(v)
	case "began":
		a.Began, err = moment(v)
	case "other":
		a.Other = incident.ID(strings.ToUpper(v))
	case "to":
		a.To = v
	case "task":
		a.Task = v
	case "checklist":
		a.Checklist = v
	default:
		panic("a field that no action has: " + f.Name)
	}
	return err
}

func truth(v string) (bool, error) {
	if v == "on" { // what a ticked box sends
		return true, nil
	}
	b, err := strconv.ParseBool(v)
	if err != nil {
		return false, fmt.Errorf("want true or false; found %q", v)
	}
	return b, nil
}

// moment reads a time; one without a zone, as a form's field gives it, is UTC.
func moment(v string) (time.Time, error) {
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04", "2006-01-02 15:04"} {
		if t, err := time.Parse(layout, v); err == nil {
			return t.UTC(), nil
		}
	}
	return time.Time{}, fmt.Errorf("want a time, as 2026-05-20T10:32:00Z; found %q", v)
}
