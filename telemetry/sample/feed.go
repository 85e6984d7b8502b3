package sample

import (
	"iter"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// Feed hands out traffic as a store receives it: each span a delay after its
// end, so that a stream is told of minutes after it began.
type Feed struct {
	traffic Traffic
	delay   time.Duration
	next    time.Time // the first minute that was not made yet
	waiting ptrace.Traces
}

// Feed begins with the spans that start in the minute of from.
func (t Traffic) Feed(from time.Time, delay time.Duration) *Feed {
	return &Feed{traffic: t, delay: delay, next: from.UTC().Truncate(time.Minute), waiting: ptrace.NewTraces()}
}

// Through yields what arrives up to a time, minute by minute, each with the
// time at which it had arrived: history, as it would have been stored.
func (f *Feed) Through(to time.Time) iter.Seq2[time.Time, ptrace.Traces] {
	return func(yield func(time.Time, ptrace.Traces) bool) {
		for at := f.next; at.Before(to); at = at.Add(time.Minute) {
			if !yield(at, f.Until(at)) {
				return
			}
		}
		yield(to, f.Until(to))
	}
}

// Until gives what arrives after the last call's time and up to at. It may be
// asked as often as one likes.
func (f *Feed) Until(at time.Time) ptrace.Traces {
	for !f.next.After(at) {
		f.traffic.Minute(f.next).ResourceSpans().MoveAndAppendTo(f.waiting.ResourceSpans())
		f.next = f.next.Add(time.Minute)
	}
	now, later := Arrived(f.waiting, at, f.delay)
	f.waiting = later
	return now
}

// Arrived parts traces, which it uses up, into spans that have arrived when
// each takes a delay from its end, and those still to come.
func Arrived(tr ptrace.Traces, at time.Time, delay time.Duration) (now, later ptrace.Traces) {
	ended := pcommon.NewTimestampFromTime(at.Add(-delay))
	later = ptrace.NewTraces()
	tr.ResourceSpans().RemoveIf(func(rs ptrace.ResourceSpans) bool {
		kept := 0
		for _, ss := range rs.ScopeSpans().All() {
			var waiting ptrace.SpanSlice
			open := false
			ss.Spans().RemoveIf(func(s ptrace.Span) bool {
				if s.EndTimestamp() <= ended {
					return false
				}
				if !open {
					open = true
					copied := later.ResourceSpans().AppendEmpty()
					rs.Resource().CopyTo(copied.Resource())
					scope := copied.ScopeSpans().AppendEmpty()
					ss.Scope().CopyTo(scope.Scope())
					waiting = scope.Spans()
				}
				s.MoveTo(waiting.AppendEmpty())
				return true
			})
			kept += ss.Spans().Len()
		}
		return kept == 0
	})
	return tr, later
}
