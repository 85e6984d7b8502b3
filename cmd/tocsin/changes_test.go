package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/featuresignals/tocsin/rules"
)

const comparedRules = `
components: [{id: api, name: API}]
regions: [{code: eu, name: Europe}]
zone: Europe/Berlin
rules:
  - {id: errors, component: api, signal: error_rate, levels: {P1: {above: 5%, for: 5m}}}
  - {id: latency, component: api, signal: p99, levels: {P2: {above: 1s, for: 5m}}}
`

func TestWhatAReloadChanged(t *testing.T) {
	parse := func(body string) *rules.Config {
		t.Helper()
		c, err := rules.Parse([]rules.File{{Name: "tocsin.yaml", Body: []byte(body)}})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	for _, c := range []struct {
		name     string
		from, to string
		want     changes
	}{
		{"nothing", "", "", changes{}},
		{"rules that only moved", "rules:\n", "\n\nrules:\n\n", changes{}},
		{"a threshold", "above: 5%", "above: 6%", changes{changed: []string{"errors"}}},
		{"another id is another rule", "id: latency", "id: slow", changes{added: []string{"slow"}, removed: []string{"latency"}}},
		{"a region's name", "name: Europe", "name: EU", changes{others: []string{"regions"}}},
		{"the zone", "Europe/Berlin", "Europe/Paris", changes{others: []string{"zone", "business"}}},
		{"a network that a webhook may post into", "zone:", "channels: {h: {type: webhook, url: \"https://x\", secret_file: x, severities: [P0], allow: [10.0.0.0/8]}}\nzone:", changes{others: []string{"channels"}}},
		{"a folder of templates", "zone:", "templates: x\nzone:", changes{others: []string{"templates"}}},
		{"the source", "zone:", "sources: {signoz: {lag: 10s}}\nzone:", changes{others: []string{"sources"}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := compare(parse(comparedRules), parse(strings.Replace(comparedRules, c.from, c.to, 1)))
			if diff := cmp.Diff(c.want, got, cmp.AllowUnexported(changes{}), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

// Channels of all types are told apart by what they say.
func TestWhatAReloadChangedOfChannels(t *testing.T) {
	const all = `page: {url: "https://x"}
channels:
  hooks: {type: webhook, url: "https://x", secret_file: x, severities: [P0], allow: [10.0.0.0/8]}
  slack: {type: slack, token_file: x, channel: C0123ABCD, rooms: {prefix: inc-}}
  email: {type: email, server: "x:587", from: a@x, lists: [{name: a, addresses: [a@x], zone: Europe/Berlin}, {name: b, file: x}]}
  tracker: {type: tracker, repository: a/b, token_file: x}
`
	parse := func(body string) *rules.Config {
		t.Helper()
		c, err := rules.Parse([]rules.File{{Name: "tocsin.yaml", Body: []byte(body)}})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	if got := compare(parse(all), parse(all)); len(got.others) > 0 {
		t.Errorf("nothing changed, and %q did", got.others)
	}
	for from, to := range map[string]string{"10.0.0.0/8": "10.0.0.0/9", "inc-": "incident-", "a@x]": "b@x]", "Berlin": "Paris", "a/b": "a/c"} {
		if got := compare(parse(all), parse(strings.Replace(all, from, to, 1))); !slices.Equal(got.others, []string{"channels"}) {
			t.Errorf("%s became %s, and %q changed", from, to, got.others)
		}
	}
}

func TestWhatNeedsARestart(t *testing.T) {
	started := rules.Default()
	is := rules.Default()
	if got := needsRestart(started, is); len(got) > 0 {
		t.Errorf("nothing changed, and %q needs a restart", got)
	}
	is.Listen.Public, is.Store.Path = ":80", "elsewhere.db"
	want := []string{"listen.public (:8080 is in use, :80 is written)", "store.path (tocsin.db is in use, elsewhere.db is written)"}
	if diff := cmp.Diff(want, needsRestart(started, is)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// Mail is made with more than what stands under channels.
func TestChannelsAreMadeAnewWithWhatTheyAreMadeFrom(t *testing.T) {
	for _, c := range []struct {
		what   string
		change func(*rules.Config)
		want   bool
	}{
		{"nothing", func(*rules.Config) {}, false},
		{"the organisation's name", func(c *rules.Config) { c.Organisation = "Acme" }, false},
		{"the page's address", func(c *rules.Config) { c.Page.URL = "https://status.example.com" }, true},
		{"somebody's address", func(c *rules.Config) { c.People = []rules.Person{{ID: "ana", Email: "ana@example.com"}} }, true},
		{"a channel", func(c *rules.Config) { c.Channels = append([]rules.Channel{{Name: "hook"}}, c.Channels...) }, true},
	} {
		was, is := *rules.Default(), *rules.Default()
		c.change(&is)
		if got := compare(&was, &is).reopens(); got != c.want {
			t.Errorf("%s differs: channels are made anew: %v", c.what, got)
		}
	}
}
