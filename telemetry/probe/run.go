package probe

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/featuresignals/tocsin/telemetry"
)

// run is what Run's goroutine knows.
type run struct {
	*Prober
	book    *book
	targets []*target
	stops   map[*target]context.CancelFunc
	known   map[*target]Status
	failing map[*target]string // the cause that was said last
	events  chan event
	queue   [][]telemetry.Minute // that wait to be kept, oldest first
	running sync.WaitGroup
}

// How many minutes wait for keep before the oldest is given up, which is how
// much memory its failures may cost, and how long one is offered, which is how
// long one that is never taken holds up the rest.
const (
	most   = 60
	enough = time.Hour
)

// Run checks until ctx ends. Then it breaks off what is under way, hands on what
// the minute under way has so far, and comes back.
func (p *Prober) Run(ctx context.Context) error {
	r := &run{
		Prober: p, book: newBook(), events: make(chan event),
		stops: map[*target]context.CancelFunc{}, known: map[*target]Status{}, failing: map[*target]string{},
	}
	r.follow(ctx)
	hands := make(chan []telemetry.Minute)
	left := make(chan []telemetry.Minute, 1)
	go func() { left <- p.hand(ctx, hands) }()
	for ctx.Err() == nil {
		r.step(ctx, hands)
	}
	r.running.Wait()
	r.queue = append(r.queue, r.book.rest()...)
	if ms := <-left; ms != nil {
		r.queue = slices.Insert(r.queue, 0, ms)
	}
	r.last(ctx)
	return nil
}

// step waits for one thing to happen and does what follows from it.
func (r *run) step(ctx context.Context, hands chan<- []telemetry.Minute) {
	var first []telemetry.Minute
	if len(r.queue) > 0 {
		first = r.queue[0]
	} else {
		hands = nil
	}
	var ring <-chan time.Time
	if wake := r.book.wake(); !wake.IsZero() {
		timer := time.NewTimer(time.Until(wake))
		defer timer.Stop()
		ring = timer.C
	}
	select {
	case <-ctx.Done():
		return
	case hands <- first:
		r.queue = r.queue[1:]
	case <-r.changed:
		r.follow(ctx)
	case e := <-r.events:
		r.note(e)
	case <-ring:
	}
	for _, ms := range r.book.close(time.Now()) {
		r.put(ms)
	}
}

// follow makes the targets that are checked those that are wanted.
func (r *run) follow(ctx context.Context) {
	wanted := slices.Clone(*r.wanted.Load())
	for i, t := range wanted {
		if n := slices.IndexFunc(r.targets, t.same); n >= 0 {
			wanted[i] = r.targets[n] // it goes on, with the slots that it has
		}
	}
	for _, t := range r.targets {
		if !slices.Contains(wanted, t) {
			r.stops[t]()
			r.book.forget(t)
			delete(r.stops, t)
			delete(r.known, t)
			delete(r.failing, t)
		}
	}
	for _, t := range wanted {
		if r.stops[t] != nil {
			continue
		}
		tctx, stop := context.WithCancel(ctx)
		r.stops[t] = stop
		r.running.Go(func() { t.watch(tctx, r.events) })
	}
	r.targets = wanted
	r.tell(r.targets, r.known)
}

// note takes down what a target says, unless it is none of ours any more.
func (r *run) note(e event) {
	if r.stops[e.target] == nil {
		return
	}
	if !e.due.IsZero() {
		r.book.begin(e.target, e.due, time.Now())
		return
	}
	began, ok := r.book.done(e.target, e.found)
	if !ok {
		began = time.Now().Add(-e.found.latency) // it was given up, and still it is news
	}
	r.known[e.target] = e.target.status(began, e.found)
	r.tell(r.targets, r.known)
	r.say(e.target, e.found.failure)
}

// say logs that a target fails for another cause than before, or not any more:
// the rest is in the report.
func (r *run) say(t *target, f *failure) {
	cause := ""
	if f != nil {
		cause = f.cause
	}
	before := r.failing[t]
	r.failing[t] = cause
	switch {
	case cause == before:
	case f == nil:
		r.logger.Info("probe is well again", "probe", t.probe.ID, "region", t.address.Region)
	default:
		r.logger.Warn("probe fails", "probe", t.probe.ID, "region", t.address.Region, "reason", f.Error())
	}
}

// put lets minutes wait for keep.
func (r *run) put(ms []telemetry.Minute) {
	r.queue = append(r.queue, ms)
	if len(r.queue) > most {
		r.lost(r.queue[0], errors.New("too many wait already"))
		r.queue = slices.Delete(r.queue, 0, 1)
	}
}

func (p *Prober) lost(ms []telemetry.Minute, err error) {
	p.logger.Error("a minute of probes is lost", "minute", ms[0].Start, "err", err)
}

// hand gives minutes to keep, one after the other, and each until it is taken.
// What is left of it when ctx ends is given back.
func (p *Prober) hand(ctx context.Context, hands <-chan []telemetry.Minute) (left []telemetry.Minute) {
	for {
		select {
		case <-ctx.Done():
			return nil
		case ms := <-hands:
			if !p.insist(ctx, ms) {
				return ms
			}
		}
	}
}

// insist offers minutes until they are taken, or for long enough, and reports
// whether it came to an end before ctx did.
func (p *Prober) insist(ctx context.Context, ms []telemetry.Minute) bool {
	began := time.Now()
	for wait := time.Second; ; wait = min(2*wait, 30*time.Second) {
		err := p.keep(ctx, ms)
		if err == nil {
			return true
		}
		if ctx.Err() != nil {
			return false
		}
		if time.Since(began) > enough {
			p.lost(ms, err)
			return true
		}
		p.logger.Warn("a minute of probes is not kept yet", "minute", ms[0].Start, "again_in", wait, "err", err)
		select {
		case <-ctx.Done():
			return false
		case <-time.After(wait):
		}
	}
}

// last hands on what waits when all else has ended.
func (r *run) last(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	for i, ms := range r.queue {
		if err := r.keep(ctx, ms); err != nil {
			r.logger.Error("minutes of probes are lost at the stop", "minutes", len(r.queue)-i, "err", err)
			return
		}
	}
}
