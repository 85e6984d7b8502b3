package telemetry

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

func TestBucketsThatTheNotesName(t *testing.T) {
	for d, want := range map[time.Duration]uint16{
		800 * time.Millisecond: 10015, time.Second: 10039, 2500 * time.Millisecond: 10122, 5 * time.Second: 10186,
	} {
		if got := Bucket(uint64(d)); got != want {
			t.Errorf("Bucket(%s) = %d, want %d", d, got, want)
		}
	}
}

// The quantile is the nearest rank's element, within 0.8 %, for every size.
func TestQuantileAgainstSortedValues(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for n := 1; n <= 3000; n += 1 + n/50 {
		values := make([]uint64, n)
		var h Histogram
		for i := range values {
			values[i] = uint64(math.Exp(r.NormFloat64()*2+16)) + 1
			h.Observe(time.Duration(values[i]))
		}
		slices.Sort(values)
		for _, q := range []uint64{5000, 9500, 9900, 9990} {
			exact := float64(values[Rank(q, uint64(n))-1])
			got, ok := h.Quantile(q)
			if !ok || math.Abs(float64(got)-exact) > 0.008*exact {
				t.Fatalf("n=%d q=%d: %v, want %v within 0.8 %%", n, q, float64(got), exact)
			}
		}
	}
}

// "p99 is above T" is exactly "more than 1 % are slower than T", by buckets.
func TestSlowerAgreesWithQuantile(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 2000 {
		var h Histogram
		n := 1 + r.Uint64N(400)
		for range n {
			h.Observe(time.Duration(1e6 + r.Uint64N(3e9)))
		}
		limit := time.Duration(1e6 + r.Uint64N(3e9))
		p99, _ := h.Quantile(9900)
		above := Bucket(uint64(p99)) > Bucket(uint64(limit))
		share := h.Slower(limit)*10000 > (10000-9900)*n
		if above != share {
			t.Fatalf("n=%d limit=%s p99=%s slower=%d", n, limit, p99, h.Slower(limit))
		}
	}
}

func TestAddingAndSubtractingIsExact(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	var window Histogram
	var in []Histogram
	for range 500 {
		buckets := make([]uint16, r.IntN(50))
		for i := range buckets {
			buckets[i] = Bucket(r.Uint64N(1e10))
		}
		h := HistogramOf(buckets)
		in = append(in, h)
		window.Add(h)
		if len(in) > 5 {
			window.Sub(in[len(in)-6])
		}
	}
	var want Histogram
	for _, h := range in[len(in)-5:] {
		want.Add(h)
	}
	if !slices.Equal(window.cells, want.cells) {
		t.Error("a window that gained and lost minutes differs from the sum of what is in it")
	}
}
