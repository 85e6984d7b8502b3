package rules

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// The parts of configurations that nothing is to be said of.
const (
	lintPlaces = "components: [{id: api}]\nregions: [{code: eu}, {code: us}]\n"
	lintWords  = "    public: {symptom: errors here, impact: failures there}\n"
	lintRule   = lintPlaces + "rules:\n  - id: a\n    component: api\n    signal: error_rate\n    levels: {P1: {above: 5%}, P2: {above: 1%}}\n" + lintWords
	lintProbe  = "probes: [{id: health, type: http, every: 15s, targets: {eu: \"https://a\", us: \"https://b\"}, gauges: {db: {path: db, values: {up: 1, half: 0.5, down: 0}}, n: {path: n}}}]\n"
	lintFails  = lintProbe + lintRule + "  - id: fails\n    component: api\n    signal: error_rate\n    window: 1m\n    where: {probes: [health]}\n    levels: {P1: {above: 50%}}\n" + lintWords
)

// second is another rule of the same component, which says what follows.
func second(is string) string { return "  - id: b\n    component: api\n" + is + lintWords }

// marked is second, with a mark where it begins.
func marked(is string) string { return "  - «id»: b\n    component: api\n" + is + lintWords }

// Who is called, and who is not.
const (
	lintPeople  = "people: {ana: {roles: [on-call, cto, chief-executive, eng-manager, vp-eng], reach: [h]}}\n"
	lintNoCalls = "severities: {P0: {escalate: []}, P1: {escalate: []}, P2: {escalate: []}}\n"
)

var lintValues = strings.Replace(lintRule, "{code: us}", "{code: us, values: {host: x}}", 1)

func TestLint(t *testing.T) {
	const rate = "    signal: error_rate\n"
	for _, test := range []struct {
		name, yaml string
		want       string // "": nothing is said
	}{
		{"one rule", lintRule, ""},

		{"a rule that does the same", lintRule + marked(rate+"    levels: {P2: {above: 2%}}\n"), "b and a at t.yaml:4:5 both make P2 of the same error_rate, for instance of any service in eu:"},
		{"a rule of another severity", lintRule + second(rate+"    levels: {P3: {above: 2%}}\n"), ""},
		{"a rule of another window", lintRule + second(rate+"    window: 1h\n    levels: {P2: {above: 2%}}\n"), ""},
		{"a rule of another figure", lintRule + second("    signal: p99\n    levels: {P2: {above: 2s}}\n"), ""},
		{"a rule with another witness", lintFails + second(rate+"    levels: {P2: {above: 2%, confirm_with: [fails]}}\n"), ""},
		{"a rule of some regions", lintRule + marked(rate+"    where: {regions: [us]}\n    levels: {P1: {above: 10%}}\n"), "P1 of the same error_rate, for instance of any service in us"},
		{"a rule of some services", lintRule + marked(rate+"    where: {services: [x-*]}\n    levels: {P1: {above: 10%}}\n"), "of x-"},
		{"a rule of client spans", lintRule + second(rate+"    where: {kinds: [client]}\n    levels: {P1: {above: 10%}}\n"), ""},
		{"a rule of other attributes", lintRule + second(rate+"    where: {attributes: {a: [x]}}\n    levels: {P3: {above: 10%}}\n") +
			strings.ReplaceAll(second(rate+"    where: {attributes: {a: {not: [x]}}}\n    levels: {P3: {above: 10%}}\n"), "id: b", "id: c"), ""},
		{"a rule of probes", lintFails + second(rate+"    window: 1m\n    where: {services: [health]}\n    levels: {P1: {above: 50%}}\n"), ""},
		{"two rules of a probe", lintFails + marked(rate+"    window: 1m\n    where: {probes: [\"*\"], regions: [us]}\n    levels: {P1: {above: 40%}}\n"), "of health in us"},
		{"two rules of routes that never meet", lintRule + second(rate+"    where: {routes: [/v1/*]}\n    levels: {P3: {above: 10%}}\n") +
			strings.ReplaceAll(second(rate+"    where: {routes: {not: [/v1/*]}}\n    levels: {P3: {above: 10%}}\n"), "id: b", "id: c"), ""},

		{"services that are all left out", lintRule + marked(rate+"    where: {services: {any: [api-*], not: [api*]}}\n    levels: {P3: {above: 5%}}\n"), "b looks at nothing: its where leaves out by not all the services"},
		{"regions that nobody declared", lintRule + marked(rate+"    where: {regions: [asia-*]}\n    levels: {P3: {above: 5%}}\n"), "b looks at none of the declared regions eu us: its where asks for asia-*"},
		{"a probe without a target there", strings.Replace(lintFails, ", us: \"https://b\"", "", 1) +
			marked(rate+"    where: {probes: [health], regions: [us]}\n    levels: {P3: {above: 5%}}\n"), "b looks at nothing: no probe that it chooses"},

		{"an override of what the rule leaves out", lintRule + second(rate+"    where: {regions: [eu]}\n    levels: {P3: {above: 5%}}\n    overrides: [«{»regions: [us], confidence: 90%}]\n"), "b looks at nothing that it covers"},
		{"an override behind a wider one", lintRule + second(rate+"    levels: {P3: {above: 5%}}\n    overrides: [{regions: [\"e*\"], confidence: 90%}, «{»regions: [eu], services: [x], confidence: 80%}]\n"), "the one at t.yaml:13:17 covers all"},
		{"an override before a wider one", lintRule + second(rate+"    levels: {P3: {above: 5%}}\n    overrides: [{regions: [eu], confidence: 90%}, {regions: [\"e*\"], confidence: 80%}]\n"), ""},

		{"all of one region", lintRule + marked(rate+"    where: {regions: [eu]}\n    levels: {P3: {above: 5%}}\n    spread: {all_regions: P2}\n"), "never raised to P2: all_regions asks for two regions at least, and it looks at eu"},
		{"three of two regions", lintFails + marked(rate+"    window: 1m\n    where: {probes: [health]}\n    levels: {P3: {above: 40%}}\n    spread: {regions: 3, severity: P2}\n"), "asks for 3 regions, and it looks at eu us"},
		{"all of two regions", lintFails + second(rate+"    window: 1m\n    where: {probes: [health]}\n    levels: {P3: {above: 40%}}\n    spread: {all_regions: P2}\n"), ""},

		{"nobody's words", lintPlaces + "rules: [«{»id: a, component: api, signal: error_rate, levels: {P2: {above: 5%}}}]", "customers read of P2 of a in words that fit any product, “elevated errors”"},
		{"nobody's words, for nobody", lintPlaces + "rules: [{id: a, component: api, signal: error_rate, levels: {P3: {above: 5%}}}]", ""},
		{"nobody's words, raised", lintPlaces + "rules: [«{»id: a, component: api, signal: error_rate, levels: {P3: {above: 5%}}, spread: {all_regions: P1}}]", "customers read of P1 of a"},

		{"a check a minute", strings.Replace(lintFails, "every: 15s", "every: 1m", 1), "P1 of fails can never hold: the probe health asks once in 1m, and if all of that fails, it is at least 27% with 95% confidence, against 50%"},
		{"a check a minute, for less confidence", strings.Replace(strings.Replace(lintFails, "every: 15s", "every: 1m", 1), "above: 50%}}", "above: 50%}}\n    confidence: 75%", 1), ""},
		{"an override for a level that few checks prove", strings.Replace(lintFails, "above: 50%}}", "above: 50%}}\n    overrides: [«{»regions: [us], levels: {P1: {above: 70%}}}]", 1), "the probe health asks 4 times in 1m, and if all of that fails, it is at least 59.7%"},
		{"a quantile of few checks", lintFails + marked("    signal: p30\n    window: 1m\n    where: {probes: [health]}\n    levels: {P3: {above: 1s}}\n"), "against 70%"},
		{"a budget of few checks", lintFails + marked("    signal: burn_rate\n    objective: 90%\n    where: {probes: [health]}\n    levels: {P3: {burn: [{factor: 9, long: 2m, short: 1m}]}}\n"), "asks 8 times in 2m"},
		{"a budget of more checks", lintFails + second("    signal: burn_rate\n    objective: 90%\n    where: {probes: [health]}\n    levels: {P3: {burn: [{factor: 9, long: 2m, short: 1m}, {factor: 9, long: 1h}]}}\n"), ""},

		{"a gauge below its least value", lintFails + marked("    signal: gauge\n    gauge: db\n    where: {probes: [health]}\n    levels: {P3: {below: 0}}\n"), "P3 of b can never hold: the gauge db is from 0 to 1, and never below 0"},
		{"a gauge above its greatest value", lintFails + marked("    signal: gauge\n    gauge: db\n    where: {probes: [health]}\n    levels: {P3: {above: 100%}}\n"), "never above 1"},
		{"a gauge within its values", lintFails + second("    signal: gauge\n    gauge: db\n    where: {probes: [health]}\n    levels: {P3: {below: 1}}\n"), ""},
		{"a gauge of any number", lintFails + second("    signal: gauge\n    gauge: n\n    where: {probes: [health]}\n    levels: {P3: {below: -5}}\n"), ""},

		{"a rate that sampling hides", "services: [{names: [a*], sample_rate: 1%}]\n" + lintRule + marked("    signal: request_rate\n    levels: {P3: {below: 10/min}}\n"), "P3 of b holds only without any request: with a sample rate of 1%, a single span in 5m stands for 20/min"},
		{"a rate that sampling leaves", "services: [{names: [a*], sample_rate: 1%}]\n" + lintRule + second("    signal: request_rate\n    levels: {P3: {below: 21/min}}\n"), ""},
		{"a rate of other services", "services: [{names: [x*], sample_rate: 1%}]\n" + lintRule + second("    signal: request_rate\n    where: {services: [a*]}\n    levels: {P3: {below: 10/min}}\n"), ""},

		{"a witness elsewhere", strings.Replace(lintFails, "eu: \"https://a\", ", "", 1) + marked(rate+"    where: {regions: [eu]}\n    levels: {P3: {above: 5%, confirm_with: [fails]}}\n"), "P3 of b can never hold: fails, which must confirm it, looks at none of its regions"},
		{"a witness in one region", strings.Replace(lintFails, "eu: \"https://a\", ", "", 1) + marked(rate+"    levels: {P3: {above: 5%, confirm_with: [fails]}}\n"), "P3 of b can never hold in eu: fails"},
		{"a witness in one region, and another elsewhere", strings.Replace(lintFails, "eu: \"https://a\", ", "", 1) + second(rate+"    levels: {P3: {above: 5%, confirm_with: [fails, a]}}\n"), ""},
		{"a witness in all regions", lintFails + second(rate+"    levels: {P3: {above: 5%, confirm_with: [fails]}}\n"), ""},

		{"a baseline within the outage", lintRule + marked(rate+"    baseline: {ago: 30m}\n    levels: {P3: {above: 5%, over_baseline: 3x, for: 26m}}\n"), "want ago: of at least 31m"},
		{"a baseline before the outage", lintRule + second(rate+"    baseline: {ago: 30m}\n    levels: {P3: {above: 5%, over_baseline: 3x, for: 25m}}\n"), ""},

		{"a component without rules", strings.Replace(lintRule, "[{id: api}]", "[{id: api}, «{»id: db}]", 1), "no rule is about the component db"},
		{"a figure that no rule measures", strings.Replace(lintRule, "[{id: api}]", "[«{»id: api, figures: [error_rate, p95]}]", 1), "figures of p95 are not measured"},
		{"a figure that is written with more digits", strings.Replace(lintRule, "[{id: api}]", "[{id: api, figures: [p99.0]}]", 1) + "  - {id: slow, component: api, signal: p99, levels: {P3: {above: 1s}}}\n", ""},
		{"a rate behind a wider one", "services: [{names: {not: [x]}, sample_rate: 1%}, «{»names: [a], sample_rate: 2%}]\n" + lintRule, "the one at t.yaml:1:12 covers all"},
		{"a rate that another leaves out", "services: [{names: {not: [a]}, sample_rate: 1%}, {names: [a], sample_rate: 2%}]\n" + lintRule, ""},
		{"a probe without rules", strings.Replace(lintProbe, "{id", "«{»id", 1) + lintRule, "no rule looks at the probe health"},

		{"work that is over", "maintenance: [«{»id: m, title: U, from: 2025-01-01, to: 2025-01-02}]\n" + lintRule, "the maintenance m is over since 2025-01-02 00:00 UTC"},
		{"work to come", "maintenance: [{id: m, title: U, from: 2027-01-01, to: 2027-01-02}]\n" + lintRule, ""},
		{"weekly work that is over", "zone: Europe/Berlin\nmaintenance: [«{»id: m, title: U, weekly: {days: [monday], at: \"03:00\", for: 1h}, to: 2026-06-01}]\n" + lintRule, "over since 2026-06-01 00:00 CEST"},
		{"a silence that is over", "silences: [«{»id: s, rules: [a], until: 2026-06-01, reason: x}]\n" + lintRule, "the silence s is over since 2026-06-01 00:00 UTC"},
		{"a silence that goes on", "silences: [{id: s, rules: [a], until: 2026-06-02, reason: x}]\n" + lintRule, ""},
		{"a silence of nothing", "silences: [«{»id: s, rules: {any: [a], not: [\"a*\"]}, until: 2027-01-01, reason: x}]\n" + lintRule, "silences nothing"},
		{"a silence of a region that its rule leaves out", "silences: [«{»id: s, rules: [b], regions: [us], until: 2027-01-01, reason: x}]\n" + lintRule +
			second(rate+"    where: {regions: [eu]}\n    levels: {P3: {above: 5%}}\n"), "silences nothing"},
		{"a silence of a service where a region is silent", "silences: [«{»id: s, rules: [b], services: [x], until: 2027-01-01, reason: x}]\n" + lintRule +
			second("    signal: silence\n    of: region\n    levels: {P3: {for: 5m}}\n"), "silences nothing"},

		{"calls without people", "severities: {P0: {page: «{»repeat: 3m}}}\n" + lintRule, "nobody is called: severities say who is called when, and no people are named"},
		{"an acknowledgement without people", "severities: {P2: {ack: «2h»}}\n" + lintRule, "nobody is called"},
		{"a cadence without people", "severities: {P0: {cadence: [{every: 15m}]}}\n" + lintRule, ""},
		{"people for every call", hook + lintPeople + lintRule, ""},
		{"a role that nobody has", hook + strings.Replace(strings.Replace(lintPeople, "cto, ", "", 1), "ana", "«ana»", 1) + lintRule, "nobody has the role cto, whom P0 calls at once"},
		{"a role that nobody has, where it is written", "severities: {P3: {escalate: «[»{after: 1h, to: boss}]}}\n" + hook + lintPeople + lintRule, "nobody has the role boss, whom P3 calls after 1h"},
		{"a person in place of a role", "severities: {P3: {escalate: [{after: 1h, to: ana}]}}\n" + hook + lintPeople + lintRule, ""},
		{"people who are invited and not known there", chats + "channel: C0123ABCD, rooms: {invite: [on-call, ana]}}, h: {type: webhook, url: \"https://x\", secret_file: x}}\n" + strings.Replace(lintPeople, "ana", "«ana»", 1) + lintRule, "ana is not invited into the rooms of s, which asks for on-call"},
		{"people who are invited", chats + "channel: C0123ABCD, rooms: {invite: [ana]}}, h: {type: webhook, url: \"https://x\", secret_file: x}}\n" + strings.Replace(lintPeople, "{roles", "{slack: U0123ABCD, roles", 1) + lintRule, ""},
		{"people whom no call reaches", "people: {«ana»: {roles: [on-call]}, ben: {roles: [on-call]}}\n" + lintNoCalls + lintRule, "no call reaches ana and ben, whom P0 pages"},
		{"one whom a call reaches", hook + "people: {ana: {roles: [on-call], reach: [h]}, ben: {roles: [on-call]}}\n" + lintNoCalls + lintRule, ""},

		{"a value that no region has", lintValues + "checklists: [{id: l, title: L, steps: [«{»id: s, text: Look, command: \"ssh {{hots}}\"}]}]\n", "the step s of l would show <hots>: no region has a value of that name; add values: {hots: …} to regions"},
		{"a value of a link that no region has", lintValues + "checklists: [{id: l, title: L, steps: [«{»id: s, text: Look, link: \"https://{{host}}/{{x}}\"}]}]\n", "would show <x>"},
		{"values that some region has", lintValues + "checklists: [{id: l, title: L, steps: [{id: s, text: \"{{x}}\", command: \"{{host}} {{region}} {{region_name}} {{.Names}}\"}]}]\n", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			text, at := test.yaml, Pos{}
			if strings.Contains(text, "«") {
				text, at = place(t, text)
			}
			c, err := Parse([]File{{Name: "t.yaml", Body: []byte(text)}})
			if err != nil {
				t.Fatalf("%v\n%s", err, text)
			}
			got := c.Lint(moment(t, "2026-06-01T00:00:00Z"))
			switch {
			case test.want == "" && len(got) == 0:
			case test.want == "" || len(got) != 1:
				t.Errorf("want %q, got %v\n%s", test.want, got, text)
			case !strings.Contains(got[0].Msg, test.want) || at.Line > 0 && got[0].Pos != at:
				t.Errorf("want %q at %s, got %v", test.want, at, got)
			}
		})
	}
}

func TestWarningsComeInOrder(t *testing.T) {
	c, err := Parse([]File{
		{"z.yaml", []byte("components: [{id: api}, {id: one}, {id: two}]")},
		{"a.yaml", []byte("components: [{id: three}]\nrules: [{id: a, component: api, signal: error_rate, levels: {P3: {above: 5%}}}]")},
	})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, w := range c.Lint(time.Time{}) {
		got = append(got, w.String()[:strings.LastIndex(w.String(), ": the page")])
	}
	want := "z.yaml:1:25: no rule is about the component one\nz.yaml:1:36: no rule is about the component two\na.yaml:1:14: no rule is about the component three"
	if strings.Join(got, "\n") != want {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), want)
	}
}

// What comes with the program gives no cause for warnings.
func TestNothingIsSaidOfWhatComesWithTheProgram(t *testing.T) {
	at := moment(t, "2026-06-01T00:00:00Z")
	for name, c := range map[string]*Config{"the defaults": Default(), "the example": example(t), "the packs": parse(t, "packs: [opentelemetry, runbooks]")} {
		for _, w := range c.Lint(at) {
			t.Errorf("%s: %s", name, w)
		}
	}
}

// Thousands of rules, each for a service of its own, would take minutes if each
// were compared with each.
func TestRulesAreComparedWithThoseTheyMayMeet(t *testing.T) {
	a := alike{named: map[string][]int{}}
	for i, own := range []Patterns{{Any: []string{"x", "y"}}, {Any: []string{"api-*"}}, {Any: []string{"z"}}, {}, {Any: []string{"y"}}} {
		a.add(i, own)
	}
	for _, test := range []struct {
		own  Patterns
		want []int
	}{
		{Patterns{Any: []string{"y"}}, []int{0, 1, 3, 4}},
		{Patterns{Any: []string{"y", "x"}}, []int{0, 1, 3, 4}},
		{Patterns{Any: []string{"new"}}, []int{1, 3}},
		{Patterns{Any: []string{"*"}}, []int{0, 1, 2, 3, 4}},
		{Patterns{Not: []string{"x"}}, []int{0, 1, 2, 3, 4}},
	} {
		if got := a.near(test.own); !slices.Equal(got, test.want) {
			t.Errorf("%v: %v, want %v", test.own, got, test.want)
		}
	}
}

// The quick look never calls apart what the thorough one finds in common.
func TestWhatBeginsApartHasNothingInCommon(t *testing.T) {
	globs := []string{"", "a", "b", "ab", "a*", "b*", "*", "?b", "ab*", "a?", "abc"}
	found := 0
	for _, g := range globs {
		for _, h := range globs {
			a, b := Patterns{Any: []string{g}}, Patterns{Any: []string{h}}
			if !beginApart(a, b) {
				continue
			}
			found++
			if s, both := common(a, b); both {
				t.Errorf("%q and %q share %q", g, h, s)
			}
		}
	}
	if found < len(globs) {
		t.Errorf("only %d pairs are told apart", found)
	}
}

func TestMeetingPatterns(t *testing.T) {
	for _, test := range []struct {
		name   string
		a, b   Patterns
		common string // "-": nothing
		within bool   // a within b
	}{
		{"everything", Patterns{}, Patterns{}, anything, true},
		{"a name in everything", Patterns{Any: []string{"a"}}, Patterns{}, "a", true},
		{"everything in a name", Patterns{}, Patterns{Any: []string{"a"}}, "a", false},
		{"two names", Patterns{Any: []string{"a"}}, Patterns{Any: []string{"b"}}, "-", false},
		{"a name in a glob", Patterns{Any: []string{"api-eu"}}, Patterns{Any: []string{"api-*"}}, "api-eu", true},
		{"globs that meet in the middle", Patterns{Any: []string{"a*"}}, Patterns{Any: []string{"*b"}}, "ab", false},
		{"a glob in a wider one", Patterns{Any: []string{"a?c*"}}, Patterns{Any: []string{"a*"}}, "axc", true},
		{"a glob in one of as many letters", Patterns{Any: []string{"a*c"}}, Patterns{Any: []string{"a?c"}}, "axc", false},
		{"globs that never meet", Patterns{Any: []string{"a*"}}, Patterns{Any: []string{"b*"}}, "-", false},
		{"a name that is left out", Patterns{Any: []string{"a"}}, Patterns{Not: []string{"a"}}, "-", false},
		{"a glob of which some is left out", Patterns{Any: []string{"a*"}}, Patterns{Not: []string{"ab"}}, "a", false},
		{"what both leave out", Patterns{Not: []string{"a"}}, Patterns{Not: []string{"a"}}, anything, true},
		{"more than the other leaves out", Patterns{Not: []string{"b*"}}, Patterns{Not: []string{"bc"}}, anything, true},
		{"less than the other leaves out", Patterns{Not: []string{"bc"}}, Patterns{Not: []string{"b*"}}, anything, false},
		{"what would have been shown is left out", Patterns{Not: []string{"a*"}}, Patterns{}, "/" + anything, true},
		{"the empty text", Patterns{Any: []string{""}}, Patterns{Any: []string{"*"}}, "", true},
	} {
		t.Run(test.name, func(t *testing.T) {
			s, ok := common(test.a, test.b)
			if ok != (test.common != "-") || ok && s != test.common {
				t.Errorf("common is %q, %v, want %q", s, ok, test.common)
			}
			if got := within(test.a, test.b); got != test.within {
				t.Errorf("within is %v", got)
			}
		})
	}
}

// What two globs are said to share, both match; and what covers a glob matches
// what it matches.
func FuzzMeeting(f *testing.F) {
	for _, seed := range [][3]string{{"a*", "*b", "ab"}, {"a?c", "a*", "axc"}, {"*a*", "b?", "ba"}, {"", "*", ""}, {"**?", "?*", "é"}, {"*a*a*a*a*b", "a*a*a*a*a*c", "a"}} {
		f.Add(seed[0], seed[1], seed[2])
	}
	f.Fuzz(func(t *testing.T, g, h, s string) {
		if len(g) > 100 || len(h) > 100 || strings.ContainsAny(g+h+s, "\x00\x01") || !utf8Valid(g+h+s) {
			return
		}
		text, ok := meeting([]rune(g), []rune(h))
		if ok && (!Glob(g, text) || !Glob(h, text)) {
			t.Errorf("%q and %q are said to share %q", g, h, text)
		}
		if !ok && Glob(g, s) && Glob(h, s) {
			t.Errorf("%q and %q share %q", g, h, s)
		}
		if covers(g, h) && Glob(h, s) && !Glob(g, s) {
			t.Errorf("%q is said to cover %q, and does not match %q", g, h, s)
		}
	})
}

func utf8Valid(s string) bool { return strings.ToValidUTF8(s, "") == s }
