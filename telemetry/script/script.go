// Package script is a source that says what it is told to: the minutes that a
// rule test or a scenario writes down, as each stream of a configuration would
// count them.
//
// A line of a test is a class of spans, such as the responses with 401 of one
// route. It is counted in every stream that chooses it, as a real source would;
// what several lines say of one service and region adds up. Nothing here does
// I/O, waits, or asks for the time by itself.
package script

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/featuresignals/tocsin/rules"
	"github.com/featuresignals/tocsin/telemetry"
)

// Source holds the minutes of one test, of all its sources or of one.
type Source struct {
	// Now says what time it is when minutes are asked for. It is needed where
	// the test says that a source does not answer; nil: every source does.
	Now func() time.Time

	name    string // of the one source whose minutes these are; "" for all
	start   time.Time
	end     time.Time
	minutes []telemetry.Minute // by start, then series
	down    []rules.TestDown
}

// New writes down the minutes of a test, as the rules of config look at them.
func New(config *rules.Config, test rules.Test) (*Source, error) {
	if !test.Start.Equal(test.Start.Truncate(time.Minute)) {
		return nil, fmt.Errorf("%s: the test %q starts at %s: want a whole minute", test.Pos, test.Name, test.Start.Format(time.RFC3339))
	}
	s := &Source{start: test.Start.UTC(), end: test.Start.UTC(), down: test.Down}
	streams := streamsOf(config.Rules)
	sums := map[slot]telemetry.Minute{}
	for _, line := range test.Series {
		counted := chosenBy(streams, line)
		series := telemetry.Series{Service: line.Service, Region: config.RegionOf(line.Region)}
		for i, sample := range line.Minutes {
			at := s.start.Add(time.Duration(i) * time.Minute)
			if !at.Before(s.end) {
				s.end = at.Add(time.Minute)
			}
			for _, stream := range counted {
				series.Stream = stream.String()
				add(sums, slot{series, at}, count(stream, line, sample))
			}
		}
	}
	for k, m := range sums {
		m.Series, m.Start = k.series, k.at
		if m.Requests > 0 || len(m.Gauges) > 0 {
			s.minutes = append(s.minutes, m)
		}
	}
	slices.SortFunc(s.minutes, func(a, b telemetry.Minute) int {
		return cmp.Or(a.Start.Compare(b.Start), a.Series.Compare(b.Series))
	})
	return s, nil
}

// From gives the part of the test that one source knows: rules.SourceSpans or
// rules.SourceProbes.
func (s *Source) From(name string) *Source {
	part := *s
	part.name = name
	part.minutes = slices.DeleteFunc(slices.Clone(s.minutes), func(m telemetry.Minute) bool {
		return (m.Series.Stream == rules.ProbeStream) != (name == rules.SourceProbes)
	})
	return &part
}

// Start is when the first minute begins, End when the last one ends.
func (s *Source) Start() time.Time { return s.start }

// End is when the last minute ends that the test says anything of.
func (s *Source) End() time.Time { return s.end }

// Down reports whether the source does not answer at at. A source that holds
// the minutes of all does not while one of them does not.
func (s *Source) Down(at time.Time) bool {
	tick := int(at.Sub(s.start) / time.Minute)
	return slices.ContainsFunc(s.down, func(d rules.TestDown) bool {
		return (s.name == "" || s.name == d.Source) && d.From <= tick && tick < d.To
	})
}

// errAway is what a source says that is down.
var errAway = errors.New("the source does not answer, as the test says")

// Minutes satisfies evaluator.Source.
func (s *Source) Minutes(_ context.Context, from, to time.Time, _ ...telemetry.Range) iter.Seq2[telemetry.Minute, error] {
	return func(yield func(telemetry.Minute, error) bool) {
		if s.Now != nil && s.Down(s.Now()) {
			yield(telemetry.Minute{}, errAway)
			return
		}
		first, _ := slices.BinarySearchFunc(s.minutes, from, func(m telemetry.Minute, at time.Time) int { return m.Start.Compare(at) })
		for _, m := range s.minutes[first:] {
			if !m.Start.Before(to) || !yield(m, nil) {
				return
			}
		}
	}
}

type slot struct {
	series telemetry.Series
	at     time.Time
}

// add counts m into a slot.
func add(sums map[slot]telemetry.Minute, at slot, m telemetry.Minute) {
	sum := sums[at]
	sum.Requests += m.Requests
	sum.Errors += m.Errors
	sum.Matches += m.Matches
	sum.Durations.Add(m.Durations)
	for name, v := range m.Gauges {
		if sum.Gauges == nil {
			sum.Gauges = map[string]float64{}
		}
		sum.Gauges[name] = v
	}
	sums[at] = sum
}
