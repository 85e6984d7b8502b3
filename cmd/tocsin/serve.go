package main

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/go-co-op/gocron/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"golang.org/x/sync/errgroup"

	"github.com/featuresignals/tocsin/evaluator"
	"github.com/featuresignals/tocsin/incident"
	"github.com/featuresignals/tocsin/publisher"
	"github.com/featuresignals/tocsin/store"
)

// serveCmd runs the service.
type serveCmd struct {
	LogLevel slog.Level `default:"info" help:"debug, info, warn or error."`
}

// keep is how long the journal of judged minutes and finished deliveries stay.
const keep = 30 * 24 * time.Hour

// Run satisfies kong. It is the wiring, in one straight line: source, rings,
// desk, outbox, channels, listeners.
func (c *serveCmd) Run(w *world) error {
	config, err := w.load()
	if err != nil {
		return w.mistakes(err)
	}
	logger := slog.New(slog.NewJSONHandler(w.errs, &slog.HandlerOptions{Level: c.LogLevel}))
	slog.SetDefault(logger)
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))

	source, err := newSource(config, logger)
	if err != nil {
		return err
	}
	defer source.Close()
	if err := look(w.ctx, source, logger); err != nil {
		return err
	}
	db, err := store.Open(w.ctx, config.Store.Path)
	if err != nil {
		return err
	}
	defer db.Close()
	judged, err := db.Watermark(w.ctx)
	if err != nil {
		return err
	}

	channels, err := openChannels(config)
	if err != nil {
		return err
	}
	out := &publisher.Loop{
		Outbox: db, Channels: channels, Logger: logger, Point: w.point,
		Count: publisher.NewMetrics(registry, db.Queues).Count,
	}
	desk, err := incident.NewDesk(w.ctx, incident.Options{
		Config: config, Log: db, Logger: logger, Judged: judged, Stored: out.Wake, Point: w.point,
	})
	if err != nil {
		return err
	}
	out.Prepare = func(_ context.Context, r publisher.Row) (publisher.Delivery, error) {
		board := desk.Board()
		d, err := publisher.Prepare(r, publisher.Project(config, board, desk.Judged(), time.Now().UTC()))
		d.Seq = board.Seq
		return d, err
	}

	health := newHealth(config, desk, db, registry, logger)
	loop := &evaluator.Loop{
		Source: source, Rings: evaluator.New(config.Rules), Log: logger,
		Lag: config.SigNoz.Lag, Settle: config.SigNoz.Settle, CatchUp: config.CatchUp,
		Sink: func(ctx context.Context, r evaluator.Round) error {
			if err := desk.Judge(ctx, r); err != nil {
				return err
			}
			health.progressed()
			if r.Live || r.Blind { // and a folder that was lost is made again
				renewPages(config, out)
			}
			return nil
		},
	}
	loop.Resume(judged)

	// Both addresses are taken before anything is judged or sent: a service
	// that cannot be seen is not to speak.
	public, private := servers(config, health, registry)
	outside, err := listen(w.ctx, public)
	if err != nil {
		return err
	}
	defer outside.Close()
	inside, err := listen(w.ctx, private)
	if err != nil {
		return err
	}
	defer inside.Close()
	g, ctx := errgroup.WithContext(w.ctx)
	g.Go(func() error { return desk.Run(ctx) })
	g.Go(func() error { return out.Run(ctx) })
	g.Go(func() error { return serveHTTP(ctx, public, outside) })
	g.Go(func() error { return serveHTTP(ctx, private, inside) })
	g.Go(func() error {
		return schedule(ctx, config.SigNoz.Lag, func() {
			if err := loop.Tick(ctx, time.Now()); ctx.Err() == nil { // else it was broken off by the stop
				health.ticked(err)
			}
		}, func() {
			if err := db.Trim(ctx, time.Now().Add(-keep)); err != nil {
				logger.Warn("house-keeping", "err", err)
			}
		})
	})
	logger.Info("serving", "page", config.Listen.Public, "private", config.Listen.Private, "rules", len(config.Rules),
		"resumed", judged, "hold_before_first_post", 0)
	renewPages(config, out)
	err = g.Wait()
	if err == nil {
		logger.Info("stopped")
	}
	return err
}

// schedule runs tick at once and then whenever a minute closes, and tidy every
// hour, until ctx ends. One tick runs at a time; a late one catches up by itself.
func schedule(ctx context.Context, lag time.Duration, tick, tidy func()) error {
	s, err := gocron.NewScheduler()
	if err != nil {
		return fmt.Errorf("start the schedule: %w", err)
	}
	var running sync.Mutex
	one := func() {
		if !running.TryLock() {
			return // the one under way will see this minute, too
		}
		defer running.Unlock()
		// A timer that fires a hair early by the wall clock would find the
		// minute still open, and leave it for a minute.
		const hair = 200 * time.Millisecond
		closed := time.Now().Add(hair - lag).Truncate(time.Minute)
		time.Sleep(time.Until(closed.Add(lag)))
		for {
			tick()
			next := time.Now().Add(-lag).Truncate(time.Minute)
			if ctx.Err() != nil || !next.After(closed) {
				return
			}
			closed = next // meanwhile, and nobody else will look at it in time
		}
	}
	whenMinutesClose := fmt.Sprintf("%d * * * * *", int(lag%time.Minute/time.Second))
	_, err = s.NewJob(gocron.CronJob(whenMinutesClose, true), gocron.NewTask(one))
	if err == nil {
		_, err = s.NewJob(gocron.OneTimeJob(gocron.OneTimeJobStartImmediately()), gocron.NewTask(one))
	}
	if err == nil {
		_, err = s.NewJob(gocron.DurationJob(time.Hour), gocron.NewTask(tidy))
	}
	if err != nil {
		return fmt.Errorf("start the schedule: %w", err)
	}
	s.Start()
	<-ctx.Done()
	return s.Shutdown()
}
