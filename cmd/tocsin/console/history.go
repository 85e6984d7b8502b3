package console

import (
	"cmp"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/featuresignals/tocsin/evaluator"
	"github.com/featuresignals/tocsin/rules"
)

// How much a History keeps: with all of it full, 29 MB.
const (
	mostSeries  = 4000
	mostMinutes = 6 * 60
)

// History keeps what was found, minute by minute, for the charts of what is wrong
// now: the last six hours of every series, as long as there are not too many. Where
// there are, those that are or were bad go before those that were not, and those that
// are still heard of before those that have fallen silent. It knows nothing of the
// time before the process began. It is ready for use by many at once.
type History struct {
	most int

	mu     sync.RWMutex
	series map[seriesKey]*series
	since  time.Time // end of the first minute that was noted
	newest time.Time
}

type seriesKey struct{ rule, service, region string }

// series is the minutes of one rule and series. Its points are a ring once it is
// full.
type series struct {
	last   evaluator.Finding
	bad    int64 // the newest minute that was bad; 0: none
	heard  int64 // the newest minute
	begin  int64 // the minute of the oldest point
	points []point
	head   int // where the oldest point is
}

// point is a finding, as a chart needs it. Minutes between two findings of which
// nothing is known are points, too.
type point struct {
	value, limit     float32 // NaN: none
	requests, errors uint32
	verdict          evaluator.Verdict
	known            bool
}

// NewHistory makes an empty one.
func NewHistory() *History { return &History{most: mostSeries, series: map[seriesKey]*series{}} }

// Note takes a round. It keeps nothing of it but copies.
func (h *History) Note(r evaluator.Round) {
	if r.Blind || r.At.IsZero() {
		return
	}
	minute := r.At.Unix() / 60
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.since.IsZero() || r.At.Before(h.since) {
		h.since = r.At
	}
	if r.At.After(h.newest) {
		h.newest = r.At
	}
	var waiting []*evaluator.Finding // bad, and there is no room
	for i := range r.Findings {
		f := &r.Findings[i]
		key := keyOf(f)
		s := h.series[key]
		switch {
		case s != nil:
			s.note(f, minute)
		case len(h.series) < h.most:
			s = &series{}
			s.note(f, minute)
			h.series[key] = s
		case wrong(f):
			waiting = append(waiting, f)
		}
	}
	if len(waiting) > 0 || len(h.series) >= h.most {
		h.forget(minute, len(waiting))
	}
	for _, f := range waiting {
		if len(h.series) >= h.most {
			break
		}
		s := &series{}
		s.note(f, minute)
		h.series[keyOf(f)] = s
	}
}

func keyOf(f *evaluator.Finding) seriesKey {
	return seriesKey{f.Rule, f.Series.Service, f.Series.Region}
}

func wrong(f *evaluator.Finding) bool {
	return f.Now == evaluator.Bad || f.Held != rules.SeverityNone
}

// forget drops what has nothing left to show, and of the rest as many as are
// asked for: those that were bad longest ago, or never, then those that fell
// silent first. What is bad now stays.
func (h *History) forget(minute int64, room int) {
	for key, s := range h.series {
		if minute-s.heard >= mostMinutes {
			delete(h.series, key)
		}
	}
	room -= h.most - len(h.series)
	if room <= 0 {
		return
	}
	type entry struct {
		key seriesKey
		*series
	}
	var all []entry
	for key, s := range h.series {
		if s.bad != minute {
			all = append(all, entry{key, s})
		}
	}
	slices.SortFunc(all, func(a, b entry) int {
		return cmp.Or(cmp.Compare(a.bad, b.bad), cmp.Compare(a.heard, b.heard),
			cmp.Compare(a.key.rule, b.key.rule), cmp.Compare(a.key.service, b.key.service), cmp.Compare(a.key.region, b.key.region))
	})
	for _, e := range all[:min(room, len(all))] {
		delete(h.series, e.key)
	}
}

func (s *series) note(f *evaluator.Finding, minute int64) {
	if minute >= s.heard {
		s.last, s.heard = *f, minute
	}
	if wrong(f) {
		s.bad = max(s.bad, minute)
	}
	p := point{
		value: float32(f.Value), limit: float32(f.Limit), requests: clamp(f.Requests), errors: clamp(f.Errors), verdict: f.Now, known: true,
	}
	if !f.Seen {
		p.value = float32(math.NaN())
	}
	n := len(s.points)
	if n > 0 && minute-(s.begin+int64(n)-1) > mostMinutes {
		s.points, s.head, n = s.points[:0], 0, 0 // all of it is too old
	}
	switch {
	case n == 0:
		s.begin = minute
		s.push(p)
	case minute < s.begin:
		// older than all that is kept
	case minute < s.begin+int64(n):
		*s.at(int(minute - s.begin)) = p // judged again, by other rules
	default:
		for s.begin+int64(len(s.points)) < minute {
			s.push(point{value: float32(math.NaN()), limit: float32(math.NaN())})
		}
		s.push(p)
	}
}

func clamp(n uint64) uint32 { return uint32(min(n, math.MaxUint32)) }

// push adds the next minute.
func (s *series) push(p point) {
	if len(s.points) < mostMinutes {
		if len(s.points) == cap(s.points) {
			grown := make([]point, len(s.points), min(max(2*cap(s.points), 16), mostMinutes))
			copy(grown, s.points)
			s.points = grown
		}
		s.points = append(s.points, p)
		return
	}
	s.points[s.head] = p
	s.head = (s.head + 1) % mostMinutes
	s.begin++
}

// at gives the i-th minute, oldest first.
func (s *series) at(i int) *point { return &s.points[(s.head+i)%len(s.points)] }

// Point is one judged minute of a series.
type Point struct {
	At               time.Time // end of the minute
	Value, Limit     float64   // NaN: none
	Requests, Errors uint64
	Verdict          evaluator.Verdict
	Known            bool // it was judged
}

// Points gives the minutes of a series whose end lies in [from, to], oldest
// first, without gaps.
func (h *History) Points(rule, service, region string, from, to time.Time) []Point {
	h.mu.RLock()
	defer h.mu.RUnlock()
	s := h.series[seriesKey{rule, service, region}]
	if s == nil {
		return nil
	}
	var out []Point
	for i := range s.points {
		at := time.Unix((s.begin+int64(i))*60, 0).UTC()
		if at.Before(from) || at.After(to) {
			continue
		}
		p := s.at(i)
		out = append(out, Point{
			At: at, Value: float64(p.value), Limit: float64(p.limit), Requests: uint64(p.requests), Errors: uint64(p.errors),
			Verdict: p.verdict, Known: p.known,
		})
	}
	return out
}

// Latest gives the newest finding of a series.
func (h *History) Latest(rule, service, region string) (evaluator.Finding, bool) {
	h.mu.RLock()
	defer h.mu.RUnlock()
	if s := h.series[seriesKey{rule, service, region}]; s != nil {
		return s.last, true
	}
	return evaluator.Finding{}, false
}

// Since gives the end of the first minute that was noted; zero if none was.
func (h *History) Since() time.Time {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return h.since
}
