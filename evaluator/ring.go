package evaluator

import (
	"slices"
	"time"

	"github.com/featuresignals/tocsin/telemetry"
)

// The counters of a minute. After slow0 come the counts of durations slower
// than each limit that a rule of the stream knows, so that judging a pNN over
// a window adds numbers and touches no histogram.
const (
	requests = iota
	failed
	timed // requests with a usable duration
	slow0
)

// stream is what the rings of one stream have in common.
type stream struct {
	limits  []time.Duration // known limits of pNN rules, ascending
	judges  []*judge
	minutes int // length of its rings
}

func (s *stream) counters() int { return slow0 + len(s.limits) }

// ring holds the newest minutes of one series.
type ring struct {
	series telemetry.Series
	stream *stream
	judges []*judge // of the stream, those that choose this series

	starts []int64  // unix minute that a slot holds; 0: none
	counts []uint32 // counters() a slot
	hists  []telemetry.Histogram
	newest int64 // the newest unix minute with requests
}

func newRing(series telemetry.Series, s *stream) *ring {
	r := &ring{
		series: series,
		stream: s,
		starts: make([]int64, s.minutes),
		counts: make([]uint32, s.minutes*s.counters()),
	}
	if len(s.limits) > 0 {
		r.hists = make([]telemetry.Histogram, s.minutes)
	}
	for _, j := range s.judges {
		if j.rule.Where.Services.Match(series.Service) && j.rule.Where.Regions.Match(series.Region) {
			r.judges = append(r.judges, j)
		}
	}
	return r
}

func (r *ring) slot(minute int64) int { return int(minute % int64(len(r.starts))) }

// put replaces a minute's counts.
func (r *ring) put(m telemetry.Minute) {
	minute := m.Start.Unix() / 60
	if minute <= r.newest-int64(len(r.starts)) {
		return // fell out of the ring already
	}
	i, n := r.slot(minute), r.stream.counters()
	r.starts[i] = minute
	c := r.counts[i*n : (i+1)*n]
	c[requests], c[failed], c[timed] = uint32(m.Requests), uint32(m.Errors), uint32(m.Durations.Count())
	for k, limit := range r.stream.limits {
		c[slow0+k] = uint32(m.Durations.Slower(limit))
	}
	if r.hists != nil {
		r.hists[i] = m.Durations
	}
	if m.Requests > 0 {
		r.newest = max(r.newest, minute)
	}
}

// drop empties a minute.
func (r *ring) drop(minute int64) {
	if i := r.slot(minute); r.starts[i] == minute {
		r.starts[i] = 0
	}
	if minute == r.newest {
		r.newest = 0
		for _, s := range r.starts {
			r.newest = max(r.newest, s)
		}
	}
}

// at gives one counter of one minute.
func (r *ring) at(minute int64, counter int) uint64 {
	i := r.slot(minute)
	if r.starts[i] != minute {
		return 0
	}
	return uint64(r.counts[i*r.stream.counters()+counter])
}

// window adds up two counters over the n minutes that end with last.
func (r *ring) window(last int64, n int, t test) (k, all uint64) {
	for m := last - int64(n) + 1; m <= last; m++ {
		k += r.at(m, t.of)
		all += r.at(m, t.among)
	}
	return k, all
}

// durations adds up the histograms over the n minutes that end with last.
func (r *ring) durations(last int64, n int) telemetry.Histogram {
	var h telemetry.Histogram
	for m := last - int64(n) + 1; m <= last; m++ {
		if i := r.slot(m); r.starts[i] == m {
			h.Add(r.hists[i])
		}
	}
	return h
}

// back slides a window back a minute at a time and calls f with what it holds,
// first for the window that ends with last, at most n times.
func (r *ring) back(last int64, window, n int, t test, f func(k, all uint64) bool) {
	k, all := r.window(last, window, t)
	for range n {
		if !f(k, all) {
			return
		}
		k += r.at(last-int64(window), t.of) - r.at(last, t.of)
		all += r.at(last-int64(window), t.among) - r.at(last, t.among)
		last--
	}
}

// limit gives the counter of durations slower than d.
func (s *stream) limit(d time.Duration) int {
	i, ok := slices.BinarySearch(s.limits, d)
	if !ok {
		panic("evaluator: a limit that no rule of the stream has")
	}
	return slow0 + i
}
