package rules

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// everyProbe declares the probes that the packs' rules ask for.
const everyProbe = `
probes:
  - {id: api-health, type: http, targets: {eu: "https://api.eu.example.com/health", us: "https://api.us.example.com/health"}}
  - {id: app, type: http, targets: {eu: "https://app.eu.example.com/"}}
  - {id: docs, type: http, targets: {eu: "https://docs.example.com/"}}
  - id: api-status
    type: http
    targets: {eu: "https://api.eu.example.com/v1/status"}
    gauges:
      database: {path: 'services.#(name=="Database").status', values: {operational: 1, degraded: 0.5, down: 0}}
      cache: {path: 'services.#(name=="Cache").status', values: {operational: 1, degraded: 0.5, down: 0}}
      pool: {path: pool.usage}
`

func TestPacksAreWhole(t *testing.T) {
	seen := map[string]string{}
	for _, name := range packNames {
		c := parse(t, "packs: ["+name+"]"+everyProbe)
		if len(c.LeftOut) > 0 {
			t.Errorf("%s: something is left out: %q", name, c.LeftOut)
		}
		about := map[string]bool{}
		for _, r := range c.Rules {
			if by, twice := seen[r.ID]; twice {
				t.Errorf("the packs %s and %s both have a rule %s: one would replace the other", by, name, r.ID)
			}
			seen[r.ID], about[r.Component] = name, true
			for _, words := range []string{r.Public.Symptom, r.Public.Impact} {
				if why := unfit(words, 200) + inside(words); why != "" {
					t.Errorf("%s: %q: %s", r.ID, words, why)
				}
			}
			if !strings.HasSuffix(r.Pos.File, "(built in)") {
				t.Errorf("%s: people would look for the file %s", r.ID, r.Pos.File)
			}
		}
		for _, comp := range c.Components {
			if !about[comp.ID] {
				t.Errorf("%s: the page would show %s, of which no rule knows anything", name, comp.Name)
			}
		}
		fitToRun(t, c)
		text := string(packFile(name).Body)
		for _, r := range c.Rules {
			if !strings.Contains(text, "id: "+r.ID+"\n") {
				t.Errorf("%s is not in %s", r.ID, name)
			}
		}
	}
}

func TestPacksWithoutTheirProbes(t *testing.T) {
	c := parse(t, "packs: [runbooks]\nprobes: [{id: api-health, type: tls, targets: {eu: \"api.eu.example.com:443\"}}, {id: api-status, type: http, targets: {eu: \"http://a\"}}]")
	want := []string{
		"the rule app-probe of the pack runbooks is left out: no probe app is declared",
		"the rule app-slow of the pack runbooks is left out: no probe app is declared",
		"the rule docs-probe of the pack runbooks is left out: no probe docs is declared",
		"the rule database-status of the pack runbooks is left out: the probe api-status has no gauge database",
		"the rule pool-use of the pack runbooks is left out: the probe api-status has no gauge pool",
		"the rule cache-status of the pack runbooks is left out: the probe api-status has no gauge cache",
	}
	if diff := cmp.Diff(want, c.LeftOut); diff != "" {
		t.Error(diff)
	}
	if r, _ := c.Rule("region-silent"); len(r.Levels) != 2 || r.Levels[0].Severity != P0 {
		t.Errorf("with a probe a silent region is %+v", r.Levels)
	}
	for _, comp := range c.Components {
		if comp.ID == "dashboard" || comp.ID == "docs" {
			t.Errorf("the page shows %s, of which no rule knows anything", comp.Name)
		}
	}

	c = parse(t, "packs: [runbooks]")
	if r, _ := c.Rule("region-silent"); len(r.Levels) != 1 || r.Levels[0].Severity != P4 {
		t.Errorf("without a probe a silent region is %+v", r.Levels)
	}
	if last := c.LeftOut[len(c.LeftOut)-1]; last != "P0 of the rule region-silent of the pack runbooks is left out: it is confirmed by api-probe, which is left out or waits itself" {
		t.Error(last)
	}
	for _, r := range c.Rules {
		if r.Where.FromProbes {
			t.Errorf("%s looks at probes that nobody declared", r.ID)
		}
	}
}

func TestWhatPeopleWriteCountsBeforeAPack(t *testing.T) {
	c := parse(t, `
packs: [runbooks]
defaults: {where: {services: [flags], regions: {not: [test]}}, confidence: 99%}
components:
  - {id: evaluation, name: Flags}
  - {id: web, name: Website, depends_on: [webhooks]}
probes: [{id: api-health, type: tls, targets: {eu: "api.eu.example.com:443"}}]
rules:
  - {id: api-errors, component: web, signal: error_rate, levels: {P3: {above: 20%}}}
  - {id: webhook-errors, component: web, signal: error_rate, levels: {P3: {above: 20%}}}
  - {id: api-probe, component: api, signal: error_rate, where: {probes: [api-health]}, levels: {P1: {above: 50%, confirm_with: [api-errors]}}}
`)
	replaced := 0
	for _, r := range c.Rules {
		switch {
		case r.ID == "api-errors" || r.ID == "webhook-errors":
			replaced++
			if r.Component != "web" || len(r.Levels) != 1 {
				t.Errorf("%s is the pack's: %+v", r.ID, r)
			}
		case r.Where.FromProbes:
		case r.Where.Services.Match("featuresignals-api") || !r.Where.Services.Match("flags") || r.Where.Regions.Match("test") || !r.Where.Regions.Match("dev"):
			t.Errorf("%s does not look where it is told to: %v", r.ID, r.Where)
		case r.Confidence != 0.99 || !r.HTTP5xx && r.Signal.Kind != KindSilence:
			t.Errorf("%s has other defaults: %+v", r.ID, r)
		}
	}
	if replaced != 2 {
		t.Errorf("%d rules of one's own, want 2", replaced)
	}
	names := map[string]string{}
	for _, comp := range c.Components {
		names[comp.ID] = comp.Name
	}
	if names["evaluation"] != "Flags" || names["webhooks"] != "Webhook Delivery" || names["docs"] != "" {
		t.Errorf("components %v", names)
	}
	// A witness that itself waits is none, and the pack's file cannot be edited.
	if r, _ := c.Rule("region-silent"); len(r.Levels) != 1 {
		t.Errorf("a silent region waits for a rule that waits: %+v", r.Levels)
	}
	if order := slices.Sorted(maps.Keys(names)); c.Components[0].ID != "evaluation" || c.Components[1].ID != "web" {
		t.Errorf("the pack's components come before one's own: %v", order)
	}
}
