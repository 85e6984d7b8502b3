package signoz

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

// BenchmarkFold adds up the answer of one tick: a minute of so many series,
// each with three rows of different streams and 60 spans in a row.
func BenchmarkFold(b *testing.B) {
	for _, series := range []int{600, 30_000} {
		b.Run(fmt.Sprint("series=", series), func(b *testing.B) {
			rnd := rand.New(rand.NewPCG(1, 2))
			var rows []row
			for i := range series {
				for streams := range uint64(3) {
					durations := make([]time.Duration, 60)
					for j := range durations {
						durations[j] = time.Duration(rnd.ExpFloat64() * float64(10*time.Millisecond))
					}
					rows = append(rows, row{fmt.Sprint("service-", i/3), []string{"eu", "us", "in"}[i%3], 60, 1 | streams<<1, 60, 1, bucketText(durations...)})
				}
			}
			p, plan := &places{limit: series, log: quiet()}, streamsNamed(b, "", "api", "evaluation")
			for b.Loop() {
				f := newFold(series, anyPair)
				for _, x := range rows {
					if err := f.add(x, plan); err != nil {
						b.Fatal(err)
					}
				}
				if n := len(f.minutes(p)); n != 3*series {
					b.Fatal(n)
				}
			}
		})
	}
}
