package evaluator

import (
	"math"
	"testing"
)

// The table is section 5 of the evaluation notes: errors, requests, lower bound
// in percent.
func TestLowerBound(t *testing.T) {
	for _, c := range []struct {
		k, n uint64
		want float64
	}{{1, 3, 7.8}, {3, 3, 52.6}, {1, 30, 0.75}, {2, 10, 6.9}, {10, 100, 6.1}, {30, 200, 11.3}, {150, 1000, 13.2}, {0, 50, 0}, {0, 0, 0}} {
		got := 100 * Lower(c.k, c.n, zOf(0.95))
		if math.Abs(got-c.want) > 0.06 {
			t.Errorf("%d of %d: %.3f %%, want %.2f %%", c.k, c.n, got, c.want)
		}
	}
}

func TestVerdicts(t *testing.T) {
	for _, c := range []struct {
		name  string
		k, n  uint64
		limit float64
		want  Verdict
	}{
		{"no requests say nothing", 0, 0, 0.05, Unsure},
		{"no errors are good, however few the requests", 0, 1, 0.05, Good},
		{"exactly the limit is within it", 5, 100, 0.05, Good},
		{"one of three is evidence against five percent", 1, 3, 0.05, Bad}, // 7.8 % at least
		{"one of six is over the limit and no evidence", 1, 6, 0.05, Unsure},
		{"six of a hundred are no evidence", 6, 100, 0.05, Unsure},
		{"ten of a hundred are", 10, 100, 0.05, Bad},
		{"a limit of nothing is broken by one", 1, 1000, 0, Bad},
		{"all of them against all of them is within", 7, 7, 1, Good},
	} {
		if got := ratio(c.k, c.n, c.limit, zOf(0.95)).verdict; got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}
