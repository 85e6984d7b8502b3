package signoz

import (
	"cmp"
	"errors"
	"math/bits"
	"time"

	"github.com/featuresignals/tocsin/telemetry"
)

// row is a row of the fused query.
type row struct {
	service, region  string
	minute           uint32 // unix seconds
	streams          uint64 // bit i: the i-th stream of the query
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
// minute: those with different streams, and those of regions that are aliases
// of each other.
type fold struct {
	chooses func(pair) bool
	most    int // pairs that are told apart while reading

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
	first, last uint32 // minutes
	requests    uint64 // in the first
}

// cell is one minute of one stream of a pair.
type cell struct {
	pair   int
	minute uint32
	stream string
}

type tally struct {
	requests, errors uint64
	durations        telemetry.Histogram
}

// newFold makes a fold for a limit of series. While reading, more of them than
// that are told apart, so that who gets a place depends on the traffic and not
// on the order of rows. But a flood of names must cost bounded memory: what
// lies beyond `most` is other at once.
func newFold(limit int, chooses func(pair) bool) *fold {
	return &fold{chooses: chooses, most: 4*limit + 1000, ids: map[pair]int{}, cells: map[cell]*tally{}, beyond: map[pair]bool{}}
}

var (
	errOddBuckets = errors.New("the store answered with half the number of a bucket")
	errOddStream  = errors.New("the store answered with a stream that was not asked for")
)

// add takes a row in. streams are the names of its bits.
func (f *fold) add(x row, streams []string) error {
	switch {
	case len(x.buckets)%2 != 0:
		return errOddBuckets
	case bits.Len64(x.streams) > len(streams):
		return errOddStream
	}
	f.spans += x.requests
	p := pair{x.service, x.region}
	if !f.chooses(p) {
		return nil
	}
	id := f.id(p)
	f.seen[id].note(x)

	durations := f.histogram(x.buckets)
	for set := x.streams; set != 0; set &= set - 1 {
		f.tally(cell{id, x.minute, streams[bits.TrailingZeros64(set)]}).add(tally{x.requests, x.errors, durations})
	}
	return nil
}

// id gives the number of a pair, or that of other if there are too many.
func (f *fold) id(p pair) int {
	if id, ok := f.ids[p]; ok {
		return id
	}
	if len(f.ids) >= f.most && p != other {
		if len(f.beyond) < f.most {
			f.beyond[p] = true
		}
		return f.id(other)
	}
	f.ids[p] = len(f.seen)
	f.seen = append(f.seen, sighting{pair: p})
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

func (t *tally) add(more tally) {
	t.requests += more.requests
	t.errors += more.errors
	t.durations.Add(more.durations)
}

// minutes gives the sums. Pairs without a place are added up as other.
func (f *fold) minutes(p *places) []telemetry.Minute {
	rest := f.id(other) // has a place without asking
	taken := p.take(f.seen, len(f.beyond))
	for c, t := range f.cells {
		if !taken[c.pair] {
			delete(f.cells, c)
			f.tally(cell{rest, c.minute, c.stream}).add(*t)
		}
	}
	all := make([]telemetry.Minute, 0, len(f.cells))
	for c, t := range f.cells {
		s := f.seen[c.pair].pair
		all = append(all, telemetry.Minute{
			Series:   telemetry.Series{Service: s.service, Region: s.region, Stream: c.stream},
			Start:    time.Unix(int64(c.minute), 0).UTC(),
			Requests: t.requests, Errors: t.errors, Durations: t.durations,
		})
	}
	return all
}
