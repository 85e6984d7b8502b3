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
	config *rules.Config
	latest latest
	ready  bool // a round told how things stand now; before it nothing is composed
}

// Options is what a desk works with.
type Options struct {
	Config *rules.Config
	Log    Log
	Logger *slog.Logger
	Judged map[string]time.Time // by source: end of the newest minute that the log knows to be judged
	Stored func()               // called when something was stored and is believed; may be nil
	Point  func(string)         // crash tests kill the program here; may be nil
}

type snapshot struct {
	board  Board
	judged map[string]time.Time
	config *rules.Config
}

type ask struct {
	round  evaluator.Round
	config *rules.Config // if not nil, what is asked is to go by it from now on
	reply  chan error
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
	d := &Desk{Options: o, asks: make(chan ask), config: o.Config}
	b, err := Fold(o.Log.All(ctx))
	if err != nil {
		return nil, err
	}
	d.state.Store(&snapshot{b, o.Judged, o.Config})
	return d, nil
}

// Board gives what is known now.
func (d *Desk) Board() Board { return d.state.Load().board }

// Judged gives the end of the newest minute that was judged for every source
// that the rules look at; zero if there is none.
func (d *Desk) Judged() time.Time {
	s := d.state.Load()
	return JudgedAll(s.config, s.judged)
}

// JudgedAll is what Desk.Judged says, from each source's newest judged minute.
func JudgedAll(config *rules.Config, judged map[string]time.Time) time.Time {
	var all time.Time
	for source, at := range judged {
		if config.FedBy(source) && (all.IsZero() || at.Before(all)) {
			all = at
		}
	}
	return all
}

// JudgedOf gives the end of the newest judged minute of one source.
func (d *Desk) JudgedOf(source string) time.Time { return d.state.Load().judged[source] }

// Reload makes the desk go by another configuration from its next decision on.
// What is open stays open: an incident is its events, not the rules that
// opened it.
func (d *Desk) Reload(ctx context.Context, config *rules.Config) error {
	return d.ask(ctx, ask{config: config, reply: make(chan error, 1)})
}

// Judge takes a round and comes back when what it calls for is stored.
func (d *Desk) Judge(ctx context.Context, r evaluator.Round) error {
	return d.ask(ctx, ask{round: r, reply: make(chan error, 1)})
}

func (d *Desk) ask(ctx context.Context, a ask) error {
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
		if due, ok := d.Board().earliest(); ok && d.ready {
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
			if a.config != nil {
				d.config = a.config
				s := d.state.Load()
				d.state.Store(&snapshot{s.board, s.judged, a.config})
				a.reply <- nil
				break
			}
			a.reply <- d.round(ctx, a.round)
		case <-ring:
			if err := d.write(ctx, d.clock(), Batch{}, time.Now().UTC()); err != nil {
				d.Logger.Error("a promised update is not stored yet, trying again in 5 s", "err", err)
				wait = time.Now().Add(5 * time.Second)
			}
		}
		if timer != nil {
			timer.Stop()
		}
	}
}

// clock is what a decision is made from when something is due.
func (d *Desk) clock() Input {
	return Input{Config: d.config, Latest: d.latest.findings(d.latest.due()), AsOf: d.asOf()}
}

// asOf is the minute that the words of now rest on.
func (d *Desk) asOf() time.Time {
	if at := d.latest.asOf(); !at.IsZero() {
		return at
	}
	return d.Judged()
}

func (d *Desk) round(ctx context.Context, r evaluator.Round) error {
	if r.Blind {
		d.ready = true
		in := d.clock()
		in.Round = &r
		return d.write(ctx, in, Batch{}, r.Now)
	}
	if r.Again {
		d.latest.take(r)
		d.ready = d.ready || r.Live
		return nil
	}
	if !r.Reloaded && !r.At.After(d.JudgedOf(r.Source)) {
		return nil // judged before; once is enough
	}
	known := d.latest.with(r)
	in := Input{Config: d.config, Round: &r, Latest: known.findings(r.At.Add(r.Lag)), AsOf: r.At}
	b := Batch{Source: r.Source, Judged: r.At, Turns: d.latest.turns(r)}
	at := r.At.Add(r.Lag)
	if r.Reloaded {
		b.Judged, at = time.Time{}, r.Now // the minute has been judged, by the rules as they were
	}
	if err := d.write(ctx, in, b, at); err != nil {
		return err
	}
	d.latest, d.ready = known, d.ready || r.Live
	return nil
}

// write decides, appends and only then believes.
func (d *Desk) write(ctx context.Context, in Input, b Batch, at time.Time) error {
	s := d.state.Load()
	b.Events, b.Recorded = s.board.Decide(in, at), time.Now().UTC()
	if len(b.Events) == 0 && len(b.Turns) == 0 && b.Judged.IsZero() {
		return nil
	}
	d.Point("before append")
	stored, err := d.Log.Append(ctx, b)
	if err != nil {
		return fmt.Errorf("append to the timeline: %w", err)
	}
	d.Point("after append")
	next := &snapshot{s.board, s.judged, s.config}
	for _, e := range stored {
		next.board = next.board.With(e)
	}
	if !b.Judged.IsZero() {
		next.judged = with(next.judged, b.Source, b.Judged)
	}
	d.state.Store(next)
	d.Stored()
	return nil
}
