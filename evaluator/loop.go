package evaluator

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/featuresignals/tocsin/rules"
	"github.com/featuresignals/tocsin/telemetry"
)

// Loop asks the source for the minutes that are due, fills the rings and hands
// each minute's findings on, one by one and in order. After a stop it begins
// where the last one ended: live and catching up are one code path.
//
// It is not safe for concurrent use; the scheduler runs one tick at a time.
type Loop struct {
	Name    string // of the source whose rules are judged: rules.SourceSpans or rules.SourceProbes
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

// Feed is what feeds the rules of a source, and when its minutes are whole.
type Feed struct {
	Source      Source
	Lag, Settle time.Duration
}

// with joins another feed, whose rules are asked to confirm this one's: both
// have to be whole.
func (f Feed) with(other Feed) Feed {
	return Feed{Join(f.Source, other.Source), max(f.Lag, other.Lag), max(f.Settle, other.Settle)}
}

// Loops makes a loop for each source that feeds some rule, in the order of
// rules.Sources. One whose rules are confirmed by those of another source reads
// both.
func Loops(config *rules.Config, feeds map[string]Feed, sink func(context.Context, Round) error, log *slog.Logger) []*Loop {
	var all []*Loop
	for _, name := range rules.Sources {
		if !config.FedBy(name) {
			continue
		}
		f := feeds[name]
		if other := config.Witness(name); other != "" {
			f = f.with(feeds[other])
		}
		all = append(all, &Loop{
			Name: name, Source: f.Source, Rings: New(config), Lag: f.Lag, Settle: f.Settle, CatchUp: config.CatchUp, Sink: sink, Log: log,
		})
	}
	return all
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

// Fits reports whether an earlier loop of the same source, once it has read
// anything, holds enough for this one's rules: whether TakeOver can be asked. It
// may be asked while that one ticks.
func (l *Loop) Fits(old *Loop) bool {
	_, ok := l.Rings.fits(old.Rings)
	return ok && l.Name == old.Name
}

// TakeOver begins where an earlier loop with other rules stands, which Fits and
// does not tick any more, with what that one has read. The source is asked again
// only where the new rules ask for a limit of durations that was not counted.
// Where that one has read nothing yet, nothing happens, as after an error.
func (l *Loop) TakeOver(ctx context.Context, old *Loop) error {
	if !old.filled {
		return nil
	}
	back, _ := l.Rings.fits(old.Rings)
	from := old.judged.Add(-time.Duration(back) * time.Minute)
	var ms []telemetry.Minute
	if back > 0 {
		var err error
		if ms, err = l.read(ctx, from, old.judged); err != nil {
			return err
		}
	}
	l.Rings.adopt(old.Rings)
	l.Rings.Replace(from, old.judged, ms)
	l.judged, l.settled, l.filled, l.again = old.judged, old.settled, true, false
	return nil
}

// Rejudge hands on what the rules say of the minute that was judged last, by
// an earlier Loop with other rules.
func (l *Loop) Rejudge(ctx context.Context, now time.Time) error {
	closed := now.UTC().Add(-l.Lag).Truncate(time.Minute)
	return l.Sink(ctx, Round{
		Source: l.Name, Lag: l.Lag, At: l.judged, Findings: l.Rings.Judge(l.judged, l.Name), Reloaded: true, Now: now.UTC(),
		Live: l.judged.Equal(closed),
	})
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
	length := chunk
	for at := from.Add(-l.Rings.Reach()); at.Before(from); {
		to := at.Add(length)
		if to.After(from) {
			to = from
		}
		ms, err := l.read(ctx, at, to)
		if err != nil {
			return err
		}
		l.Rings.Replace(at, to, ms)
		at, length = to, longer(length, len(ms))
	}
	if l.again && skipped == 0 {
		// Facts about the minute that was judged last, so that words can be
		// composed before the first new one.
		r := Round{Source: l.Name, Lag: l.Lag, At: from, Findings: l.Rings.Judge(from, l.Name), Again: true, Live: from.Equal(closed)}
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

// next reads up to a chunk of closed minutes. The minutes that settle now are
// read once more by the same query, since what a query costs the source is the
// half hour that both lie in, and not the minutes.
func (l *Loop) next(ctx context.Context, closed time.Time) (ms []telemetry.Minute, to time.Time, err error) {
	to = closed
	if limit := l.judged.Add(chunk); to.After(limit) {
		to = limit
	}
	settling := l.settling(closed)
	if !settling.From.Before(settling.To) || settling.To.After(l.judged) || to.Before(closed) {
		if ms, err = l.read(ctx, l.judged, to); err != nil {
			return nil, to, err
		}
		if !l.settled.Before(l.judged) && settling.To.After(l.settled) {
			l.settled = settling.To // what was that old when it was first read will not be read again
			if to.Before(l.settled) {
				l.settled = to
			}
		}
		return ms, to, nil
	}
	all, err := l.read(ctx, settling.From, to, telemetry.Range{From: settling.To, To: l.judged})
	if err != nil {
		return nil, to, err
	}
	var late []telemetry.Minute
	for _, m := range all {
		switch {
		case !m.Start.Before(l.judged):
			ms = append(ms, m)
		case m.Start.Before(settling.To):
			late = append(late, m)
		}
	}
	l.settle(settling, late)
	return ms, to, nil
}

// settling is the time whose minutes are to be read once more.
func (l *Loop) settling(closed time.Time) telemetry.Range {
	r := telemetry.Range{From: l.settled, To: closed.Add(-l.Settle).Truncate(time.Minute)}
	if oldest := r.To.Add(-l.Rings.Reach()); r.From.Before(oldest) {
		r.From = oldest // the source was away for long, and no window reaches back further
	}
	return r
}

// settle replaces minutes by what they are after the last look. What came late
// counts in windows still to be judged, never in a verdict that was given.
func (l *Loop) settle(r telemetry.Range, ms []telemetry.Minute) {
	l.Rings.Replace(r.From, r.To, ms)
	l.settled = r.To
}

// advance judges the minutes up to to, one by one.
func (l *Loop) advance(ctx context.Context, ms []telemetry.Minute, to, closed time.Time) error {
	byMinute := perMinute(ms)
	for l.judged.Before(to) {
		start := l.judged
		at := start.Add(time.Minute)
		l.Rings.Replace(start, at, byMinute[start.Unix()])
		r := Round{Source: l.Name, Lag: l.Lag, At: at, Findings: l.Rings.Judge(at, l.Name), Skipped: l.skipped}
		r.Live = at.Equal(closed) && time.Since(l.began) < soon
		if err := l.Sink(ctx, r); err != nil {
			return fmt.Errorf("hand on the minute up to %s: %w", at.Format("15:04 UTC"), err)
		}
		l.judged, l.skipped = at, 0
	}
	return nil
}

// late reads what settles now and was not read with the newest minutes.
func (l *Loop) late(ctx context.Context, closed time.Time) error {
	r := l.settling(closed)
	if !r.From.Before(r.To) {
		return nil
	}
	ms, err := l.read(ctx, r.From, r.To)
	if err != nil {
		// The newest minute was read and judged: the source is not blind. The
		// next tick asks for these minutes again.
		l.Log.Warn("late spans not read yet", "from", r.From, "to", r.To, "err", err)
		return nil
	}
	l.settle(r, ms)
	return nil
}

// read gives all minutes of a range, or none and an error.
func (l *Loop) read(ctx context.Context, from, to time.Time, except ...telemetry.Range) ([]telemetry.Minute, error) {
	return readAll(ctx, l.Source, from, to, except...)
}

func readAll(ctx context.Context, source Source, from, to time.Time, except ...telemetry.Range) ([]telemetry.Minute, error) {
	var ms []telemetry.Minute
	for m, err := range source.Minutes(ctx, from, to, except...) {
		if err != nil {
			return nil, fmt.Errorf("read the minutes from %s to %s: %w", from.Format("2006-01-02 15:04"), to.Format("2006-01-02 15:04 UTC"), err)
		}
		m.Series.Service, m.Series.Region = legible(m.Series.Service), legible(m.Series.Region)
		ms = append(ms, m)
	}
	return ms, nil
}

// perMinute sorts minutes by when they start, in unix seconds.
func perMinute(ms []telemetry.Minute) map[int64][]telemetry.Minute {
	by := make(map[int64][]telemetry.Minute)
	for _, m := range ms {
		by[m.Start.Unix()] = append(by[m.Start.Unix()], m)
	}
	return by
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
	if err := l.Sink(ctx, Round{Source: l.Name, Lag: l.Lag, At: l.judged, Blind: true, Now: now.UTC(), Why: why.Error()}); err != nil {
		return fmt.Errorf("%w (and hand that on: %w)", why, err)
	}
	return why
}
