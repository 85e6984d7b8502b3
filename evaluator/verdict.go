package evaluator

import (
	"math"
	"time"
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

// poisson gives the lower and the upper end of the one-sided interval for the
// mean of a Poisson count k, by the same approximation as Wilson's (solve
// |k − m| = z·√m for m). z is as in Lower.
func poisson(k uint64, z float64) (low, high float64) {
	kf, half := float64(k), z*z/2
	root := z * math.Sqrt(kf+z*z/4)
	return max(0, kf+half-root), kf + half + root
}

func minutes(d time.Duration) int { return int(d / time.Minute) }
