package main

import (
	_ "embed"
	"path/filepath"
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/featuresignals/tocsin/telemetry/sample"
)

type traces = ptrace.Traces

// arrival is how long a span takes from its end into the store.
const arrival = 2 * time.Second

// busyFor is how much of the history is as busy as the present.
const busyFor = 30 * time.Minute

//go:embed demo.yaml
var yaml string

// configuration is the demo's tocsin.yaml.
func configuration(dsn string, c *cli) string {
	return strings.NewReplacer(
		"{dsn}", dsn,
		"{folder}", filepath.Join(c.Dir, "page"),
		"{store}", filepath.Join(c.Dir, "tocsin.db"),
		"{public}", c.Public,
		"{private}", c.Private,
	).Replace(yaml)
}

// story is the demo's traffic: days of history, thin so that they are quickly
// made, and the present, busy enough to be judged minute by minute. It tells of
// outages of the days before, one in Europe that is under way at now, one in the
// United States that begins, and more to come for as long as somebody watches.
func story(rate float64, now time.Time) (history, present sample.Traffic) {
	t := sample.Traffic{Seed: 2026, PerMinute: rate, Reported: map[string]string{"eu": "local"}}
	add := func(o sample.Outage, after, lasts time.Duration) {
		o.From = now.Add(after)
		o.To = o.From.Add(lasts)
		t.Outages = append(t.Outages, o)
	}
	const api, evaluation = "/v1/projects/*", "/v1/evaluate*"
	add(sample.Outage{Kind: sample.DatabaseDown}, -53*time.Hour, 14*time.Minute)
	add(sample.Outage{Kind: sample.HTTP500, Regions: []string{"in"}, Routes: []string{api}, Share: 0.9, Latency: time.Second}, -31*time.Hour, 42*time.Minute)
	add(sample.Outage{Kind: sample.Slow, Regions: []string{"us"}, Routes: []string{evaluation}, Latency: 3 * time.Second}, -11*time.Hour, 26*time.Minute)

	add(sample.Outage{Kind: sample.HTTP500, Regions: []string{"eu"}, Routes: []string{api}, Share: 0.8, Latency: 2500 * time.Millisecond}, -7*time.Minute, 11*time.Minute)
	add(sample.Outage{Kind: sample.HTTP500, Regions: []string{"us"}, Routes: []string{evaluation}, Share: 0.35, Latency: time.Second}, -150*time.Second, 9*time.Minute)
	for k := range 36 { // half a day of it
		at := 24*time.Minute + time.Duration(k)*20*time.Minute
		o := sample.Outage{Kind: sample.HTTP500, Regions: []string{[]string{"us", "in", "eu"}[k%3]}, Routes: []string{api}, Share: 0.5, Latency: 900 * time.Millisecond}
		switch k % 4 {
		case 1:
			o.Unmarked = true // only the response says that it failed
		case 3:
			o = sample.Outage{Kind: sample.Silent, Regions: o.Regions}
		}
		add(o, at, 6*time.Minute)
	}
	present = t
	present.PerMinute = 6 * rate
	return t, present
}
