package evaluator

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"
	"time"

	"github.com/featuresignals/tocsin/rules"
	"github.com/featuresignals/tocsin/telemetry"
)

// fifty gives 50 rules, of which each service is watched by six: errors, p99,
// codes, a rate, silence, and a burn rate with windows of up to three days.
func fifty() []rules.Rule {
	var all []rules.Rule
	kinds := every()
	for n := range 10 {
		for _, i := range []int{0, 1, 5, 6, 11} {
			r := kinds[i]
			r.ID = fmt.Sprintf("%s-%d", r.ID, n)
			r.Where = rules.Where{Services: rules.Patterns{Any: []string{fmt.Sprintf("s*%d", n)}}}
			if r.Signal.Kind == rules.KindBurnRate {
				r.Levels = []rules.Level{{Severity: rules.P3, For: time.Minute, Burn: []rules.Burn{
					{Long: time.Hour, Short: 5 * time.Minute, Factor: 14.4}, {Long: 3 * 24 * time.Hour, Short: 6 * time.Hour, Factor: 1},
				}}}
			}
			all = append(all, r)
		}
	}
	return all
}

// BenchmarkThirtyThousand is a tick of 10,000 services in three regions: the
// newest minute is put in and judged. Beside it is the bare minimum: the sum of
// one window of each series.
func BenchmarkThirtyThousand(b *testing.B) {
	if testing.Short() {
		b.Skip("it takes a gigabyte: left out by -short")
	}
	rnd := rand.New(rand.NewPCG(1, 2))
	durations := make([]telemetry.Histogram, 50)
	for i := range durations {
		for range 30 {
			durations[i].Observe(time.Duration(5e6 + rnd.Int64N(3e8)))
		}
	}
	var minute []telemetry.Minute
	for s := range 10_000 {
		for _, region := range []string{"eu", "in", "us"} {
			minute = append(minute, telemetry.Minute{
				Series: telemetry.Series{Service: fmt.Sprintf("s%d", s), Region: region}, Requests: 30, Durations: durations[rnd.IntN(len(durations))],
			})
		}
	}
	at := t0
	before := heap()
	rings := New(config(fifty()...))
	step := func() {
		for i := range minute {
			minute[i].Start = at
			minute[i].Errors = uint64(rnd.IntN(1000) / 999)
		}
		at = at.Add(time.Minute)
		rings.Replace(at.Add(-time.Minute), at, minute)
	}
	for range 30 {
		step()
	}
	series := float64(len(minute))
	b.Run("tick", func(b *testing.B) {
		for b.Loop() {
			step()
			rings.Judge(at, rules.SourceSpans)
		}
		b.ReportMetric(float64(b.Elapsed().Milliseconds())/float64(b.N), "ms/tick")
		b.ReportMetric(float64(heap()-before)/series, "bytes/series")
	})
	b.Run("bare", func(b *testing.B) {
		last := at.Unix()/60 - 1
		for b.Loop() {
			sum := uint64(0)
			for _, r := range rings.sorted {
				sum += r.sum(last, 5, requests)
			}
			if sum == 0 {
				b.Fatal("nothing there")
			}
		}
		b.ReportMetric(float64(b.Elapsed().Milliseconds())/float64(b.N), "ms/tick")
	})
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
