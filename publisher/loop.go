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

	Count func(channel, result string) // called for each attempt, as Metrics.Count; may be nil
	// Took is called with how long each attempt took, Delivered with how long after
	// it was first due a delivery went out; as those of Metrics. Both may be nil.
	Took, Delivered func(channel string, d time.Duration)
	Logger          *slog.Logger      // nil: slog.Default()
	Point           func(name string) // nil in production; crash tests stop here: "before send", "after send", "after receipt"

	once  sync.Once
	lanes []*lane
}

const (
	publishTimeout = 30 * time.Second // for one delivery
	grace          = 3 * time.Second  // what a delivery under way gets when the loop is to stop
	unheeding      = time.Second      // what a channel that does not heed its context gets on top
	moment         = 50 * time.Millisecond
	patience       = 100 // moments that an early row is waited for, before it counts as failed
	outboxWait     = 5 * time.Second
	clockWait      = 5 * time.Minute // the wall clock may be set while a timer runs: look again by then
)

// The results that an attempt is counted by.
const (
	resultSent   = "sent"
	resultFailed = "failed" // and will be tried again
	resultDead   = "dead"   // and will not
	resultMoot   = "moot"   // it need not go out
)

// lane is one channel's way through the loop. All of it but the two channels that
// others knock on belongs to the goroutine of run.
type lane struct {
	*Loop
	channel Channel
	manner  Manner
	logger  *slog.Logger
	wake    chan struct{} // holds one: woken, and not looked yet
	renew   chan struct{} // holds one: render again
	flying  map[int64]bool
	landed  chan int64 // a delivery has come to its end: the row's ID
}

// rendering is what stands in flying for a page that is rendered without a row.
const rendering = 0

func (l *Loop) setUp() {
	l.once.Do(func() {
		if l.Logger == nil {
			l.Logger = slog.Default()
		}
		if l.Count == nil {
			l.Count = func(string, string) {}
		}
		if l.Took == nil {
			l.Took = func(string, time.Duration) {}
		}
		if l.Delivered == nil {
			l.Delivered = func(string, time.Duration) {}
		}
		if l.Point == nil {
			l.Point = func(string) {}
		}
		for _, c := range l.Channels {
			a := &lane{
				Loop: l, channel: c, logger: l.Logger.With("channel", c.Name()),
				wake: make(chan struct{}, 1), renew: make(chan struct{}, 1),
				flying: map[int64]bool{}, landed: make(chan int64),
			}
			if m, ok := c.(Mannered); ok {
				a.manner = m.Manner()
			}
			a.manner.Lanes = max(a.manner.Lanes, 1)
			l.lanes = append(l.lanes, a)
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
	stale := false // the page is to be rendered again
	for ctx.Err() == nil {
		next := a.round(ctx)
		if stale && len(a.flying) == 0 {
			stale = false
			a.launch(ctx, rendering, a.render)
		}
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
			stale = true
		case id := <-a.landed:
			delete(a.flying, id)
		}
		if timer != nil {
			timer.Stop()
		}
	}
	for len(a.flying) > 0 {
		delete(a.flying, <-a.landed)
	}
}

// round sends out what is due, as far as there is room, and gives the time to
// look again; zero when nothing waits but for those under way.
func (a *lane) round(ctx context.Context) (next time.Time) {
	name := a.channel.Name()
	room := a.manner.Lanes - len(a.flying)
	if room <= 0 {
		return time.Time{}
	}
	rows, next, err := a.Outbox.Due(ctx, Ask{Channel: name, Now: time.Now(), N: a.manner.Lanes, Ordered: a.manner.Ordered})
	halted := ""
	if err == nil && len(rows) > 0 {
		halted, err = a.Outbox.Halted(ctx, name)
	}
	if err != nil {
		if ctx.Err() == nil {
			a.logger.Error("the outbox could not be read", "err", err)
		}
		return time.Now().Add(outboxWait)
	}
	// What is less urgent waits until a row is spread over its targets: else it
	// would overtake them meanwhile. Calls to people wait for nothing.
	spreading := false
	for _, r := range rows {
		if a.flying[r.ID] {
			spreading = spreading || a.spreads(r)
			continue
		}
		if spreading && !r.Call {
			continue
		}
		if room--; room < 0 {
			break
		}
		spreading = spreading || a.spreads(r)
		a.launch(ctx, r.ID, func(ctx context.Context) (busy <-chan struct{}) { return a.deliver(ctx, r, halted) })
	}
	if spreading || len(a.flying) >= a.manner.Lanes {
		return time.Time{} // when one has landed, there is room to look again
	}
	return next
}

// spreads reports whether a row is to be spread over targets.
func (a *lane) spreads(r Row) bool {
	_, ok := a.channel.(Spreader)
	return ok && r.Key != "" && r.Target == ""
}

// launch runs f in a goroutine of its own. What f leaves behind, because it does
// not heed its context, goes on to take up room: two calls at once could
// overtake each other.
func (a *lane) launch(ctx context.Context, id int64, f func(context.Context) (busy <-chan struct{})) {
	a.flying[id] = true
	go func() {
		defer func() { a.landed <- id }()
		if busy := f(ctx); busy != nil {
			select {
			case <-busy:
			case <-ctx.Done():
			}
		}
	}()
}

// deliver brings one row out and records what became of it. It gives what is
// closed when a call that was given up comes back; nil where none was.
func (a *lane) deliver(ctx context.Context, r Row, halted string) (busy <-chan struct{}) {
	if halted != "" {
		a.bury(ctx, r, errors.New(halted))
		return nil
	}
	var out outcome
	for range patience {
		if out = a.send(ctx, r); !errors.Is(out.err, errEarly) {
			break
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(moment):
		}
	}
	switch err := out.err; {
	case err == nil && out.spread:
		a.record(ctx, "the targets", func(ctx context.Context) error {
			return a.Outbox.Spread(ctx, r.ID, out.targets, time.Now())
		})
		a.Point("after spread")
	case err == nil:
		a.Count(r.Channel, out.result)
		if out.result == resultSent && !r.Queued.IsZero() {
			a.Delivered(r.Channel, max(0, time.Since(r.Queued)))
		}
		a.record(ctx, "the receipt", func(ctx context.Context) error {
			return a.Outbox.Done(ctx, r.ID, out.seq, out.receipt, time.Now())
		})
		a.Point("after receipt")
	case ctx.Err() != nil:
		// Stopped on the way, which is not the target's fault: the row is
		// due at the next start.
		a.logger.Info("a delivery was broken off by the stop and will be repeated", "key", r.Key, "err", err)
	default:
		a.fail(ctx, r, err)
	}
	return out.busy
}

// fail records a failure, and whether there is another attempt.
func (a *lane) fail(ctx context.Context, r Row, err error) {
	wait, ok := a.manner.again(r, err)
	if !ok {
		if errors.Is(err, ErrGone) {
			a.logger.Error("a channel is halted until somebody says otherwise", "err", err)
			a.record(ctx, "the halt", func(ctx context.Context) error {
				return a.Outbox.Halt(ctx, r.Channel, shorten(err.Error()), time.Now())
			})
		}
		a.bury(ctx, r, err)
		return
	}
	a.Count(r.Channel, resultFailed)
	a.logger.Warn("a delivery did not go out and will be tried again", "key", r.Key, "attempt", r.Attempts+1, "wait", wait.Round(time.Millisecond).String(), "err", err)
	next := time.Now().Add(wait)
	a.record(ctx, "the failure", func(ctx context.Context) error {
		return a.Outbox.Again(ctx, r.ID, shorten(err.Error()), next)
	})
}

// bury makes a row a dead letter.
func (a *lane) bury(ctx context.Context, r Row, err error) {
	a.Count(r.Channel, resultDead)
	a.logger.Error("a delivery is given up", "key", r.Key, "incident", r.Incident, "attempts", r.Attempts+1, "err", err)
	a.record(ctx, "the dead letter", func(ctx context.Context) error {
		return a.Outbox.Dead(ctx, r.ID, shorten(err.Error()), time.Now())
	})
}

// render publishes the page afresh, outside the outbox.
func (a *lane) render(ctx context.Context) (busy <-chan struct{}) {
	r := Row{Channel: a.channel.Name(), Due: time.Now()}
	out := a.send(ctx, r)
	switch {
	case out.err == nil:
		a.Count(r.Channel, out.result)
	case ctx.Err() == nil:
		a.Count(r.Channel, resultFailed)
		a.logger.Warn("the page could not be rendered again", "err", out.err)
	}
	return out.busy
}

// outcome is what became of an attempt.
type outcome struct {
	seq     uint64 // of the newest event that the delivery stands for
	receipt string
	result  string // where err is nil: what it is counted as
	targets []string
	spread  bool // nothing was sent: the row is to be spread over targets
	err     error
	busy    <-chan struct{} // closed when the call, which was given up, comes back; nil: it has
}

// send prepares and publishes one row.
func (a *lane) send(ctx context.Context, r Row) outcome {
	sctx, cancel := context.WithTimeoutCause(context.WithoutCancel(ctx), publishTimeout,
		fmt.Errorf("no answer within %v", publishTimeout))
	defer cancel()
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(grace, cancel) })
	defer stop()

	back := make(chan struct{})
	out := outcome{err: errors.New("the channel ended its goroutine")} // read after back is closed
	go func() {
		defer close(back)
		defer func() {
			if p := recover(); p != nil {
				a.logger.Error("a channel panicked", "key", r.Key, "panic", p, "stack", string(debug.Stack()))
				out = outcome{err: fmt.Errorf("panic: %v", p)}
			}
		}()
		out = a.publish(sctx, r)
	}()
	select {
	case <-back:
	case <-sctx.Done():
		// It has its error now; one that does not heed the context is left
		// behind.
		select {
		case <-back:
		case <-time.After(unheeding):
			return outcome{err: context.Cause(sctx), busy: back}
		}
	}
	if out.err != nil && sctx.Err() != nil && !errors.Is(out.err, ErrPermanent) {
		out.err = fmt.Errorf("%w: %w", context.Cause(sctx), out.err)
	}
	return out
}

// publish runs in a goroutine of its own.
func (a *lane) publish(ctx context.Context, r Row) outcome {
	if _, ok := a.channel.(Spreader); !ok && r.Target != "" {
		// Of a channel that had the name before: a list's thousands would each be
		// told to the one target that there is now.
		return outcome{err: fmt.Errorf("it was for %s, when the channel of this name had targets: %w", r.Target, ErrPermanent)}
	}
	d, err := a.Prepare(ctx, r)
	if d.Seq < r.Seq {
		if err != nil { // it may be so for that reason
			return outcome{err: fmt.Errorf("%w: %w", errEarly, err)}
		}
		return outcome{err: errEarly}
	}
	if errors.Is(err, ErrMoot) {
		return mootOutcome(d, err)
	}
	if err != nil {
		return outcome{err: fmt.Errorf("prepare the delivery: %w", err)}
	}
	d.Channel, d.Key, d.Target, d.Attempt, d.At = r.Channel, r.Key, r.Target, r.Attempts+1, time.Now().UTC()
	if a.spreads(r) {
		targets, err := a.channel.(Spreader).Targets(ctx, d)
		if err != nil {
			return outcome{err: fmt.Errorf("find out whom to tell: %w", err)}
		}
		return outcome{targets: targets, spread: true}
	}
	a.Point("before send")
	began := time.Now()
	defer func() { a.Took(r.Channel, time.Since(began)) }()
	receipt, err := a.channel.Publish(ctx, d)
	if errors.Is(err, ErrMoot) {
		return mootOutcome(d, err)
	}
	if err != nil {
		return outcome{err: err}
	}
	a.Point("after send")
	return outcome{seq: d.Seq, receipt: receipt, result: resultSent}
}

// mootOutcome is the outcome of what need not go out: it is done.
func mootOutcome(d Delivery, err error) outcome {
	return outcome{seq: d.Seq, receipt: shorten(err.Error()), result: resultMoot}
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
