package incident_test

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/featuresignals/tocsin/evaluator"
	"github.com/featuresignals/tocsin/incident"
	"github.com/featuresignals/tocsin/rules"
)

// full is a log that refuses batches while its disk is full.
type full struct {
	memory
	full bool
}

var errFull = errors.New("disk full")

func (f *full) Append(ctx context.Context, b incident.Batch) ([]incident.Event, error) {
	if f.full {
		return nil, errFull
	}
	return f.memory.Append(ctx, b)
}

// The publisher is woken when a batch is stored and believed, and not before.
func TestWhatIsNotStoredIsNeitherBelievedNorPublished(t *testing.T) {
	log, woken := &full{memory: memory{judged: map[string][]time.Time{}}, full: true}, 0
	desk, err := incident.NewDesk(t.Context(), incident.Options{
		Config: rules.Default(), Log: log, Logger: slog.New(slog.NewTextHandler(t.Output(), nil)), Stored: func() { woken++ },
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go desk.Run(ctx)

	minute := evaluator.Round{Source: rules.SourceSpans, At: time.Date(2026, 5, 20, 10, 1, 0, 0, time.UTC), Live: true}
	if err := desk.Judge(ctx, minute); !errors.Is(err, errFull) || woken != 0 || !desk.Judged().IsZero() {
		t.Errorf("the desk says %v, woke %d times, believes in %s", err, woken, desk.Judged())
	}
	log.full = false
	if err := desk.Judge(ctx, minute); err != nil || woken != 1 || !desk.Judged().Equal(minute.At) {
		t.Errorf("the desk says %v, woke %d times, believes in %s", err, woken, desk.Judged())
	}
}

// Ten seconds after the start the desk said that it knows how things are, in the
// middle of a catch-up: words about minutes of hours ago went out as if of now.
func TestWhatIsCaughtUpWithIsNotSaidAsOfNow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		config := parsed(t, dependent)
		log := &memory{judged: map[string][]time.Time{}}
		desk, err := incident.NewDesk(ctx, incident.Options{Config: config, Log: log, Logger: slog.New(slog.NewTextHandler(t.Output(), nil))})
		if err != nil {
			t.Fatal(err)
		}
		var running sync.WaitGroup
		running.Go(func() { _ = desk.Run(ctx) })
		time.Sleep(time.Second)
		at := time.Now().UTC().Truncate(time.Minute).Add(-2 * time.Hour)
		for n := range 4 { // the words wait five minutes
			f := broken("db", "db", rules.P1)
			f.At, f.LastSeen = at, at
			if err := desk.Judge(ctx, evaluator.Round{Source: rules.SourceSpans, At: at, Lag: time.Minute, Findings: []evaluator.Finding{f}}); err != nil {
				t.Fatal(err)
			}
			at = at.Add(time.Minute)
			if n == 1 {
				time.Sleep(11 * time.Second) // a store that is slow to answer
			}
		}
		for _, e := range log.events {
			if e.Update != nil && !e.Update.Late {
				t.Errorf("%s, as of %s", e.Line(time.Time{}), e.Update.AsOf)
			}
		}
		cancel()
		running.Wait()
	})
}

// A start called everybody whose time had come meanwhile, up to the chief
// executive, for what was over hours ago: the minutes that say so were read a
// second later.
func TestNobodyIsCalledBeforeItIsKnownHowThingsAre(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		config := parsed(t, dependent)
		config.People = []rules.Person{{ID: "ada", Roles: []string{rules.OnCall, "cto", "chief-executive"}, Reach: []string{"pager"}}}
		p := &acting{T: t, config: config, at: time.Now().UTC().Add(-3 * time.Hour)}
		log := &memory{judged: map[string][]time.Time{}}
		log.events = append(log.events, p.round(broken("db", "db", rules.P0))...)
		for i := range log.events {
			log.events[i].Seq = uint64(i + 1)
		}
		calls := func() (n int) {
			for e := range log.All(t.Context()) {
				if e.Kind == incident.Paged || e.Kind == incident.Escalated {
					n++
				}
			}
			return n
		}
		before := calls()
		ctx, cancel := context.WithCancel(t.Context())
		desk, err := incident.NewDesk(ctx, incident.Options{Config: config, Log: log, Logger: slog.New(slog.NewTextHandler(t.Output(), nil))})
		if err != nil {
			t.Fatal(err)
		}
		var running sync.WaitGroup
		running.Go(func() { _ = desk.Run(ctx) })
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if n := calls(); before == 0 || n > before {
			t.Errorf("%d calls before the stop, %d five seconds after the start", before, n)
		}
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if n := calls(); n == before {
			t.Error("no minute comes, and nobody is called all the same")
		}
		cancel()
		running.Wait()
	})
}

// slow is a log on a disk that stalls.
type slow struct{ memory }

func (s *slow) Append(ctx context.Context, b incident.Batch) ([]incident.Event, error) {
	time.Sleep(30 * time.Second)
	return s.memory.Append(ctx, b)
}

// Whoever asked was told after a while that it is not known what came of it, and a
// second attempt with the same key did it again: the words were said twice.
func TestWhatTheDeskHasBegunIsAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		log := &slow{memory{judged: map[string][]time.Time{}}}
		desk, err := incident.NewDesk(ctx, incident.Options{Config: parsed(t, dependent), Log: log, Logger: slog.New(slog.NewTextHandler(t.Output(), nil))})
		if err != nil {
			t.Fatal(err)
		}
		var running sync.WaitGroup
		running.Go(func() { _ = desk.Run(ctx) })
		impatient, stop := context.WithTimeout(ctx, 20*time.Second)
		_, err = desk.Act(impatient, incident.Action{
			Do: incident.Declare, By: incident.Person("ada"), Component: "api", Severity: rules.P1, Words: rules.Words{Symptom: "errors"},
		})
		stop()
		time.Sleep(time.Minute)
		if n := len(log.events); err != nil && n > 0 {
			t.Errorf("%d events are stored, and the answer was %v", n, err)
		}
		cancel()
		running.Wait()
	})
}

// A round of the past was stored, the newest was not, and the wall clock was put
// back: until it had come that far again no round came, and nothing was said.
func TestACatchUpThatStallsKeepsNobodyWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		config := parsed(t, dependent)
		log := &memory{judged: map[string][]time.Time{}}
		desk, err := incident.NewDesk(ctx, incident.Options{Config: config, Log: log, Logger: slog.New(slog.NewTextHandler(t.Output(), nil))})
		if err != nil {
			t.Fatal(err)
		}
		var running sync.WaitGroup
		running.Go(func() { _ = desk.Run(ctx) })
		at := time.Now().UTC().Truncate(time.Minute).Add(-time.Minute)
		f := broken("db", "db", rules.P1)
		f.At, f.LastSeen = at, at
		if err := desk.Judge(ctx, evaluator.Round{Source: rules.SourceSpans, At: at, Lag: time.Minute, Live: true, Findings: []evaluator.Finding{f}}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Minute) // the words have waited, and are out
		id := desk.Board().Open[0].ID
		told := len(desk.Board().Open[0].Updates)
		f.At = at.Add(time.Minute)
		if err := desk.Judge(ctx, evaluator.Round{Source: rules.SourceSpans, At: f.At, Lag: time.Minute, Findings: []evaluator.Finding{f}}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		inc, _ := desk.Board().Find(id)
		if told != 1 || len(inc.Updates) != 2 || len(inc.Missed) != 0 || inc.Updates[1].Trend != incident.TrendUnknown {
			t.Errorf("after an hour in which no round came: %d updates, then %+v, missed %v", told, inc.Updates, inc.Missed)
		}
		cancel()
		running.Wait()
	})
}
