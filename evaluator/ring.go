package evaluator

import (
	"slices"
	"time"

	"github.com/featuresignals/tocsin/rules"
	"github.com/featuresignals/tocsin/telemetry"
)

// The counters of a minute. After slow0 come the counts of durations slower
// than each limit that a rule of the stream knows, so that judging a pNN over
// a window subtracts numbers and touches no histogram.
const (
	requests = iota
	failed
	matched
	timed   // requests with a usable duration
	present // 1 if there was a request at all
	slow0
)

// stream is what the rings of one stream have in common.
type stream struct {
	limits  []time.Duration // known limits of durations, ascending
	rules   []*rules.Rule
	minutes int  // how many single minutes its rings keep
	reach   int  // how many minutes back its rules look at all
	hists   int  // how many minutes of histograms its rings keep
	gauges  bool // whether its rings keep gauges
	slow    bool // whether some rule looks at durations further back than minutes
}

func (s *stream) counters() int { return slow0 + len(s.limits) }

// wide is how many counters windows of more than an hour need.
func (s *stream) wide() int {
	if s.slow {
		return s.counters()
	}
	return timed
}

// limit gives the counter of durations slower than d.
func (s *stream) limit(d time.Duration) int {
	i, ok := slices.BinarySearch(s.limits, d)
	if !ok {
		panic("evaluator: a limit that no rule of the stream has")
	}
	return slow0 + i
}

// ring holds the newest minutes of one series, or of a group of series, of
// which it only knows the requests.
type ring struct {
	series telemetry.Series
	track
	scale  float64 // how many real requests a stored one stands for
	newest int64   // the newest unix minute with requests
	alive  *track  // the requests of all series of all streams of spans, and the minutes with any

	// Of a series, not of a group.
	stream *stream
	judges []*judge
	groups []*ring // that it is part of
	hists  []telemetry.Histogram
	gauges []map[string]float64
	when   []int64 // the unix minute that a slot of hists and gauges is of

	// Of a group.
	members map[string]int // how many series it has in each region
}

func newRing(series telemetry.Series, s *stream) *ring {
	r := &ring{series: series, stream: s, track: newTrack(s.counters(), s.wide(), s.minutes, s.reach), scale: 1}
	slots := s.hists
	if s.gauges {
		slots = max(slots, s.minutes)
		r.gauges = make([]map[string]float64, slots)
	}
	if s.hists > 0 {
		r.hists = make([]telemetry.Histogram, slots)
	}
	r.when = make([]int64, slots)
	return r
}

// put replaces a minute's counts.
func (r *ring) put(m telemetry.Minute) {
	minute := m.Start.Unix() / 60
	c := make([]uint32, 0, 16)
	c = append(c, uint32(m.Requests), uint32(m.Errors), uint32(m.Matches), uint32(m.Durations.Count()), uint32(min(m.Requests, 1)))
	for _, limit := range r.stream.limits {
		c = append(c, uint32(m.Durations.Slower(limit)))
	}
	r.replace(minute, c)
	if m.Requests > 0 {
		r.newest = max(r.newest, minute)
	}
	if n := int64(len(r.when)); n > 0 {
		i := minute % n
		if r.when[i] > minute {
			return // a newer one stands there
		}
		r.when[i] = minute
		if r.hists != nil {
			r.hists[i] = m.Durations
		}
		if r.gauges != nil {
			r.gauges[i] = m.Gauges
		}
	}
}

// replace sets a minute's counts, and passes the difference on to the groups.
func (r *ring) replace(minute int64, values []uint32) {
	before := r.one(minute)
	r.set(minute, values)
	delta := r.one(minute) - before
	if delta == 0 {
		return
	}
	for _, g := range r.groups {
		g.set(minute, []uint32{g.one(minute) + delta})
		switch now := g.one(minute); {
		case now > 0:
			g.newest = max(g.newest, minute)
		case minute == g.newest:
			g.newest = g.last(minute)
		}
	}
	if r.alive != nil {
		n := uint32(r.alive.sum(minute, 1, requests)) + delta
		r.alive.set(minute, []uint32{n, min(n, 1)})
	}
}

// heard counts the minutes of a window in which spans came from anywhere, and
// says whether the newest was one: what is missing from the others was not sent
// by anybody, and a collector that stops and starts again is no outage of those
// who send. One less counts where that happened, since it was within a minute.
func (r *ring) heard(last int64, window int) (n int, now bool) {
	now = r.alive.sum(last, 1, minutesHeard) > 0
	n = int(r.alive.sum(last, window, minutesHeard))
	if n > 0 && (!now || r.alive.sum(last-int64(n), 1, minutesHeard) == 0) {
		n--
	}
	return n, now
}

// minutesHeard is the second counter of alive, after requests.
const minutesHeard = 1

// one gives the requests of one minute.
func (r *ring) one(minute int64) uint32 { return uint32(r.sum(minute, 1, requests)) }

// drop empties a minute.
func (r *ring) drop(minute int64) {
	if minute > r.upto {
		return
	}
	r.replace(minute, nil)
	if n := int64(len(r.when)); n > 0 && r.when[minute%n] == minute {
		r.when[minute%n] = 0
	}
	if minute == r.newest {
		r.newest = r.last(minute)
	}
}

// last gives the newest minute with requests, up to minute, among those that
// are kept singly; 0 if there is none.
func (r *ring) last(minute int64) int64 {
	if r.newest < minute && r.newest != 0 {
		return r.newest
	}
	for m := min(minute, r.upto); m > r.upto-r.minutes()+1 && m >= r.first; m-- {
		if r.one(m) > 0 {
			return m
		}
	}
	return 0
}

// durations adds up the histograms over the n minutes that end with last.
func (r *ring) durations(last int64, n int) telemetry.Histogram {
	var h telemetry.Histogram
	for m := last - int64(n) + 1; m <= last; m++ {
		if i := m % int64(len(r.hists)); r.when[i] == m {
			h.Add(r.hists[i])
		}
	}
	return h
}

// gauge gives a gauge's newest value in the n minutes that end with last.
func (r *ring) gauge(last int64, n int, name string) (float64, bool) {
	for m := last; m > last-int64(n) && len(r.gauges) > 0; m-- {
		i := m % int64(len(r.gauges))
		if r.when[i] != m {
			continue
		}
		if v, ok := r.gauges[i][name]; ok {
			return v, true
		}
	}
	return 0, false
}
