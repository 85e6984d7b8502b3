package rules

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// Duty A01: load the example configuration; the regions stand in its order.
func TestTheExampleHasThreeRegions(t *testing.T) {
	c := example(t)
	var codes, names []string
	for _, r := range c.Regions {
		codes, names = append(codes, r.Code), append(names, r.Name)
	}
	if !slices.Equal(codes, []string{"in", "us", "eu"}) || !slices.Equal(names, []string{"India", "United States", "Europe"}) {
		t.Errorf("regions %v, %v", codes, names)
	}
	if got := c.RegionOf("local"); got != "eu" {
		t.Errorf("local is %s, want eu", got)
	}
	if got := c.RegionOf("default"); got != "default" {
		t.Errorf("an undeclared region became %s", got)
	}
	if want := []string{"deployment.environment", "deployment.environment.name", "cloud.region"}; !slices.Equal(c.SigNoz.Region, want) {
		t.Errorf("the region is read from %v", c.SigNoz.Region)
	}
}

func example(t *testing.T) *Config {
	t.Helper()
	c, err := Load("../deploy/example/tocsin.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestTheExampleJudgesWhatCustomersDo(t *testing.T) {
	c := example(t)
	api, evaluation, auth := []string{"api-errors", "api-latency"}, []string{"evaluation-errors", "evaluation-latency"}, []string{"auth-errors"}
	for route, want := range map[string][]string{
		"/v1/projects/{projectID}/flags":  api,
		"/v1/evaluate":                    evaluation,
		"/v1/evaluate/bulk":               evaluation,
		"/v1/client/{envKey}/flags":       evaluation,
		"/v1/track":                       evaluation,
		"/v1/auth/login":                  auth,
		"":                                nil,
		"/":                               nil,
		"/health":                         nil,
		"/v1/status":                      nil,
		"/v1/status/global":               nil,
		"/v1/stream/{envKey}":             {"streaming-errors"},
		"/v1/console/live":                nil,
		"/v1/projects/{projectID}/status": api,
	} {
		var got []string
		for _, r := range c.Rules {
			shares := r.Signal.Kind == KindErrorRate || r.Signal.Kind == KindQuantile
			if shares && !r.Where.FromProbes && len(r.Where.Kinds) == 0 && r.Where.Routes.Match(route) {
				got = append(got, r.ID)
			}
		}
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("%q is judged by %v, want %v", route, got, want)
		}
	}
	for _, r := range c.Rules {
		if r.Where.FromProbes {
			continue
		}
		if r.Where.Services.Match("featuresignals-api-dev") || !r.Where.Services.Match("featuresignals-api") || r.Where.Regions.Match("dev") || !r.Where.Regions.Match("default") {
			t.Errorf("%s chooses the wrong series", r.ID)
		}
	}
	if c.SampleRate("featuresignals-api") != 0.1 {
		t.Error("a tenth of the traces is stored, and the example does not say so")
	}
	if len(c.LeftOut) > 0 {
		t.Errorf("the example lacks what the pack asks for: %q", c.LeftOut)
	}
	for _, component := range c.Components {
		if !slices.ContainsFunc(c.Rules, func(r Rule) bool { return r.Component == component.ID }) {
			t.Errorf("the page would show %s, of which no rule knows anything", component.Name)
		}
	}
	for _, s := range Severities {
		if got, want := c.Policies[s].Every(time.Hour), DefaultPolicies()[s].Every(time.Hour); got != want {
			t.Errorf("%s speaks every %v, the runbook says %v", s, got, want)
		}
	}
}

// The runbook's table of who hears of what (duty B21), and by what people are
// called.
func TestTheExampleTellsWhoeverTheRunbookNames(t *testing.T) {
	c := example(t)
	for s, want := range map[Severity][]string{
		P0: {"status", "slack", "email"}, P1: {"status", "slack"}, P2: {"status"}, P3: {"tracker"}, P4: {"tracker"},
	} {
		if got := c.Hears(s); !slices.Equal(got, want) {
			t.Errorf("%s is heard by %v, want %v", s, got, want)
		}
	}
	customers := map[string]bool{}
	for _, ch := range c.Channels {
		if ch.Mail == nil {
			continue
		}
		for _, l := range ch.Mail.Lists {
			if !l.Staff && len(l.Regions) == 1 && l.Zone != nil {
				customers[l.Regions[0]] = true
			}
		}
	}
	for _, r := range c.Regions {
		if !customers[r.Code] {
			t.Errorf("no list has the customers of %s, by their own clocks", r.Name)
		}
	}
	for _, p := range c.People {
		if len(p.Reach) < 2 {
			t.Errorf("when one way to %s fails there is no other: %v", p.ID, p.Reach)
		}
	}
	if warnings := c.Lint(time.Date(2026, 11, 28, 0, 0, 0, 0, time.UTC)); len(warnings) > 0 {
		t.Errorf("the example is warned of: %v", warnings)
	}
}

// Every file that was read is named: the service watches them for changes.
func TestTheFilesOfTheExample(t *testing.T) {
	want := []string{"tocsin.yaml", "rules/own.yaml", "rules/planned.yaml", "rules/probes.yaml", "rules/tests.yaml"}
	for i, name := range want {
		want[i] = filepath.Join("../deploy/example", name)
	}
	if got := example(t).Files; !slices.Equal(got, want) {
		t.Errorf("files %q, want %q", got, want)
	}
}

// What the documents show is read by the program, and what the program reads
// is named in docs/rules.md.
func TestTheDocumentationIsTrue(t *testing.T) {
	body, err := os.ReadFile("../docs/rules.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"README.md", "docs/page.md", "docs/rules.md", "docs/webhooks.md", "docs/slack.md", "docs/email.md", "docs/tracker.md"} {
		body, err := os.ReadFile("../" + name)
		if err != nil {
			t.Fatal(err)
		}
		blocks := strings.Split(string(body), "```yaml\n")[1:]
		if len(blocks) == 0 {
			t.Errorf("%s shows no YAML", name)
		}
		for i, block := range blocks {
			text, _, _ := strings.Cut(block, "```")
			if _, err := Parse([]File{{Name: name, Body: []byte(text)}}); err != nil {
				t.Errorf("%s, block %d: %v", name, i+1, err)
			}
		}
	}
	shapes := map[string][]string{
		"defaults": defaultsShape.keys, "override": overrideShape.keys, "spread": spreadShape.keys, "baseline": baselineShape.keys,
		"burn": burnShape.keys, "service": serviceShape.keys, "packs": packNames, "windows": windowSets, "stages": stageNames, "kinds": kindNames,
		"rule": ruleShape.keys, "where": whereShape.keys, "patterns": patternShape.keys, "level": levelShape.keys, "recover": recoverShape.keys,
		"public": publicShape.keys, "file": slices.Concat(mainKeys, sharedKeys), "sources": sourcesShape.keys, "signoz": signozShape.keys,
		"channel": channelKeys, "rooms": roomsShape.keys, "list of mail": mailListShape.keys, "formats": WebhookFormats, "tls": tlsNames, "audiences": audiences, "page": pageShape.keys, "store": storeShape.keys, "listen": listenShape.keys,
		"severity": policyShape.keys, "step": stepShape.keys, "component": componentShape.keys, "region": regionShape.keys,
		"paging": pagingShape.keys, "escalation": escalationShape.keys, "post-mortem": postMortemShape.keys, "person": personShape.keys,
		"console": consoleShape.keys, "link": linkShape.keys, "calendar": calendarShape.keys, "checklist": checklistShape.keys,
		"checklist's for": checklistForShape.keys, "checklist's step": stepOfListShape.keys, "seen": SeenConditions,
		"shapes": shapeNames, "channel types": typeNames,
	}
	for _, of := range slices.Sorted(maps.Keys(shapes)) {
		for _, key := range shapes[of] {
			if !strings.Contains(string(body), key) {
				t.Errorf("docs/rules.md does not name %s (%s)", key, of)
			}
		}
	}
}
