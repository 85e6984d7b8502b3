package incident

import (
	"cmp"
	"context"
	"errors"
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
	ended chan struct{} // closed when Run has ended
	state atomic.Pointer[snapshot]

	// Of the goroutine alone.
	config *rules.Config
	latest latest
	known  bool // a round told how things stand now; before it nothing is composed
	torn   bool // the log gave an error: what it holds is to be read before anything else is decided
}

// Options is what a desk works with.
type Options struct {
	Config  *rules.Config
	Log     Log
	Logger  *slog.Logger
	Judged  map[string]time.Time // by source: end of the newest minute that the log knows to be judged
	History *History             // what the log knows of the minutes that were judged; nil: nothing
	Stored  func()               // called when something was stored and is believed; may be nil
	Point   func(string)         // crash tests kill the program here; may be nil

	// Fit says why customers are not to read a person's words; nil: they may
	// read any.
	Fit func(text string) error

	// Now is the wall clock; nil: time.Now. Histories put it forward and back.
	Now func() time.Time
}

type snapshot struct {
	board   Board
	judged  map[string]time.Time
	history *History
	config  *rules.Config
}

type ask struct {
	round  evaluator.Round
	config *rules.Config // if not nil, what is asked is to go by it from now on
	action *Action       // if not nil, a person acts
	dry    bool          // the action is only to be tried
	reply  chan answer
}

func (a ask) isRound() bool { return a.config == nil && a.action == nil }

type answer struct {
	done  Done
	board Board
	err   error
}

// fresh is how long past the time of what is due the desk waits for the round
// that closes at the same moment, so that words and calls rest on it.
const fresh = time.Second

// NewDesk folds the log into a board.
func NewDesk(ctx context.Context, o Options) (*Desk, error) {
	if o.Point == nil {
		o.Point = func(string) {}
	}
	if o.Stored == nil {
		o.Stored = func() {}
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	d := &Desk{Options: o, asks: make(chan ask), ended: make(chan struct{}), config: o.Config}
	b, err := Fold(o.Log.All(ctx))
	if err != nil {
		return nil, err
	}
	d.state.Store(&snapshot{b, o.Judged, o.History, o.Config})
	return d, nil
}

// Board gives what is known now.
func (d *Desk) Board() Board { return d.state.Load().board }

// History gives what is known of the minutes that were judged.
func (d *Desk) History() *History { return d.state.Load().history }

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
	_, err := d.ask(ctx, ask{config: config})
	return err
}

// Judge takes a round and comes back when what it calls for is stored.
func (d *Desk) Judge(ctx context.Context, r evaluator.Round) error {
	_, err := d.ask(ctx, ask{round: r})
	return err
}

// Act does what a person asks for, and comes back when it is stored. An error
// that is a *Refusal says why nothing was done.
func (d *Desk) Act(ctx context.Context, a Action) (Done, error) {
	got, err := d.ask(ctx, ask{action: &a})
	return got.done, err
}

// Preview gives the board on which an action has been done. Nothing of it is
// stored, and nobody hears of it.
func (d *Desk) Preview(ctx context.Context, a Action) (Board, error) {
	got, err := d.ask(ctx, ask{action: &a, dry: true})
	return got.board, err
}

func (d *Desk) ask(ctx context.Context, a ask) (answer, error) {
	a.reply = make(chan answer, 1)
	select {
	case d.asks <- a:
	case <-ctx.Done():
		return answer{}, ctx.Err()
	}
	// What is begun comes to an end, and whoever gave up on it would do it again.
	select {
	case got := <-a.reply:
		return got, got.err
	case <-d.ended:
		select {
		case got := <-a.reply:
			return got, got.err
		default:
			return answer{}, errors.New("the desk ended in the middle of it")
		}
	}
}

const (
	// patience is how long after a start the desk waits for the first round; if
	// none came, it then says what is due without knowing how things are.
	patience = 10 * time.Second

	// stall is how long it waits for the next of the minutes that are caught up
	// with, before it does the same: none may come for long where the wall clock
	// was put back.
	stall = 2 * time.Minute

	// glance is how long the desk sleeps at most: a timer does not follow a
	// wall clock that is set.
	glance = 2 * time.Second

	// retry is how long after a failure what is due is tried again.
	retry = 5 * time.Second
)

// Run answers what it is asked and does what falls due until ctx ends, once. It
// has one timer, for what is due first.
func (d *Desk) Run(ctx context.Context) error {
	defer close(d.ended)
	patient := time.NewTimer(patience)
	defer patient.Stop()
	var wait time.Time // not before, after a failure; a time that setting the clock does not move
	for {
		var ring <-chan time.Time
		timer := (*time.Timer)(nil)
		due := d.nextDue()
		if d.torn {
			due = d.now() // readers are to see what was stored, too
		}
		if !due.IsZero() {
			timer = time.NewTimer(max(min(due.Sub(d.now()), glance), time.Until(wait)))
			ring = timer.C
		}
		select {
		case <-ctx.Done():
			return nil
		case a := <-d.asks:
			got := d.answer(ctx, a)
			if a.isRound() && !d.known {
				patient.Reset(stall)
			}
			a.reply <- got
		case <-patient.C:
			if !d.known {
				d.known, d.latest = true, latest{} // what was caught up with so far is no news
			}
		case <-ring:
			now := d.now()
			if now.Before(due) {
				break
			}
			err := d.mend(ctx)
			if err == nil {
				err = d.write(ctx, d.clock(), Batch{}, now)
			}
			if err != nil {
				d.Logger.Error("what is due is not stored yet, trying again in 5 s", "err", err)
				wait = time.Now().Add(retry)
				break
			}
			if d.nextDue().Equal(due) {
				d.Logger.Error("what is due cannot be done, trying again in 5 s", "due", due)
				wait = time.Now().Add(retry)
			}
		}
		if timer != nil {
			timer.Stop()
		}
	}
}

// mend looks at the log after it gave an error: it may have stored what it said it
// could not.
func (d *Desk) mend(ctx context.Context) error {
	if !d.torn {
		return nil
	}
	s := d.state.Load()
	board, err := s.board.fold(d.Log.After(ctx, s.board.Seq))
	if err != nil {
		return err
	}
	d.torn = false
	if board.Seq == s.board.Seq {
		return nil
	}
	d.state.Store(&snapshot{board, s.judged, s.history, s.config})
	d.Stored()
	return nil
}

func (d *Desk) answer(ctx context.Context, a ask) answer {
	if err := d.mend(ctx); err != nil {
		return answer{err: err}
	}
	switch {
	case a.config != nil:
		d.config = a.config
		s := d.state.Load()
		d.state.Store(&snapshot{s.board, s.judged, s.history, a.config})
		return answer{}
	case a.action != nil:
		return d.act(ctx, *a.action, a.dry)
	default:
		return answer{err: d.round(ctx, a.round)}
	}
}

// act carries a person's action out. What is refused goes into the audit log,
// too.
func (d *Desk) act(ctx context.Context, a Action, dry bool) answer {
	board, now := d.Board(), d.now()
	events, id, err := board.Act(d.clock(), a, now)
	if dry {
		for _, e := range events {
			e.Seq = board.Seq + 1
			board = board.With(e)
		}
		return answer{done: Done{id, events}, board: board, err: err}
	}
	entry := &AuditEntry{
		At: now, Who: a.By.Person(), Role: a.Role, Via: a.Via, From: a.From, Action: string(a.Do), Incident: cmp.Or(id, a.Incident),
		Why: a.Why, Outcome: "done",
	}
	if err != nil {
		entry.Outcome = err.Error()
	}
	stored, wrong := d.append(ctx, Batch{Events: events, Recorded: now, Audit: entry})
	if wrong != nil {
		return answer{err: wrong}
	}
	return answer{done: Done{id, stored}, err: err}
}

// now is the time on the wall, which may be put forward and back: times are
// compared by it alone.
func (d *Desk) now() time.Time { return d.Now().UTC().Round(0) }

// nextDue is when the clock is to look at the board again.
func (d *Desk) nextDue() time.Time {
	return d.Board().NextDue(Input{Config: d.config, Known: d.known}, d.now())
}

// clock is what a decision is made from when something is due.
func (d *Desk) clock() Input {
	return Input{Config: d.config, Latest: d.latest.findings(d.latest.due()), AsOf: d.asOf(), Known: d.known, Fit: d.Fit}
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
		d.known = true
		in := d.clock()
		in.Round = &r
		return d.write(ctx, in, Batch{}, r.Now)
	}
	if r.Again {
		d.latest.take(r)
		d.known = r.Live
		return nil
	}
	if !r.Reloaded && !r.At.After(d.JudgedOf(r.Source)) {
		return nil // judged before; once is enough
	}
	known := d.latest.with(r)
	in := Input{Config: d.config, Round: &r, Latest: known.findings(r.At.Add(r.Lag)), AsOf: r.At, Known: r.Live}
	b := Batch{Source: r.Source, Judged: r.At, Turns: d.latest.turns(r), Marks: marks(d.config, d.Board(), d.History(), r), Readings: readings(d.config, r)}
	at := r.At.Add(r.Lag)
	if r.Reloaded {
		b.Judged, at = time.Time{}, r.Now // the minute has been judged, by the rules as they were
		b.Marks, b.Readings = nil, nil
	}
	switch err := d.write(ctx, in, b, at); {
	case errors.Is(err, ErrJudged):
		// It was stored, though an earlier attempt was answered with an error.
		s := d.state.Load()
		d.state.Store(&snapshot{s.board, with(s.judged, r.Source, r.At), s.history.With(b.Marks, b.Readings), s.config})
	case err != nil:
		return err
	}
	d.latest, d.known = known, r.Live // what is caught up with tells how things were
	return nil
}

// write decides, appends and only then believes.
func (d *Desk) write(ctx context.Context, in Input, b Batch, at time.Time) error {
	b.Events, b.Recorded = d.Board().Decide(in, at), d.now()
	if len(b.Events) == 0 && len(b.Turns) == 0 && b.Judged.IsZero() {
		return nil
	}
	_, err := d.append(ctx, b)
	return err
}

func (d *Desk) append(ctx context.Context, b Batch) ([]Event, error) {
	d.Point("before append")
	stored, err := d.Log.Append(ctx, b)
	if err != nil {
		d.torn = true
		return nil, fmt.Errorf("append to the timeline: %w", err)
	}
	d.Point("after append")
	s := d.state.Load()
	next := &snapshot{s.board, s.judged, s.history.With(b.Marks, b.Readings), s.config}
	for _, e := range stored {
		next.board = next.board.With(e)
	}
	if !b.Judged.IsZero() {
		next.judged = with(next.judged, b.Source, b.Judged)
	}
	d.state.Store(next)
	d.Stored()
	return stored, nil
}
