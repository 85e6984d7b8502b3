package templates

import (
	"math"
	"strings"
	"time"
)

// Measured is what customers feel of an incident, as it was measured: which share
// of their requests is affected, or how long the slowest take. The zero value is
// that nothing was.
type Measured struct {
	Share float64       // of requests, 0 … 1: those affected, or the slowest
	Over  time.Duration // what the slowest take more than; 0: Share is of those affected
}

// String gives it in English, for programs: "about 15 % of requests", "the slowest
// 1 % of requests take more than 2.5 s"; "" where nothing was measured.
func (m Measured) String() string { return english.measured(m, "measured.share") }

// measured gives it in round words, of which those on a share are named.
func (w *catalogue) measured(m Measured, share string) string {
	switch {
	case m.Share <= 0:
		return ""
	case m.Over <= 0:
		return w.say(share, w.roundShare(m.Share))
	default:
		return w.say("measured.slow", w.roundShare(m.Share), w.roundTime(m.Over))
	}
}

// roundShare writes a share with two digits that count: "15 %", "0.15 %".
func (w *catalogue) roundShare(x float64) string {
	x *= 100
	digits := min(max(1-int(math.Floor(math.Log10(x))), 0), 4)
	return w.say("number.percent", w.short(x, digits))
}

// roundTime writes a length of time with two digits that count: "280 ms", "2.5 s".
func (w *catalogue) roundTime(d time.Duration) string {
	unit, key := time.Second, "number.s"
	if d < time.Second {
		unit, key = time.Millisecond, "number.ms"
	}
	x := float64(d) / float64(unit)
	digits := 1
	if x >= 10 {
		digits = 0
	}
	return w.say(key, w.short(x, digits))
}

// short writes a number without noughts at its end that say nothing.
func (w *catalogue) short(x float64, digits int) string {
	s := w.decimal(x, digits)
	if mark := w.say("number.decimal"); digits > 0 && strings.Contains(s, mark) {
		s = strings.TrimSuffix(strings.TrimRight(s, "0"), mark)
	}
	return s
}
