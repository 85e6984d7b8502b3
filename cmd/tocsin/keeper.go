package main

import (
	"context"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/featuresignals/tocsin/cmd/tocsin/console"
	"github.com/featuresignals/tocsin/evaluator"
	"github.com/featuresignals/tocsin/incident"
	"github.com/featuresignals/tocsin/publisher"
	"github.com/featuresignals/tocsin/publisher/page"
	"github.com/featuresignals/tocsin/rules"
	"github.com/featuresignals/tocsin/store"
	"github.com/featuresignals/tocsin/telemetry/probe"
	"github.com/featuresignals/tocsin/telemetry/signoz"
	"github.com/featuresignals/tocsin/templates"
)

// setup is a configuration and what is made of it before anything of it runs:
// whatever is wrong with it shows here, at the start as at a reload.
type setup struct {
	config   *rules.Config
	spans    *signoz.Reader // nil where no rule looks at spans
	words    *templates.Set
	channels []publisher.Channel
	shown    *page.Server // the page, as the public listener shows it
	page     http.Handler
}

func setUp(config *rules.Config, db *store.DB, logger *slog.Logger) (*setup, error) {
	s := &setup{config: config}
	if err := s.open(db); err != nil {
		return nil, err
	}
	var err error
	if _, err := probe.New(config.Probes, nil, logger); err != nil {
		return nil, err
	}
	if s.spans, err = newSource(config, logger); err != nil {
		return nil, err
	}
	return s, nil
}

// open makes the channels, which remember things in db.
func (s *setup) open(db *store.DB) (err error) {
	if s.words, err = openTemplates(s.config); err != nil {
		return err
	}
	if s.channels, err = openChannels(s.config, s.words, db); err != nil {
		return err
	}
	s.shown = page.Handler(pageFolder(s.config))
	s.page = public(s.shown, s.channels)
	return nil
}

func (s *setup) close() {
	if s.spans != nil {
		_ = s.spans.Close() // nothing was written
	}
}

// standing is the configuration in force: a setup that runs.
type standing struct {
	*setup
	sum   string    // of its files
	own   bool      // they have rules or name packs: it is not what holds where nobody wrote any
	since time.Time // when it came into force
	loops []*evaluator.Loop
}

// keeper runs what follows from the configuration, and swaps it when the
// configuration changes: the loops that judge, the probes, the channels. What
// outlives a configuration (the desk, the store, the listeners) is not its
// business. Whoever needs the configuration in force asks for it each time.
type keeper struct {
	world   *world
	logger  *slog.Logger
	db      *store.DB
	meter   *publisher.Metrics // of deliveries; nil where nobody asks
	desk    *incident.Desk
	prober  *probe.Prober
	console *console.Console
	health  *health

	group   *errgroup.Group
	ctx     context.Context // of the group: parts run in it until they are replaced
	started *rules.Config
	force   atomic.Pointer[standing]
	refused atomic.Pointer[refusal]
	out     atomic.Pointer[publisher.Loop]

	preparer publisher.Preparer

	// Of one reload at a time.
	judging, publishing *part
	order               *order // of the rounds of the loops that are judging
}

// begin runs the first configuration, in g until ctx ends.
func (k *keeper) begin(ctx context.Context, g *errgroup.Group, first *setup, files reading) {
	k.ctx, k.group, k.started = ctx, g, first.config
	now := &standing{setup: first, sum: files.sum, own: files.own(), since: time.Now(), loops: k.loops(first)}
	k.force.Store(now)
	for _, l := range now.loops {
		l.Sink = k.take
	}
	k.publish(first)
	k.judge(now)
}

// loops makes a loop for each source that feeds some rule. It goes on where that
// source was judged last.
func (k *keeper) loops(s *setup) []*evaluator.Loop {
	feeds := map[string]evaluator.Feed{rules.SourceProbes: {Source: k.db, Lag: probe.Lag(s.config.Probes)}}
	if s.spans != nil {
		feeds[rules.SourceSpans] = evaluator.Feed{Source: s.spans, Lag: s.config.SigNoz.Lag, Settle: s.config.SigNoz.Settle}
	}
	all := evaluator.Loops(s.config, feeds, nil, k.logger)
	for _, l := range all {
		l.Resume(k.desk.JudgedOf(l.Name))
	}
	return all
}

// take hands a round to the desk. The page is rendered again with it, since the
// times on it moved; a folder that was lost is made again.
func (k *keeper) take(ctx context.Context, r evaluator.Round) error {
	if err := k.inTurn(ctx, r, k.desk.Judge); err != nil {
		return err
	}
	k.health.progressed(r.Source)
	k.console.Note(r)
	if r.Live || r.Blind || r.Reloaded {
		k.renewPages()
	}
	return nil
}

// inTurn does with a round what is to be done when it is its turn: at once where
// it says that nothing can be seen now, or what new rules make of a minute that
// was judged.
func (k *keeper) inTurn(ctx context.Context, r evaluator.Round, do func(context.Context, evaluator.Round) error) error {
	if r.Blind || r.Reloaded {
		return do(ctx, r)
	}
	if err := k.order.wait(ctx, r.Source, r.At.Add(r.Lag)); err != nil {
		return err
	}
	if err := do(ctx, r); err != nil {
		return err
	}
	k.order.passed(r.Source, r.At.Add(time.Minute+r.Lag))
	return nil
}

// judge runs the loops, each when its minutes close. All count as ticking before
// the first one does, so that none runs ahead of one that is only slow to start.
func (k *keeper) judge(s *standing) {
	k.order = newOrder(rules.Sources...)
	for _, l := range s.loops {
		k.order.begin(l.Name, k.due(l))
	}
	k.judging = k.run(func(ctx context.Context) error {
		g, ctx := errgroup.WithContext(ctx)
		for _, l := range s.loops {
			g.Go(func() error {
				return schedule(ctx, l.Lag, func() {
					k.order.begin(l.Name, k.due(l))
					err := l.Tick(ctx, time.Now())
					k.order.end(l.Name, err)
					if ctx.Err() == nil { // else it was broken off by the stop
						k.health.ticked(l.Name, err)
					}
				})
			})
		}
		return g.Wait()
	})
}

// due is when the next round of a loop falls due, at the earliest: after a start
// it is about the minute that was judged last. Where there is none, the others
// wait until it is known.
func (k *keeper) due(l *evaluator.Loop) time.Time {
	judged := k.desk.JudgedOf(l.Name)
	if judged.IsZero() {
		return judged
	}
	return judged.Add(l.Lag)
}

// publish runs the channels.
func (k *keeper) publish(s *setup) {
	k.attach(s)
	out := &publisher.Loop{
		Outbox: k.db, Channels: s.channels, Logger: k.logger, Point: k.world.point, Prepare: k.prepare,
	}
	if m := k.meter; m != nil {
		out.Count, out.Took, out.Delivered = m.Count, m.Took, m.Delivered
	}
	k.out.Store(out)
	k.publishing = k.run(out.Run)
	k.renewPages()
}

// prepare makes a delivery from what is known when it goes out.
func (k *keeper) prepare(_ context.Context, r publisher.Row) (publisher.Delivery, error) {
	known := publisher.Known{Judged: k.desk.Judged(), Config: k.config(), Board: k.desk.Board(), History: k.desk.History()} // what is judged meanwhile is left out
	return k.preparer.Prepare(known, r, time.Now().UTC())
}

// config is the configuration in force.
func (k *keeper) config() *rules.Config { return k.force.Load().config }

// words are the templates in force.
func (k *keeper) words() *templates.Set { return k.force.Load().words }

// mistakes is what is wrong with the configuration as it is written, if it is not
// in force.
func (k *keeper) mistakes() []string {
	if r := k.refused.Load(); r != nil {
		return r.Mistakes
	}
	return nil
}

// wake tells the channels that something was stored.
func (k *keeper) wake() {
	if k.console != nil {
		k.console.Wake()
	}
	if out := k.out.Load(); out != nil {
		out.Wake()
	}
}

func (k *keeper) renewPages() {
	for _, c := range k.config().Pages() {
		k.out.Load().Renew(c.Name)
	}
}

// ServeHTTP serves what is public of the configuration in force: the page, and
// what mail leads to.
func (k *keeper) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	k.force.Load().page.ServeHTTP(w, r)
}

// tidy is house-keeping.
func (k *keeper) tidy() {
	if err := k.db.Trim(k.ctx, time.Now()); err != nil {
		k.logger.Warn("house-keeping", "err", err)
	}
}

// close gives back what the last configuration held, when nothing runs any more.
func (k *keeper) close() { k.force.Load().close() }

// part is something that runs until it is replaced or the service ends.
type part struct {
	cancel context.CancelFunc
	done   chan struct{}
}

func (k *keeper) run(f func(context.Context) error) *part {
	ctx, cancel := context.WithCancel(k.ctx)
	p := &part{cancel, make(chan struct{})}
	k.group.Go(func() error {
		defer close(p.done)
		defer cancel()
		err := f(ctx)
		if err != nil && ctx.Err() != nil && k.ctx.Err() == nil {
			k.logger.Warn("what a reload replaced did not end well", "err", err)
			return nil
		}
		return err
	})
	return p
}

// goesOn reports whether a part has not ended yet.
func (p *part) goesOn() bool {
	if p == nil {
		return false
	}
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// stop ends a part and waits until it has ended.
func (p *part) stop() {
	if p == nil {
		return
	}
	p.cancel()
	<-p.done
}
