package script_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/featuresignals/tocsin/rules"
	"github.com/featuresignals/tocsin/telemetry"
	"github.com/featuresignals/tocsin/telemetry/script"
)

var t0 = time.Date(2026, 5, 20, 10, 0, 0, 0, time.UTC)

// oneRule is a configuration of one rule with this where.
func oneRule(where rules.Where, change func(*rules.Rule)) *rules.Config {
	r := rules.Rule{ID: "r", Where: where, Signal: rules.Signal{Kind: rules.KindErrorRate}}
	if change != nil {
		change(&r)
	}
	return &rules.Config{
		Regions: []rules.Region{{Code: "eu", Aliases: []string{"local"}}},
		Rules:   []rules.Rule{r},
	}
}

func samples(t *testing.T, text string) []rules.Sample {
	t.Helper()
	out, err := rules.ParseSamples(text)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func source(t *testing.T, config *rules.Config, test rules.Test) *script.Source {
	t.Helper()
	if test.Start.IsZero() {
		test.Start = t0
	}
	s, err := script.New(config, test)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func all(t *testing.T, s *script.Source) []telemetry.Minute {
	t.Helper()
	var ms []telemetry.Minute
	for m, err := range s.Minutes(t.Context(), s.Start().Add(-time.Hour), s.End().Add(time.Hour)) {
		if err != nil {
			t.Fatal(err)
		}
		ms = append(ms, m)
	}
	return ms
}

func TestALineIsCountedInTheStreamsThatChooseIt(t *testing.T) {
	health := rules.Patterns{Not: []string{"/health"}}
	for _, c := range []struct {
		name  string
		where rules.Where
		line  rules.TestSeries
		want  bool
	}{
		{"every entry span where nothing is asked", rules.Where{}, rules.TestSeries{}, true},
		{"a consumer is an entry, too", rules.Where{}, rules.TestSeries{Kind: "consumer"}, true},
		{"what is called from inside is not", rules.Where{}, rules.TestSeries{Kind: "internal"}, false},
		{"a call to elsewhere is not", rules.Where{}, rules.TestSeries{Kind: "client"}, false},
		{"unless it is asked for", rules.Where{Kinds: []string{"client"}}, rules.TestSeries{Kind: "client"}, true},
		{"and then entries are not", rules.Where{Kinds: []string{"client"}}, rules.TestSeries{}, false},
		{"a route that is left out", rules.Where{Routes: health}, rules.TestSeries{Route: "/health"}, false},
		{"one that is not", rules.Where{Routes: health}, rules.TestSeries{Route: "/v1/evaluate"}, true},
		{"an operation stands for a route that is missing", rules.Where{Routes: health}, rules.TestSeries{Operation: "/health"}, false},
		{"but not for one that is there", rules.Where{Routes: health}, rules.TestSeries{Route: "/v1", Operation: "/health"}, true},
		{"an operation", rules.Where{Operations: rules.Patterns{Any: []string{"pool.*"}}}, rules.TestSeries{Operation: "pool.acquire"}, true},
		{"a route is no operation", rules.Where{Operations: rules.Patterns{Any: []string{"/v1"}}}, rules.TestSeries{Route: "/v1"}, false},
		{"an attribute", attribute("http.method", "POST"), rules.TestSeries{Attributes: map[string]string{"http.method": "POST"}}, true},
		{"another value of it", attribute("http.method", "POST"), rules.TestSeries{Attributes: map[string]string{"http.method": "GET"}}, false},
		{"a span without it", attribute("http.method", "POST"), rules.TestSeries{}, false},
		{"a probe is no span", rules.Where{}, rules.TestSeries{Probe: true}, false},
		{"a probe", rules.Where{FromProbes: true}, rules.TestSeries{Probe: true}, true},
		{"a span is no probe", rules.Where{FromProbes: true}, rules.TestSeries{}, false},
	} {
		c.line.Service, c.line.Region, c.line.Minutes = "api", "eu", samples(t, "10")
		if got := len(all(t, source(t, oneRule(c.where, nil), rules.Test{Series: []rules.TestSeries{c.line}}))) == 1; got != c.want {
			t.Errorf("%s: counted %v, want %v", c.name, got, c.want)
		}
	}
}

func attribute(key, value string) rules.Where {
	return rules.Where{Attributes: []rules.Attribute{{Key: key, Patterns: rules.Patterns{Any: []string{value}}}}}
}

func TestLinesOfOneServiceAndRegionAddUp(t *testing.T) {
	test := rules.Test{Series: []rules.TestSeries{
		{Service: "api", Region: "eu", Route: "/a", Minutes: samples(t, "100/10 _ 100")},
		{Service: "api", Region: "local", Route: "/b", Minutes: samples(t, "50/1@2s 7")},
		{Service: "api", Region: "us", Minutes: samples(t, "3")},
		{Service: "api", Region: "", Minutes: samples(t, "4")},
	}}
	var got []string
	for _, m := range all(t, source(t, oneRule(rules.Where{}, nil), test)) {
		got = append(got, fmt.Sprintf("%s %s/%s %d/%d slow %d", m.Start.Format("15:04"), m.Series.Service, m.Series.Region,
			m.Requests, m.Errors, m.Durations.Slower(time.Second)))
	}
	want := []string{
		"10:00 api/ 4/0 slow 0",
		"10:00 api/eu 150/11 slow 50", // an alias of the region is the region
		"10:00 api/us 3/0 slow 0",
		"10:01 api/eu 7/0 slow 0",
		"10:02 api/eu 100/0 slow 0",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestCodesAreMatchesAndMayBeErrors(t *testing.T) {
	codes := []rules.Codes{{From: 401, To: 401}, {From: 500, To: 599}}
	for _, c := range []struct {
		status          int
		http5xx         bool
		errors, matches uint64
	}{
		{200, true, 2, 0},
		{401, true, 2, 12},
		{499, true, 2, 0},
		{500, false, 2, 12},
		{500, true, 12, 12}, // whatever the spans say
		{599, true, 12, 12},
		{600, true, 2, 0},
		{0, true, 2, 0}, // a span without a code
	} {
		config := oneRule(rules.Where{}, func(r *rules.Rule) { r.HTTP5xx, r.Signal.Codes = c.http5xx, codes })
		line := rules.TestSeries{Service: "api", Region: "eu", Status: c.status, Minutes: samples(t, "10/2+2@3s")}
		m := all(t, source(t, config, rules.Test{Series: []rules.TestSeries{line}}))[0]
		if m.Errors != c.errors || m.Matches != c.matches || m.Requests != 12 {
			t.Errorf("status %d, 5xx %v: %d errors, %d matches of %d, want %d and %d of 12",
				c.status, c.http5xx, m.Errors, m.Matches, m.Requests, c.errors, c.matches)
		}
	}
}

func TestProbesHaveGaugesAndAreASourceOfTheirOwn(t *testing.T) {
	config := oneRule(rules.Where{}, nil)
	config.Rules = append(config.Rules, rules.Rule{ID: "p", Where: rules.Where{FromProbes: true}})
	s := source(t, config, rules.Test{Series: []rules.TestSeries{
		{Service: "api-health", Region: "eu", Probe: true, Minutes: samples(t, "4/1{certificate_days=14}")},
		{Service: "api", Region: "eu", Minutes: samples(t, "10")},
	}})
	probes, spans := all(t, s.From(rules.SourceProbes)), all(t, s.From(rules.SourceSpans))
	if len(probes) != 1 || probes[0].Series.Stream != rules.ProbeStream || probes[0].Gauges["certificate_days"] != 14 || probes[0].Errors != 1 {
		t.Errorf("the probes' minutes are %v", probes)
	}
	if len(spans) != 1 || spans[0].Series.Service != "api" {
		t.Errorf("the spans' minutes are %v", spans)
	}
	if len(all(t, s)) != 2 {
		t.Error("the source does not hold the minutes of both")
	}
}

func TestASourceThatIsDownFails(t *testing.T) {
	test := rules.Test{
		Series: []rules.TestSeries{{Service: "api", Region: "eu", Minutes: samples(t, "10x60")}},
		Down:   []rules.TestDown{{Source: rules.SourceSpans, From: 14, To: 24}},
	}
	config := oneRule(rules.Where{}, nil)
	now := t0
	for minute, want := range map[int]bool{13: true, 14: false, 23: false, 24: true} {
		s := source(t, config, test)
		s.Now = func() time.Time { return now }
		now = t0.Add(time.Duration(minute)*time.Minute + 30*time.Second)
		for name, want := range map[string]bool{rules.SourceSpans: want, "": want, rules.SourceProbes: true} {
			answers := true
			part := s
			if name != "" {
				part = s.From(name)
			}
			for _, err := range part.Minutes(t.Context(), t0, t0.Add(time.Hour)) {
				answers = answers && err == nil
			}
			if answers != want {
				t.Errorf("at minute %d %q answers %v, want %v", minute, name, answers, want)
			}
		}
	}
}

func TestMinutesAreThoseAskedFor(t *testing.T) {
	s := source(t, oneRule(rules.Where{}, nil), rules.Test{Series: []rules.TestSeries{{Service: "api", Region: "eu", Minutes: samples(t, "1x10")}}})
	var got []string
	for m := range s.Minutes(t.Context(), t0.Add(3*time.Minute), t0.Add(5*time.Minute)) {
		got = append(got, m.Start.Format("15:04"))
	}
	if want := []string{"10:03", "10:04"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if !s.Start().Equal(t0) || !s.End().Equal(t0.Add(10*time.Minute)) {
		t.Errorf("from %s to %s", s.Start(), s.End())
	}
}

func TestATestStartsWithAWholeMinute(t *testing.T) {
	_, err := script.New(oneRule(rules.Where{}, nil), rules.Test{Name: "odd", Start: t0.Add(time.Second)})
	if err == nil || !strings.Contains(err.Error(), "want a whole minute") {
		t.Errorf("got %v", err)
	}
}

func TestMillionsOfRequestsAreCountedAtOnce(t *testing.T) {
	line := rules.TestSeries{Service: "api", Region: "eu", Minutes: samples(t, "9999990@10ms+7@3s")}
	m := all(t, source(t, oneRule(rules.Where{}, nil), rules.Test{Series: []rules.TestSeries{line}}))[0]
	if n, slow := m.Durations.Count(), m.Durations.Slower(time.Second); n != 9999997 || slow != 7 {
		t.Errorf("%d durations, %d of them slow", n, slow)
	}
}
