package rules

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// Beginnings of rules without mistakes; each case puts one in.
const (
	probe   = "probes: [{id: web, type: http, targets: {eu: \"https://web.example.com\"}}, {id: cert, type: tls, targets: {eu: \"web.example.com:443\"}}]\n"
	count   = head + "    signal: request_rate\n"
	share   = head + "    signal: status_share\n    codes: [401]\n"
	burn    = head + "    signal: burn_rate\n    objective: 99.9%\n"
	silent  = head + "    signal: silence\n"
	gauge   = probe + head + "    signal: gauge\n    gauge: certificate_days\n    where: {probes: [cert]}\n"
	another = "  - {id: b, component: api, signal: p99, levels: {P1: {above: 5s}}}\n"
)

var ruleMistakes = []mistakeTest{
	// signals and the keys of others
	{"a signal that is nearly one", head + "    signal: «burnrate»\n" + ok, `did you mean "burn_rate"?`},
	{"codes of an error rate", rate + ok + "    codes: «[401]»", "error_rate has no use for it (it says which responses status_share counts): leave it out"},
	{"errors of a quantile", slow + "    levels: {P1: {above: 5s}}\n    errors: «[span]»", "p99 has no use for it"},
	{"an objective of a quantile", slow + "    levels: {P1: {above: 5s}}\n    objective: «99%»", "the objective of burn_rate"},
	{"a window of a burn rate", burn + "    levels: {P1: {burn: page}}\n    window: «5m»", "have windows of their own"},
	{"windows of an error rate", rate + ok + "    windows: «google»", "what burn: page and burn: ticket are"},
	{"a confidence of a gauge", gauge + "    levels: {P1: {below: 7}}\n    confidence: «95%»", "leaves nothing to chance"},
	{"a baseline of silence", silent + "    levels: {P1: {for: 5m}}\n    baseline: «{ago: 1d}»", "its levels have no over_baseline"},
	{"a key that belongs to a level", rate + ok + "    «confirm_with»: [b]", "belongs to a level: levels: {P0:"},
	{"a mute", rate + ok + "    «mute»: true", "silences: [{id: known"},
	{"errors without spans", rate + ok + "    errors: «[http_5xx]»", "write [span] or [span, http_5xx]"},
	{"an unknown kind of error", rate + ok + "    errors: [span, «http_4xx»]", `did you mean "http_5xx"?`},
	{"a kind of error twice", rate + ok + "    errors: [span, «span»]", "span stands twice: keep one"},
	{"a share without codes", strings.Replace(head, "- id", "- «id»", 1) + "    signal: status_share\n" + ok, "codes is missing: add codes: [401, 5xx]"},
	{"no codes", head + "    signal: status_share\n    codes: «[]»\n" + ok, "the list is empty: add a code"},
	{"a code that is none", head + "    signal: status_share\n    codes: [200, «4x»]\n" + ok, `as in 401, 500-503 or 4xx; found "4x"`},
	{"silence of somebody else", silent + "    levels: {P4: {for: 5m}}\n    of: «regions»", `did you mean "region"?`},
	{"a gauge without a name", probe + strings.Replace(head, "- id", "- «id»", 1) + "    signal: gauge\n    where: {probes: [cert]}\n    levels: {P1: {below: 7}}", "gauge is missing: add gauge: certificate_days"},
	{"a gauge that nobody measures", strings.Replace(gauge, "gauge: certificate_days", "gauge: «certificate_day»", 1) + "    levels: {P1: {below: 7}}", `did you mean "certificate_days"?`},

	// where
	{"a method", rate + ok + "    where: {«methods»: [GET]}", "attributes: {http.method: [POST]}"},
	{"a text instead of an attribute's patterns", rate + ok + "    where: {attributes: {a: «b»}}", "want a list of patterns"},
	{"no attributes", rate + ok + "    where: {attributes: «{}»}", "want at least one attribute"},
	{"an attribute that cannot be one, in where", rate + ok + "    where: {attributes: {«\"a b\"»: [x]}}", "the name of an attribute"},
	{"an attribute that may be anything", rate + ok + "    where: {attributes: {a: «[\"*\"]»}}", `write {not: [""]} for those that have it`},
	{"an unknown kind of span", rate + ok + "    where: {kinds: [«servers»]}", `did you mean "server"?`},
	{"no kinds", rate + ok + "    where: {kinds: «[]»}", "want some of client consumer internal"},
	{"nothing at all", rate + ok + "    where: {routes: {not: «[\"*\"]»}}", "leaves everything out"},
	{"patterns without any", rate + ok + "    where: {routes: «{}»}", "found an empty mapping"},
	{"a gauge without probes", probe + head + "    signal: gauge\n    gauge: certificate_days\n    where: «{»regions: [eu]}\n    levels: {P1: {below: 7}}", "add probes: [api-health]"},
	{"a gauge without where", probe + strings.Replace(head, "- id", "- «id»", 1) + "    signal: gauge\n    gauge: certificate_days\n    levels: {P1: {below: 7}}", "add where: {probes: [api-health]}"},
	{"services of probes", probe + rate + ok + "    where: {probes: [web], services: «[api]»}", "probes have none"},
	{"routes of probes", probe + rate + ok + "    where: {probes: [web], routes: «[/x]»}", "probes have none"},
	{"errors of probes", probe + rate + ok + "    where: {probes: [web]}\n    errors: «[span, http_5xx]»", "a check of a probe fails or does not"},
	{"silence of probes", probe + silent + "    levels: {P4: {for: 5m}}\n    where: {probes: «[web]»}", "a probe has no silence"},
	{"an unknown probe", probe + rate + ok + "    where: {probes: [«wep»]}", `unknown probe "wep": did you mean "web"?`},
	{"probes that nobody declared", rate + ok + "    where: {probes: [«web»]}", "add probes: [{id: web, …}]"},
	{"probes that nobody declared, by a glob", rate + ok + "    where: {probes: [«\"w*\"»]}", "add probes: [{id: api-health, …}]"},
	{"a glob that no probe matches", probe + rate + ok + "    where: {probes: [«\"x*\"»]}", "no probe matches x*: want one of cert web"},

	// levels
	{"an error rate that is too low", rate + "    levels: {P1: {below: «1%»}}", "it belongs to request_rate and gauge; want {above: 5%, for: 5m}"},
	{"a limit of silence", silent + "    levels: {P1: {above: «5»}}", "silence has no such level"},
	{"a limit of a burn rate", burn + "    levels: {P1: {above: «5%»}}", "want {burn: page, for: 1m}"},
	{"a burn of an error rate", rate + "    levels: {P1: {burn: «page»}}", "it belongs to burn_rate"},
	{"spread in a level", rate + "    levels: {P1: {above: 5%, «spread»: 2}}", "belongs to the rule"},
	{"a value that is too high and too low", count + "    levels: {P1: {above: 10/min, below: «5/min»}}", "this level already says above: a value cannot be too high and too low at once"},
	{"a baseline to both sides", count + "    levels: {P1: {above: 10/min, under_baseline: «0.5x»}}", "this level already says above"},
	{"levels to both sides", count + "    levels: {P1: {below: 10/min}, P2: {above: «100/min»}}", "the levels of a rule go one way"},
	{"a rate without a time", count + "    levels: {P1: {above: «10»}}", "as in 10/s, 10/min or 10/h; found 10 without a unit"},
	{"a rate below nothing", count + "    levels: {P1: {below: «0/min»}}", "want so many requests in a time"},
	{"a rate without anything", count + "    levels: {P1: «{}»}", "under_baseline: 0.3x"},
	{"a gauge without a limit", gauge + "    levels: {P1: «{»for: 5m}}", "add above: 90% or below: 7"},
	{"a gauge with a unit", gauge + "    levels: {P1: {below: «7d»}}", "want a number, in the gauge's own unit"},
	{"a baseline alone", rate + "    levels: {P1: {over_baseline: «3x»}}", "a baseline alone is no limit"},
	{"a factor without its x", rate + "    levels: {P1: {above: 5%, over_baseline: «3»}}", "found 3 without the x"},
	{"a factor that is none", rate + "    levels: {P1: {above: 5%, over_baseline: «1x»}}", "want a factor from 1.001x to 1000x"},
	{"a part that is more", count + "    levels: {P1: {under_baseline: «2x»}}", "want a factor from 0.001x to 0.999x, as in 0.3x"},
	{"a worse level with a higher limit below", gauge + "    levels: {P1: {below: «14»}, P2: {below: 7}}", "P1 is worse than P2 and must have the lower limit: want less than 7, found 14"},
	{"two levels below that are one", gauge + "    levels: {P1: {below: «7»}, P2: {below: 7}}", "lower the limit below 7, or raise the for above 1m"},
	{"a worse level with a baseline nearer", count + "    levels: {P1: {under_baseline: «0.5x»}, P2: {under_baseline: 0.3x}}", "want less than 0.3x of the baseline, found 0.5x of the baseline"},
	{"two silences that are one", silent + "    levels: {P1: «{»for: 5m}, P2: {for: 5m}}", "must last longer, or be confirmed by another rule: want for: more than 5m"},
	{"a slow burn that is worse", burn + "    levels: {P1: {burn: «ticket»}, P2: {burn: page}}", "want more than 6x, found 1x"},
	{"confirmed by nobody", rate + "    levels: {P1: {above: 5%, confirm_with: «[]»}}", "name a rule, or leave the key out"},
	{"confirmed by itself", rate + "    levels: {P1: {above: 5%, confirm_with: [«a»]}}", "a rule cannot confirm itself"},
	{"confirmed by one that is not there", rate + "    levels: {P1: {above: 5%, confirm_with: [«bb»]}}\n" + another, `unknown rule "bb": want one of a b`},
	{"confirmed twice by the same", rate + "    levels: {P1: {above: 5%, confirm_with: [b, «b»]}}\n" + another, "b stands twice: keep one"},
	{"confirmed by one that waits", rate + "    levels: {P1: {above: 5%, confirm_with: [«b»]}}\n  - {id: b, component: api, signal: p99, levels: {P1: {above: 5s, confirm_with: [c]}}}\n  - {id: c, component: api, signal: p95, levels: {P1: {above: 5s}}}", "two rules could wait for each other"},
	{"confirmed by one of a pack that is left out", "packs: [runbooks]\n" + strings.Replace(rate, "api", "api2", 1) + "    levels: {P1: {above: 5%, confirm_with: [«api-probe»]}}", "the rule api-probe of the pack runbooks is left out: no probe api-health is declared"},

	// recover
	{"a recovery to the wrong side", rate + ok + "    recover: {above: «1%»}", "it is well again on the other side: write below"},
	{"a recovery to the wrong side, below", gauge + "    levels: {P1: {below: 7}}\n    recover: {below: «30»}", "the levels say below, so it is well again on the other side: write above"},
	{"a recovery under the limit", gauge + "    levels: {P1: {below: 2}, P2: {below: 7}}\n    recover: {above: «5»}", "still under the limit of P2: want at least 7, found 5"},
	{"a recovery that still burns", burn + "    levels: {P1: {burn: page}}\n    recover: {below: «8x»}", "still over the limit of P1: want at most 6x, found 8x"},
	{"a recovery of silence with a limit", silent + "    levels: {P1: {for: 5m}}\n    recover: {below: «5»}", "write recover: {for: 10m}"},
	{"a recovery without its unit", count + "    levels: {P1: {below: 10/min}}\n    recover: {above: «30»}", "found 30 without a unit"},

	// baseline
	{"a baseline that nothing compares with", rate + ok + "    baseline: «{ago: 1d}»", "no level compares with it"},
	{"a baseline that is too near", rate + "    levels: {P1: {above: 5%, over_baseline: 3x}}\n    baseline: {ago: «5m»}", "whole minutes from 10m to 8d (above 1h whole 5 minutes)"},
	{"a baseline that is too long", rate + "    levels: {P1: {above: 5%, over_baseline: 3x}}\n    baseline: {over: «2d»}", "from 10m to 24h"},
	{"a baseline within the window", rate + "    levels: {P1: {above: 5%, over_baseline: 3x}}\n    window: 1h\n    baseline: «{»ago: 30m}", "want baseline: {ago: …} of at least 1h"},
	{"a window longer than the usual baseline", head + "    signal: error_rate\n    levels: {P1: {above: 5%, over_baseline: 3x}}\n    window: 2d", "of at least 2d"},

	// burn rates
	{"a burn rate without an objective", head + "    signal: burn_rate\n    levels: {P1: {burn: page}}", "objective is missing: add objective: 99.9%"},
	{"an objective of everything", head + "    signal: burn_rate\n    objective: «100%»\n    levels: {P1: {burn: page}}", "from 50% to 99.999%"},
	{"a period of half a day", burn + "    levels: {P1: {burn: page}}\n    period: «36h»", "whole days from 24h to 90d, as in 30d"},
	{"a burn that is neither", burn + "    levels: {P1: {burn: «pages»}}", `did you mean "page"?`},
	{"a burn that is a mapping", burn + "    levels: {P1: {burn: «{»factor: 6, long: 6h}}}", "want page, ticket, or a list of pairs"},
	{"a level without a burn", burn + "    levels: {P1: «{»for: 5m}}", "burn is missing"},
	{"no pairs", burn + "    levels: {P1: {burn: «[]»}}", "the list is empty: add a pair"},
	{"an unknown set of windows", burn + "    levels: {P1: {burn: page}}\n    windows: «sloth»", "want one of google pyrra"},
	{"windows that no level has", burn + "    levels: {P1: {burn: [{factor: 6, long: 6h}]}}\n    windows: «google»", "no level says burn: page or burn: ticket"},
	{"a month's windows in a week", burn + "    levels: {P1: {burn: «page»}}\n    period: 7d", "want a period of at least 15d, windows: pyrra, or pairs as in"},
	{"a quarter that is longer than is looked back", burn + "    levels: {P1: {burn: «ticket»}}\n    period: 90d\n    windows: pyrra", "want a period of at most 49d"},
	{"two days in pyrra's windows", burn + "    levels: {P1: {burn: «page»}}\n    period: 2d\n    windows: pyrra", "want a period of at least 7d"},
	{"an objective that cannot burn so fast", head + "    signal: burn_rate\n    objective: 95%\n    levels: {P1: {burn: [«{»factor: 20, long: 1h}]}}", "burns at most 20x as fast as allowed, never above the factor of 20x"},
	{"an objective that cannot page", head + "    signal: burn_rate\n    objective: 90%\n    levels: {P1: {burn: «page»}}", "never above the factor of 14.4x"},
	{"a pair with both", burn + "    levels: {P1: {burn: [«{»factor: 6, spend: 2%, long: 1h}]}}", "want either spend"},
	{"a pair with neither", burn + "    levels: {P1: {burn: [«{»long: 1h}]}}", "want either spend"},
	{"a pair without a long window", burn + "    levels: {P1: {burn: [«{»factor: 6}]}}", "long is missing"},
	{"a pair longer than the period", burn + "    period: 1d\n    levels: {P1: {burn: [{factor: 6, long: «2d»}]}}", "longer than the period of 24h"},
	{"a short window that is not short", burn + "    levels: {P1: {burn: [{factor: 6, long: 1h, short: «1h»}]}}", "want less than 1h, as in 5m"},
	{"a long window in odd minutes", burn + "    levels: {P1: {burn: [{factor: 6, long: «62m»}]}}", "above 1h whole 5 minutes"},
	{"a short window of seconds", burn + "    levels: {P1: {burn: [{factor: 6, long: 1h, short: «90s»}]}}", "whole minutes from 1m to 24h"},
	{"a factor that is none, of a pair", burn + "    levels: {P1: {burn: [{factor: «6%», long: 1h}]}}", "from 0.1 to 100000, as in 6"},
	{"a share of the budget without a unit", burn + "    levels: {P1: {burn: [{spend: «2», long: 1h}]}}", "found 2 without a unit"},
	{"for in a pair", burn + "    levels: {P1: {burn: [{factor: 6, long: 1h, «for»: 2m}]}}", "belongs to the level"},
	{"a slowness that comes too late", burn + "    slower_than: «2m»\n    levels: {P1: {burn: page}}", "raise sources.signoz.lag to 2m or more"},

	// spread
	{"a spread of nothing", rate + ok + "    spread: «[]»", "the list is empty: add a condition, as in {all_regions: P0}"},
	{"a spread that is a text", rate + ok + "    spread: «P0»", "want a list, as in [{all_regions: P0}]"},
	{"a spread without a condition", rate + ok + "    spread: «{»severity: P0}", "found 0 of them"},
	{"a spread with two conditions", rate + ok + "    spread: «{»regions: 2, traffic: 50%, severity: P0}", "found 2 of them"},
	{"a spread without a severity", rate + ok + "    spread: «{»regions: 2}", "severity is missing"},
	{"a spread with a severity too many", rate + ok + "    spread: {all_regions: P0, severity: «P0»}", "names the severity itself"},
	{"a spread to nowhere", rate + ok + "    spread: {all_regions: «p0»}", `did you mean "P0"?`},
	{"a spread over one region", rate + ok + "    spread: {regions: «1», severity: P0}", "want a whole number from 2 to 1000"},
	{"a spread over more regions than there are", rate + ok + "    where: {regions: [eu, us]}\n    spread: {regions: «3», severity: P0}", "the rule looks at no more than 2"},
	{"a spread over all traffic", rate + ok + "    spread: {traffic: «100%», severity: P0}", "from 1% to 99%"},
	{"a spread that raises nothing", rate + ok + "    spread: {all_regions: «P1»}", "the rule is never milder than P1, and P1 raises nothing"},
	{"a spread that stands twice", rate + ok + "    spread: [{all_regions: P0}, «{»all_regions: P0}]", "all_regions stands twice: keep one"},
	{"a spread that asks for less", rate + "    levels: {P3: {above: 5%}}\n    spread: [{regions: 3, severity: P1}, «{»regions: 2, severity: P0}]", "P0 is worse than P1 and must ask for more: want more regions for P0"},
	{"a spread twice of one severity", rate + ok + "    spread: [{traffic: 30%, severity: P0}, «{»traffic: 50%, severity: P0}]", "traffic stands twice"},
	{"a spread of a service that is silent everywhere", silent + "    of: service\n    levels: {P4: {for: 5m}}\n    spread: «{all_regions: P0}»", "silent in all its regions at once"},
	{"a share of the traffic of silence", silent + "    levels: {P4: {for: 5m}}\n    spread: {traffic: «50%», severity: P0}", "no requests of customers"},

	// overrides
	{"no overrides", rate + ok + "    overrides: «[]»", "add one, as in"},
	{"an override of everything", rate + ok + "    overrides: [«{»levels: {P1: {above: 10%}}}]", "say where it holds"},
	{"an override of nothing", rate + ok + "    overrides: [«{»regions: [in]}]", "this changes nothing"},
	{"an override of the window", rate + ok + "    overrides: [{regions: [in], «window»: 10m, confidence: 99%}]", "cannot differ"},
	{"an override with the limits of another signal", rate + ok + "    overrides: [{regions: [in], levels: {P1: {above: «5s»}}}]", "want a percentage"},
	{"an override to the other side", count + "    levels: {P1: {below: 10/min}}\n    overrides: [{regions: [in], levels: «{P1: {above: 10/min}}»}]", "the rule's own levels say below"},
	{"an override that does not recover", rate + ok + "    recover: {below: 1%}\n    overrides: [{regions: [in], levels: «{P1: {above: 0.5%}}»}]", "the rule's recover does not fit here, it would be well while still over the limit of P1: want at most 0.5%, found 1%: write another"},
	{"an override whose recovery is still bad", rate + ok + "    overrides: [{regions: [in], recover: {below: «6%»}}]", "want at most 5%, found 6%"},
	{"an override that comes too late", rate + ok + "    overrides: [{regions: [in], confidence: 99%}, «{»regions: [in], confidence: 90%}]", "covers the same and comes first"},
	{"an override's confidence of a gauge", gauge + "    levels: {P1: {below: 7}}\n    overrides: [{probes: [cert], confidence: «90%»}]", "gauge has no use for it"},
	{"an override of services where there are probes", gauge + "    levels: {P1: {below: 7}}\n    overrides: [{services: «[cert]», regions: [eu], levels: {P1: {below: 3}}}]", "this rule looks at probes: write probes"},
	{"an override of an unknown region", "regions: [{code: eu}]\n" + rate + ok + "    overrides: [{regions: [«us»], confidence: 99%}]", `unknown region "us"`},
	{"a severity that an override does not know", rate + ok + "    overrides: [{regions: [in], levels: {«P5»: {above: 10%}}}]", `unknown severity "P5"`},

	// defaults, packs, places
	{"levels for all", "defaults: {«levels»: {}}", "differ from rule to rule"},
	{"a default window of a day", "defaults: {window: «1d»}", "whole minutes from 1m to 1h"},
	{"probes for all", "defaults: {where: {probes: «[a]»}}", "turn every rule into one that looks at probes"},
	{"a default error that is none", "defaults: {errors: «[http_5xx]»}", "write [span] or [span, http_5xx]"},
	{"a default region that is unknown", "regions: [{code: eu}]\ndefaults: {where: {regions: [«us»]}}", `unknown region "us"`},
	{"no packs", "packs: «[]»", "name some of opentelemetry runbooks"},
	{"an unknown pack", "packs: [«opentelemetri»]", `did you mean "opentelemetry"?`},
	{"a pack that stands twice", "packs: [runbooks, «runbooks»]", "runbooks stands twice: keep one"},
	{"a lag that is too short for a pack", "sources: {signoz: {lag: «3s»}}", "the rule service-latency of the pack opentelemetry asks for requests slower than 5s"},
	{"a component that depends on nothing", "components: [{id: a, depends_on: «[]»}]", "name a component"},
	{"a component that depends on one that is not there", "components: [{id: a, depends_on: [«b»]}]", `unknown component "b"`},
	{"a component that depends on one twice", "components: [{id: a, depends_on: [b, «b»]}, {id: b}]", "b stands twice"},
	{"a component that depends on itself", "components: [{id: a, depends_on: [«a»]}]", "this leads in a circle, a → a"},
	{"components in a circle", "components: [{id: a, depends_on: [b]}, {id: b, depends_on: [c]}, {id: c, depends_on: [«a»]}]", "this leads in a circle, c → a → b → c"},
	{"a service without names", "services: [«{»sample_rate: 10%}]", "names is missing: add names: [api]"},
	{"a service without a rate", "services: [«{»names: [a]}]", "sample_rate is missing"},
	{"a service that is never sampled", "services: [{names: [a], sample_rate: «0%»}]", "from 0.0001% to 100%"},
	{"a zone that is none", "zone: «Mars/Olympus»", "as in Europe/Berlin"},
	{"a reopening after days", "reopen_within: «2d»", "from 0s to 24h"},
}

// one parses one rule.
func one(t *testing.T, yaml string) Rule {
	t.Helper()
	return parse(t, yaml).Rules[0]
}

func TestSignals(t *testing.T) {
	for _, test := range []struct {
		name, yaml string
		want       Signal
		levels     []Level
		recover    Recover
	}{
		{
			"too few requests", count + "    levels: {P2: {below: 10/min, for: 10m}, P1: {under_baseline: 0.3x, for: 10m}}",
			Signal{Kind: KindRequestRate},
			[]Level{{Severity: P1, Limit: math.Inf(1), Under: true, Times: 0.3, For: 10 * time.Minute}, {Severity: P2, Limit: 10, Under: true, For: 10 * time.Minute}},
			Recover{10, 10 * time.Minute},
		},
		{
			"fewer requests than usual", count + "    levels: {P2: {under_baseline: 0.5 x}}",
			Signal{Kind: KindRequestRate},
			[]Level{{Severity: P2, Limit: math.Inf(1), Under: true, Times: 0.5, For: time.Minute}},
			Recover{math.Inf(1), time.Minute},
		},
		{
			"too many requests", count + "    levels: {P2: {above: 10/s}, P1: {above: 1000/min, over_baseline: 2.5x}, P3: {above: 60/h}}\n    recover: {below: 0.5/min}",
			Signal{Kind: KindRequestRate},
			[]Level{
				{Severity: P1, Limit: 1000, Times: 2.5, For: time.Minute},
				{Severity: P2, Limit: 600, For: time.Minute},
				{Severity: P3, Limit: 1, For: time.Minute},
			},
			Recover{0.5, time.Minute},
		},
		{
			"refused requests", head + "    signal: status_share\n    codes: [5xx, 401, 402-403, 500]\n    levels: {P1: {above: 5%, over_baseline: 3x, for: 3m}}",
			Signal{Kind: KindStatusShare, Codes: []Codes{{401, 403}, {500, 599}}},
			[]Level{{Severity: P1, Limit: 0.05, Times: 3, For: 3 * time.Minute}},
			Recover{0.05, 3 * time.Minute},
		},
		{
			"a budget in a month", burn + "    slower_than: 500ms\n    levels: {P1: {burn: page, for: 2m}, P3: {burn: ticket}}",
			Signal{Kind: KindBurnRate, Objective: 0.999, Period: 30 * day, Slow: 500 * time.Millisecond},
			[]Level{
				{Severity: P1, Burn: []Burn{{time.Hour, 5 * time.Minute, 14.4}, {6 * time.Hour, 30 * time.Minute, 6}}, For: 2 * time.Minute},
				{Severity: P3, Burn: []Burn{{day, 2 * time.Hour, 3}, {3 * day, 6 * time.Hour, 1}}, For: time.Minute},
			},
			Recover{1, time.Minute},
		},
		{
			"pairs of one's own", burn + "    period: 28d\n    levels: {P2: {burn: [{factor: 6x, long: 6h}, {spend: 2%, long: 1h, short: 4m}, {factor: 3, long: 90m}], for: 3m}}\n    recover: {below: 0.5x, for: 15m}",
			Signal{Kind: KindBurnRate, Objective: 0.999, Period: 28 * day},
			[]Level{{Severity: P2, Burn: []Burn{
				{time.Hour, 4 * time.Minute, 13.44}, {6 * time.Hour, 30 * time.Minute, 6}, {90 * time.Minute, 8 * time.Minute, 3},
			}, For: 3 * time.Minute}},
			Recover{0.5, 15 * time.Minute},
		},
		{
			"the days of a certificate", gauge + "    levels: {P4: {below: 14}, P3: {below: 7}, P1: {below: -0.5, for: 5m}}",
			Signal{Kind: KindGauge, Gauge: "certificate_days"},
			[]Level{
				{Severity: P1, Limit: -0.5, Under: true, For: 5 * time.Minute},
				{Severity: P3, Limit: 7, Under: true, For: time.Minute},
				{Severity: P4, Limit: 14, Under: true, For: time.Minute},
			},
			Recover{14, time.Minute},
		},
		{
			"the use of a pool", probe + head + "    signal: gauge\n    gauge: handshake_ms\n    where: {probes: [\"w*\"]}\n    levels: {P2: {above: 90%}, P1: {above: 1000}}",
			Signal{Kind: KindGauge, Gauge: "handshake_ms"},
			[]Level{{Severity: P1, Limit: 1000, For: time.Minute}, {Severity: P2, Limit: 0.9, For: time.Minute}},
			Recover{0.9, time.Minute},
		},
		{
			"a silent region", silent + "    of: region\n    levels: {P0: {confirm_with: [b]}, P4: {for: 5m}}\n" + another,
			Signal{Kind: KindSilence, Of: OfRegion},
			[]Level{{Severity: P0, For: time.Minute, ConfirmWith: []string{"b"}}, {Severity: P4, For: 5 * time.Minute}},
			Recover{0, 5 * time.Minute},
		},
		{
			"a silent series", silent + "    levels: {P4: {}}\n    recover: {for: 9m}",
			Signal{Kind: KindSilence, Of: OfSeries},
			[]Level{{Severity: P4, For: time.Minute}},
			Recover{0, 9 * time.Minute},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := one(t, test.yaml)
			about := cmp.Comparer(func(a, b float64) bool { return a == b || math.Abs(a-b) < 1e-9 })
			if diff := cmp.Diff(test.want, r.Signal, about); diff != "" {
				t.Errorf("signal: %s", diff)
			}
			if diff := cmp.Diff(test.levels, r.Levels, about); diff != "" {
				t.Errorf("levels: %s", diff)
			}
			if diff := cmp.Diff(test.recover, r.Recover, about); diff != "" {
				t.Errorf("recover: %s", diff)
			}
			if compares := slices.ContainsFunc(test.levels, func(l Level) bool { return l.Times > 0 }); compares != (r.Baseline == Baseline{day, time.Hour}) {
				t.Errorf("baseline %+v", r.Baseline)
			}
			if (test.want.Kind == KindBurnRate) != (r.Window == 0) {
				t.Errorf("window %v", r.Window)
			}
		})
	}
}

// The sets of windows are those of their makers, and longer or shorter with the
// period.
func TestWindowsOfBurnRates(t *testing.T) {
	for _, test := range []struct{ windows, period, page, ticket string }{
		{"google", "30d", "1m0s 1h0m0s/5m0s 14.4 6h0m0s/30m0s 6", "1m0s 24h0m0s/2h0m0s 3 72h0m0s/6h0m0s 1"},
		{"google", "28d", "1m0s 1h0m0s/5m0s 13.44 6h0m0s/30m0s 5.6", "1m0s 24h0m0s/2h0m0s 2.8 72h0m0s/6h0m0s 0.9333"},
		{"google", "90d", "1m0s 1h0m0s/5m0s 43.2 6h0m0s/30m0s 18", "1m0s 24h0m0s/2h0m0s 9 72h0m0s/6h0m0s 3"},
		{"pyrra", "28d", "2m0s 1h0m0s/5m0s 14 6h0m0s/30m0s 7", "1h0m0s 24h0m0s/2h0m0s 2 96h0m0s/6h0m0s 1"},
		{"pyrra", "30d", "2m0s 1h5m0s/5m0s 14 6h25m0s/32m0s 7", "1h5m0s 25h45m0s/2h10m0s 2 102h50m0s/6h25m0s 1"},
		{"pyrra", "7d", "1m0s 15m0s/1m0s 14 1h30m0s/8m0s 7", "15m0s 6h0m0s/30m0s 2 24h0m0s/1h30m0s 1"},
		{"pyrra", "49d", "4m0s 1h45m0s/9m0s 14 10h30m0s/53m0s 7", "1h45m0s 42h0m0s/3h30m0s 2 168h0m0s/10h30m0s 1"},
	} {
		t.Run(test.windows+" "+test.period, func(t *testing.T) {
			r := one(t, burn+"    windows: "+test.windows+"\n    period: "+test.period+"\n    levels: {P1: {burn: page}, P3: {burn: ticket}}")
			for i, want := range []string{test.page, test.ticket} {
				var got strings.Builder
				got.WriteString(r.Levels[i].For.String())
				for _, b := range r.Levels[i].Burn {
					got.WriteString(fmt.Sprintf(" %v/%v %.4g", b.Long, b.Short, b.Factor))
					if !inCells(b.Long) || !inCells(b.Short) {
						t.Errorf("%v cannot be looked back on", b)
					}
				}
				if got.String() != want {
					t.Errorf("%s, want %s", got.String(), want)
				}
			}
		})
	}
}

func TestWhere(t *testing.T) {
	usual := builtIn().where.Routes
	for _, test := range []struct {
		name, where string
		want        Where
	}{
		{"nothing written is the usual", "", Where{Routes: usual}},
		{"services and attributes leave the usual routes", "{services: [b, a, b], attributes: {z: [1, true], a: {not: [\"\"]}}}", Where{
			Services: Patterns{Any: []string{"a", "b"}}, Routes: usual,
			Attributes: []Attribute{{"a", Patterns{Not: []string{""}}}, {"z", Patterns{Any: []string{"1", "true"}}}},
		}},
		{"all routes", "{routes: [\"*\", /x]}", Where{}},
		{"an operation has no usual routes", "{operations: [x]}", Where{Operations: Patterns{Any: []string{"x"}}}},
		{"kinds have no usual routes", "{kinds: [server, client, client]}", Where{Kinds: []string{"client", "server"}}},
		{"the kinds that are read anyway are none", "{kinds: [server, consumer]}", Where{}},
		{"probes have neither services nor routes", "{probes: [web], regions: [eu]}", Where{
			FromProbes: true, Probes: Patterns{Any: []string{"web"}}, Regions: Patterns{Any: []string{"eu"}},
		}},
		{"all probes", "{probes: [\"*\"]}", Where{FromProbes: true}},
	} {
		t.Run(test.name, func(t *testing.T) {
			yaml := probe + rate + ok
			if test.where != "" {
				yaml += "    where: " + test.where
			}
			if diff := cmp.Diff(test.want, one(t, yaml).Where); diff != "" {
				t.Error(diff)
			}
		})
	}
	if w := one(t, silent+"    levels: {P4: {for: 5m}}").Where; w.Routes.String() != "" {
		t.Errorf("silence leaves out %v", w.Routes)
	}
	if r := one(t, gauge+"    levels: {P4: {below: 14}}"); r.Source() != SourceProbes || r.Stream().String() != ProbeStream {
		t.Errorf("a gauge is fed by %s, %s", r.Source(), r.Stream())
	}
}

func TestDefaultsLieOverEachOther(t *testing.T) {
	main := "defaults: {window: 10m, confidence: 99%, errors: [span, http_5xx], where: {services: [\"fs-*\"], regions: {not: [dev]}}}\n" + probe + rate + ok +
		"    window: 3m\n    where: {routes: [/x]}\n" +
		"  - {id: quiet, component: api, signal: silence, levels: {P4: {for: 5m}}}\n" +
		"  - {id: probed, component: api, signal: error_rate, where: {probes: [web]}, levels: {P4: {above: 5%}}}\n" +
		"  - {id: slow, component: api, signal: p99, levels: {P4: {above: 5s}}}\n"
	other := "rules: [{id: x, component: api, signal: error_rate, errors: [span], levels: {P1: {above: 5%}}}]\n" +
		"defaults: {confidence: 90%, where: {operations: [y], regions: [eu]}}"
	third := "rules: [{id: z, component: api, signal: burn_rate, objective: 99%, levels: {P1: {burn: page}}}]"
	c := parse(t, main, other, third)
	type had struct {
		Window     time.Duration
		Confidence float64
		HTTP5xx    bool
		Where      Where
	}
	fs, notDev, usual := Patterns{Any: []string{"fs-*"}}, Patterns{Not: []string{"dev"}}, builtIn().where.Routes
	want := map[string]had{
		"a":      {3 * time.Minute, 0.99, true, Where{Services: fs, Regions: notDev, Routes: Patterns{Any: []string{"/x"}}}},
		"quiet":  {10 * time.Minute, 0.99, false, Where{Services: fs, Regions: notDev}},
		"probed": {10 * time.Minute, 0.99, false, Where{FromProbes: true, Probes: Patterns{Any: []string{"web"}}, Regions: notDev}},
		"slow":   {10 * time.Minute, 0.99, true, Where{Services: fs, Regions: notDev, Routes: usual}},
		"x":      {10 * time.Minute, 0.90, false, Where{Services: fs, Regions: Patterns{Any: []string{"eu"}}, Operations: Patterns{Any: []string{"y"}}}},
		"z":      {0, 0.99, true, Where{Services: fs, Regions: notDev, Routes: usual}},
	}
	got := map[string]had{}
	for _, r := range c.Rules {
		got[r.ID] = had{r.Window, r.Confidence, r.HTTP5xx, r.Where}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestOverrides(t *testing.T) {
	r := one(t, rate+"    levels: {P1: {above: 5%, for: 5m}, P2: {above: 1%}}\n    recover: {for: 20m}\n    overrides:\n"+
		"      - {regions: [in], levels: {P1: {above: 10%}}}\n"+
		"      - {services: [\"b-*\"], recover: {below: 0.5%}}\n"+
		"      - {services: {not: [c]}, regions: [us], confidence: 99%}\n")
	for _, test := range []struct {
		service, region string
		limit           float64
		recover         Recover
		confidence      float64
	}{
		{"a", "eu", 0.05, Recover{0.01, 20 * time.Minute}, 0.95},
		{"b-x", "in", 0.1, Recover{0.1, 20 * time.Minute}, 0.95},
		{"b-x", "us", 0.05, Recover{0.005, 20 * time.Minute}, 0.95},
		{"a", "us", 0.05, Recover{0.01, 20 * time.Minute}, 0.99},
		{"c", "us", 0.05, Recover{0.01, 20 * time.Minute}, 0.95},
	} {
		got := r.For(test.service, test.region)
		if got.Levels[0].Limit != test.limit || got.Recover != test.recover || got.Confidence != test.confidence || got.Overrides != nil {
			t.Errorf("%s/%s: %+v", test.service, test.region, got)
		}
	}
	if got := r.For("a", "in").Levels; len(got) != 1 {
		t.Errorf("levels of an override are mixed with the rule's: %+v", got)
	}
}

func TestSpread(t *testing.T) {
	r := one(t, rate+"    levels: {P3: {above: 5%}}\n    spread: [{regions: 2, severity: P2}, {regions: 3, severity: P1}, {all_regions: P0}, {traffic: 50%, severity: P1}]")
	want := []Spread{{Severity: P0, AllRegions: true}, {Severity: P1, Regions: 3}, {Severity: P1, Share: 0.5}, {Severity: P2, Regions: 2}}
	if diff := cmp.Diff(want, r.Spread); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(want[:1], one(t, rate+ok+"    spread: {all_regions: P0}").Spread); diff != "" {
		t.Errorf("the short form: %s", diff)
	}
}

func TestPlacesAndTimes(t *testing.T) {
	c := parse(t, "zone: Asia/Kolkata\nreopen_within: 0s\n"+
		"services: [{names: [\"fs-*\"], sample_rate: 10%}, {names: {not: [web]}, sample_rate: 50%}]\n"+
		"components: [{id: api, depends_on: [database, cache]}, {id: cache, depends_on: [database]}, {id: database}]\n"+strings.TrimPrefix(rate, api)+ok)
	if c.Zone.String() != "Asia/Kolkata" || c.ReopenWithin != 0 {
		t.Errorf("zone %v, reopened within %v", c.Zone, c.ReopenWithin)
	}
	for service, want := range map[string]float64{"fs-api": 0.1, "other": 0.5, "web": 1} {
		if got := c.SampleRate(service); got != want {
			t.Errorf("the sample rate of %s is %v, want %v", service, got, want)
		}
	}
	if diff := cmp.Diff([]string{"database", "cache"}, c.Components[0].DependsOn); diff != "" {
		t.Error(diff)
	}
	if c := Default(); c.Zone != time.UTC || c.ReopenWithin != 30*time.Minute || c.SampleRate("x") != 1 {
		t.Errorf("zone %v, reopened within %v", c.Zone, c.ReopenWithin)
	}
}

// Each signal has words that customers may read, also where nobody wrote any.
func TestUsualWordsAreFit(t *testing.T) {
	seen := map[string]bool{}
	for _, yaml := range []string{
		rate + ok, slow + "    levels: {P1: {above: 5s}}", count + "    levels: {P1: {above: 5/s}}", count + "    levels: {P1: {below: 5/s}}",
		share + ok, burn + "    levels: {P1: {burn: page}}", burn + "    slower_than: 1s\n    levels: {P1: {burn: page}}",
		gauge + "    levels: {P1: {below: 5}}", silent + "    levels: {P1: {for: 5m}}",
	} {
		w := one(t, yaml).Public
		for _, s := range []string{w.Symptom, w.Impact} {
			if why := unfit(s, 80) + inside(s); why != "" {
				t.Errorf("%q: %s", s, why)
			}
		}
		seen[w.Symptom] = true
	}
	if len(seen) != 7 {
		t.Errorf("the words do not tell the signals apart: %v", slices.Sorted(maps.Keys(seen)))
	}
}
