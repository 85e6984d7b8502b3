package telemetry

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

func TestAHistogramIsReadAsItWasWritten(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	for n := range 300 {
		buckets := make([]uint16, n*n/20)
		for i := range buckets {
			buckets[i] = uint16(r.Uint32()) >> r.IntN(16)
		}
		want := HistogramOf(buckets)
		b, err := want.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		var got Histogram
		got.Observe(time.Second) // what it held before is gone
		if err := got.UnmarshalBinary(b); err != nil || !slices.Equal(got.cells, want.cells) {
			t.Fatalf("%d durations: read %v (%v), want %v", len(buckets), got.cells, err, want.cells)
		}
	}
	extremes := Histogram{cells: []cell{{0, 1}, {1, 1<<32 - 1}, {1<<16 - 1, 7}}}
	b, _ := extremes.MarshalBinary()
	var got Histogram
	if err := got.UnmarshalBinary(b); err != nil || !slices.Equal(got.cells, extremes.cells) {
		t.Errorf("read %v (%v), want %v", got.cells, err, extremes.cells)
	}
}

// A minute of a probe is four checks: the store keeps fifty thousand of them a
// target.
func TestAProbesMinuteIsAFewBytes(t *testing.T) {
	var h Histogram
	for _, d := range []time.Duration{31 * time.Millisecond, 29 * time.Millisecond, 35 * time.Millisecond, 1200 * time.Millisecond} {
		h.Observe(d)
	}
	if b, err := h.MarshalBinary(); err != nil || len(b) > 14 {
		t.Errorf("%d bytes (%v), want 14 at most", len(b), err)
	}
	if b, err := (Histogram{}).MarshalBinary(); err != nil || b == nil || len(b) != 0 {
		t.Errorf("an empty one is %v (%v)", b, err)
	}
}

func TestADamagedHistogramIsRefusedAndChangesNothing(t *testing.T) {
	tests := map[string][]byte{
		"another format":               {2, 1, 1},
		"nothing but the format":       {1},
		"a bucket without its count":   {1, 5},
		"a cut varint":                 {1, 0x80},
		"a cut count":                  {1, 5, 0x80},
		"the same bucket twice":        {1, 5, 1, 0, 1},
		"a count of zero":              {1, 5, 0},
		"a count beyond 32 bits":       {1, 5, 0x80, 0x80, 0x80, 0x80, 0x10},
		"a bucket beyond 16 bits":      {1, 0x81, 0x80, 0x04, 1},
		"a second one beyond 16 bits":  {1, 0x80, 0x80, 0x04, 1, 1, 1},
		"a distance beyond 64 bits":    {1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f, 1},
		"a distance that wraps around": {1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01, 1},
	}
	for name, b := range tests {
		h := HistogramOf([]uint16{3})
		if err := h.UnmarshalBinary(b); err == nil {
			t.Errorf("%s: read as %v", name, h.cells)
		}
		if !slices.Equal(h.cells, []cell{{3, 1}}) {
			t.Errorf("%s: it left %v behind", name, h.cells)
		}
	}
}

func FuzzHistogram(f *testing.F) {
	for _, h := range []Histogram{{}, HistogramOf([]uint16{10015, 10015, 10039}), HistogramOf([]uint16{0, 65535})} {
		b, _ := h.MarshalBinary()
		f.Add(b)
	}
	f.Add([]byte{1, 0x80, 0x80, 0x04, 0xff, 0xff, 0xff, 0xff, 0x0f})
	f.Fuzz(func(t *testing.T, b []byte) {
		var h Histogram
		if h.UnmarshalBinary(b) != nil {
			return
		}
		if cap(h.cells) > len(b) {
			t.Fatalf("%d bytes took room for %d cells", len(b), cap(h.cells))
		}
		for i, c := range h.cells {
			if c.count == 0 || i > 0 && c.bucket <= h.cells[i-1].bucket {
				t.Fatalf("not a histogram: %v", h.cells)
			}
		}
		again, err := h.MarshalBinary()
		var g Histogram
		if err != nil || g.UnmarshalBinary(again) != nil || !slices.Equal(g.cells, h.cells) {
			t.Fatalf("%v is written as %x (%v) and read as %v", h.cells, again, err, g.cells)
		}
		if _, ok := h.Quantile(9900); ok != (h.Count() > 0) {
			t.Fatalf("%v has no p99", h.cells)
		}
	})
}
