package main

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"os/signal"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/go-co-op/gocron/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"golang.org/x/sync/errgroup"

	"github.com/featuresignals/tocsin/incident"
	"github.com/featuresignals/tocsin/publisher"
	"github.com/featuresignals/tocsin/rules"
	"github.com/featuresignals/tocsin/store"
	"github.com/featuresignals/tocsin/telemetry/probe"
	"github.com/featuresignals/tocsin/templates"
)

// serveCmd runs the service.
type serveCmd struct {
	LogLevel slog.Level `default:"info" help:"debug, info, warn or error."`
}

// Run satisfies kong. It is the wiring, in one straight line: configuration,
// store, desk, listeners, and the keeper of all that follows the configuration.
func (c *serveCmd) Run(w *world) error {
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	defer signal.Stop(hup)
	files := newWatch(cmp.Or(w.path(), usual)) // before they are read, so that no change is missed
	config, err := w.load()
	if err != nil {
		return w.mistakes(err)
	}
	logger := slog.New(slog.NewJSONHandler(w.errs, &slog.HandlerOptions{Level: c.LogLevel}))
	slog.SetDefault(logger)
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))

	first, err := setUp(config, nil, logger) // whatever is wrong shows before there is a store
	if err != nil {
		return w.mistakes(err)
	}
	if err := look(w.ctx, first.spans, logger); err != nil {
		return err
	}
	db, err := store.Open(w.ctx, config.Store.Path)
	if err != nil {
		return err
	}
	defer db.Close()
	if err := first.open(db); err != nil {
		return err
	}
	judged, err := watermarks(w.ctx, db)
	if err != nil {
		return err
	}

	history, err := db.History(w.ctx, newest(judged))
	if err != nil {
		return err
	}

	k := &keeper{world: w, logger: logger, db: db, meter: publisher.NewMetrics(registry, db.Queues)}
	k.desk, err = incident.NewDesk(w.ctx, incident.Options{
		Config: config, Log: db, Logger: logger, Judged: judged, History: history, Stored: k.wake, Point: w.point, Fit: templates.Fit,
	})
	if err != nil {
		return err
	}
	if k.prober, err = probe.New(config.Probes, db.PutMinutes, logger); err != nil {
		return err
	}
	probe.NewMetrics(registry, k.prober.Report)
	k.health = newHealth(k, registry)

	// Both addresses are taken before anything is judged or sent: a service
	// that cannot be seen is not to speak.
	people, err := k.private(registry)
	if err != nil {
		return err
	}
	k.console = people.console
	public, private := publicServer(config.Listen.Public, k, certificateOf(config)), server(config.Listen.Private, people.mux)
	outside, err := listenPublic(w.ctx, public)
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
	g.Go(func() error { return k.desk.Run(ctx) })
	g.Go(func() error { return k.prober.Run(ctx) })
	g.Go(func() error { return people.guard.Run(ctx) })
	g.Go(func() error { return people.console.Run(ctx) })
	g.Go(func() error { return people.slack.Run(ctx) })
	k.begin(ctx, g, first, files.read)
	defer k.close()
	g.Go(func() error { return k.follow(ctx, files, hup) })
	g.Go(func() error { return serveHTTP(ctx, public, outside) })
	g.Go(func() error { return serveHTTP(ctx, private, inside) })
	g.Go(func() error { return everyHour(ctx, k.tidy) })
	if all, err := db.Tokens(ctx); err == nil && len(all) == 0 {
		logger.Warn("nobody can sign in to the console yet: tocsin token make NAME --role admin")
	}
	logger.Info("serving", "page", config.Listen.Public, "console", config.Listen.Private, "rules", len(config.Rules),
		"sum", short(files.read.sum), "resumed", judged)
	err = g.Wait()
	if err == nil {
		logger.Info("stopped")
	}
	return err
}

// watermarks gives where each source was judged last.
func watermarks(ctx context.Context, db *store.DB) (map[string]time.Time, error) {
	judged := map[string]time.Time{}
	for _, source := range rules.Sources {
		at, err := db.Watermark(ctx, source)
		if err != nil {
			return nil, err
		}
		if !at.IsZero() {
			judged[source] = at
		}
	}
	return judged, nil
}

// newest gives the end of the newest minute that was judged for any source.
func newest(judged map[string]time.Time) time.Time {
	return slices.MaxFunc(append(slices.Collect(maps.Values(judged)), time.Time{}), time.Time.Compare)
}

// schedule runs tick at once and then whenever a minute closes, until ctx ends.
// One tick runs at a time; a late one catches up by itself.
func schedule(ctx context.Context, lag time.Duration, tick func()) error {
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
	return jobs(ctx, one, gocron.CronJob(whenMinutesClose, true), gocron.OneTimeJob(gocron.OneTimeJobStartImmediately()))
}

// everyHour runs a task until ctx ends.
func everyHour(ctx context.Context, task func()) error {
	return jobs(ctx, task, gocron.DurationJob(time.Hour))
}

// jobs runs a task at the given times until ctx ends, and waits for its end.
func jobs(ctx context.Context, task func(), times ...gocron.JobDefinition) error {
	s, err := gocron.NewScheduler()
	for _, t := range times {
		if err == nil {
			_, err = s.NewJob(t, gocron.NewTask(task))
		}
	}
	if err != nil {
		return fmt.Errorf("start the schedule: %w", err)
	}
	s.Start()
	<-ctx.Done()
	return s.Shutdown()
}
