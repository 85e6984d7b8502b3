package evaluator

import (
	"math"
	"time"

	"github.com/featuresignals/tocsin/rules"
)

// Lower is the lower end of the one-sided Wilson score interval for k of n,
// 0 … 1 (Wilson 1927). z is the normal quantile of the confidence: 1.645 for
// 95 %. It is 0 for n = 0.
func Lower(k, n uint64, z float64) float64 {
	if n == 0 {
		return 0
	}
	nf := float64(n)
	p, z2 := float64(k)/nf, z*z
	return max(0, (p+z2/(2*nf)-z*math.Sqrt(p*(1-p)/nf+z2/(4*nf*nf)))/(1+z2/nf))
}

// zOf gives the normal quantile of a one-sided confidence.
func zOf(confidence float64) float64 { return math.Sqrt2 * math.Erfinv(2*confidence-1) }

// test asks of one counter whether its share of all is over a limit.
type test struct {
	of    int     // which counter counts
	among int     // out of which
	share float64 // the share that may not be exceeded
	z     float64
}

// over reports whether the value is over the limit, bound or no bound.
func (t test) over(k, n uint64) bool { return n > 0 && float64(k)/float64(n) > t.share }

// verdict judges k of n.
func (t test) verdict(k, n uint64) Verdict {
	switch {
	case n == 0:
		return Unsure
	case !t.over(k, n):
		return Good
	case Lower(k, n, t.z) > t.share:
		return Bad
	default:
		return Unsure
	}
}

// judge is a rule made ready to be asked.
type judge struct {
	rule    rules.Rule
	window  int // minutes
	levels  []levelTest
	recover levelTest
	value   rules.Signal
}

type levelTest struct {
	test
	severity rules.Severity
	limit    float64
	forMin   int
}

func minutes(d time.Duration) int { return int(d / time.Minute) }

// reach is how many minutes back a rule can look: the walk over windows goes
// back window+for at the most, and the last of those windows is one long.
func reach(r rules.Rule) int {
	longest := minutes(r.Recover.For)
	for _, l := range r.Levels {
		longest = max(longest, minutes(l.For))
	}
	return 2*minutes(r.Window) + longest
}
