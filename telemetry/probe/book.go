package probe

import (
	"maps"
	"slices"
	"time"

	"github.com/featuresignals/tocsin/telemetry"
)

// book counts checks into the minutes in which they began, and knows when a
// minute is complete. It belongs to one goroutine.
type book struct {
	open   map[int64]map[telemetry.Series]*telemetry.Minute // by when they start, in unix seconds
	under  map[*target]time.Time                            // checks under way, and when they began
	closed time.Time                                        // minutes before this were handed on
}

func newBook() *book {
	return &book{open: map[int64]map[telemetry.Series]*telemetry.Minute{}, under: map[*target]time.Time{}}
}

// begin notes a check that was due, and gives when it began: never in a minute
// that is closed already, even if the clock was set back.
func (b *book) begin(t *target, due, now time.Time) (began time.Time) {
	began = now
	if began.Before(due) { // timers can be a hair early
		began = due
	}
	if began.Before(b.closed) {
		began = b.closed
	}
	b.under[t] = began
	return began
}

// done counts what a check found, and gives when it had begun. A check that
// nobody waits for any more counts no more.
func (b *book) done(t *target, o outcome) (began time.Time, ok bool) {
	began, ok = b.under[t]
	if !ok {
		return began, false
	}
	delete(b.under, t)
	b.count(t, began, o)
	return began, true
}

func (b *book) count(t *target, began time.Time, o outcome) {
	start := began.Truncate(time.Minute)
	series := b.open[start.Unix()]
	if series == nil {
		series = map[telemetry.Series]*telemetry.Minute{}
		b.open[start.Unix()] = series
	}
	m := series[t.series]
	if m == nil {
		m = &telemetry.Minute{Series: t.series, Start: start.UTC()}
		series[t.series] = m
	}
	m.Requests++
	if o.failure != nil {
		m.Errors++
	}
	if o.answered {
		m.Durations.Observe(o.latency)
	}
	if len(o.gauges) > 0 && m.Gauges == nil {
		m.Gauges = map[string]float64{}
	}
	maps.Copy(m.Gauges, o.gauges) // the newest figure of the minute counts
}

// forget takes a target out that is not checked any more. What it found stays.
func (b *book) forget(t *target) { delete(b.under, t) }

// starts lists the minutes that have something in them, oldest first.
func (b *book) starts() []int64 {
	starts := slices.Collect(maps.Keys(b.open))
	for _, began := range b.under {
		starts = append(starts, began.Truncate(time.Minute).Unix())
	}
	slices.Sort(starts)
	return slices.Compact(starts)
}

// waiting reports whether a check of the minute is under way, and by when the
// last of them must be done.
func (b *book) waiting(start int64) (until time.Time, ok bool) {
	for t, began := range b.under {
		if began.Truncate(time.Minute).Unix() != start {
			continue
		}
		if last := began.Add(t.probe.Timeout + patience); !ok || last.After(until) {
			until, ok = last, true
		}
	}
	return until, ok
}

// overdue is how a check counts that did not even end with its timeout.
var overdue = outcome{failure: &failure{cause: "no answer: timed out", detail: "the check did not end"}}

// close takes out the minutes that are over and complete at now, oldest first.
func (b *book) close(now time.Time) (over [][]telemetry.Minute) {
	for _, start := range b.starts() {
		end := time.Unix(start, 0).Add(time.Minute)
		if now.Before(end) {
			break
		}
		if until, ok := b.waiting(start); ok && now.Before(until) {
			break // younger ones wait, too: minutes are handed on in order
		}
		for t, began := range b.under {
			if began.Before(end) {
				delete(b.under, t)
				b.count(t, began, overdue)
			}
		}
		over = append(over, b.take(start))
		b.closed = end
	}
	return over
}

// take gives what a minute holds, in the order of series.
func (b *book) take(start int64) []telemetry.Minute {
	var ms []telemetry.Minute
	for _, m := range b.open[start] {
		ms = append(ms, *m)
	}
	delete(b.open, start)
	slices.SortFunc(ms, func(x, y telemetry.Minute) int { return x.Series.Compare(y.Series) })
	return ms
}

// rest takes out what there is, complete or not: nobody will add to it.
func (b *book) rest() (over [][]telemetry.Minute) {
	clear(b.under)
	for _, start := range b.starts() {
		over = append(over, b.take(start))
	}
	return over
}

// wake is when close is next to be asked if nothing happens before; zero if
// there is nothing to wait for.
func (b *book) wake() time.Time {
	starts := b.starts()
	if len(starts) == 0 {
		return time.Time{}
	}
	end := time.Unix(starts[0], 0).Add(time.Minute)
	if until, ok := b.waiting(starts[0]); ok && until.After(end) {
		return until
	}
	return end
}
