package script

import (
	"cmp"
	"slices"
	"time"

	"github.com/featuresignals/tocsin/rules"
	"github.com/featuresignals/tocsin/telemetry"
)

// streamsOf lists the streams that the rules look at, each once.
func streamsOf(rs []rules.Rule) []rules.Stream {
	var out []rules.Stream
	seen := map[string]bool{}
	for _, r := range rs {
		if s := r.Stream(); !seen[s.String()] {
			seen[s.String()] = true
			out = append(out, s)
		}
	}
	return out
}

// chosenBy gives the streams that a line's spans, or its checks, belong to.
func chosenBy(streams []rules.Stream, line rules.TestSeries) []rules.Stream {
	var out []rules.Stream
	for _, s := range streams {
		if s.Probes == line.Probe && (line.Probe || chooses(s, line)) {
			out = append(out, s)
		}
	}
	return out
}

// entryKinds are the kinds of spans that begin something in a service: what is
// looked at where nobody says otherwise.
var entryKinds = []string{"consumer", "server"}

func chooses(s rules.Stream, line rules.TestSeries) bool {
	kinds := s.Kinds
	if len(kinds) == 0 {
		kinds = entryKinds
	}
	return slices.Contains(kinds, cmp.Or(line.Kind, "server")) &&
		s.Routes.Match(cmp.Or(line.Route, line.Operation)) &&
		s.Operations.Match(line.Operation) &&
		!slices.ContainsFunc(s.Attributes, func(a rules.Attribute) bool { return !a.Match(line.Attributes[a.Key]) })
}

// count gives a sample as a stream counts it.
func count(s rules.Stream, line rules.TestSeries, sample rules.Sample) telemetry.Minute {
	m := telemetry.Minute{Requests: sample.Requests, Errors: sample.Errors, Gauges: sample.Gauges}
	m.Durations = repeated(cmp.Or(sample.Duration, 10*time.Millisecond), sample.Requests)
	for _, slow := range sample.Slow {
		m.Requests += slow.Requests
		m.Durations.Add(repeated(slow.Duration, slow.Requests))
	}
	if s.HTTP5xx && 500 <= line.Status && line.Status <= 599 {
		m.Errors = m.Requests // whatever the spans say
	}
	if slices.ContainsFunc(s.Codes, func(c rules.Codes) bool { return int(c.From) <= line.Status && line.Status <= int(c.To) }) {
		m.Matches = m.Requests
	}
	return m
}

// repeated counts one duration n times, by doubling: a test may say millions.
func repeated(d time.Duration, n uint64) telemetry.Histogram {
	var sum, power telemetry.Histogram
	for power.Observe(d); n > 0; n >>= 1 {
		if n&1 == 1 {
			sum.Add(power)
		}
		power.Add(power)
	}
	return sum
}
