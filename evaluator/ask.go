package evaluator

import (
	"math"

	"github.com/featuresignals/tocsin/rules"
)

// answer is what a window says to one question.
type answer struct {
	k, n    uint64  // so many of so many; for a rate the requests, twice
	value   float64 // in the unit of the rule's limits; not set for pNN, which takes a histogram
	limit   float64 // that counted: the level's, or what is allowed by the baseline
	seen    bool    // there was something to go by
	over    bool    // beyond the limit, bound or no bound
	verdict Verdict
}

// test asks one thing of one window.
type test struct {
	kind      rules.Kind
	window    int // minutes
	of, among int // which counter counts, out of which
	limit     float64
	under     bool
	z         float64
	gauge     string

	// Against a baseline: a window of span minutes that ended ago minutes
	// before the newest one does.
	times     float64
	ago, span int

	confidence float64 // silence
}

// ask asks r about the window that ends with the minute last.
func (t *test) ask(r *ring, last int64) answer {
	switch t.kind {
	case rules.KindRequestRate:
		return t.rate(r, last)
	case rules.KindGauge:
		return t.figure(r, last)
	case rules.KindSilence:
		return t.silence(r, last)
	default:
		return t.share(r, last)
	}
}

// share asks whether k of n is over the limit, and over what the baseline allows.
func (t *test) share(r *ring, last int64) answer {
	k, n := r.sum(last, t.window, t.of), r.sum(last, t.window, t.among)
	limit := t.limit
	if t.times > 0 && n > 0 {
		from, to := t.baseline(last)
		if n := r.between(from, to, t.among); n > 0 { // without one the limit alone decides
			limit = max(limit, t.times*float64(r.between(from, to, t.of))/float64(n))
		}
	}
	return ratio(k, n, limit, t.z)
}

// ratio judges k of n.
func ratio(k, n uint64, limit, z float64) answer {
	a := answer{k: k, n: n, limit: limit, seen: n > 0}
	if !a.seen {
		return a
	}
	a.value = float64(k) / float64(n)
	a.over = a.value > limit
	return a.judged(a.over && Lower(k, n, z) > limit)
}

// judged fills in the verdict. sure says that the bound is beyond the limit.
func (a answer) judged(sure bool) answer {
	switch {
	case !a.seen:
		a.verdict = Unsure
	case !a.over:
		a.verdict = Good
	case sure:
		a.verdict = Bad
	default:
		a.verdict = Unsure
	}
	return a
}

func (t *test) baseline(last int64) (from, to int64) {
	to = last + 1 - int64(t.ago)
	return to - int64(t.span), to
}

// known is how many minutes back a series must have sent something for its
// absence now to mean anything.
const known = 60

// rate asks whether there are too many or too few requests a minute. Too few are
// missing only from the minutes in which any came from anywhere: in the others
// it is the source that is silent.
func (t *test) rate(r *ring, last int64) answer {
	a := answer{limit: t.limit}
	a.k = r.sum(last, t.window, requests)
	a.n = a.k
	heard, now := t.window, true
	if t.window > exact {
		heard += int((last + 1 - int64(t.window)) % coarse) // it begins at the boundary before
	}
	before := last - int64(t.window)
	a.seen = a.k > 0
	if t.under {
		heard, now = r.heard(last, t.window)
		a.seen = heard > 0 && r.sum(before, known, requests) > 0
	}
	each := r.scale / float64(max(heard, 1))
	a.value = float64(a.k) * each
	if t.times > 0 {
		from, to := t.baseline(last)
		base := t.times * float64(r.between(from, to, requests)) * r.scale / float64(to-to%coarse-(from-from%coarse))
		switch {
		case base == 0 && math.IsInf(a.limit, 0):
			a.seen, a.limit = false, 0 // nothing to compare with, and JSON has no word for the limit
		case base == 0:
		case t.under:
			a.limit = min(a.limit, base)
		default:
			a.limit = max(a.limit, base)
		}
	}
	low, high := poisson(a.k, t.z)
	if !t.under {
		a.over = a.value > a.limit
		return a.judged(low*each > a.limit)
	}
	a.over = a.seen && a.value < a.limit
	if !a.over && !now {
		a.seen = false // there were enough, and now nobody knows
	}
	return a.judged(high*each < a.limit)
}

// figure asks about a gauge's newest value.
func (t *test) figure(r *ring, last int64) answer {
	v, ok := r.gauge(last, t.window, t.gauge)
	a := answer{value: v, limit: t.limit, seen: ok}
	if !ok {
		return a
	}
	a.n = 1
	a.over = v > t.limit
	if t.under {
		a.over = v < t.limit
	}
	if a.over {
		a.k = 1
	}
	return a.judged(true)
}

// silence asks whether r has stopped sending: nothing came in the window, while
// something came from elsewhere, and by what came in the hour before it stopped
// that can be neither chance nor habit.
func (t *test) silence(r *ring, last int64) answer {
	a := answer{limit: float64(t.window)}
	if n := r.sum(last, t.window, requests); n > 0 {
		a.n, a.seen, a.verdict = n, true, Good
		return a
	}
	stopped := r.last(last)
	heard, now := r.heard(last, t.window)
	if stopped == 0 || !now || last-stopped > silent-known {
		return a
	}
	a.value = float64(last - stopped)
	a.n = r.sum(stopped, known, requests) // of the hour before it stopped
	expected := float64(a.n) / known * float64(heard)
	if math.Exp(-expected) > 1-t.confidence || int64(r.alive.sum(last, int(last-stopped), minutesHeard)) <= r.gap(stopped) {
		return a
	}
	a.k, a.seen, a.over, a.verdict = a.n, true, true, Bad
	return a
}

// gap is the longest stretch without requests between two minutes with some, in
// the hour that ended with stopped, in minutes in which others sent something.
func (r *ring) gap(stopped int64) int64 {
	longest, since := int64(0), stopped
	for m := stopped - 1; m > stopped-known && m >= r.first; m-- {
		if r.one(m) > 0 {
			longest = max(longest, int64(r.alive.sum(since-1, int(since-m-1), minutesHeard)))
			since = m
		}
	}
	return longest
}

// pair is two windows that must both be over, or one.
type pair struct {
	long  test
	short *test
}

func (p *pair) ask(r *ring, last int64) answer {
	a := p.long.ask(r, last)
	if p.short == nil || !a.over {
		return a
	}
	if s := p.short.ask(r, last); !s.over {
		a.over, a.verdict = false, Good // it burnt, and does not burn any more
	}
	return a
}

// condition is a level made ready to be asked, or `recover`.
type condition struct {
	severity rules.Severity
	limit    float64
	any      []pair // one of them is enough
	forMin   int
	confirm  []string
}

// ask gives the answer of the pair that is worst.
func (c *condition) ask(r *ring, last int64) answer {
	a := c.any[0].ask(r, last)
	for i := 1; i < len(c.any); i++ {
		b := c.any[i].ask(r, last)
		if a.worse(b) {
			a = b
		}
	}
	return a
}

// worse reports whether b says more, or worse, than a.
func (a answer) worse(b answer) bool {
	switch {
	case a.seen != b.seen:
		return b.seen
	case a.over != b.over:
		return b.over
	case (a.verdict == Bad) != (b.verdict == Bad):
		return b.verdict == Bad
	}
	return b.value/b.limit > a.value/a.limit
}

// steps is how many windows back a condition is asked at the most.
func (c *condition) steps() int { return min(c.any[0].long.window, exact) + c.forMin }

// held reports whether it has held for its `for`: the newest window is bad, and
// so were as many before it, none of them good. Windows that say nothing are
// passed over; they neither confirm nor reset.
func (c *condition) held(r *ring, last int64) bool {
	bad := 0
	for i := range int64(c.steps()) {
		v := c.ask(r, last-i).verdict
		if i == 0 && v != Bad || v == Good {
			return false
		}
		if v == Bad {
			bad++
		}
		if bad >= c.forMin {
			return true
		}
	}
	return false
}

// calm counts, back from the newest, the windows that stayed within the limit,
// at most forMin. No bound is asked; windows that say nothing are passed over.
// within says whether the newest one is within, on evidence.
func (c *condition) calm(r *ring, last int64, forMin int) (n int, within bool) {
	if c.spotless(r, last, forMin) {
		return forMin, true
	}
	for i := range int64(min(c.any[0].long.window, exact) + forMin) {
		a := c.ask(r, last-i)
		if a.over {
			break
		}
		if i == 0 {
			within = a.seen
		}
		if a.seen {
			n++
		}
		if n >= forMin {
			break
		}
	}
	return n, within
}

// spotless reports, from two sums, what is so of nearly every series in nearly
// every minute: that there was no trouble at all in any of the windows, and no
// minute without requests.
func (c *condition) spotless(r *ring, last int64, forMin int) bool {
	longest := 0
	for i := range c.any {
		t := &c.any[i].long
		if t.kind == rules.KindRequestRate || t.kind == rules.KindGauge || t.kind == rules.KindSilence {
			return false
		}
		longest = max(longest, t.window)
	}
	t := &c.any[0].long // all of them count the same
	return r.sum(last, forMin, present) == uint64(forMin) && r.sum(last, longest+forMin, t.of) == 0
}
