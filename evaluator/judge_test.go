package evaluator

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/featuresignals/tocsin/rules"
	"github.com/featuresignals/tocsin/telemetry"
)

func config(rs ...rules.Rule) *rules.Config { return &rules.Config{Rules: rs} }

var t0 = time.Date(2026, 5, 20, 10, 0, 0, 0, time.UTC)

func errorRule() rules.Rule {
	return rules.Rule{
		ID: "errors", Component: "api", Signal: rules.Signal{Kind: rules.KindErrorRate}, Window: 5 * time.Minute, Confidence: 0.95,
		Levels: []rules.Level{
			{Severity: rules.P0, Limit: 0.5, For: 3 * time.Minute},
			{Severity: rules.P1, Limit: 0.05, For: 5 * time.Minute},
			{Severity: rules.P2, Limit: 0.01, For: 10 * time.Minute},
		},
		Recover: rules.Recover{Limit: 0.005, For: 10 * time.Minute},
	}
}

func latencyRule() rules.Rule {
	return rules.Rule{
		ID: "p99", Component: "api", Signal: rules.Signal{Kind: rules.KindQuantile, Quantile: 9900}, Window: 5 * time.Minute, Confidence: 0.95,
		Levels: []rules.Level{
			{Severity: rules.P1, Limit: float64(5 * time.Second), For: 5 * time.Minute},
			{Severity: rules.P2, Limit: float64(time.Second), For: 10 * time.Minute},
		},
		Recover: rules.Recover{Limit: float64(800 * time.Millisecond), For: 5 * time.Minute},
	}
}

// random makes minutes of three series in which everything happens: quiet,
// busy, broken, slow, silent.
func random(seed uint64, n int) []telemetry.Minute {
	r := rand.New(rand.NewPCG(seed, 7))
	var out []telemetry.Minute
	for _, region := range []string{"eu", "in", "us"} {
		rate, bad, slow := 50.0, 0.0, 0.0
		for m := range n {
			if r.IntN(15) == 0 {
				rate = []float64{0, 2, 50, 400}[r.IntN(4)]
				bad = []float64{0, 0, 0.003, 0.02, 0.1, 0.8}[r.IntN(6)]
				slow = []float64{0, 0, 0.005, 0.05, 0.5}[r.IntN(5)]
			}
			min := telemetry.Minute{Series: telemetry.Series{Service: "api", Region: region}, Start: t0.Add(time.Duration(m) * time.Minute)}
			for range int(rate * (0.5 + r.Float64())) {
				min.Requests++
				if r.Float64() < bad {
					min.Errors++
				}
				if r.Float64() < bad/2 {
					min.Matches++
				}
				d := time.Duration(5e6 + r.Int64N(3e8))
				if r.Float64() < slow {
					d = time.Duration(1e9 + r.Int64N(8e9))
				}
				min.Durations.Observe(d)
			}
			if min.Requests > 0 {
				out = append(out, min)
			}
			check := telemetry.Minute{
				Series: telemetry.Series{Service: "probe", Region: region, Stream: rules.ProbeStream}, Start: min.Start, Requests: 4,
				Gauges: map[string]float64{"days": 20 * (1 - bad)},
			}
			if rate == 0 || bad > 0.5 {
				check.Errors = 4
			}
			out = append(out, check)
		}
	}
	return out
}

// Judging has no memory: rings that were filled a moment ago say the same as
// rings that saw everything, at any minute.
func TestJudgingHasNoMemory(t *testing.T) {
	rs := every()
	held := map[string]int{}
	for seed := range uint64(3) {
		ms := random(seed, 600)
		old := New(config(rs...))
		for m := range 600 {
			at := t0.Add(time.Duration(m+1) * time.Minute)
			old.Replace(at.Add(-time.Minute), at, between(ms, at.Add(-time.Minute), at))
			got := old.Judge(at, "")
			for _, f := range got {
				if f.Held != rules.SeverityNone {
					held[f.Rule]++
				}
			}
			if m%37 != 0 {
				continue
			}
			fresh := New(config(rs...))
			from := at.Add(-fresh.Reach())
			fresh.Replace(from, at, between(ms, from, at))
			if diff := cmp.Diff(got, fresh.Judge(at, "")); diff != "" {
				t.Fatalf("seed %d minute %d: (-old +fresh)\n%s", seed, m, diff)
			}
		}
	}
	for _, rule := range rs {
		if held[rule.ID] < 10 {
			t.Errorf("only %d findings of %s held a level: the test saw too little", held[rule.ID], rule.ID)
		}
	}
}

// What the rings say equals what the definitions say, computed the long way.
func TestJudgeAgainstTheDefinition(t *testing.T) {
	for _, rule := range []rules.Rule{errorRule(), latencyRule()} {
		t.Run(rule.ID, func(t *testing.T) {
			kinds := map[string]int{}
			for seed := range uint64(4) {
				ms := random(100+seed, 150)
				series := map[telemetry.Series][]telemetry.Minute{}
				for _, m := range ms {
					series[m.Series] = append(series[m.Series], m)
				}
				r := New(config(rule))
				for m := range 150 {
					at := t0.Add(time.Duration(m+1) * time.Minute)
					r.Replace(at.Add(-time.Minute), at, between(ms, at.Add(-time.Minute), at))
					for _, f := range r.Judge(at, "") {
						want := definition(rule, series[f.Series], f.Series, at)
						got := fmt.Sprintf("%s held %s recovered %v", f.Now, f.Held, f.Recovered)
						if got != want {
							t.Fatalf("seed %d %s at %s: %q, the definition says %q", seed, f.Series.Region, at.Format("15:04"), got, want)
						}
						kinds[got]++
					}
				}
			}
			if len(kinds) < 5 {
				t.Errorf("the test saw only %v", kinds)
			}
		})
	}
}

// definition is section 1 of the design, read aloud.
func definition(rule rules.Rule, ms []telemetry.Minute, s telemetry.Series, at time.Time) string {
	share := func(limit float64, end time.Time) (k, n uint64) {
		for _, m := range between(ms, end.Add(-rule.Window), end) {
			if m.Series != s {
				continue
			}
			if rule.Signal.Kind == rules.KindErrorRate {
				k, n = k+m.Errors, n+m.Requests
			} else {
				k, n = k+m.Durations.Slower(time.Duration(limit)), n+m.Durations.Count()
			}
		}
		return k, n
	}
	allowed := func(limit float64) float64 {
		if rule.Signal.Kind == rules.KindErrorRate {
			return limit
		}
		return float64(10000-rule.Signal.Quantile) / 10000
	}
	verdict := func(limit float64, end time.Time) Verdict {
		k, n := share(limit, end)
		switch {
		case n == 0:
			return Unsure
		case float64(k)/float64(n) <= allowed(limit):
			return Good
		case Lower(k, n, zOf(0.95)) > allowed(limit):
			return Bad
		}
		return Unsure
	}
	held := rules.SeverityNone
	for _, l := range rule.Levels {
		bad := 0
		for i := range minutes(rule.Window) + minutes(l.For) {
			v := verdict(l.Limit, at.Add(-time.Duration(i)*time.Minute))
			if v == Good || i == 0 && v != Bad {
				break
			}
			if v == Bad {
				bad++
			}
		}
		if bad >= minutes(l.For) {
			held = max(held, l.Severity)
		}
	}
	good := 0
	_, now := share(rule.Recover.Limit, at)
	for i := range minutes(rule.Window) + minutes(rule.Recover.For) {
		k, n := share(rule.Recover.Limit, at.Add(-time.Duration(i)*time.Minute))
		if n > 0 && float64(k)/float64(n) > allowed(rule.Recover.Limit) {
			break
		}
		if n > 0 {
			good++
		}
	}
	recovered := now > 0 && good >= minutes(rule.Recover.For)
	sum := uint64(0)
	for i := 0; recovered && sum < 10 && i < 60; i++ { // ten requests, or an hour
		k, n := share(rule.Recover.Limit, at.Add(-time.Duration(i)*time.Minute))
		recovered = n == 0 || float64(k)/float64(n) <= allowed(rule.Recover.Limit)
		for _, m := range between(ms, at.Add(-time.Duration(i+1)*time.Minute), at.Add(-time.Duration(i)*time.Minute)) {
			if m.Series == s {
				sum += m.Requests
			}
		}
	}
	return fmt.Sprintf("%s held %s recovered %v", verdict(rule.Levels[len(rule.Levels)-1].Limit, at), held, recovered)
}

func between(ms []telemetry.Minute, from, to time.Time) []telemetry.Minute {
	var out []telemetry.Minute
	for i := range ms { // not a copy of each: with -race, that is most of the time of these tests
		if start := ms[i].Start; !start.Before(from) && start.Before(to) {
			out = append(out, ms[i])
		}
	}
	return out
}

func TestBegan(t *testing.T) {
	rule := errorRule()
	series := telemetry.Series{Service: "api", Region: "eu"}
	for _, c := range []struct {
		name    string
		minutes string // a letter a minute: . good, x bad, _ silent, newest last
		want    int    // minutes before the end
	}{
		{"it is the first bad minute", "..........xxxxxxx", 7},
		{"minutes without requests are passed over", "........xx__xxxx", 8},
		{"a good minute ends the walk", ".......x.xxxxxxxx", 8},
		{"the newest bad minute is where it starts", ".........xxxxxx..", 8},
		{"it goes back window and for at the most", "xxxxxxxxxxxxxxxxx", 8},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := New(config(rule))
			for i, ch := range c.minutes {
				m := telemetry.Minute{Series: series, Start: t0.Add(time.Duration(i) * time.Minute), Requests: 100}
				switch ch {
				case 'x':
					m.Errors = 90
				case '_':
					continue
				}
				r.Replace(m.Start, m.Start.Add(time.Minute), []telemetry.Minute{m})
			}
			at := t0.Add(time.Duration(len(c.minutes)) * time.Minute)
			f := r.Judge(at, "")[0]
			if f.Held == rules.SeverityNone {
				t.Fatalf("nothing held: %+v", f)
			}
			if want := at.Add(-time.Duration(c.want) * time.Minute); !f.Began.Equal(want) {
				t.Errorf("held %s, began %s, want %s", f.Held, f.Began.Format("15:04"), want.Format("15:04"))
			}
		})
	}
}

func TestAMinuteReadAgainReplacesItself(t *testing.T) {
	r := New(config(errorRule()))
	m := telemetry.Minute{Series: telemetry.Series{Service: "api", Region: "eu"}, Start: t0, Requests: 100, Errors: 50}
	for range 3 {
		r.Replace(t0, t0.Add(time.Minute), []telemetry.Minute{m})
	}
	if f := r.Judge(t0.Add(time.Minute), "")[0]; f.Requests != 100 || f.Errors != 50 {
		t.Errorf("%d of %d, want 50 of 100", f.Errors, f.Requests)
	}
}

func BenchmarkJudge(b *testing.B) {
	r := New(config(errorRule(), latencyRule()))
	for _, m := range random(1, 60) {
		for i := range 300 {
			m.Series.Service = fmt.Sprintf("s%d", i)
			r.put(m)
		}
	}
	b.ReportMetric(float64(len(r.rings)), "series")
	for b.Loop() {
		r.Judge(t0.Add(time.Hour), "")
	}
}
