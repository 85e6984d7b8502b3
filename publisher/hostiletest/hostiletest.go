// Package hostiletest makes configurations and boards whose every word does not
// mean well, for tests of what channels make of them.
package hostiletest

import (
	"reflect"
	"time"

	"github.com/featuresignals/tocsin/incident"
	"github.com/featuresignals/tocsin/rules"
)

// The incidents of a board: Open goes on, Over is resolved.
const (
	Open incident.ID = "INC-2026-0001"
	Over incident.ID = "INC-2026-0002"
)

// At is when it is looked at.
var At = time.Date(2026, 5, 20, 13, 30, 0, 0, time.UTC)

// Keys lists the deliveries that a board has, updates and calls to people, as the
// outbox names them.
var Keys = []string{
	string(Open) + "/1", string(Open) + "/2", string(Open) + "/3", string(Over) + "/1", string(Over) + "/2",
	string(Open) + "/notice/1", string(Open) + "/notice/2", string(Open) + "/notice/3",
}

// Make gives a configuration and a board that have a word in every string there
// is: names of services, regions, routes, components and people, addresses, and
// what people and rules say. What tells things apart has a digit behind it.
//
// Words of fixed lists (states, trends) and the IDs of incidents, which Tocsin
// gives itself, are as they always are.
func Make(word string) (*rules.Config, incident.Board) {
	const id1, id2 = "1", "2"
	c := rules.Default()
	c.Channels = []rules.Channel{{}}
	c.People = []rules.Person{{Roles: []string{""}, Reach: []string{""}}}
	c.Console = rules.Console{Links: []rules.Link{{}}}
	c.Checklists = []rules.Checklist{{Steps: []rules.ChecklistStep{{}}}}
	c.Components = []rules.Component{{DependsOn: []string{""}}, {}}
	c.Regions = []rules.Region{{Aliases: []string{""}}, {}}
	c.Services = []rules.Service{{Names: rules.Patterns{Any: []string{""}, Not: []string{""}}, SampleRate: 1}}
	c.Rules = []rules.Rule{c.Rules[0], c.Rules[0]}
	for n := range c.Rules {
		c.Rules[n].Where = rules.Where{
			Services: rules.Patterns{Any: []string{""}}, Regions: rules.Patterns{Any: []string{""}}, Routes: rules.Patterns{Any: []string{""}},
			Operations: rules.Patterns{Any: []string{""}}, Attributes: []rules.Attribute{{}},
		}
	}
	c.Files, c.LeftOut = []string{""}, []string{""}
	fill(reflect.ValueOf(c).Elem(), word)
	for n, digit := range []string{id1, id2} {
		c.Components[n].ID, c.Regions[n].Code, c.Rules[n].ID, c.Rules[n].Component = word+digit, word+digit, word+digit, word+digit
	}
	c.Regions[0].Values = map[string]string{word: word}

	at := func(minute int) time.Time { return At.Add(time.Duration(minute-90) * time.Minute) }
	by := incident.Person(word)
	cause := func(digit string, s rules.Severity) incident.Cause {
		return incident.Cause{Rule: word + digit, Service: word, Region: word + digit, Component: word + digit, Severity: s, Peak: rules.P1, Began: at(0)}
	}
	said := func(n int, state incident.State, trend incident.Trend) incident.Update {
		return incident.Update{
			Number: n, State: state, Severity: rules.P1, Trend: trend, Said: at(10 * n), AsOf: at(10*n - 1), Next: at(10*n + 60), Every: time.Hour,
			Value: 0.15, Words: rules.Words{Symptom: word, Impact: word, Workaround: word}, Text: word, Also: []string{word + id2},
			Regions: []incident.RegionState{{Region: word + id1, Severity: rules.P1}, {Region: word + id2, Severity: rules.P1}, {Region: word, Severity: rules.P1}},
		}
	}
	notice := func(n int, kind incident.Kind) incident.Notice {
		return incident.Notice{Number: n, At: at(10 * n), Kind: kind, Severity: rules.P1, To: []string{word, word + id1}, Role: word, Step: n, Due: at(60), Why: word}
	}
	open := incident.Incident{
		ID: Open, Component: word + id1, Components: []string{word + id2}, State: incident.Identified, Began: at(0), Detected: at(5), Peak: rules.P1,
		Causes: []incident.Cause{cause(id1, rules.P1), cause(id2, rules.P2), {Rule: word, Service: word, Region: word, Component: word + id1, Severity: rules.P1, Peak: rules.P1, Began: at(0)}},
		Updates: []incident.Update{
			said(1, incident.Investigating, incident.TrendNew), said(2, incident.Identified, incident.TrendUnchanged), said(3, incident.Identified, incident.TrendWorse),
		},
		Notices: []incident.Notice{notice(1, incident.Paged), notice(2, incident.Escalated), notice(3, incident.Reminded)},
		Topic:   word, Words: rules.Words{Symptom: word, Impact: word, Workaround: word}, Lead: word, Promise: at(100),
		Grade: &incident.Grade{Severity: rules.P1, Demanded: rules.P1, By: by, Why: word, At: at(6)},
		Draft: &incident.Draft{Since: at(5), Text: word, By: by},
		Ack:   &incident.Ack{By: by, At: at(6)},
		Tasks: []incident.Todo{{Task: incident.Task{ID: word, Text: word, Command: word, Link: word, Seen: word}, Checklist: word, To: word, By: by}},
	}
	open.Updates[2].Inside = true
	over := incident.Incident{
		ID: Over, Component: word + id2, State: incident.StateResolved, Began: at(0), Detected: at(5), Resolved: at(30), Peak: rules.P1,
		Causes:  []incident.Cause{cause(id2, rules.SeverityNone)},
		Updates: []incident.Update{said(1, incident.Investigating, incident.TrendNew), said(2, incident.StateResolved, incident.TrendOver)},
		Words:   open.Words, Topic: word, Lead: word,
	}
	b := incident.Board{Seq: 9, Since: at(-1000), Open: []incident.Incident{open}, Past: []incident.Incident{over}, Senses: map[incident.Cell]incident.Sensing{}}
	for _, component := range []string{word + id1, word + id2} {
		for _, region := range []string{word + id1, word + id2, word} {
			b.Senses[incident.Cell{Component: component, Region: region}] = incident.Sensing{Sense: incident.SenseSeen, Since: at(-1000)}
		}
	}
	return c, b
}

// fill writes word into every string; words of fixed lists have types of their own.
func fill(v reflect.Value, word string) {
	switch v.Kind() {
	case reflect.String:
		if v.Type() == reflect.TypeFor[string]() && v.CanSet() {
			v.SetString(word)
		}
	case reflect.Pointer:
		if !v.IsNil() && v.Type() != reflect.TypeFor[*time.Location]() {
			fill(v.Elem(), word)
		}
	case reflect.Slice:
		for n := range v.Len() {
			fill(v.Index(n), word)
		}
	case reflect.Map:
		for _, k := range v.MapKeys() {
			filled := reflect.New(v.Type().Elem()).Elem()
			filled.Set(v.MapIndex(k))
			fill(filled, word)
			v.SetMapIndex(k, filled)
		}
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			return
		}
		for n := range v.NumField() {
			fill(v.Field(n), word)
		}
	}
}
