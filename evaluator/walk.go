package evaluator

import (
	"context"
	"fmt"
	"time"

	"github.com/featuresignals/tocsin/rules"
)

// Walk judges history: every minute of a time that is over, in order, each read
// once however many sets of rules look at it. What it hands on for a minute is
// what a Loop would have, had no span come late.
type Walk struct {
	Source   Source
	From, To time.Time // whole minutes; judged are those that end in (From, To]
	Lag      time.Duration
	Progress func(done time.Time) // after each chunk that was judged; may be nil
}

// Walker is one set of rules that walks along.
type Walker struct {
	Rings *Rings
	Sink  func(context.Context, Round) error
}

// Run walks. What the rings look back on before From is read as well; the
// source has to have the streams of all walkers.
func (w Walk) Run(ctx context.Context, walkers ...Walker) error {
	reach := time.Duration(0)
	for _, x := range walkers {
		reach = max(reach, x.Rings.Reach())
	}
	length := chunk
	for from := w.From.Add(-reach).Truncate(chunk); from.Before(w.To); {
		to := from.Add(length)
		if to.After(w.To) {
			to = w.To
		}
		ms, err := readAll(ctx, w.Source, from, to)
		if err != nil {
			return err
		}
		byMinute := perMinute(ms)
		for start := from; start.Before(to); start = start.Add(time.Minute) {
			end := start.Add(time.Minute)
			for _, x := range walkers {
				x.Rings.Replace(start, end, byMinute[start.Unix()])
				if !end.After(w.From) {
					continue
				}
				if err := x.judge(ctx, end, w.Lag); err != nil {
					return fmt.Errorf("hand on the minute up to %s: %w", end.Format("2006-01-02 15:04 UTC"), err)
				}
			}
		}
		if w.Progress != nil {
			w.Progress(to)
		}
		from, length = to, longer(length, len(ms))
	}
	return nil
}

// longer gives how much to read next: a question costs the store as much as the
// half hours that it touches, so few long ones are faster, and what is held at a
// time stays bounded.
func longer(length time.Duration, minutes int) time.Duration {
	const most = 100_000
	switch {
	case minutes < most/2:
		return min(2*length, 24*time.Hour)
	case minutes > most:
		return max(length/2, chunk)
	}
	return length
}

func (x Walker) judge(ctx context.Context, at time.Time, lag time.Duration) error {
	for _, source := range rules.Sources {
		if !x.Rings.config.FedBy(source) {
			continue
		}
		r := Round{Source: source, Lag: lag, At: at, Findings: x.Rings.Judge(at, source), Live: true}
		if err := x.Sink(ctx, r); err != nil {
			return err
		}
	}
	return nil
}
