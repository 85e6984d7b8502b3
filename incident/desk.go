package incident

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/featuresignals/tocsin/evaluator"
	"github.com/featuresignals/tocsin/rules"
)

// Desk is the one writer. It appends what Decide says and believes it only
// then. Everything that changes goes through its goroutine; readers get an
// immutable board.
type Desk struct {
	Options
	asks  chan ask
	state atomic.Pointer[snapshot]

	// Of the goroutine alone.
	latest []evaluator.Finding
	asOf   time.Time
	ready  bool // a round told how things stand now; before it nothing is composed
}

// Options is what a desk works with.
type Options struct {
	Config *rules.Config
	Log    Log
	Logger *slog.Logger
	Judged time.Time    // end of the newest minute that the log knows to be judged; zero: none
	Stored func()       // called when something was stored and is believed; may be nil
	Point  func(string) // crash tests kill the program here; may be nil
}

type snapshot struct {
	board  Board
	judged time.Time
}

type ask struct {
	round evaluator.Round
	reply chan error
}

// fresh is how long past a promise the desk waits for the round that is due at
// the same moment, so that the words rest on it.
const fresh = 2 * time.Second

// NewDesk folds the log into a board.
func NewDesk(ctx context.Context, o Options) (*Desk, error) {
	if o.Point == nil {
		o.Point = func(string) {}
	}
	if o.Stored == nil {
		o.Stored = func() {}
	}
	d := &Desk{Options: o, asks: make(chan ask), asOf: o.Judged}
	b, err := Fold(o.Log.All(ctx))
	if err != nil {
		return nil, err
	}
	d.state.Store(&snapshot{b, o.Judged})
	return d, nil
}

// Board gives what is known now.
func (d *Desk) Board() Board { return d.state.Load().board }

// Judged gives the end of the newest judged minute; zero if there is none.
func (d *Desk) Judged() time.Time { return d.state.Load().judged }

// Judge takes a round and comes back when what it calls for is stored.
func (d *Desk) Judge(ctx context.Context, r evaluator.Round) error {
	a := ask{r, make(chan error, 1)}
	select {
	case d.asks <- a:
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case err := <-a.reply:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Run answers rounds and keeps the promises until ctx ends. It has one timer,
// for the earliest promise.
func (d *Desk) Run(ctx context.Context) error {
	var wait time.Time // not before, after a failure
	for {
		var ring <-chan time.Time
		timer := (*time.Timer)(nil)
		if due, ok := d.earliest(); ok && d.ready {
			if due = due.Add(fresh); due.Before(wait) {
				due = wait
			}
			timer = time.NewTimer(time.Until(due))
			ring = timer.C
		}
		select {
		case <-ctx.Done():
			return nil
		case a := <-d.asks:
			a.reply <- d.round(ctx, a.round)
		case <-ring:
			if err := d.write(ctx, Input{Config: d.Config, Latest: d.latest, AsOf: d.asOf}, time.Now().UTC(), time.Time{}); err != nil {
				d.Logger.Error("a promised update is not stored yet, trying again in 5 s", "err", err)
				wait = time.Now().Add(5 * time.Second)
			}
		}
		if timer != nil {
			timer.Stop()
		}
	}
}

// earliest gives the earliest promise.
func (d *Desk) earliest() (due time.Time, ok bool) {
	for _, i := range d.Board().Open {
		if !i.Promise.IsZero() && (!ok || i.Promise.Before(due)) {
			due, ok = i.Promise, true
		}
	}
	return due, ok
}

func (d *Desk) round(ctx context.Context, r evaluator.Round) error {
	if r.Blind {
		d.ready = true
		return d.write(ctx, Input{Config: d.Config, Round: &r, Latest: d.latest, AsOf: d.asOf}, r.Now, time.Time{})
	}
	if r.Again {
		d.latest, d.asOf, d.ready = r.Findings, r.At, d.ready || r.Live
		return nil
	}
	if err := d.write(ctx, Input{Config: d.Config, Round: &r, Latest: r.Findings, AsOf: r.At}, r.At.Add(d.Config.SigNoz.Lag), r.At); err != nil {
		return err
	}
	d.latest, d.asOf, d.ready = r.Findings, r.At, d.ready || r.Live
	return nil
}

// write decides, appends and only then believes.
func (d *Desk) write(ctx context.Context, in Input, at, judged time.Time) error {
	s := d.state.Load()
	if !judged.IsZero() && !judged.After(s.judged) {
		return nil // judged before; once is enough
	}
	events := s.board.Decide(in, at)
	batch := Batch{Events: events, Judged: judged, Recorded: time.Now().UTC()}
	if len(events) == 0 && judged.IsZero() {
		return nil
	}
	d.Point("before append")
	stored, err := d.Log.Append(ctx, batch)
	if err != nil {
		return fmt.Errorf("append to the timeline: %w", err)
	}
	d.Point("after append")
	next := &snapshot{s.board, s.judged}
	for _, e := range stored {
		next.board = next.board.With(e)
	}
	if !judged.IsZero() {
		next.judged = judged
	}
	d.state.Store(next)
	d.Stored()
	return nil
}
