package main

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/featuresignals/tocsin/evaluator"
	"github.com/featuresignals/tocsin/incident"
	"github.com/featuresignals/tocsin/publisher"
	"github.com/featuresignals/tocsin/publisher/page"
	"github.com/featuresignals/tocsin/rules"
	"github.com/featuresignals/tocsin/store"
	"github.com/featuresignals/tocsin/telemetry"
	"github.com/featuresignals/tocsin/templates"
)

const liveRules = `
organisation: Acme
components:
  - {id: api, name: API}
regions:
  - {code: eu, name: Europe}
  - {code: us, name: United States}
channels:
  status: {type: page, folder: page}
  hook: {type: webhook, url: "http://127.0.0.1:1/", secret_file: unread}
severities:
  P1: {cadence: [{every: 5m}], channels: [status, hook], hold: 0s}
  P2: {cadence: [{every: 10m}], channels: [status, hook], hold: 0s}
rules:
  - id: api-errors
    component: api
    signal: error_rate
    window: 2m
    levels:
      P1: {above: 30%, for: 3m}
      P2: {above: 5%, for: 3m}
    recover: {below: 2%, for: 5m}
    public: {symptom: elevated errors on the API}
`

// story is a source in which two regions break, worsen and heal.
type story struct {
	begin  time.Time
	stream string // that the rule looks at
}

func (s story) Minutes(_ context.Context, from, to time.Time, _ ...telemetry.Range) iter.Seq2[telemetry.Minute, error] {
	return func(yield func(telemetry.Minute, error) bool) {
		for at := from; at.Before(to); at = at.Add(time.Minute) {
			n := int(at.Sub(s.begin) / time.Minute)
			for _, region := range []string{"eu", "us"} {
				m := telemetry.Minute{Series: telemetry.Series{Service: "api", Region: region, Stream: s.stream}, Start: at, Requests: 200, Errors: 1}
				switch {
				case region == "eu" && n >= 5 && n < 30:
					m.Errors = 30
				case region == "us" && n >= 12 && n < 20:
					m.Errors = 120
				case region == "eu" && n >= 50 && n < 58:
					m.Errors = 150
				}
				if !yield(m, nil) {
					return
				}
			}
		}
	}
}

// mortal is a store that a dead process can no longer write to.
type mortal struct {
	*store.DB
	dead *atomic.Bool
}

var errDead = errors.New("the process is dead")

func (m mortal) Append(ctx context.Context, b incident.Batch) ([]incident.Event, error) {
	if m.dead.Load() {
		return nil, errDead
	}
	return m.DB.Append(ctx, b)
}

func (m mortal) Done(ctx context.Context, id int64, seq uint64, receipt string, at time.Time) error {
	if m.dead.Load() {
		return errDead
	}
	return m.DB.Done(ctx, id, seq, receipt, at)
}

func (m mortal) Again(ctx context.Context, id int64, reason string, next time.Time) error {
	if m.dead.Load() {
		return errDead
	}
	return m.DB.Again(ctx, id, reason, next)
}

// target is a channel that keeps what it was sent, by key.
type target struct {
	mu   sync.Mutex
	sent map[string]string
	n    int
}

func (*target) Name() string { return "hook" }

func (h *target) Publish(_ context.Context, d publisher.Delivery) (string, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.n++
	said := fmt.Sprintf("%s %s %s next %s", d.Incident.ID, d.Update.State, d.Update.Severity, d.Update.Next.Format("15:04:05"))
	if was, ok := h.sent[d.Key]; ok && was != said {
		return "", fmt.Errorf("the repeat of %s says %q, the first said %q: %w", d.Key, said, was, publisher.ErrPermanent)
	}
	h.sent[d.Key] = said
	return d.Key, nil
}

// outcome is what is left when the story is over.
type outcome struct {
	events  []incident.Event
	judged  []time.Time
	sent    map[string]string
	page    map[string]string
	repeats int
	kills   map[string]int
}

// live runs the story for 75 minutes of virtual time, a tick a minute. killer
// says at which named point the next life ends, and after how long otherwise;
// nil kills nothing.
func live(t *testing.T, config *rules.Config, killer *rand.Rand) outcome {
	dir := t.TempDir()
	begin := time.Now().UTC()
	end := begin.Add(75*time.Minute + 30*time.Second)
	set, err := templates.Load(nil)
	if err != nil {
		t.Fatal(err)
	}
	hook := &target{sent: map[string]string{}}
	folder := filepath.Join(dir, "page")
	kills := map[string]int{}
	points := []string{"before append", "after append", "before send", "after send", "after receipt"}
	for time.Now().Before(end) {
		db, err := store.Open(t.Context(), filepath.Join(dir, "tocsin.db"))
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithDeadline(t.Context(), end)
		dead := &atomic.Bool{}
		die := func() { dead.Store(true); cancel() }
		var arm string
		var count atomic.Int64
		if killer != nil {
			if killer.IntN(3) > 0 {
				arm = points[killer.IntN(len(points))]
				count.Store(int64(1 + killer.IntN(4)))
			} else {
				after := time.Duration(killer.Int64N(int64(3 * time.Minute)))
				time.AfterFunc(after, func() { kills["any moment"]++; die() })
			}
		}
		point := func(name string) {
			if name == arm && count.Add(-1) == 0 {
				kills[name]++
				die()
				runtime.Goexit()
			}
		}
		liveOnce(t, ctx, config, mortal{db, dead}, begin, point, hook, page.New("status", folder, set))
		cancel()
		synctest.Wait()
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second) // until it is started again
	}

	db, err := store.Open(t.Context(), filepath.Join(dir, "tocsin.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	out := outcome{sent: hook.sent, page: map[string]string{}, repeats: hook.n - len(hook.sent), kills: kills}
	for e, err := range db.All(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		e.Recorded, e.Seq = time.Time{}, 0
		out.events = append(out.events, e)
	}
	out.judged = journal(t, filepath.Join(dir, "tocsin.db"))
	shown, err := filepath.EvalSymlinks(filepath.Join(folder, "current"))
	if err != nil {
		t.Fatal(err)
	}
	err = filepath.WalkDir(shown, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			var b []byte
			b, err = os.ReadFile(path)
			out.page[strings.TrimPrefix(path, shown)] = string(b)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// liveOnce is one life: it ends with ctx.
func liveOnce(t *testing.T, ctx context.Context, config *rules.Config, db mortal, begin time.Time, point func(string), channels ...publisher.Channel) {
	logger := slog.New(slog.DiscardHandler)
	judged, err := db.Watermark(t.Context(), rules.SourceSpans)
	if err != nil {
		t.Fatal(err)
	}
	out := &publisher.Loop{Outbox: db, Channels: channels, Logger: logger, Point: point}
	desk, err := incident.NewDesk(t.Context(), incident.Options{Config: config, Log: db, Logger: logger, Judged: map[string]time.Time{rules.SourceSpans: judged}, Stored: out.Wake, Point: point})
	if err != nil {
		t.Fatal(err)
	}
	out.Prepare = func(_ context.Context, r publisher.Row) (publisher.Delivery, error) {
		return publisher.Prepare(config, desk.Board(), r, desk.Judged(), time.Now().UTC())
	}
	loop := &evaluator.Loop{
		Name: rules.SourceSpans, Source: story{begin, config.Rules[0].Stream().String()}, Rings: evaluator.New(config), Sink: desk.Judge, Log: logger,
		Lag: config.SigNoz.Lag, Settle: config.SigNoz.Settle, CatchUp: config.CatchUp,
	}
	loop.Resume(judged)
	var wg sync.WaitGroup
	wg.Go(func() { _ = desk.Run(ctx) })
	wg.Go(func() { _ = out.Run(ctx) })
	for ctx.Err() == nil {
		if judged.IsZero() && time.Since(begin) < config.SigNoz.Lag+time.Minute {
			time.Sleep(time.Until(begin.Add(config.SigNoz.Lag + time.Minute))) // the first minute of the story closes
		}
		_ = loop.Tick(ctx, time.Now())
		next := time.Now().Truncate(time.Minute).Add(time.Minute)
		select {
		case <-ctx.Done():
		case <-time.After(time.Until(next)):
		}
	}
	wg.Wait()
}

// Show 3, live: what was killed at random moments and at every named point ends
// with the events, the deliveries and the page of what was not.
func TestKilledWhileLive(t *testing.T) {
	t.Parallel()
	config, err := rules.Parse([]rules.File{{Name: "tocsin.yaml", Body: []byte(liveRules)}})
	if err != nil {
		t.Fatal(err)
	}
	var want outcome
	synctest.Test(t, func(t *testing.T) { want = live(t, config, nil) })
	if len(want.events) < 20 || len(want.sent) < 10 {
		t.Fatalf("the story is too short: %d events, %d deliveries", len(want.events), len(want.sent))
	}
	total := map[string]int{}
	for seed := range uint64(4) {
		var got outcome
		synctest.Test(t, func(t *testing.T) { got = live(t, config, rand.New(rand.NewPCG(seed, 1))) })
		if diff := cmp.Diff(want.events, got.events); diff != "" {
			t.Fatalf("seed %d: the events differ (-undisturbed +killed)\n%s", seed, diff)
		}
		if diff := cmp.Diff(want.sent, got.sent); diff != "" {
			t.Errorf("seed %d: the deliveries differ (-undisturbed +killed)\n%s", seed, diff)
		}
		if diff := cmp.Diff(want.page, got.page); diff != "" {
			t.Errorf("seed %d: the page differs (-undisturbed +killed)\n%s", seed, diff)
		}
		contiguous(t, got.judged)
		if len(got.judged) != len(want.judged) {
			t.Errorf("seed %d: %d minutes judged, want %d", seed, len(got.judged), len(want.judged))
		}
		for k, n := range got.kills {
			total[k] += n
		}
		total["repeats"] += got.repeats
	}
	t.Logf("%d events, %d deliveries; killed, over 4 seeds: %v", len(want.events), len(want.sent), total)
	for _, kind := range []string{"any moment", "before append", "after append", "before send", "after send", "after receipt", "repeats"} {
		if total[kind] == 0 {
			t.Errorf("nothing was killed at %q: the test proves less than it says", kind)
		}
	}
}

// contiguous checks that a journal has each minute once and in order.
func contiguous(t *testing.T, judged []time.Time) {
	t.Helper()
	for i := 1; i < len(judged); i++ {
		if !judged[i].Equal(judged[i-1].Add(time.Minute)) {
			t.Fatalf("the journal goes from %s to %s", judged[i-1], judged[i])
		}
	}
}
