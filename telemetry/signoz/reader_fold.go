package signoz

import (
	"cmp"
	"errors"
	"math/bits"
	"slices"
	"time"

	"github.com/featuresignals/tocsin/telemetry"
)

// row is a row of the fused query.
type row struct {
	service, region  string
	minute           uint32 // unix seconds
	streams          uint64 // the bits of the plan
	requests, errors uint64
	buckets          string // two bytes each, low byte first
}

// pair is a series without its stream: what counts against max_series.
type pair struct{ service, region string }

// other is the pair under which everything beyond max_series is counted.
var other = pair{service: telemetry.Other}

func (p pair) compare(q pair) int {
	return cmp.Or(cmp.Compare(p.service, q.service), cmp.Compare(p.region, q.region))
}

// fold adds up the rows of one piece of time. Several rows may belong to one
// minute: those with different bits, and those of regions that are aliases of
// each other.
type fold struct {
	chooses func(pair) chosen
	most    int // pairs that are told apart while reading
	room    int // cells that fit; none limits them if 0

	spans  uint64
	ids    map[pair]int
	seen   []sighting // by id
	cells  map[cell]*tally
	beyond map[pair]bool // pairs that were not told apart
	sorted []uint16      // scratch
}

// sighting is a pair and how much there was of it when it was first seen: what
// decides who gets the last places.
type sighting struct {
	pair        pair
	chosen      chosen
	first, last uint32 // minutes
	requests    uint64 // in the first
}

// cell is one minute of one pair, with the spans of one filter.
type cell struct {
	pair   int
	minute uint32
	group  *group
}

type tally struct {
	requests, errors uint64
	unmarked         uint64   // answered 500 … 599, and no errors by themselves
	matches          []uint64 // by set of codes
	durations        telemetry.Histogram
}

// newFold makes a fold for a limit of series. While reading, more of them than
// that are told apart, so that who gets a place depends on the traffic and not
// on the order of rows. But a flood of names must cost bounded memory: what
// lies beyond `most` is other at once.
func newFold(limit int, chooses func(pair) chosen) *fold {
	return &fold{chooses: chooses, most: 4*limit + 1000, ids: map[pair]int{}, cells: map[cell]*tally{}, beyond: map[pair]bool{}}
}

var (
	errOddBuckets = errors.New("the store answered with half the number of a bucket")
	errOddStream  = errors.New("the store answered with a stream that was not asked for")
	errNoRoom     = errors.New("more minutes than are held at once")
)

// add takes a row of the plan's query in.
func (f *fold) add(x row, p *plan) error {
	switch {
	case len(x.buckets)%2 != 0:
		return errOddBuckets
	case bits.Len64(x.streams) > p.bits():
		return errOddStream
	case f.room > 0 && len(f.cells) > f.room:
		return errNoRoom
	}
	f.spans += x.requests
	pair := pair{x.service, x.region}
	looked := f.chooses(pair)
	durations := telemetry.Histogram{}
	id := -1
	for set := x.streams & p.mask(); set != 0; set &= set - 1 {
		g := p.groups[bits.TrailingZeros64(set)]
		if !g.wanted(looked) {
			continue
		}
		if id < 0 {
			id = f.id(pair, looked)
			f.seen[id].note(x)
			durations = f.histogram(x.buckets)
		}
		t := f.tally(cell{id, x.minute, g})
		t.take(x, p)
		t.durations.Add(durations)
	}
	return nil
}

// wanted reports whether one of the group's streams is among the chosen.
func (g *group) wanted(c chosen) bool {
	return len(c) > 0 && slices.ContainsFunc(g.streams, func(s planned) bool { return c[s.number] })
}

// id gives the number of a pair, or that of other if there are too many.
func (f *fold) id(p pair, looked chosen) int {
	if p == other {
		looked = nil // what is added up there is of many, each with streams of its own
	}
	if id, ok := f.ids[p]; ok {
		return id
	}
	if len(f.ids) >= f.most && p != other {
		if len(f.beyond) < f.most {
			f.beyond[p] = true
		}
		return f.id(other, nil)
	}
	f.ids[p] = len(f.seen)
	f.seen = append(f.seen, sighting{pair: p, chosen: looked})
	return f.ids[p]
}

func (s *sighting) note(x row) {
	switch {
	case s.requests == 0 || x.minute < s.first:
		s.first, s.requests = x.minute, x.requests
	case x.minute == s.first:
		s.requests += x.requests
	}
	s.last = max(s.last, x.minute)
}

// histogram reads the numbers of buckets.
func (f *fold) histogram(buckets string) telemetry.Histogram {
	f.sorted = f.sorted[:0]
	for i := 0; i < len(buckets); i += 2 {
		f.sorted = append(f.sorted, uint16(buckets[i])|uint16(buckets[i+1])<<8)
	}
	return telemetry.HistogramOf(f.sorted)
}

func (f *fold) tally(c cell) *tally {
	t := f.cells[c]
	if t == nil {
		t = &tally{}
		f.cells[c] = t
	}
	return t
}

// take counts a row, without its durations.
func (t *tally) take(x row, p *plan) {
	t.requests += x.requests
	t.errors += x.errors
	if p.unmarked(x.streams) {
		t.unmarked += x.requests
	}
	if t.matches == nil && len(p.codes) > 0 {
		t.matches = make([]uint64, len(p.codes))
	}
	for i := range p.codes {
		if p.among(x.streams, i) {
			t.matches[i] += x.requests
		}
	}
}

func (t *tally) add(more *tally) {
	t.requests += more.requests
	t.errors += more.errors
	t.unmarked += more.unmarked
	if t.matches == nil {
		t.matches = make([]uint64, len(more.matches))
	}
	for i, n := range more.matches {
		t.matches[i] += n
	}
	t.durations.Add(more.durations)
}

// minutes gives the sums, of each group those of its streams. Pairs without a
// place are added up as other.
func (f *fold) minutes(p *places) []telemetry.Minute {
	rest := f.id(other, nil) // has a place without asking
	taken := p.take(f.seen, len(f.beyond))
	for c, t := range f.cells {
		if !taken[c.pair] {
			delete(f.cells, c)
			f.tally(cell{rest, c.minute, c.group}).add(t)
		}
	}
	all := make([]telemetry.Minute, 0, len(f.cells))
	for c, t := range f.cells {
		s, first := f.seen[c.pair], len(all)
		for _, stream := range c.group.streams {
			if s.chosen != nil && !s.chosen[stream.number] { // of other, all are
				continue
			}
			m := t.minute(s.pair, c.minute, stream)
			if len(all) == first {
				m.Durations = t.durations
			} else {
				m.Durations.Add(t.durations) // a copy: what one stream does with it is no business of the others'
			}
			all = append(all, m)
		}
	}
	return all
}

// minute is what a stream makes of a tally, but for its durations.
func (t *tally) minute(p pair, start uint32, s planned) telemetry.Minute {
	m := telemetry.Minute{
		Series:   telemetry.Series{Service: p.service, Region: p.region, Stream: s.name},
		Start:    time.Unix(int64(start), 0).UTC(),
		Requests: t.requests, Errors: t.errors,
	}
	if s.http5xx {
		m.Errors += t.unmarked
	}
	if s.codes >= 0 {
		m.Matches = t.matches[s.codes]
	}
	return m
}
