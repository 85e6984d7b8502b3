package rules

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func TestAllMistakesAreReportedAtOnce(t *testing.T) {
	body, err := os.ReadFile("testdata/mistakes.yaml")
	if err != nil {
		t.Fatal(err)
	}
	c, err := Parse([]File{{Name: "mistakes.yaml", Body: body}})
	if c != nil || err == nil {
		t.Fatalf("a file with seven mistakes gave %+v", c)
	}
	got := err.Error() + "\n"
	asGolden(t, "testdata/mistakes.golden", got)
	if n := strings.Count(got, "\n"); n != 7 {
		t.Errorf("%d mistakes, want 7", n)
	}
}

// place finds «…» in a text, takes the marks off, and says where they were.
func place(t *testing.T, marked string) (text string, at Pos) {
	t.Helper()
	before, rest, ok := strings.Cut(marked, "«")
	if !ok {
		t.Fatalf("no « in %q", marked)
	}
	line := before[strings.LastIndex(before, "\n")+1:]
	return before + strings.Replace(rest, "»", "", 1), Pos{"t.yaml", strings.Count(before, "\n") + 1, len([]rune(line)) + 1}
}

// rule is a rule without mistakes; each case puts one in.
const (
	api  = "components: [{id: api}]\n"
	head = api + "rules:\n  - id: a\n    component: api\n"
	rate = head + "    signal: error_rate\n"
	slow = head + "    signal: p99\n"
	ok   = "    levels: {P1: {above: 5%}}\n"
)

// mistakeTest is one mistake in a file: where it stands is marked, and what is
// said of it is at least want.
type mistakeTest struct{ name, yaml, want string }

var fileMistakes = []mistakeTest{
	// the language
	{"broken YAML", "rules: «[»", "this is not YAML"},
	{"a tab as indentation", "rules:\n«\t»- id: a", "this is not YAML"},
	{"two documents", "store: {path: a}\n---\n«store: {path: b}»", "second document"},
	{"not a mapping", "«- a»", "want a mapping"},
	{"a byte that is not UTF-8", "organisation: «\xff»", "not UTF-8"},
	{"a control character", "organisation: a«\x00»", "control character (U+0000)"},
	{"a tag", "organisation: «!!str» 5", "tags such as !!str are not used"},
	{"merging", "store: &s {path: x}\npage: {«<<»: *s}", "merging with << is not supported"},
	{"an alias without an anchor", "store: «*s»", "the alias *s has no anchor"},
	{"an alias of itself", "store: &s\n  *s", "leads back to itself"},
	{"an anchor that stands twice", "store: &s {path: x}\npage: «&s» {title: x}", "stands twice: first at t.yaml:1:8"},
	{"a key that stands twice", "store: {path: x}\n«store»: {path: y}", `the key "store" stands twice: first at t.yaml:1:1`},
	{"a key that is a mapping", "«?» a\n: b", "want plain keys"},
	{"nesting without end", "organisation: " + strings.Repeat("[", 64) + "«[»", "nested deeper"},
	{"a key without a value", "«organisation»:", "has no value"},
	{"a number where text is expected", "organisation: «5»", "put it into quotes"},
	{"a list where text is expected", "organisation: «[a]»", "found a list"},
	{"text where a list is expected", "include: «rules.yaml»", `want a list, as in ["rules/*.yaml"]; found "rules.yaml"`},

	// keys
	{"an unknown key", "«orgnisation»: x", `did you mean "organisation"?`},
	{"a key unlike all others", "«zzz»: x", "want one of organisation include sources"},
	{"a key of a later version", "«aliases»: {}", `"aliases" is not yet supported in this version`},
	{"a key of rules of a later version", rate + ok + "    «labels»: {team: a}", `"labels" is not yet supported`},
	{"a key that belongs elsewhere", rate + ok + "    «services»: [api]", "where: {services: [api]}"},
	{"a secret", "sources: {signoz: {«password»: hunter2}}", "password_file"},
	{"a secret where nobody looks for one", "page: {«api_key»: hunter2}", "secrets never stand in this file"},

	// the service
	{"an address with a password", "sources: {signoz: {dsn: «\"clickhouse://tocsin:hunter2@ch:9000/db\"»}}", "TOCSIN_CLICKHOUSE_PASSWORD"},
	{"an address with a password behind it", "sources: {signoz: {dsn: «\"http://ch:8123/db?username=t&password=hunter2\"»}}", "TOCSIN_CLICKHOUSE_PASSWORD"},
	{"an address with a password that holds a slash", "sources: {signoz: {dsn: «\"clickhouse://t:hunter2/@ch:9000/db\"»}}", "TOCSIN_CLICKHOUSE_PASSWORD"},
	{"an address of something else", "sources: {signoz: {dsn: «\"postgres://ch/db\"»}}", "want clickhouse://"},
	{"an address without a host", "sources: {signoz: {dsn: «\"clickhouse:///db\"»}}", "want clickhouse://"},
	{"an attribute that cannot be one", "sources: {signoz: {region: [cloud.region, «\"a b\"»]}}", "names of resource attributes"},
	{"an unknown shape", "sources: {signoz: {shape: «v3»}}", "want one of v3-json v3-map contrib"},
	{"a limit that is no number", "sources: {signoz: {max_series: «many»}}", "want a whole number from 1"},
	{"a lag without a unit", "sources: {signoz: {lag: «60»}}", "found 60 without a unit"},
	{"a negative duration", "catch_up: «-1h»", "want a duration"},
	{"a channel of an unknown type", "channels: {hooks: {type: «webook»}}", `did you mean "webhook"?`},
	{"a channel of a later version", "channels: {s: {type: «log»}}", "log is not yet supported in this version: want one of page webhook slack email tracker"},
	{"a channel that is a format", "channels: {s: {type: «statuspage»}}", "write type: webhook, format: statuspage"},
	{"a channel without a type", "channels: {s: «{»url: \"https://x\"}}", "type is missing"},
	{"a webhook without a secret", "channels: {h: «{»type: webhook, url: \"https://x\", severities: [P0]}}", "secret_file is missing"},
	{"a webhook in the clear", "channels: {h: {type: webhook, secret_file: x, severities: [P0], url: «\"http://x\"»}}", "in the clear"},
	{"a webhook that holds a password", "channels: {h: {type: webhook, secret_file: x, severities: [P0], url: «\"https://a:b@x\"»}}", "holds no password"},
	{"a page with a webhook's key", "channels: {status: {type: page, url: «\"https://x\"»}}", "a page channel has none"},
	{"a channel that hears of nothing", "channels: {«h»: {type: webhook, url: \"https://x\", secret_file: x}}", "hears of no severity"},
	{"two pages in one folder", "channels: {status: {type: page, folder: a}, «b»: {type: page, folder: a/, severities: [P0]}}", "would overwrite each other"},
	{"a support address that is none", "page: {support: «call us»}", "want a mail or web address"},
	{"a colour by its name", "page: {accent: «red»}", "want a colour of six hexadecimal digits"},
	{"a language by its name", "page: {language: «German»}", "want the code of a language"},
	{"a link at the top without an address", "page: {links: [«{»title: Docs}]}", "url is missing"},
	{"a link at the top that runs", "page: {links: [{title: Docs, url: «\"javascript:x\"»}]}", "begins with https:// or http://"},
	{"more links than fit", "page: {links: «[»" + strings.Repeat("{title: D, url: \"https://x.example\"}, ", 7) + "]}", "at most 6 links"},
	{"a header with a placeholder", "page: {header: «\"{name}\"»}", "placeholder {name}"},
	{"a weight of no severity", "page: {uptime: {«P7»: 10%}}", `unknown severity "P7"`},
	{"a weight beyond all", "page: {uptime: {P0: «110%»}}", "want a percentage from 0% to 100%"},
	{"a theme", "page: {«theme»: dark}", "the reader's"},
	{"a certificate without its key", "listen: «{»certificate_file: x}", "go together"},
	{"an address to listen on without a port", "listen: {public: «localhost»}", "want host:port"},
	{"one address for both listeners", "listen: «{»public: \":80\", private: \":80\"}", "same address"},
	{"an include outside the folder", "include: [«../x.yaml»]", "within the folder"},
	{"an include that is no pattern", "include: [«\"[\"»]", "want a pattern"},

	// severities
	{"an unknown severity", "severities: {«P9»: {public: true}}", `unknown severity "P9": want one of P0 P1 P2 P3 P4`},
	{"a step after one without an end", "severities: {P0: {cadence: [«{»every: 1h}, {every: 2h}]}}", "never ends"},
	{"a last step with an end", "severities: {P0: {cadence: [{every: 1h, for: «2h»}]}}", "leave for out"},
	{"an undeclared channel", "severities: {P0: {channels: [status, «slack»]}}", `unknown channel "slack": want one of status`},
	{"public that is no truth value", "severities: {P0: {public: «yes»}}", "want true or false"},

	// places
	{"a component without an id", "components: [«{»name: API}]", "id is missing"},
	{"an id with capitals", "components: [{id: «API»}]", "small letters"},
	{"regions that differ by case alone", "regions: [{code: eu}, {code: «EU»}]", "differ by small and large letters"},
	{"a name in HTML", "regions: [{code: eu, name: «\"R&amp;D\"»}]", "write R&D"},
	{"a promise that is none", "components: [{id: a, sla: «20%»}]", "want a percentage from 50% to 100%"},
	{"a figure that stays inside", "components: [{id: a, figures: [«burn_rate»]}]", "burn_rate stays inside"},
	{"a figure that is none", "components: [{id: a, figures: [«p999»]}]", "unknown signal"},
	{"a figure that stands twice", "components: [{id: a, figures: [p99, «p99»]}]", "p99 stands twice"},
	{"a component that stands twice", "components: [{id: a}, {id: «a»}]", `"a" is used twice: first at t.yaml:1:19`},
	{"an alias that is another region", "regions: [{code: us}, {code: eu, aliases: [«us»]}]", `"us" is used twice: first at t.yaml:1:18`},
	{"the page's own word", "regions: [{code: «other»}]", "choose another code"},

	// rules
	{"no rules", "rules: «[]»", "the list is empty"},
	{"a rule that stands twice", rate + ok + "  - id: «a»\n    component: api\n    signal: p99\n    levels: {P1: {above: 5s}}", `"a" is used twice: first at t.yaml:3:9`},
	{"no component at all", "rules: [{id: a, signal: p99, levels: {P1: {above: 5s}}, component: «api»}]", "no component is declared"},
	{"an undeclared component", strings.Replace(rate, "component: api", "component: «apo»", 1) + ok, `unknown component "apo": did you mean "api"?`},
	{"no signal", head + ok, "signal is missing"},
	{"an unknown signal", head + "    signal: «error-rate»\n" + ok, `did you mean "error_rate"?`},
	{"a quantile that is none", head + "    signal: «p100»\n" + ok, "a quantile of durations from p0.01 to p99.99"},
	{"the quantile of nobody", head + "    signal: «p0»\n" + ok, "a quantile of durations from p0.01 to p99.99"},
	{"a text instead of patterns", rate + ok + "    where: {services: «api»}", "want a list of patterns"},
	{"an empty list of patterns", rate + ok + "    where: {routes: {not: «[]»}}", "choose everything"},
	{"a region nobody declared", "regions: [{code: eu}]\n" + rate + ok + "    where: {regions: [«ue»]}", `unknown region "ue": want one of eu`},
	{"a region by its alias", "regions: [{code: eu, aliases: [local]}]\n" + rate + ok + "    where: {regions: {not: [«local»]}}", "write eu"},
	{"a window of half a minute", rate + ok + "    window: «90s»", "whole minutes from 1m to 7d (above 1h whole 5 minutes)"},
	{"a window of hours, of durations", slow + "    levels: {P1: {above: 5s}}\n    window: «2h»", "whole minutes from 1m to 1h, as in 5m"},
	{"a long window that is not whole 5 minutes", rate + ok + "    window: «61m»", "above 1h whole 5 minutes"},
	{"no levels", rate + "    levels: «{}»", "at least one level"},
	{"levels as a list", rate + "    levels: «[]»", "want a mapping, as in {P1: {above: 5%, for: 5m}}"},
	{"a level that is a number", rate + "    levels: {P1: «5%»}", "as in {above: 5%, for: 5m}"},
	{"a severity in small letters", rate + "    levels: {P1: {above: 5%}, «p2»: {above: 1%}}", `did you mean "P2"?`},
	{"a limit without a unit", rate + "    levels: {P1: {above: «0.05»}}", "found 0.05 without a unit"},
	{"a duration for a share", rate + "    levels: {P1: {above: «800ms»}}", "want a percentage"},
	{"a share for a duration", slow + "    levels: {P1: {above: «5%»}}", "want a duration"},
	{"a share that nothing exceeds", rate + "    levels: {P1: {above: «100%»}}", "from 0% to 99.99%"},
	{"an infinite share", rate + "    levels: {P1: {above: «.inf»}}", "want a percentage"},
	{"a share that is no number", rate + "    levels: {P1: {above: «NaN%»}}", "want a percentage"},
	{"a negative share", rate + "    levels: {P1: {above: «-5%»}}", "want a percentage"},
	{"a level without a limit", rate + "    levels: {P1: «{»for: 5m}}", "above is missing"},
	{"a for of seconds", rate + "    levels: {P1: {above: 5%, for: «30s»}}", "whole minutes from 1m to 6h"},
	{"a worse level with a lower limit", rate + "    levels: {P2: {above: 5%}, P1: {above: «1%»}}", "P1 is worse than P2 and must have the higher limit: want more than 5%, found 1%"},
	{"two levels that are one", rate + "    levels: {P1: {above: «5%»}, P2: {above: 5%}}", "raise the limit above 5%, or the for above 1m"},
	{"a limit slower than the lag", slow + "    levels: {P1: {above: «2m»}}", "raise sources.signoz.lag to 2m or more"},
	{"a recovery over the limit", rate + ok + "    recover: {below: «6%»}", "want at most 5%, found 6%"},
	{"certainty", rate + ok + "    confidence: «100%»", "from 50% to 99.99%"},
	{"a runbook that is no link", rate + ok + "    runbook: «wiki/api»", "begins with https://"},

	// public words
	{"a placeholder of the template", rate + ok + "    public: {symptom: «\"errors in <component>\"»}", "customers would read the placeholder <component>"},
	{"a placeholder of the mail", rate + ok + "    public: {impact: «\"errors for {NAME}\"»}", "customers would read the placeholder {NAME}"},
	{"a line break", rate + ok + "    public: {symptom: «\"errors\\nBcc: x\"»}", "line break"},
	{"an invisible character", rate + ok + "    public: {symptom: «\"errors\u202e\"»}", "invisible"},
	{"a symptom that is too long", rate + ok + "    public: {symptom: «" + strings.Repeat("x", 81) + "»}", "it has 81 characters, at most 80 fit"},
	{"an empty symptom", rate + ok + "    public: {symptom: «\" \"»}", "customers would read nothing"},
	{"a full stop", rate + ok + "    public: {symptom: «elevated errors.»}", "full stop"},
	{"an IP address", rate + ok + "    public: {symptom: «errors on 10.0.0.7»}", "the IP address 10.0.0.7"},
	{"an IPv6 address with a port", rate + ok + "    public: {symptom: «\"errors on [fd00::7]:8080\"»}", "the IP address [fd00::7]:8080"},
	{"a host", rate + ok + "    public: {symptom: «errors on db-1.prod.internal»}", "the host name db-1.prod.internal"},
	{"a host of one word", rate + ok + "    public: {symptom: «\"errors on postgres:5432\"»}", "the host name postgres:5432"},
	{"an address of the web", rate + ok + "    public: {workaround: «\"see https://wiki/x\"»}", "the address https://wiki/x"},
	{"a query", rate + ok + "    public: {impact: «errors in SELECT 1 FROM flags»}", "database query"},
	{"a trace id", rate + ok + "    public: {impact: «errors as in 4bf92f3577b34da6a3ce929d0e0e4736»}", "the id 4bf92f"},
	{"a service's name", rate + ok + "    where: {services: [flags-api]}\n    public: {impact: «errors in flags-api»}", "the name of the service flags-api"},
	{"a placeholder in a component's name", "components: [{id: a, name: «<name>»}]", "the placeholder <name>"},
}

func TestEachMistake(t *testing.T) {
	var golden strings.Builder
	for _, test := range slices.Concat(fileMistakes, ruleMistakes, deskMistakes, channelMistakes) {
		t.Run(test.name, func(t *testing.T) {
			text, at := test.yaml, Pos{}
			if strings.Contains(text, "«") {
				text, at = place(t, text)
			}
			_, err := Parse([]File{{Name: "t.yaml", Body: []byte(text)}})
			all := Mistakes(err)
			if len(all) != 1 {
				t.Fatalf("want one mistake, got %d:\n%v", len(all), err)
			}
			fmt.Fprintf(&golden, "# %s\n%v\n", test.name, all[0])
			if !strings.Contains(all[0].Msg, test.want) {
				t.Errorf("%q does not say %q", all[0].Msg, test.want)
			}
			if at.Line > 0 && all[0].Pos != at {
				t.Errorf("the mistake is placed at %s, want %s:\n%s", all[0].Pos, at, text)
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Errorf("the mistake repeats a password: %v", err)
			}
		})
	}
	asGolden(t, "testdata/each-mistake.golden", golden.String())
}

// asGolden compares with a file that -update writes.
func asGolden(t *testing.T, name, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(name, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s differs (run with -update, then read the diff): %s", name, diff)
	}
}

// byName compares time zones.
var byName = cmp.Comparer(func(a, b *time.Location) bool { return a.String() == b.String() })

func parse(t *testing.T, texts ...string) *Config {
	t.Helper()
	files := make([]File, len(texts))
	for i, text := range texts {
		files[i] = File{Name: string(rune('a'+i)) + ".yaml", Body: []byte(text)}
	}
	c, err := Parse(files)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestDefaults(t *testing.T) {
	c := Default()
	if c.Organisation == "" || c.Page.Title == "" || c.Store.Path == "" || c.CatchUp != 6*time.Hour ||
		c.Listen != (Listen{Public: ":8080", Private: "127.0.0.1:8081"}) {
		t.Errorf("%+v", c)
	}
	if s := c.SigNoz; s.Lag != time.Minute || s.Settle != 3*time.Minute || s.MaxSeries != 2000 || !slices.Equal(s.Region, []string{"cloud.region", "aws.region"}) {
		t.Errorf("%+v", s)
	}
	if diff := cmp.Diff([]Channel{{Name: "status", Type: "page", Folder: "page"}}, c.Channels); diff != "" {
		t.Error(diff)
	}
	if len(c.Components) != 1 || c.Components[0].ID != "service" || c.Components[0].Name != "Service" {
		t.Errorf("%+v", c.Components)
	}
	only := parse(t, "sources: {signoz: {dsn: \"clickhouse://ch:9000\"}}")
	c.SigNoz.DSN, c.Files = "clickhouse://ch:9000", []string{"a.yaml"}
	if diff := cmp.Diff(c, only, byName); diff != "" {
		t.Errorf("a file with only an address differs from the defaults: %s", diff)
	}
}

func TestTheStarterPack(t *testing.T) {
	c := Default()
	var ids []string
	for _, r := range c.Rules {
		ids = append(ids, r.ID+" "+r.Signal.String())
		if !r.Where.Services.Match("anything") || !r.Where.Regions.Match("") {
			t.Errorf("%s leaves services or regions out", r.ID)
		}
		if r.Signal.Kind == KindSilence {
			if r.Stream().String() != "" || r.Levels[0].Severity != P4 {
				t.Errorf("%s: a service that only answers health checks is not silent, and spans alone tell no outage: %+v", r.ID, r)
			}
			continue
		}
		for _, route := range []string{"/health", "/healthz", "GET /health", "/api/readyz", "/v1/stream/{envKey}", "/ws", "grpc.health.v1.Health/Check", "/metrics"} {
			if r.Where.Routes.Match(route) {
				t.Errorf("%s judges %s", r.ID, route)
			}
		}
		for _, route := range []string{"", "/", "/v1/evaluate", "/v1/healthcare/{id}", "/upstream", "/v1/news", "flags.v1.Flags/Get"} {
			if !r.Where.Routes.Match(route) {
				t.Errorf("%s does not judge %q", r.ID, route)
			}
		}
		if r.Stream().String() != c.Rules[0].Stream().String() {
			t.Errorf("%s reads a stream of its own", r.ID)
		}
	}
	if want := []string{"service-errors error_rate", "service-latency p99", "silent-service silence", "silent-region silence"}; !slices.Equal(ids, want) {
		t.Errorf("rules %q", ids)
	}
	own := parse(t, "components: [{id: api}]")
	if len(own.Rules) != len(c.Rules) || len(own.Components) != 2 || own.Components[1].ID != "service" {
		t.Errorf("components without rules: %+v", own)
	}
	if c := parse(t, rate+ok); len(c.Rules) != 1 || len(c.Components) != 1 {
		t.Errorf("the starter pack applies beside other rules: %+v", c)
	}
	if c := parse(t, rate+ok+"packs: [opentelemetry]"); len(c.Rules) != 5 || len(c.Components) != 2 {
		t.Errorf("the starter pack does not apply where it is named: %+v", c)
	}
}

func TestRuleDefaults(t *testing.T) {
	c := parse(t, rate+"    levels: {P2: {above: 1%, for: 10m}, P0: {above: 50%}, P1: {above: 5 %, for: 5m}}\n"+
		"  - {id: b, component: api, signal: p99.9, levels: {P3: {above: 1m}}, window: 1h, confidence: 99.99%, recover: {for: 6h}}\n"+
		"  - {id: c, component: api, signal: p99.90, levels: {P3: {above: 800ms}, P1: {above: 800ms, for: 2m}}, recover: {below: 0.5s}}\n")
	usual := builtIn().where
	want := []Rule{
		{
			ID: "a", Component: "api", Signal: Signal{Kind: KindErrorRate}, Window: 5 * time.Minute, Where: usual,
			Levels:  []Level{{Severity: P0, Limit: 0.5, For: time.Minute}, {Severity: P1, Limit: 0.05, For: 5 * time.Minute}, {Severity: P2, Limit: 0.01, For: 10 * time.Minute}},
			Recover: Recover{0.01, 10 * time.Minute}, Confidence: 0.95,
			Public: Words{Symptom: "elevated errors", Impact: "failed requests"}, Pos: Pos{"a.yaml", 3, 5},
		},
		{
			ID: "b", Component: "api", Signal: Signal{Kind: KindQuantile, Quantile: 9990}, Window: time.Hour, Where: usual,
			Levels: []Level{{Severity: P3, Limit: float64(time.Minute), For: time.Minute}}, Recover: Recover{float64(time.Minute), 6 * time.Hour}, Confidence: 0.9999,
			Public: Words{Symptom: "slow responses", Impact: "slow responses"}, Pos: Pos{"a.yaml", 7, 5},
		},
		{
			ID: "c", Component: "api", Signal: Signal{Kind: KindQuantile, Quantile: 9990}, Window: 5 * time.Minute, Where: usual,
			Levels:  []Level{{Severity: P1, Limit: 8e8, For: 2 * time.Minute}, {Severity: P3, Limit: 8e8, For: time.Minute}},
			Recover: Recover{5e8, time.Minute}, Confidence: 0.95,
			Public: Words{Symptom: "slow responses", Impact: "slow responses"}, Pos: Pos{"a.yaml", 8, 5},
		},
	}
	if diff := cmp.Diff(want, c.Rules); diff != "" {
		t.Error(diff)
	}
	if _, ok := c.Rule("b"); !ok {
		t.Error("rule b is not found")
	}
	if _, ok := c.Rule("x"); ok {
		t.Error("rule x is found")
	}
}

func TestFilesAreMergedInOrder(t *testing.T) {
	c := parse(t,
		"organisation: Acme\nregions: [{code: in}]\nseverities: {P0: {cadence: [{for: 1h, every: 15m}, {every: 30m}]}}\nstore: {path: /data/t.db}\nchannels: {second: {type: page, severities: [P3]}}",
		rate+ok,
		"regions: [{code: eu, name: Europe, aliases: [local, \"\"]}]\ncomponents: [{id: web, name: Website}]\nseverities: {P3: {public: true, channels: [status, second]}}\n"+
			"rules: [{id: b, component: web, signal: p50, levels: {P3: {above: 1s}}}]")
	if c.Page.Title != "Acme status" || len(c.Regions) != 2 || c.Regions[0].Code != "in" || c.Regions[0].Name != "in" || c.Regions[1].Name != "Europe" ||
		len(c.Components) != 2 || c.Components[1].Name != "Website" || len(c.Rules) != 2 || c.Rules[1].ID != "b" {
		t.Errorf("%+v", c)
	}
	for value, want := range map[string]string{"local": "eu", "": "eu", "eu": "eu", "in": "in", "moon": "moon"} {
		if got := c.RegionOf(value); got != want {
			t.Errorf("RegionOf(%q) = %q, want %q", value, got, want)
		}
	}
	if p := c.Policies[P0]; p.Every(0) != 15*time.Minute || p.Every(time.Hour) != 30*time.Minute || !p.Public || p.Channels[0] != "status" {
		t.Errorf("P0 is %+v", p)
	}
	if !c.Policies[P3].Public || c.Policies[P1].Every(0) != time.Hour {
		t.Errorf("%+v", c.Policies)
	}
	want := []Channel{
		{Name: "status", Type: "page", Folder: "/data/page"},
		{Name: "second", Type: "page", Folder: "/data/second", Severities: []Severity{P3}},
	}
	if diff := cmp.Diff(want, c.Channels); diff != "" {
		t.Error(diff)
	}
	if got := c.Hears(P3); !slices.Equal(got, []string{"status", "second"}) {
		t.Errorf("P3 is heard by %v", got)
	}
}

func TestLongLinesAreRead(t *testing.T) {
	c := parse(t, rate+ok+"    where: {services: ["+strings.Repeat("some-service-with-a-name, ", 200)+"last], regions: [eu]}\n    runbook: https://wiki/"+strings.Repeat("x", 500))
	if w := c.Rules[0].Where; len(w.Services.Any) != 2 || len(w.Regions.Any) != 1 {
		t.Errorf("%+v", w)
	}
}

func TestMistakesBetweenFiles(t *testing.T) {
	_, err := Parse([]File{
		{"z.yaml", []byte("components: [{id: api}]\nseverities: {P0: {public: false}}")},
		{"b.yaml", []byte("components: [{id: api}]\nstore: {path: x}")},
		{"a.yaml", []byte("severities: {P0: {public: true}}\nrules: [{id: a, component: ap, signal: p99, levels: {P1: {above: 5s}}}]")},
	})
	want := []string{
		`b.yaml:1:19: id: "api" is used twice: first at z.yaml:1:19; give one another name`,
		`b.yaml:2:1: "store" belongs into the service's own file: move it to z.yaml`,
		`a.yaml:1:14: severities: P0 is described twice: first at z.yaml:2:14; put both into one place`,
	}
	if diff := cmp.Diff(strings.Join(want, "\n"), err.Error()); diff != "" {
		t.Error(diff)
	}
	if e, ok := errors.AsType[*Error](err); !ok || e.Pos.File != "b.yaml" {
		t.Errorf("the first mistake is %v", e)
	}
}

func TestNobodyIsBlamedForWhatCouldNotBeRead(t *testing.T) {
	_, err := Parse([]File{
		{"a.yaml", []byte("rules: [{id: a, component: api, signal: p99, where: {regions: [eu]}, levels: {P1: {above: 5s}}}]")},
		{"b.yaml", []byte("components: [{id: api}\nregions: [{code: us}]")},
	})
	if all := Mistakes(err); len(all) != 1 || all[0].Pos.File != "b.yaml" {
		t.Errorf("want only the broken file's mistake, got:\n%v", err)
	}
}

func TestWordsThatCustomersMayRead(t *testing.T) {
	for _, words := range []string{
		"elevated errors on the management API", "errors in the Node.js SDK", "flags e.g. in v1.2 are slow", "5 % of requests, i.e. some",
		"since 10:30 slow", "decade of faded cafe", "über-langsam", "retry after 2 minutes",
	} {
		if why := inside(words); why != "" {
			t.Errorf("%q: %s", words, why)
		}
		if why := unfit(words, 80); why != "" {
			t.Errorf("%q: %s", words, why)
		}
	}
}

func TestUnits(t *testing.T) {
	for s, want := range map[string]time.Duration{
		"5m": 5 * time.Minute, "1h30m": 90 * time.Minute, "800ms": 800 * time.Millisecond, "1.5s": 1500 * time.Millisecond,
		"2d": 48 * time.Hour, "1d12h": 36 * time.Hour, "0.5d": 12 * time.Hour, "0s": 0, "250us": 250 * time.Microsecond,
	} {
		if got, ok := parseDuration(s); !ok || got != want {
			t.Errorf("parseDuration(%q) = %v, %v, want %v", s, got, ok, want)
		}
	}
	for _, s := range []string{"", "0", "5", "-5m", "+5m", "5 m", "5min", "d", "1d-2h", "1dd", "999999999d", "9999999h", "100000h1d", "1e3s", "NaNs", "m", ".", "36500d2562047h"} {
		if got, ok := parseDuration(s); ok {
			t.Errorf("parseDuration(%q) = %v", s, got)
		}
	}
	for s, want := range map[string]float64{"5%": 0.05, "0.5 %": 0.005, "100%": 1, "0%": 0, "99.99%": 0.9999} {
		if got, ok := parseShare(s); !ok || got != want {
			t.Errorf("parseShare(%q) = %v, %v, want %v", s, got, ok, want)
		}
	}
	for _, s := range []string{"", "%", "5", "5 %%", "-5%", "+5%", "Inf%", "NaN%", "1e1%", "5,5%", "5  %", "0x5%", ".5%", strings.Repeat("9", 400) + "%"} {
		if got, ok := parseShare(s); ok {
			t.Errorf("parseShare(%q) = %v", s, got)
		}
	}
	for d, want := range map[time.Duration]string{
		time.Minute: "1m", time.Hour: "1h", 90 * time.Minute: "1h30m", 800 * time.Millisecond: "800ms", 10 * time.Second: "10s",
		20 * time.Minute: "20m", 10 * time.Hour: "10h", 0: "0s", time.Minute + time.Second: "1m1s",
	} {
		if got := spell(d); got != want {
			t.Errorf("spell(%v) = %q, want %q", d, got, want)
		}
		if back, ok := parseDuration(want); !ok || back != d {
			t.Errorf("%q reads as %v", want, back)
		}
	}
}

// A rule that cannot be read hides nothing but those who name it.
func TestOneMistakeHidesNoOther(t *testing.T) {
	_, err := Parse([]File{{"a.yaml", []byte("components: [{id: api}]\nsilences: [{id: s, rules: [first], until: 2030-01-01, reason: x}]\n" +
		"rules:\n  - {id: First, component: apo, signal: error_rates, levels: {P9: {above: 5%}}}\n" +
		"  - {id: b, component: ap, signal: p99, levels: {P1: {above: 5s, confirm_with: [first]}}}\n" +
		"  - {id: c, component: zzz, signal: p99, levels: {P1: {above: 5}}}\n")}})
	var got []string
	for _, e := range Mistakes(err) {
		got = append(got, fmt.Sprintf("%d:%d", e.Pos.Line, e.Pos.Col))
	}
	if want := []string{"4:10", "4:28", "4:41", "4:63", "5:24", "6:24", "6:63"}; !slices.Equal(got, want) {
		t.Errorf("mistakes at %v, want %v:\n%v", got, want, err)
	}
}
