package evaluator

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/featuresignals/tocsin/telemetry"
)

// Loop asks the source for the minutes that are due, fills the rings and hands
// each minute's findings on, one by one and in order. After a stop it begins
// where the last one ended: live and catching up are one code path.
//
// It is not safe for concurrent use; the scheduler runs one tick at a time.
type Loop struct {
	Source  Source
	Rings   *Rings
	Lag     time.Duration // a minute is closed when older than this
	Settle  time.Duration // and never read again when older than Lag+Settle
	CatchUp time.Duration // how far back missed minutes are judged

	// Sink takes each round. What it refuses is offered again at the next tick.
	Sink func(context.Context, Round) error

	Log *slog.Logger

	judged  time.Time // end of the newest judged minute; zero before the first tick
	settled time.Time // minutes before this are never read again
	filled  bool
	skipped time.Duration
	began   time.Time // of the tick under way
	again   bool      // the minute at judged was judged by an earlier process
}

// chunk is how much is read at once when catching up. It bounds the rows of
// one answer.
const chunk = time.Hour

// soon is how long after its tick began a minute still counts as judged on
// time. A tick that caught up with much takes longer.
const soon = 30 * time.Second

// Resume says where an earlier process ended: at the end of the minute that
// was judged last. Zero means that there was none.
func (l *Loop) Resume(judged time.Time) { l.judged, l.again = judged, !judged.IsZero() }

// Judged gives the end of the newest judged minute.
func (l *Loop) Judged() time.Time { return l.judged }

// Tick judges every minute that is closed at now and has not been judged yet.
// Its error is what the source or the sink said; the next tick goes on from
// there.
func (l *Loop) Tick(ctx context.Context, now time.Time) error {
	l.began = time.Now()
	closed := now.UTC().Add(-l.Lag).Truncate(time.Minute)
	if !l.filled {
		if err := l.fill(ctx, closed); err != nil {
			return l.blind(ctx, now, err)
		}
	}
	for l.judged.Before(closed) {
		ms, to, err := l.next(ctx, closed)
		if err != nil {
			return l.blind(ctx, now, err)
		}
		if err := l.advance(ctx, ms, to, closed); err != nil {
			return err
		}
	}
	return l.late(ctx, closed)
}

// fill reads what the rules look back on, before the first minute to judge.
func (l *Loop) fill(ctx context.Context, closed time.Time) error {
	from := l.judged
	if from.IsZero() {
		from = closed.Add(-time.Minute)
	}
	skipped := time.Duration(0)
	if oldest := closed.Add(-l.CatchUp); from.Before(oldest) {
		skipped = oldest.Sub(from)
		from = oldest
	}
	for at := from.Add(-l.Rings.Reach()); at.Before(from); at = at.Add(chunk) {
		to := at.Add(chunk)
		if to.After(from) {
			to = from
		}
		ms, err := l.read(ctx, at, to)
		if err != nil {
			return err
		}
		l.Rings.Replace(at, to, ms)
	}
	if l.again && skipped == 0 {
		// Facts about the minute that was judged last, so that words can be
		// composed before the first new one.
		r := Round{At: from, Findings: l.Rings.Judge(from), Again: true, Live: from.Equal(closed)}
		if err := l.Sink(ctx, r); err != nil {
			return err
		}
	}
	l.judged, l.skipped, l.filled = from, skipped, true
	l.settled = from
	if s := closed.Add(-l.Settle).Truncate(time.Minute); s.Before(from) {
		l.settled = s
	}
	return nil
}

// next reads up to a chunk of closed minutes.
func (l *Loop) next(ctx context.Context, closed time.Time) (ms []telemetry.Minute, to time.Time, err error) {
	to = closed
	if limit := l.judged.Add(chunk); to.After(limit) {
		to = limit
	}
	ms, err = l.read(ctx, l.judged, to)
	if err != nil {
		return nil, to, err
	}
	if settles := closed.Add(-l.Settle).Truncate(time.Minute); !l.settled.Before(l.judged) && settles.After(l.settled) {
		l.settled = settles // what was that old when it was first read will not be read again
		if to.Before(settles) {
			l.settled = to
		}
	}
	return ms, to, nil
}

// advance judges the minutes up to to, one by one.
func (l *Loop) advance(ctx context.Context, ms []telemetry.Minute, to, closed time.Time) error {
	byMinute := make(map[int64][]telemetry.Minute)
	for _, m := range ms {
		byMinute[m.Start.Unix()] = append(byMinute[m.Start.Unix()], m)
	}
	for l.judged.Before(to) {
		start := l.judged
		at := start.Add(time.Minute)
		l.Rings.Replace(start, at, byMinute[start.Unix()])
		r := Round{At: at, Findings: l.Rings.Judge(at), Skipped: l.skipped}
		r.Live = at.Equal(closed) && time.Since(l.began) < soon
		if err := l.Sink(ctx, r); err != nil {
			return fmt.Errorf("hand on the minute up to %s: %w", at.Format("15:04 UTC"), err)
		}
		l.judged, l.skipped = at, 0
	}
	return nil
}

// late reads the minutes that settle now once more. What came late counts in
// windows still to be judged, never in a verdict that was given.
func (l *Loop) late(ctx context.Context, closed time.Time) error {
	from, to := l.settled, closed.Add(-l.Settle).Truncate(time.Minute)
	if !from.Before(to) {
		return nil
	}
	if oldest := to.Add(-l.Rings.Reach()); from.Before(oldest) {
		from = oldest // the source was away for long, and no window reaches back further
	}
	ms, err := l.read(ctx, from, to)
	if err != nil {
		// The newest minute was read and judged: the source is not blind. The
		// next tick asks for these minutes again.
		l.Log.Warn("late spans not read yet", "from", from, "to", to, "err", err)
		return nil
	}
	l.Rings.Replace(from, to, ms)
	l.settled = to
	return nil
}

// read gives all minutes of a range, or none and an error.
func (l *Loop) read(ctx context.Context, from, to time.Time) ([]telemetry.Minute, error) {
	var ms []telemetry.Minute
	for m, err := range l.Source.Minutes(ctx, from, to) {
		if err != nil {
			return nil, fmt.Errorf("read the minutes from %s to %s: %w", from.Format("15:04"), to.Format("15:04 UTC"), err)
		}
		m.Series.Service, m.Series.Region = legible(m.Series.Service), legible(m.Series.Region)
		ms = append(ms, m)
	}
	return ms, nil
}

// legible spells out a name that is not text, such as one that was cut within a
// character. The log would give it back as another name, under which no finding
// would ever find its incident again.
func legible(name string) string {
	if utf8.ValidString(name) {
		return name
	}
	q := strconv.Quote(name)
	return q[1 : len(q)-1]
}

// blind hands on that nothing could be read, and gives the reason back.
func (l *Loop) blind(ctx context.Context, now time.Time, why error) error {
	if ctx.Err() != nil {
		return ctx.Err() // we are stopping; the source is not to blame
	}
	if err := l.Sink(ctx, Round{At: l.judged, Blind: true, Now: now.UTC(), Why: why.Error()}); err != nil {
		return fmt.Errorf("%w (and hand that on: %w)", why, err)
	}
	return why
}
