package incident_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/featuresignals/tocsin/evaluator"
	"github.com/featuresignals/tocsin/incident"
	"github.com/featuresignals/tocsin/rules"
	"github.com/featuresignals/tocsin/telemetry"
)

// Runbook B's table (B20, B21): which channel hears of which severity, in each
// state of the incident. P4 is not in the table: it is backlog, which a channel of
// one's own hears of at its beginning and at its end.
func TestSeverityStateChannel(t *testing.T) {
	const status, slack, email, tracker, log = "status", "slack", "email", "tracker", "log"
	channels := []string{status, slack, email, tracker, log}
	const yaml = `
components: [{id: api, name: API}]
regions: [{code: eu, name: Europe}]
channels:
  status: {type: page, folder: /tmp/page}
rules:
  - {id: errs, component: api, signal: error_rate, where: {services: [svc]}, levels: {P0: {above: 50%}, P1: {above: 20%}, P2: {above: 5%}, P3: {above: 1%}, P4: {above: 0.1%}}}
`
	always := map[rules.Severity][]string{rules.P0: {status, slack, email}, rules.P1: {status, slack}, rules.P2: {status}}
	want := func(s rules.Severity, state incident.State) []string {
		switch {
		case s == rules.P3 && state == incident.StateResolved:
			return []string{tracker}
		case s == rules.P4 && (state == incident.StateResolved || state == incident.Investigating):
			return []string{log}
		}
		if s == rules.P4 && state == incident.StateResolved {
			return []string{log}
		}
		return always[s]
	}
	states := []incident.State{incident.Investigating, incident.Identified, incident.Monitoring, incident.StateResolved}
	cells := 0
	for _, s := range rules.Severities {
		config := configOf(t, yaml)
		for name, kind := range map[string]string{slack: "slack", email: "email", tracker: "tracker", log: "webhook"} {
			config.Channels = append(config.Channels, rules.Channel{Name: name, Type: kind})
		}
		backlog := config.Policies[rules.P4]
		backlog.Channels = []string{log} // whatever the scale has
		config.Policies[rules.P4] = backlog
		told, promised := playStates(t, config, s)
		for _, state := range states {
			for _, channel := range channels {
				t.Run(fmt.Sprintf("%s %s %s", s, state, channel), func(t *testing.T) {
					cells++
					got := slices.Contains(told[state], channel)
					if got != slices.Contains(want(s, state), channel) {
						t.Errorf("hears of it: %v; the posts are %v", got, told[state])
					}
				})
			}
			every := map[rules.Severity]time.Duration{rules.P0: 30 * time.Minute, rules.P1: time.Hour, rules.P2: 4 * time.Hour}[s]
			if state == incident.StateResolved {
				every = 0
			}
			if promised[state] != every {
				t.Errorf("%s %s: the next update is promised within %s, want %s", s, state, promised[state], every)
			}
		}
	}
	if cells != 5*4*5 {
		t.Errorf("%d cells were looked at", cells)
	}
}

// playStates has an incident of one severity go through its four states, and
// gives where each was told and by when the next update was promised.
func playStates(t *testing.T, config *rules.Config, s rules.Severity) (told map[incident.State][]string, promised map[incident.State]time.Duration) {
	t.Helper()
	told, promised = map[incident.State][]string{}, map[incident.State]time.Duration{}
	var b incident.Board
	take := func(events []incident.Event) {
		page := false
		var update *incident.Event
		for i, e := range events {
			b = b.With(e)
			if e.Kind == incident.Updated {
				update = &events[i]
			}
			for _, p := range e.Posts {
				page = page || p.Key == ""
			}
		}
		if update == nil {
			return
		}
		u := update.Update
		if page && !u.Inside {
			told[u.State] = append(told[u.State], "status")
		}
		for _, p := range update.Posts {
			if p.Key != "" {
				told[u.State] = append(told[u.State], p.Channel)
				if !strings.HasPrefix(p.Key, string(update.Incident)+"/") {
					t.Errorf("the key %q does not name the incident", p.Key)
				}
			}
		}
		if !u.Next.IsZero() {
			promised[u.State] = u.Next.Sub(u.Said)
		}
	}
	minute := 0
	round := func(f evaluator.Finding) {
		minute++
		f.Rule, f.Component, f.Series, f.At, f.Seen, f.Requests = "errs", "api", telemetry.Series{Service: "svc", Region: "eu"}, noon.Add(time.Duration(minute)*time.Minute), true, 100
		f.LastSeen = f.At
		r := evaluator.Round{Source: rules.SourceSpans, At: f.At, Lag: time.Minute, Live: true, Findings: []evaluator.Finding{f}}
		take(b.Decide(incident.Input{Config: config, Round: &r, Latest: r.Findings, AsOf: r.At, Known: true}, r.At.Add(r.Lag)))
	}
	bad := evaluator.Finding{Held: s, Floor: s, Now: evaluator.Bad, Began: noon}
	for range 16 { // past every hold
		round(bad)
	}
	act := incident.Action{By: incident.Person("ana"), Do: incident.SetState, Incident: b.Open[0].ID, State: incident.Identified}
	events, _, err := b.Act(incident.Input{Config: config, Latest: []evaluator.Finding{bad}, Known: true}, act, noon.Add(18*time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	take(events)
	for calm := time.Duration(0); calm <= 10*time.Minute; calm += time.Minute {
		round(evaluator.Finding{Floor: s, Now: evaluator.Good, Calm: calm, Recovered: calm == 10*time.Minute})
	}
	if len(b.Open) != 0 {
		t.Fatalf("%s is not over: %s", b.Open[0].ID, b.Open[0].State)
	}
	return told, promised
}
