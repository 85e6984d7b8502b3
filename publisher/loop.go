package publisher

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// errEarly is why a row waits whose event Prepare does not know yet: it is
// stored before it is believed. The row is tried again in a moment, and the
// attempt does not count.
var errEarly = errors.New("the event is not applied yet")

// Loop brings out what is due, each channel on its own, so that a slow one
// holds up no other. It sleeps until it is woken or a row's time has come.
//
// A row is published before its receipt is stored. A crash in between repeats
// it, with the same key; nothing is lost.
type Loop struct {
	Outbox   Outbox
	Channels []Channel
	// Prepare makes a row's delivery from what is known when it goes out. Its
	// Seq, given with an error too, is that of the newest event that is known:
	// below the row's, the row waits for a moment. The loop fills in Channel,
	// Key, Attempt and At.
	Prepare func(ctx context.Context, r Row) (Delivery, error)

	Count  func(channel, result string) // called for each attempt, as Metrics.Count; may be nil
	Logger *slog.Logger                 // nil: slog.Default()
	Point  func(name string)            // nil in production; crash tests stop here: "before send", "after send", "after receipt"

	once  sync.Once
	lanes []*lane
}

const (
	publishTimeout = 30 * time.Second // for one delivery
	grace          = 3 * time.Second  // what a delivery under way gets when the loop is to stop
	unheeding      = time.Second      // what a channel that does not heed its context gets on top
	moment         = 50 * time.Millisecond
	patience       = 100 // moments that an early row is waited for, before it counts as failed
	batch          = 16  // rows asked for at once
	outboxWait     = 5 * time.Second
	clockWait      = 5 * time.Minute // the wall clock may be set while a timer runs: look again by then
)

// The results that an attempt is counted by.
const (
	resultSent   = "sent"
	resultFailed = "failed" // and will be tried again
	resultDead   = "dead"   // and will not
)

// lane is one channel's way through the loop.
type lane struct {
	*Loop
	channel Channel
	logger  *slog.Logger
	wake    chan struct{} // holds one: woken, and not looked yet
	renew   chan struct{} // holds one: render again
	busy    chan struct{} // closed when a call that was given up comes back; nil: none was
	early   int           // how often in a row errEarly came
}

func (l *Loop) setUp() {
	l.once.Do(func() {
		if l.Logger == nil {
			l.Logger = slog.Default()
		}
		if l.Count == nil {
			l.Count = func(string, string) {}
		}
		if l.Point == nil {
			l.Point = func(string) {}
		}
		for _, c := range l.Channels {
			l.lanes = append(l.lanes, &lane{
				Loop: l, channel: c, logger: l.Logger.With("channel", c.Name()),
				wake: make(chan struct{}, 1), renew: make(chan struct{}, 1),
			})
		}
	})
}

// Wake tells the loop that rows were added. It comes back at once; many calls
// before the loop looks are as one.
func (l *Loop) Wake() {
	l.setUp()
	for _, a := range l.lanes {
		tap(a.wake)
	}
}

// Renew has the named page rendered again without an event, since the times on
// it moved. It is not recorded: what a crash loses, the next minute makes up
// for. Calls before the loop looks are as one.
func (l *Loop) Renew(channel string) {
	l.setUp()
	for _, a := range l.lanes {
		if a.channel.Name() == channel {
			tap(a.renew)
		}
	}
}

func tap(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// Run delivers until ctx ends. Then a delivery under way has a few seconds to
// come to its end; one that does not is repeated after the next start.
func (l *Loop) Run(ctx context.Context) error {
	l.setUp()
	seen := map[string]bool{}
	for _, c := range l.Channels {
		if seen[c.Name()] {
			return fmt.Errorf("two channels are named %q: give each a name of its own", c.Name())
		}
		seen[c.Name()] = true
	}
	g, ctx := errgroup.WithContext(ctx)
	for _, a := range l.lanes {
		g.Go(func() error {
			a.run(ctx)
			return nil
		})
	}
	return g.Wait()
}

func (a *lane) run(ctx context.Context) {
	for ctx.Err() == nil {
		next := a.round(ctx)
		var timer *time.Timer
		var ring <-chan time.Time
		if !next.IsZero() {
			timer = time.NewTimer(min(time.Until(next), clockWait))
			ring = timer.C
		}
		select {
		case <-ctx.Done():
		case <-a.wake:
		case <-ring:
		case <-a.renew:
			a.render(ctx)
		}
		if timer != nil {
			timer.Stop()
		}
	}
}

// round delivers a batch of what is due and gives the time to look again; zero
// when nothing waits.
func (a *lane) round(ctx context.Context) (next time.Time) {
	rows, next, err := a.Outbox.Due(ctx, a.channel.Name(), time.Now(), batch)
	if err != nil {
		if ctx.Err() == nil {
			a.logger.Error("the outbox could not be read", "err", err)
		}
		return time.Now().Add(outboxWait)
	}
	for _, r := range rows {
		if ctx.Err() != nil {
			return time.Time{}
		}
		if early := a.deliver(ctx, r); early {
			return time.Now().Add(moment)
		}
	}
	if len(rows) > 0 {
		return time.Now() // the rows have moved: look again
	}
	return next
}

// deliver brings one row out and records what became of it. It reports whether
// the row came before its event was applied.
func (a *lane) deliver(ctx context.Context, r Row) (early bool) {
	seq, receipt, err := a.send(ctx, r)
	if errors.Is(err, errEarly) && a.early < patience {
		a.early++
		return true
	}
	a.early = 0
	if err == nil {
		a.Count(r.Channel, resultSent)
		a.record(ctx, "the receipt", func(ctx context.Context) error {
			return a.Outbox.Done(ctx, r.ID, seq, receipt, time.Now())
		})
		a.Point("after receipt")
		return false
	}
	if ctx.Err() != nil {
		// Stopped on the way, which is not the target's fault: the row is
		// due at the next start.
		a.logger.Info("a delivery was broken off by the stop and will be repeated", "key", r.Key, "err", err)
		return false
	}
	wait, ok := again(r, err)
	reason := shorten(err.Error())
	if !ok {
		a.Count(r.Channel, resultDead)
		a.logger.Error("a delivery is given up", "key", r.Key, "incident", r.Incident, "attempts", r.Attempts+1, "err", err)
		a.record(ctx, "the dead letter", func(ctx context.Context) error {
			return a.Outbox.Dead(ctx, r.ID, reason, time.Now())
		})
		return false
	}
	a.Count(r.Channel, resultFailed)
	a.logger.Warn("a delivery did not go out and will be tried again", "key", r.Key, "attempt", r.Attempts+1, "wait", wait.Round(time.Millisecond).String(), "err", err)
	next := time.Now().Add(wait)
	a.record(ctx, "the failure", func(ctx context.Context) error {
		return a.Outbox.Again(ctx, r.ID, reason, next)
	})
	return false
}

// render publishes the page afresh, outside the outbox.
func (a *lane) render(ctx context.Context) {
	r := Row{Channel: a.channel.Name(), Due: time.Now()}
	switch _, _, err := a.send(ctx, r); {
	case err == nil:
		a.Count(r.Channel, resultSent)
	case ctx.Err() == nil:
		a.Count(r.Channel, resultFailed)
		a.logger.Warn("the page could not be rendered again", "err", err)
	}
}

// send prepares and publishes one row. seq is that of the newest event that
// the delivery stands for.
func (a *lane) send(ctx context.Context, r Row) (seq uint64, receipt string, err error) {
	if a.busy != nil {
		// Two calls at once could overtake each other.
		select {
		case <-a.busy:
			a.busy = nil
		case <-ctx.Done():
			return 0, "", ctx.Err()
		}
	}
	sctx, cancel := context.WithTimeoutCause(context.WithoutCancel(ctx), publishTimeout,
		fmt.Errorf("no answer within %v", publishTimeout))
	defer cancel()
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(grace, cancel) })
	defer stop()

	type result struct {
		seq     uint64
		receipt string
		err     error
	}
	back := make(chan struct{})
	res := result{err: errors.New("the channel ended its goroutine")} // read after back is closed
	go func() {
		defer close(back)
		defer func() {
			if p := recover(); p != nil {
				a.logger.Error("a channel panicked", "key", r.Key, "panic", p, "stack", string(debug.Stack()))
				res.err = fmt.Errorf("panic: %v", p)
			}
		}()
		res.seq, res.receipt, res.err = a.publish(sctx, r)
	}()
	select {
	case <-back:
	case <-sctx.Done():
		// It has its error now; one that does not heed the context is left
		// behind.
		select {
		case <-back:
		case <-time.After(unheeding):
			a.busy = back
			return 0, "", context.Cause(sctx)
		}
	}
	if res.err != nil && sctx.Err() != nil && !errors.Is(res.err, ErrPermanent) {
		res.err = fmt.Errorf("%w: %w", context.Cause(sctx), res.err)
	}
	return res.seq, res.receipt, res.err
}

// publish runs in a goroutine of its own.
func (a *lane) publish(ctx context.Context, r Row) (seq uint64, receipt string, err error) {
	d, err := a.Prepare(ctx, r)
	if d.Seq < r.Seq {
		if err != nil { // it may be so for that reason
			return 0, "", fmt.Errorf("%w: %w", errEarly, err)
		}
		return 0, "", errEarly
	}
	if err != nil {
		return 0, "", fmt.Errorf("prepare the delivery: %w", err)
	}
	d.Channel, d.Key, d.Attempt, d.At = r.Channel, r.Key, r.Attempts+1, time.Now().UTC()
	a.Point("before send")
	receipt, err = a.channel.Publish(ctx, d)
	if err != nil {
		return 0, "", err
	}
	a.Point("after send")
	return d.Seq, receipt, nil
}

// record stores what became of a delivery, and keeps at it: as long as it is
// not stored, the delivery would be repeated.
func (a *lane) record(ctx context.Context, what string, store func(context.Context) error) {
	for n := 1; ; n++ {
		err := store(context.WithoutCancel(ctx))
		if err == nil {
			return
		}
		a.logger.Error("an outcome is not recorded yet", "what", what, "err", err)
		select {
		case <-ctx.Done():
			return
		case <-time.After(step(pageWaits, n)):
		}
	}
}

// shorten keeps what people need of an error that may hold a whole answer.
func shorten(s string) string {
	const most = 1000
	if len(s) > most {
		s = s[:most] + "…"
	}
	return strings.ToValidUTF8(s, "")
}
