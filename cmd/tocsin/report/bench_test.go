package report_test

import (
	"context"
	"fmt"
	"iter"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/featuresignals/tocsin/cmd/tocsin/report"
	"github.com/featuresignals/tocsin/evaluator"
	"github.com/featuresignals/tocsin/telemetry"
)

// busy is a source of 36 series, each with a bad quarter of an hour every day.
type busy struct {
	streams     []string
	good, awful telemetry.Histogram
}

// Minutes satisfies evaluator.Source.
func (s busy) Minutes(_ context.Context, from, to time.Time, _ ...telemetry.Range) iter.Seq2[telemetry.Minute, error] {
	return func(yield func(telemetry.Minute, error) bool) {
		for at := from; at.Before(to); at = at.Add(time.Minute) {
			ofDay := int(at.Unix()/60) % 1440
			for n := range 36 {
				m := telemetry.Minute{Start: at, Requests: 200, Errors: uint64(ofDay % 2), Durations: s.good}
				if ofDay >= n*40 && ofDay < n*40+15 {
					m.Errors, m.Durations = 40, s.awful
				}
				for _, stream := range s.streams {
					m.Series = telemetry.Series{Service: fmt.Sprintf("service-%02d", n/3), Region: []string{"eu", "us", "in"}[n%3], Stream: stream}
					if !yield(m, nil) {
						return
					}
				}
			}
		}
	}
}

// manyRules are 50 rules over 36 series, half of them about errors and half
// about p99.
func manyRules() string {
	var b strings.Builder
	b.WriteString("regions: [{code: eu, name: Europe}, {code: us, name: United States}, {code: in, name: India}]\ncomponents:\n")
	for n := range 10 {
		fmt.Fprintf(&b, "  - {id: c%d, name: Component %d}\n", n, n)
	}
	b.WriteString("rules:\n")
	for n := range 50 {
		signal, above := "error_rate", [3]string{"50%", "15%", fmt.Sprintf("%d%%", 2+n/5)}
		if n%2 == 1 {
			signal, above = "p99", [3]string{"5s", "2s", fmt.Sprintf("%dms", 500+n*10)}
		}
		fmt.Fprintf(&b, "  - {id: rule-%d, component: c%d, signal: %s, window: 5m, levels: {P0: {above: %s, for: 3m}, P1: {above: %s, for: 5m}, P2: {above: %s, for: 10m}}}\n",
			n, n%10, signal, above[0], above[1], above[2])
	}
	return b.String()
}

// A day of 36 series under 50 rules, without what reading it from the store
// takes. docs/replay.md says how to time the whole of it.
func BenchmarkDay(b *testing.B) {
	config := parse(b, manyRules())
	source := busy{}
	for _, s := range evaluator.Streams(config.Rules) {
		source.streams = append(source.streams, s.String())
	}
	for range 200 {
		source.good.Observe(20 * time.Millisecond)
		source.awful.Observe(3 * time.Second)
	}
	set := load(b)
	for _, with := range []string{"judging alone", "with the report"} {
		b.Run(with, func(b *testing.B) {
			var r *report.Report
			findings := 0
			for b.Loop() {
				from, to := begin, begin.Add(24*time.Hour)
				c := report.NewCollector(config, set, nil)
				sink := func(_ context.Context, r evaluator.Round) error {
					findings += len(r.Findings)
					return nil
				}
				if with != "judging alone" {
					sink = c.Judge
				}
				walk := evaluator.Walk{Source: source, From: from, To: to, Lag: config.SigNoz.Lag}
				if err := walk.Run(b.Context(), evaluator.Walker{Rings: evaluator.New(config), Sink: sink}); err != nil {
					b.Fatal(err)
				}
				r = report.New(from, to, time.UTC)
				r.Add("tocsin.yaml", c)
			}
			runtime.GC()
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			b.ReportMetric(float64(m.HeapAlloc)/1e6, "MB-kept")
			if with == "judging alone" {
				b.ReportMetric(float64(findings)/float64(b.N), "verdicts/op")
			} else if len(r.Incidents) == 0 {
				b.Error("there is no incident")
			}
		})
	}
}
