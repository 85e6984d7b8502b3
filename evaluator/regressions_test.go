// Each of these was wrong once. What a comment tells is how it was.

package evaluator

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/featuresignals/tocsin/rules"
	"github.com/featuresignals/tocsin/telemetry"
)

func steady(r *Rings, s telemetry.Series, from, to int, n, errors uint64) {
	for m := from; m < to; m++ {
		at := t0.Add(time.Duration(m) * time.Minute)
		r.put(telemetry.Minute{Series: s, Start: at, Requests: n, Errors: errors})
	}
}

// A baseline of `over: 11m` holds 10 or 15 minutes of requests, and is divided
// by 11: on perfectly steady traffic the rule is Bad every fifth minute.
func TestBaselineOfARateIsDividedByTheMinutesItHas(t *testing.T) {
	rule := rules.Rule{
		ID: "quiet", Component: "api", Signal: rules.Signal{Kind: rules.KindRequestRate}, Window: 5 * time.Minute, Confidence: 0.95,
		Levels:   []rules.Level{{Severity: rules.P1, Limit: 1e18, Under: true, Times: 0.8, For: time.Minute}},
		Recover:  rules.Recover{Limit: 1e18, For: time.Minute},
		Baseline: rules.Baseline{Ago: 60 * time.Minute, Over: 11 * time.Minute},
	}
	r := New(config(rule))
	var seen []string
	for m := range 240 {
		steady(r, eu, m, m+1, 1000, 0)
		f := r.Judge(t0.Add(time.Duration(m+1)*time.Minute), "")[0]
		if m > 120 && f.Now == Bad {
			seen = append(seen, fmt.Sprintf("%d: %s", m, f.Why))
		}
	}
	if len(seen) > 0 {
		t.Errorf("steady traffic is Bad in %d of 119 minutes, as %s", len(seen), seen[0])
	}
}

// A request_rate over a window above an hour counts up to four minutes more than
// it divides by: its value moves by 6 % on perfectly steady traffic.
func TestRateOverALongWindowIsSteady(t *testing.T) {
	rule := rules.Rule{
		ID: "busy", Component: "api", Signal: rules.Signal{Kind: rules.KindRequestRate}, Window: 65 * time.Minute, Confidence: 0.95,
		Levels: []rules.Level{{Severity: rules.P1, Limit: 1020, For: time.Minute}}, Recover: rules.Recover{Limit: 1020, For: time.Minute},
	}
	r := New(config(rule))
	values := map[string]int{}
	flips, was := 0, Unsure
	for m := range 240 {
		steady(r, eu, m, m+1, 1000, 0)
		f := r.Judge(t0.Add(time.Duration(m+1)*time.Minute), "")[0]
		if m > 120 {
			values[fmt.Sprintf("%.1f", f.Value)]++
			if f.Now != was {
				flips++
			}
			was = f.Now
		}
	}
	if len(values) > 1 {
		t.Errorf("1000 requests in every minute are %v a minute; the verdict changed %d times in two hours", values, flips)
	}
}

// Running totals are uint32: 20,000 requests a second over three days wrap, and
// an objective that is met burns its budget at 5 times the pace.
func TestTotalsOfABusySeriesDoNotWrap(t *testing.T) {
	rule := rules.Rule{
		ID: "burn", Component: "api", Signal: rules.Signal{Kind: rules.KindBurnRate, Objective: 0.999, Period: 30 * 24 * time.Hour}, Confidence: 0.95,
		Levels:  []rules.Level{{Severity: rules.P3, For: time.Minute, Burn: []rules.Burn{{Long: 72 * time.Hour, Short: 6 * time.Hour, Factor: 1}}}},
		Recover: rules.Recover{Limit: 1, For: time.Minute},
	}
	r := New(config(rule))
	steady(r, eu, 0, 66*60, 1_200_000, 360)
	steady(r, eu, 66*60, 72*60, 1_200_000, 1440) // for six hours a little too many fail; over three days far too few to matter
	f := r.Judge(t0.Add(72*time.Hour), "")[0]
	if f.Held != rules.SeverityNone || f.Value > 0.4 {
		t.Errorf("%d requests in three days at 20,000 a second; the budget burns %.2f times as fast as it may (in truth 0.38), held %s", f.Requests, f.Value, f.Held)
	}
}

// After more than seven hours of silence old rings still know the hour before
// it, fresh ones do not.
func TestLongSilenceHasNoMemory(t *testing.T) {
	rule := rules.Rule{
		ID: "silent", Signal: rules.Signal{Kind: rules.KindSilence, Of: rules.OfSeries}, Window: 5 * time.Minute, Confidence: 0.95,
		Levels: []rules.Level{{Severity: rules.P4, For: time.Minute}}, Recover: rules.Recover{For: 2 * time.Minute},
	}
	old := New(config(rule))
	const dies, n = 120, 120 + 600
	for m := range n {
		steady(old, us, m, m+1, 100, 0)
		if m < dies {
			steady(old, eu, m, m+1, 2, 0)
		}
		at := t0.Add(time.Duration(m+1) * time.Minute)
		got := old.Judge(at, "")
		if m < dies+350 {
			continue
		}
		fresh := New(config(rule))
		from := max(0, m+1-int(fresh.Reach()/time.Minute))
		for i := from; i <= m; i++ {
			steady(fresh, us, i, i+1, 100, 0)
			if i < dies {
				steady(fresh, eu, i, i+1, 2, 0)
			}
		}
		if diff := cmp.Diff(got, fresh.Judge(at, "")); diff != "" {
			t.Fatalf("%d min into the silence (-old +fresh)\n%s", m-dies+1, diff)
		}
	}
}

// A service that moved out of a region days ago is still judged there by old
// rings, and not by fresh ones.
func TestServiceLeavesARegion(t *testing.T) {
	rule := rules.Rule{
		ID: "silent", Signal: rules.Signal{Kind: rules.KindSilence, Of: rules.OfService}, Window: 5 * time.Minute, Confidence: 0.95,
		Levels: []rules.Level{{Severity: rules.P4, For: time.Minute}}, Recover: rules.Recover{For: 2 * time.Minute},
	}
	old := New(config(rule))
	n := 60 + int(old.Reach()/time.Minute) + 10
	steady(old, eu, 0, 60, 100, 0)
	for m := range n {
		steady(old, us, m, m+1, 100, 0)
		old.Judge(t0.Add(time.Duration(m+1)*time.Minute), "")
	}
	fresh := New(config(rule))
	steady(fresh, us, n-int(fresh.Reach()/time.Minute), n, 100, 0)
	at := t0.Add(time.Duration(n) * time.Minute)
	if diff := cmp.Diff(old.Judge(at, ""), fresh.Judge(at, "")); diff != "" {
		t.Errorf("(-old +fresh)\n%s", diff)
	}
}

// Whose override a group goes by depends on which of its series the store named
// first.
func TestOverrideOfAGroupDependsOnTheOrderOfRows(t *testing.T) {
	rule := rules.Rule{
		ID: "silent", Signal: rules.Signal{Kind: rules.KindSilence, Of: rules.OfRegion}, Window: 2 * time.Minute, Confidence: 0.95,
		Levels: []rules.Level{{Severity: rules.P4, For: time.Minute}}, Recover: rules.Recover{For: 2 * time.Minute},
		Overrides: []rules.Override{{Services: rules.Patterns{Any: []string{"job"}}, Levels: []rules.Level{{Severity: rules.P1, For: time.Minute}}}},
	}
	var said []string
	for _, first := range []bool{true, false} {
		r := New(config(rule))
		series := []telemetry.Series{eu, {Service: "job", Region: "eu"}, us}
		if first {
			slices.Reverse(series)
		}
		for _, s := range series {
			n := 60
			if s == us {
				n = 70
			}
			steady(r, s, 0, n, 100, 0)
		}
		for _, f := range r.Judge(t0.Add(70*time.Minute), "") {
			if f.Series.Region == "eu" {
				said = append(said, f.Held.String())
			}
		}
	}
	if said[0] != said[1] {
		t.Errorf("the same minutes in another order: %s", strings.Join(said, " and "))
	}
}

// Two regions are broken without a pause. In the third, which is idle at night,
// somebody sends a request now and then. The severity goes up and down with it,
// without a soak.
func TestSpreadDoesNotFlapWithAnIdleRegion(t *testing.T) {
	rule := errorRule()
	rule.Levels = []rules.Level{{Severity: rules.P2, Limit: 0.05, For: 3 * time.Minute}}
	rule.Recover = rules.Recover{Limit: 0.05, For: 10 * time.Minute}
	rule.Spread = []rules.Spread{{Severity: rules.P0, AllRegions: true}}
	r := New(config(rule))
	in := telemetry.Series{Service: "api", Region: "in"}
	var course []string
	was := rules.SeverityNone
	for m := range 240 {
		steady(r, eu, m, m+1, 100, 60)
		steady(r, us, m, m+1, 100, 60)
		if m%40 < 15 {
			steady(r, in, m, m+1, 5, 0)
		}
		for _, f := range r.Judge(t0.Add(time.Duration(m+1)*time.Minute), "") {
			now := max(f.Held, min(was, f.Floor)) // as the board has it
			if f.Series.Region == "eu" && now != was {
				was = now
				course = append(course, fmt.Sprintf("%d %s", m, was))
			}
		}
	}
	if len(course) != 1 {
		t.Errorf("the severity of eu, which is as broken as ever: %s", strings.Join(course, ", "))
	}
}

// The same with a share of the traffic that lies near its limit.
func TestSpreadByTrafficDoesNotFlap(t *testing.T) {
	rule := errorRule()
	rule.Levels = []rules.Level{{Severity: rules.P2, Limit: 0.05, For: 3 * time.Minute}}
	rule.Recover = rules.Recover{Limit: 0.05, For: 10 * time.Minute}
	rule.Spread = []rules.Spread{{Severity: rules.P0, Share: 0.5}}
	rule.Window = time.Minute
	r := New(config(rule))
	changes, was := 0, rules.SeverityNone
	for m := range 120 {
		steady(r, eu, m, m+1, 1000, 600)
		steady(r, us, m, m+1, 990+uint64(m%2)*20, 0)
		for _, f := range r.Judge(t0.Add(time.Duration(m+1)*time.Minute), "") {
			if f.Series.Region == "eu" && m > 5 {
				if now := max(f.Floor, f.Held); now != was {
					changes, was = changes+1, now
				}
			}
		}
	}
	if changes > 1 {
		t.Errorf("the severity changed %d times in two hours of the same trouble", changes)
	}
}
