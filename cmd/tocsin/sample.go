package main

import (
	"cmp"
	"time"

	"github.com/featuresignals/tocsin/incident"
	"github.com/featuresignals/tocsin/rules"
)

// The incident of the example, and how many updates it has in the end.
const (
	sampleID      incident.ID = "INC-2026-0001"
	sampleUpdates             = 4
)

// sampleOf makes an incident as it stands after its nth update, with all that can
// be said of one: of the first component and region of a configuration and with
// the words of its first rule. What the configuration lacks is added to a copy.
func sampleOf(c *rules.Config, at time.Time, n int) (*rules.Config, incident.Board) {
	config := *c
	if len(config.Components) == 0 {
		config.Components = []rules.Component{{ID: "api", Name: "Management API", Description: "Projects, flags and members"}}
	}
	if len(config.Regions) == 0 {
		config.Regions = []rules.Region{{Code: "eu", Name: "Europe"}, {Code: "us", Name: "United States"}}
	}
	if len(config.People) == 0 {
		config.People = []rules.Person{{ID: "ann", Name: "Ann Lee", Roles: []string{"on-call"}, Email: "ann@example.com"}}
	}
	words, rule := rules.Words{Symptom: "elevated errors on the management API", Impact: "failed requests when they change flags"}, ""
	for _, r := range config.Rules {
		if r.Public.Symptom != "" {
			words, rule = r.Public, r.ID
			break
		}
	}
	component, region, person := config.Components[0].ID, config.Regions[0].Code, config.People[0]
	for _, r := range config.Rules {
		if r.ID == rule {
			component = cmp.Or(r.Component, component)
		}
	}

	began := at.Add(-72 * time.Minute)
	after := func(minutes int) time.Time { return began.Add(time.Duration(minutes) * time.Minute) }
	regions := func(s rules.Severity) []incident.RegionState {
		return []incident.RegionState{{Region: region, Severity: s}}
	}
	i := incident.Incident{
		ID: sampleID, Component: component, State: incident.StateResolved, Began: began, Detected: after(5), Resolved: after(70),
		Peak: rules.P1, Words: words, Integrity: incident.NotImpacted,
		Causes: []incident.Cause{{Rule: rule, Region: region, Peak: rules.P1, Began: began, Ended: after(60)}},
		Updates: []incident.Update{
			{
				Number: 1, State: incident.Investigating, Severity: rules.P1, Trend: incident.TrendNew, Said: after(8), AsOf: after(7),
				Value: 0.15, Next: after(68), Every: time.Hour, Regions: regions(rules.P1), Words: words,
			},
			{
				Number: 2, State: incident.Identified, Severity: rules.P1, Trend: incident.TrendUnchanged, Said: after(31), AsOf: after(30),
				Value: 0.13, Next: after(91), Every: time.Hour, Regions: regions(rules.P1), Words: words,
				Text: "A database node ran out of disk space.\nWe are adding space, which takes about 20 minutes.",
			},
			{
				Number: 3, State: incident.Monitoring, Severity: rules.P1, Trend: incident.TrendCalm, Said: after(64), AsOf: after(63),
				Calm: 3 * time.Minute, Watching: 7 * time.Minute, Next: after(124), Every: time.Hour, Regions: regions(rules.SeverityNone), Words: words,
			},
			{
				Number: 4, State: incident.StateResolved, Severity: rules.P1, Trend: incident.TrendOver, Said: after(71), AsOf: after(70),
				Regions: regions(rules.SeverityNone), Words: words, Integrity: incident.NotImpacted, PostMortem: after(70).Add(48 * time.Hour),
				Text: "A database node had run out of disk space. We added space, and checked that no change was lost.",
			},
		},
		Notices: []incident.Notice{
			{Number: 1, At: after(5), Kind: incident.Paged, Severity: rules.P1, To: []string{person.ID}, Role: "on-call", Step: 1, Reached: true, Why: "15 % of 1,204 requests failed in 5m, more than 5 %"},
			{Number: 2, At: after(25), Kind: incident.Escalated, Severity: rules.P1, To: []string{person.ID}, Role: "eng-manager", Step: 1, Reached: true, Why: "13 % of 1,187 requests failed in 5m, more than 5 %"},
			{Number: 3, At: after(55), Kind: incident.Reminded, Severity: rules.P1, To: []string{person.ID}, Role: "on-call", Due: after(68), Reached: true, Why: "An update is due."},
		},
	}
	b := incident.Board{Seq: 1, Since: began.AddDate(0, -1, 0), Senses: map[incident.Cell]incident.Sensing{}}
	if n = max(1, n); n >= len(i.Updates) {
		b.Past = []incident.Incident{i}
	} else {
		i.Updates, i.Resolved, i.Integrity = i.Updates[:n], time.Time{}, incident.UnderReview
		last := i.Updates[n-1]
		i.State, i.Promise = last.State, last.Next
		if i.State != incident.Monitoring {
			i.Causes[0].Severity, i.Causes[0].Ended = rules.P1, time.Time{}
		}
		b.Open = []incident.Incident{i}
	}
	for _, comp := range config.Components {
		for _, r := range config.Regions {
			b.Senses[incident.Cell{Component: comp.ID, Region: r.Code}] = incident.Sensing{Sense: incident.SenseSeen, Since: b.Since}
		}
	}
	return &config, b
}
