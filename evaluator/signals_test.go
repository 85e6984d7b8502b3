package evaluator

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/featuresignals/tocsin/rules"
	"github.com/featuresignals/tocsin/telemetry"
)

// every gives a rule of each kind, with everything that a rule can ask.
func every() []rules.Rule {
	const min, hour = time.Minute, time.Hour
	rule := func(id string, s rules.Signal, levels ...rules.Level) rules.Rule {
		return rules.Rule{
			ID: id, Component: "api", Signal: s, Window: 5 * min, Confidence: 0.95, Levels: levels,
			Recover: rules.Recover{Limit: levels[len(levels)-1].Limit, For: 5 * min},
		}
	}
	span := rules.Where{Regions: rules.Patterns{Any: []string{"*"}}}
	probes := rules.Where{FromProbes: true}

	errors := errorRule()
	errors.Where = span
	errors.Spread = []rules.Spread{{Severity: rules.P0, AllRegions: true}, {Severity: rules.P1, Share: 0.5}}
	errors.Overrides = []rules.Override{{Regions: rules.Patterns{Any: []string{"in"}}, Levels: []rules.Level{{Severity: rules.P3, Limit: 0.2, For: 2 * min}}}}

	long := rule("long", rules.Signal{Kind: rules.KindErrorRate}, rules.Level{Severity: rules.P2, Limit: 0.02, For: 3 * min})
	long.Window = 3 * hour

	share := rule("codes", rules.Signal{Kind: rules.KindStatusShare}, rules.Level{Severity: rules.P1, Limit: 0.02, Times: 3, For: 3 * min})
	share.Baseline = rules.Baseline{Ago: 30 * min, Over: hour}

	quiet := rule("quiet", rules.Signal{Kind: rules.KindRequestRate}, rules.Level{Severity: rules.P2, Limit: 10, Under: true, For: 3 * min})
	busy := rule("busy", rules.Signal{Kind: rules.KindRequestRate}, rules.Level{Severity: rules.P3, Limit: 200, For: 3 * min})

	burn := rule("burn", rules.Signal{Kind: rules.KindBurnRate, Objective: 0.99, Period: 30 * 24 * hour},
		rules.Level{Severity: rules.P1, For: min, Burn: []rules.Burn{{Long: hour, Short: 5 * min, Factor: 14.4}, {Long: 6 * hour, Short: 30 * min, Factor: 6}}},
		rules.Level{Severity: rules.P3, For: 2 * min, Burn: []rules.Burn{{Long: 24 * hour, Short: 2 * hour, Factor: 3}}})
	burn.Recover = rules.Recover{Limit: 1, For: 5 * min}
	burn.Window = 0
	slow := rule("slow-burn", rules.Signal{Kind: rules.KindBurnRate, Objective: 0.99, Slow: time.Second},
		rules.Level{Severity: rules.P2, For: min, Burn: []rules.Burn{{Long: hour, Short: 5 * min, Factor: 5}}})
	slow.Recover = rules.Recover{Limit: 1, For: 5 * min}

	gauge := rule("gauge", rules.Signal{Kind: rules.KindGauge, Gauge: "days"}, rules.Level{Severity: rules.P2, Limit: 18, Under: true, For: 2 * min})
	gauge.Where = probes
	down := rule("probe", rules.Signal{Kind: rules.KindErrorRate}, rules.Level{Severity: rules.P1, Limit: 0.5, For: 2 * min})
	down.Where, down.Window = probes, min

	silent := rule("silent", rules.Signal{Kind: rules.KindSilence, Of: rules.OfRegion},
		rules.Level{Severity: rules.P0, For: min, ConfirmWith: []string{"probe"}}, rules.Level{Severity: rules.P4, For: 3 * min})
	silent.Window = 2 * min
	service := rule("service-silent", rules.Signal{Kind: rules.KindSilence, Of: rules.OfSeries}, rules.Level{Severity: rules.P4, For: min})
	service.Window = 3 * min

	return []rules.Rule{errors, latencyRule(), long, share, quiet, busy, burn, slow, gauge, down, silent, service}
}

// feed puts a letter a minute into rings: a number of requests, of which so
// many fail and match, given by what of() says of the letter.
func feed(r *Rings, s telemetry.Series, letters string, of map[rune]telemetry.Minute) time.Time {
	at := t0
	for _, ch := range letters {
		m := of[ch]
		m.Series, m.Start = s, at
		if m.Requests > 0 {
			r.put(m)
		}
		at = at.Add(time.Minute)
	}
	return at
}

func find(t *testing.T, fs []Finding, rule string, region string) Finding {
	t.Helper()
	for _, f := range fs {
		if f.Rule == rule && f.Series.Region == region {
			return f
		}
	}
	t.Fatalf("no finding of %s in %s among %d", rule, region, len(fs))
	return Finding{}
}

var (
	eu = telemetry.Series{Service: "api", Region: "eu"}
	us = telemetry.Series{Service: "api", Region: "us"}
)

// letters: what a minute of a test is.
var letters = map[rune]telemetry.Minute{
	'.': {Requests: 100}, 'x': {Requests: 100, Errors: 60, Matches: 60}, '_': {}, 'o': {Requests: 1000}, 't': {Requests: 2}, '1': {Requests: 100, Errors: 1, Matches: 2},
	'h': {Requests: 100, Errors: 5, Matches: 5},
}

func TestSilence(t *testing.T) {
	rule := rules.Rule{
		ID: "silent", Signal: rules.Signal{Kind: rules.KindSilence, Of: rules.OfRegion}, Window: 2 * time.Minute, Confidence: 0.99,
		Levels: []rules.Level{{Severity: rules.P4, For: time.Minute}}, Recover: rules.Recover{For: 2 * time.Minute},
	}
	for _, c := range []struct {
		name, eu, us string
		now          Verdict
		held         rules.Severity
	}{
		{"a region that stops while another goes on is silent", "......__", "........", Bad, rules.P4},
		{"a minute is not two", "......._", "........", Good, rules.SeverityNone},
		{"all silent is the source's fault", "......__", "......__", Unsure, rules.SeverityNone},
		{"two requests a minute may well pause for two", "tttttt__", "........", Unsure, rules.SeverityNone},
		{"what pauses by habit is not silent", ".___.___.___.__", "...............", Unsure, rules.SeverityNone},
		{"it pauses longer than ever", ".___.___.___.____", ".................", Bad, rules.P4},
		{"silent for long it still is", "......" + strings.Repeat("_", 200), strings.Repeat(".", 206), Bad, rules.P4},
		{"one request ends it", "......____.", "...........", Good, rules.SeverityNone},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := New(config(rule))
			at := feed(r, eu, c.eu, letters)
			feed(r, us, c.us, letters)
			f := find(t, r.Judge(at, ""), "silent", "eu")
			if f.Now != c.now || f.Held != c.held {
				t.Errorf("%s held %s (%s), want %s held %s", f.Now, f.Held, f.Why, c.now, c.held)
			}
			if f.Series.Service != "" {
				t.Errorf("a region's silence is told of %+v", f.Series)
			}
			if want := t0.Add(time.Duration(strings.LastIndex(strings.TrimRight(c.eu, "_"), ".")+1) * time.Minute); f.Held != 0 && !f.Began.Equal(want) {
				t.Errorf("began %s, want %s", f.Began, want)
			}
		})
	}
}

func TestSilenceIsConfirmedByProbes(t *testing.T) {
	all := every()
	r := New(config(all...))
	probe := telemetry.Series{Service: "probe", Region: "eu", Stream: rules.ProbeStream}
	checks := map[rune]telemetry.Minute{'.': {Requests: 4}, 'x': {Requests: 4, Errors: 4}}
	region := strings.Repeat(".", 10) + "___"
	span := all[0].Stream().String()
	feed(r, telemetry.Series{Service: "api", Region: "us", Stream: span}, strings.Repeat(".", 13), letters)
	at := feed(r, telemetry.Series{Service: "api", Region: "eu", Stream: span}, region, letters)
	feed(r, probe, "..........xxx", checks)
	if f := find(t, r.Judge(at, rules.SourceSpans), "silent", "eu"); f.Held != rules.P0 || !strings.Contains(f.Why, "confirmed by probe") {
		t.Errorf("silent with failing probes: held %s: %s", f.Held, f.Why)
	}
	feed(r, probe, ".............", checks)
	if f := find(t, r.Judge(at, rules.SourceSpans), "silent", "eu"); f.Held == rules.P0 || f.Floor > rules.P4 {
		t.Errorf("silent with good probes: held %s, floor %s", f.Held, f.Floor)
	}
}

func TestRequestRate(t *testing.T) {
	rate := func(l rules.Level) rules.Rule {
		l.Severity, l.For = rules.P2, time.Minute
		return rules.Rule{
			ID: "rate", Signal: rules.Signal{Kind: rules.KindRequestRate}, Window: 2 * time.Minute, Confidence: 0.95, Levels: []rules.Level{l},
			Recover: rules.Recover{Limit: l.Limit, For: time.Minute}, Baseline: rules.Baseline{Ago: 10 * time.Minute, Over: 10 * time.Minute},
		}
	}
	under := rate(rules.Level{Limit: 50, Under: true})
	for _, c := range []struct {
		name   string
		rule   rules.Rule
		sample float64
		eu     string
		want   Verdict
	}{
		{"enough", under, 1, "......", Good},
		{"too few", under, 1, "....tt", Bad},
		{"none, while others go on", under, 1, "....__", Bad},
		{"a tenth of the spans stands for all requests", under, 0.1, ".....t", Good},
		{"not too many", rate(rules.Level{Limit: 200}), 1, "......", Good},
		{"too many", rate(rules.Level{Limit: 200}), 1, "....oo", Bad},
		{"a third of what it was", rate(rules.Level{Limit: 1e12, Under: true, Times: 0.4}), 1, "ooooooooooooooooooooooo.......", Bad},
		{"as it was", rate(rules.Level{Limit: 1e12, Under: true, Times: 0.4}), 1, "..............................", Good},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := config(c.rule)
			cfg.Services = []rules.Service{{SampleRate: c.sample}}
			r := New(cfg)
			at := feed(r, eu, c.eu, letters)
			feed(r, us, strings.Repeat(".", len(c.eu)), letters)
			if f := find(t, r.Judge(at, ""), "rate", "eu"); f.Now != c.want {
				t.Errorf("%s (%s), want %s", f.Now, f.Why, c.want)
			}
		})
	}
}

// A level against the baseline is not the mildest level drawn further out: each
// has its say, and it is not over while one of them is not.
func TestLevelsThatDoNotNest(t *testing.T) {
	rule := rules.Rule{
		ID: "rate", Signal: rules.Signal{Kind: rules.KindRequestRate}, Window: 2 * time.Minute, Confidence: 0.95,
		Levels: []rules.Level{
			{Severity: rules.P1, Limit: math.Inf(1), Under: true, Times: 0.3, For: time.Minute},
			{Severity: rules.P2, Limit: 10, Under: true, For: time.Minute},
		},
		Recover: rules.Recover{Limit: 10, For: time.Minute}, Baseline: rules.Baseline{Ago: 10 * time.Minute, Over: 10 * time.Minute},
	}
	r := New(config(rule))
	at := feed(r, eu, "ooooooooooooooooooooooooo.....", letters)
	feed(r, us, strings.Repeat(".", 30), letters)
	if f := find(t, r.Judge(at, ""), "rate", "eu"); f.Held != rules.P1 || f.Now != Bad || f.Recovered {
		t.Errorf("a tenth of what it was: %s, held %s, recovered %v (%s)", f.Now, f.Held, f.Recovered, f.Why)
	}
}

func TestBaseline(t *testing.T) {
	rule := rules.Rule{
		ID: "codes", Signal: rules.Signal{Kind: rules.KindStatusShare}, Window: 2 * time.Minute, Confidence: 0.95,
		Levels:  []rules.Level{{Severity: rules.P1, Limit: 0.02, Times: 3, For: time.Minute}},
		Recover: rules.Recover{Limit: 0.02, For: 2 * time.Minute}, Baseline: rules.Baseline{Ago: 15 * time.Minute, Over: 10 * time.Minute},
	}
	long := strings.Repeat("x", 30)
	for _, c := range []struct {
		name, eu string
		want     Verdict
	}{
		{"always so is not a jump", long, Good},
		{"a jump is", strings.Repeat("h", 28) + "xx", Bad},
		{"below the limit no jump counts", strings.Repeat(".", 28) + "11", Good},
		{"without a baseline the limit alone decides", "xx", Bad},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := New(config(rule))
			at := feed(r, eu, c.eu, letters)
			if f := find(t, r.Judge(at, ""), "codes", "eu"); f.Now != c.want {
				t.Errorf("%s (%s), want %s", f.Now, f.Why, c.want)
			}
		})
	}
}

func TestBurnRate(t *testing.T) {
	rule := rules.Rule{
		ID: "burn", Signal: rules.Signal{Kind: rules.KindBurnRate, Objective: 0.999, Period: 30 * 24 * time.Hour}, Confidence: 0.95,
		Levels: []rules.Level{
			{Severity: rules.P1, For: time.Minute, Burn: []rules.Burn{{Long: time.Hour, Short: 5 * time.Minute, Factor: 14.4}, {Long: 6 * time.Hour, Short: 30 * time.Minute, Factor: 6}}},
			{Severity: rules.P3, For: time.Minute, Burn: []rules.Burn{{Long: 3 * 24 * time.Hour, Short: 6 * time.Hour, Factor: 1}}},
		},
		Recover: rules.Recover{Limit: 1, For: 5 * time.Minute},
	}
	week := strings.Repeat(".", 3*24*60)
	for _, c := range []struct {
		name, eu string
		held     rules.Severity
		well     bool
	}{
		{"nothing burns", week, rules.SeverityNone, true},
		{"an outage of three minutes burns for a page", week + "xxx", rules.P1, false},
		{"an hour of one percent", week + strings.Repeat("1", 60*7), rules.P1, false},
		{"it burnt, and does not any more", week + strings.Repeat("x", 10) + strings.Repeat(".", 60), rules.P3, false},
		{"a slow burn is a ticket", week + strings.Repeat("1..", 24*60/3), rules.P3, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := New(config(rule))
			at := feed(r, eu, c.eu, letters)
			f := find(t, r.Judge(at, ""), "burn", "eu")
			if f.Held != c.held || f.Recovered != c.well {
				t.Errorf("held %s recovered %v: %s; want %s, %v", f.Held, f.Recovered, f.Why, c.held, c.well)
			}
		})
	}
}

func TestSpreadAndOverrides(t *testing.T) {
	r := New(config(every()...))
	stream := every()[0].Stream().String()
	in := func(region, letters string) time.Time {
		return feed(r, telemetry.Series{Service: "api", Region: region, Stream: stream}, letters, letters2)
	}
	at := in("eu", "..........xxxxxxxxx")
	in("us", "...................")
	in("in", "...................")
	if f := find(t, r.Judge(at, ""), "errors", "eu"); f.Held != rules.P1 {
		t.Errorf("one region of three: %s: %s", f.Held, f.Why)
	}
	in("us", "..........xxxxxxxxx")
	in("in", "..........xxxxxxxxx")
	if f := find(t, r.Judge(at, ""), "errors", "eu"); f.Held != rules.P0 || !strings.Contains(f.Why, "3 of 3 regions") {
		t.Errorf("all regions: %s: %s", f.Held, f.Why)
	}
	r = New(config(every()...))
	at = in("in", "..........xxxxxxxxx")
	in("us", "...................")
	in("eu", "...................")
	if f := find(t, r.Judge(at, ""), "errors", "in"); f.Held != rules.P3 {
		t.Errorf("a region with levels of its own: %s", f.Held)
	}
}

// letters2 has outages of a third: P1 by the rule, no P0.
var letters2 = map[rune]telemetry.Minute{'.': {Requests: 100}, 'x': {Requests: 100, Errors: 33}}

func TestSampledRequestsAreSaidToBe(t *testing.T) {
	cfg := config(errorRule())
	cfg.Services = []rules.Service{{SampleRate: 0.1}}
	r := New(cfg)
	at := feed(r, eu, ".....xxxxxxxxxx", letters)
	f := find(t, r.Judge(at, ""), "errors", "eu")
	if want := "300 of 500 requests failed in 10:10–10:15 UTC (10 % is sampled: about 3000 ± 322 real ones)"; !strings.HasPrefix(f.Why, want) {
		t.Errorf("%q does not begin with %q", f.Why, want)
	}
}
