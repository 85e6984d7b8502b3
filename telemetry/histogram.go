package telemetry

import (
	"math"
	"slices"
	"time"
)

// Histogram counts durations in buckets of the float32 pattern: the top 15
// bits below the sign, which is 64 buckets to every doubling. The bucket of a
// duration is the same number in ClickHouse:
//
//	bitShiftRight(reinterpretAsUInt32(toFloat32(duration_nano)), 17)
//
// The middle of a bucket is within 1/128 of any duration in it. The zero value
// is empty. Counts add and subtract exactly.
type Histogram struct {
	cells []cell // sorted by bucket, no zero counts
}

type cell struct {
	bucket uint16
	count  uint32
}

// Bucket gives the bucket of a duration in nanoseconds.
func Bucket(ns uint64) uint16 { return uint16(math.Float32bits(float32(ns)) >> 17) }

// Middle gives the middle of a bucket.
func Middle(bucket uint16) time.Duration {
	lo := math.Float32frombits(uint32(bucket) << 17)
	hi := math.Float32frombits((uint32(bucket) + 1) << 17)
	return time.Duration((float64(lo) + float64(hi)) / 2)
}

// HistogramOf counts buckets; it sorts its argument in place.
func HistogramOf(buckets []uint16) Histogram {
	slices.Sort(buckets)
	distinct := 0
	for i, b := range buckets {
		if i == 0 || b != buckets[i-1] {
			distinct++
		}
	}
	h := Histogram{cells: make([]cell, 0, distinct)}
	for i, b := range buckets {
		if i == 0 || b != buckets[i-1] {
			h.cells = append(h.cells, cell{bucket: b})
		}
		h.cells[len(h.cells)-1].count++
	}
	return h
}

// Observe counts one duration.
func (h *Histogram) Observe(d time.Duration) { h.add(Bucket(uint64(max(d, 0))), 1) }

func (h *Histogram) add(bucket uint16, n uint32) {
	i, ok := slices.BinarySearchFunc(h.cells, bucket, func(c cell, b uint16) int { return int(c.bucket) - int(b) })
	if !ok {
		h.cells = slices.Insert(h.cells, i, cell{bucket: bucket})
	}
	h.cells[i].count += n
}

// Add counts all of other into h.
func (h *Histogram) Add(other Histogram) { h.cells = merge(h.cells, other.cells, false) }

// Sub takes all of other out of h. It panics if h does not hold it: windows
// only ever lose what they were given.
func (h *Histogram) Sub(other Histogram) { h.cells = merge(h.cells, other.cells, true) }

func merge(a, b []cell, sub bool) []cell {
	out := make([]cell, 0, len(a)+len(b))
	i := 0
	for _, c := range b {
		for i < len(a) && a[i].bucket < c.bucket {
			out = append(out, a[i])
			i++
		}
		n := uint32(0)
		if i < len(a) && a[i].bucket == c.bucket {
			n = a[i].count
			i++
		}
		switch {
		case !sub:
			n += c.count
		case n < c.count:
			panic("telemetry: a histogram loses more than it holds")
		default:
			n -= c.count
		}
		if n > 0 {
			out = append(out, cell{c.bucket, n})
		}
	}
	return append(out, a[i:]...)
}

// Count gives how many durations are counted.
func (h Histogram) Count() uint64 {
	n := uint64(0)
	for _, c := range h.cells {
		n += uint64(c.count)
	}
	return n
}

// Slower counts the durations in buckets above the one that limit falls into.
// With the quantile's rank below, "pNN is above limit" is exactly "more than
// 1−NN % are slower".
func (h Histogram) Slower(limit time.Duration) uint64 {
	b, n := Bucket(uint64(max(limit, 0))), uint64(0)
	for i := len(h.cells) - 1; i >= 0 && h.cells[i].bucket > b; i-- {
		n += uint64(h.cells[i].count)
	}
	return n
}

// Rank is the place, counted from 1 ascending, of the quantile's element among
// n: ⌈q·n⌉ by nearest rank, q in hundredths of a percent.
func Rank(q, n uint64) uint64 { return max(1, (q*n+9999)/10000) }

// Quantile gives the middle of the bucket that holds the quantile's element,
// and false when h is empty. q is in hundredths of a percent: p99 is 9900.
func (h Histogram) Quantile(q uint64) (time.Duration, bool) {
	n := h.Count()
	if n == 0 {
		return 0, false
	}
	rank, seen := Rank(q, n), uint64(0)
	for _, c := range h.cells {
		if seen += uint64(c.count); seen >= rank {
			return Middle(c.bucket), true
		}
	}
	panic("unreachable: the rank is at most the count")
}

// Each calls f for every bucket that holds something, ascending.
func (h Histogram) Each(f func(bucket uint16, count uint32)) {
	for _, c := range h.cells {
		f(c.bucket, c.count)
	}
}
